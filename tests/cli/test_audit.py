from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from ibgw_tui.core.audit import GENESIS
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
    assert "verdict      intact" in answer.out and "no checkpoint" in answer.err
    head = cli("audit", "tail", "-n", "1", "--json").json["entries"][0]["hash"]
    assert head in answer.out


def test_everything_about_one_order(cli: Cli) -> None:
    first = cli("stage", *ORDER, "--json").json["order"]["order_ref"]
    cli("stage", *ORDER)
    cli("withdraw", first, "--reason", "a better idea")
    told = cli("audit", "show", first[2:], "--json").json
    assert told["order_ref"] == first
    assert [entry["kind"] for entry in told["entries"]] == ["order.staged", "order.withdraw"]
    shown = cli("audit", "show", first).out
    assert "2 entries" in shown and "a better idea" in shown and "staged -> withdrawn" in shown
    assert cli("audit", "show", "o-nothing").code == 3


def test_following(cli: Cli, home: Path) -> None:
    """One document a line, the old ones first, until interrupted."""
    cli("stage", *ORDER)
    follower = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-m", "ibgw_tui", "audit", "tail", "--follow", "--json"],
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
    try:
        rest, said = follower.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        follower.send_signal(signal.SIGABRT)  # It says where it stood.
        rest, said = follower.communicate()
    assert (rest, said) == ("", "")
    assert first["entry"]["seq"] + 1 == second["entry"]["seq"]
    assert follower.returncode == 130


def test_following_in_the_background_of_a_script_goes_on_ignoring_an_interrupt(cli: Cli, home: Path) -> None:
    cli("stage", *ORDER)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        follower = subprocess.Popen(
            [sys.executable, "-m", "ibgw_tui", "audit", "tail", "--follow", "--json"],
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        assert follower.stdout is not None
        follower.stdout.readline()
        follower.send_signal(signal.SIGINT)
        cli("stage", *ORDER)
        assert json.loads(follower.stdout.readline())["entry"]["kind"] == "order.staged"
    finally:
        follower.kill()
        follower.communicate()
