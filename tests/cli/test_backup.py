from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import DATABASE
from tests.cli.conftest import ORDER, Cli


def test_there_and_back(cli: Cli, home: Path, tmp_path: Path) -> None:
    cli("stage", *ORDER)
    made = cli("backup", str(tmp_path / "copy"), "--json").json["backup"]
    assert made["file"] == str(tmp_path / "copy") and made["verified"] is True and made["orders"] == 1
    cli("stage", *ORDER)
    done = cli("restore", str(tmp_path / "copy"), "--yes", "--json")
    assert done.code == 0
    body = done.json["restore"]
    assert body["backup"]["audit_head"] == made["audit_head"] and body["kill_switch"] == "closed"
    assert len(body["ended_orders"]) == 1 and Path(body["replaced_store_kept_as"]).is_file()
    assert [order["status"] for order in cli("list", "--all", "--json").json["orders"]] == ["expired"]
    assert cli("doctor", "--full", "--json").code == 0
    assert cli("audit", "tail", "-n", "1", "--json").json["entries"][0]["kind"] == "store.restored"


def test_a_backup_without_a_name_goes_into_the_home(cli: Cli, home: Path) -> None:
    cli("stage", *ORDER)
    file = Path(cli("backup", "--json").json["backup"]["file"])
    assert file.parent == home / "backups" and file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert "verified" in cli("backup", str(home / "backups" / "other")).out


def test_a_backup_is_never_overwritten(cli: Cli, tmp_path: Path) -> None:
    cli("stage", *ORDER)
    (tmp_path / "copy").write_text("precious")
    answer = cli("backup", str(tmp_path / "copy"))
    assert answer.code == 2 and "exists already" in answer.err
    assert (tmp_path / "copy").read_text() == "precious"


def test_without_a_store_there_is_no_backup(cli: Cli, home: Path) -> None:
    answer = cli("backup")
    assert answer.code == 3 and not home.exists()


@pytest.mark.parametrize("arguments", [[], ["--no-input"], ["--json"]])
def test_a_restore_is_asked_for_by_name(cli: Cli, home: Path, tmp_path: Path, arguments: list[str]) -> None:
    cli("stage", *ORDER)
    cli("backup", str(tmp_path / "copy"))
    before = (home / DATABASE).read_bytes()
    answer = cli("restore", str(tmp_path / "copy"), *arguments)
    assert answer.code == 4 and "--yes" in answer.out + answer.err
    assert (home / DATABASE).read_bytes() == before


@pytest.mark.parametrize(("typed", "code"), [("RESTORE\n", 0), ("yes\n", 4), ("restore\n", 4), ("\n", 4)])
def test_the_word_is_typed_on_a_terminal(cli: Cli, home: Path, tmp_path: Path, typed: str, code: int) -> None:
    cli("stage", *ORDER)
    cli("backup", str(tmp_path / "copy"))
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ibgw_tui", "restore", str(tmp_path / "copy"), "--json"],
        stdin=follower, stdout=subprocess.PIPE, stderr=follower, env={**os.environ, "IBGW_DESK__HOME": str(home)},
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while b"Type RESTORE" not in shown:
        shown += os.read(leader, 1000)
    assert b"1 order and 1 audit entry" in shown
    os.write(leader, typed.encode())
    assert process.stdout is not None
    answer = json.loads(process.stdout.read())
    process.stdout.close()
    assert process.wait(timeout=60) == code
    os.close(leader)
    assert ("restore" in answer) == (code == 0)


def test_a_file_that_is_no_backup(cli: Cli, home: Path, tmp_path: Path) -> None:
    cli("stage", *ORDER)
    (tmp_path / "text").write_text("hello " * 1000)
    assert cli("restore", str(tmp_path / "text"), "--yes").code == 7
    assert cli("restore", str(tmp_path / "none"), "--yes").code == 3
    assert len(cli("list", "--json").json["orders"]) == 1


def test_a_router_at_work_is_named(cli: Cli, home: Path, tmp_path: Path) -> None:
    store = OrderStore.open(home / DATABASE, clock=utc_now)
    with store.write() as change:
        change.take_lease("router-busy", os.getpid())
    store.close()
    cli("backup", str(tmp_path / "copy"))
    answer = cli("restore", str(tmp_path / "copy"), "--yes", "--json")
    assert answer.code == 5 and "router-busy" in answer.json["error"]["message"]
