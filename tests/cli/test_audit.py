from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import apsw

from ibgw_tui.core.audit import GENESIS
from ibgw_tui.wiring.paths import DATABASE
from tests.cli.conftest import ORDER, Cli


def test_the_newest_entries(cli: Cli) -> None:
    for _ in range(3):
        cli("stage", *ORDER)
    entries = cli("audit", "tail", "-n", "2", "--json").json["entries"]
    assert [entry["kind"] for entry in entries] == ["order.staged"] * 2
    assert entries[0]["seq"] + 1 == entries[1]["seq"]
    assert entries[0]["at"].endswith("Z")
    assert len(cli("audit", "tail", "-n", "2").out.splitlines()) == 2


def test_an_empty_log(cli: Cli) -> None:
    assert cli("audit", "tail").out == "the audit log is empty\n"
    assert cli("audit", "verify", "--json").json["audit"]["head"] == GENESIS.hex()


def test_an_intact_chain(cli: Cli) -> None:
    for _ in range(3):
        cli("stage", *ORDER)
    answer = cli("audit", "verify")
    assert answer.code == 0
    assert "verdict  intact" in answer.out
    head = cli("audit", "tail", "-n", "1", "--json").json["entries"][0]["hash"]
    assert head in answer.out
    assert cli("audit", "verify", "--tail", "--json").json["audit"]["ok"] is True


def test_an_altered_entry_is_found(cli: Cli, home: Path) -> None:
    for _ in range(3):
        cli("stage", *ORDER)
    tamper(home / DATABASE)
    for arguments in (["verify"], ["verify", "--tail"]):
        answer = cli("audit", *arguments, "--json")
        assert answer.code == 8
        assert answer.json["audit"]["ok"] is False
        assert answer.json["audit"]["broken_at"] == 2
    assert "BROKEN at entry 2" in cli("audit", "verify").out


def tamper(database: Path) -> None:
    """As somebody with a database tool would: take the guards away, change one entry, put them back."""
    connection = apsw.Connection(str(database))
    guards = list(
        connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'")
    )
    for name, _ in guards:
        connection.execute(f'DROP TRIGGER "{name}"')
    connection.execute('UPDATE audit SET entry = replace(entry, \'"quantity":"1"\', \'"quantity":"9"\') WHERE seq = 2')
    assert connection.changes() == 1
    for _, sql in guards:
        connection.execute(str(sql))
    connection.close()


def test_following(cli: Cli, home: Path) -> None:
    """One document a line, the old ones first, until interrupted."""
    cli("stage", *ORDER)
    follower = subprocess.Popen(
        [sys.executable, "-m", "ibgw_tui", "audit", "tail", "--follow", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    assert follower.stdout is not None
    first = json.loads(follower.stdout.readline())
    cli("stage", *ORDER)
    second = json.loads(follower.stdout.readline())
    follower.send_signal(signal.SIGINT)
    rest, said = follower.communicate(timeout=10)
    assert (rest, said) == ("", "")
    assert first["entry"]["seq"] + 1 == second["entry"]["seq"]
    assert follower.returncode == 130
