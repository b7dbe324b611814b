"""The doctor in whatever state the desk is: a line a check, a true exit code, never a traceback, nothing made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import DATABASE
from tests.cli.conftest import ORDER, Answer, Cli
from tests.store._helpers import forced
from tests.store.test_backup import damage_page


def found(answer: Answer) -> dict[str, dict[str, Any]]:
    """name -> check, of a JSON answer."""
    body = answer.json["doctor"]
    checks = {check["check"]: check for check in body["checks"]}
    assert len(checks) == len(body["checks"])
    failed = [check for check in checks.values() if check["status"] == "fail"]
    assert body["ok"] == (not failed) == (answer.code == 0) and body["failed"] == len(failed)
    for check in checks.values():
        assert check["status"] in ("ok", "warn", "fail") and check["value"]
        assert bool(check["remedy"]) == (check["status"] != "ok"), check
    return checks


def status_of(answer: Answer) -> dict[str, str]:
    return {name: check["status"] for name, check in found(answer).items()}


EVERYTHING = [
    "python", "packages", "sqlite", "configuration", "home", "disk space", "files", "place", "store", "integrity", "schema",
    "write-ahead log", "audit log", "router", "kill switch", "doorbell", "clock", "writing",
]  # fmt: skip


@pytest.mark.parametrize("full", [[], ["--full"]], ids=["quick", "full"])
def test_a_desk_that_is_well(cli: Cli, full: list[str]) -> None:
    cli("stage", *ORDER)
    answer = cli("doctor", *full, "--json")
    checks = found(answer)
    assert list(checks) == EVERYTHING
    # A machine with little room is still a well desk.
    assert {name for name, check in checks.items() if check["status"] != "ok"} <= {"disk space"}
    lines = cli("doctor", *full).out.splitlines()
    assert [line.split()[0] for line in lines] == [check["status"] for check in checks.values()]


def test_without_a_store_none_is_made(cli: Cli, home: Path) -> None:
    answer = cli("doctor", "--json")
    assert answer.code == 0 and not home.exists()
    checks = found(answer)
    assert checks["store"]["status"] == "warn" and "none" in checks["store"]["value"]
    assert checks["kill switch"]["value"].startswith("closed")


def test_nothing_is_changed_by_looking(cli: Cli, home: Path) -> None:
    cli("stage", *ORDER)
    (home / DATABASE).chmod(0o640)
    home.chmod(0o750)
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    status = status_of(cli("doctor", "--full", "--json"))
    assert status["files"] == status["home"] == "fail"
    assert {path.name: path.read_bytes() for path in home.iterdir()} == before
    assert (home / DATABASE).stat().st_mode & 0o777 == 0o640 and home.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("content", [b"", b"this is no database " * 500, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_none(cli: Cli, home: Path, content: bytes) -> None:
    home.mkdir(mode=0o700)
    (home / DATABASE).write_bytes(content)
    (home / DATABASE).chmod(0o600)
    answer = cli("doctor", "--json")
    assert answer.code == 7
    checks = found(answer)
    assert checks["store"]["status"] == "fail" and checks["clock"]["status"] == "ok"
    assert (home / DATABASE).read_bytes() == content


@pytest.mark.parametrize("table", ["orders", "audit", "kill_switch"])
def test_a_damaged_page(cli: Cli, home: Path, table: str) -> None:
    cli("stage", *ORDER)
    cli("kill", "close")
    damage_page(home / DATABASE, table)
    checks = found(cli("doctor", "--json"))
    assert checks["integrity"]["status"] == "fail" and "ibgw restore" in checks["integrity"]["remedy"]
    assert checks["writing"]["status"] == "fail", "a damaged store is not written to, not even to try"
    if table == "kill_switch":
        assert "closed" in checks["kill switch"]["value"] and checks["kill switch"]["status"] == "fail"


def test_a_locked_store(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibgw_tui.store.inspection.PATIENCE_SECONDS", 0.1)
    cli("stage", *ORDER)
    code = (
        "import apsw, sys; c = apsw.Connection(sys.argv[1]); c.execute('BEGIN EXCLUSIVE'); "
        "print('held', flush=True); sys.stdin.readline()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(home / DATABASE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    answer = cli("doctor", "--json")
    holder.communicate("go\n", timeout=30)
    assert answer.code == 7
    assert {name for name, status in status_of(answer).items() if status == "fail"} == {"writing"}
    assert cli("doctor").code == 0


def test_a_store_from_a_newer_program(cli: Cli, home: Path) -> None:
    cli("stage", *ORDER)
    shell = apsw.Connection(str(home / DATABASE))
    shell.execute("PRAGMA user_version = 99")
    shell.close()
    before = (home / DATABASE).read_bytes()
    checks = found(cli("doctor", "--json"))
    assert checks["schema"]["status"] == "fail" and "update" in checks["schema"]["remedy"]
    assert (home / DATABASE).read_bytes() == before


def test_an_altered_audit_log_has_its_own_exit_code(cli: Cli, home: Path) -> None:
    for _ in range(3):
        cli("stage", *ORDER)
    forced(home, 'UPDATE audit SET entry = replace(entry, \'"quantity":"1"\', \'"quantity":"9"\') WHERE seq = 2')
    answer = cli("doctor", "--json")
    assert answer.code == 8 and found(answer)["audit log"]["status"] == "fail"


def test_a_guard_that_was_taken_away(cli: Cli, home: Path) -> None:
    cli("stage", *ORDER)
    shell = apsw.Connection(str(home / DATABASE))
    shell.execute("DROP TRIGGER audit_no_update")
    shell.close()
    check = found(cli("doctor", "--json"))["schema"]
    assert check["status"] == "fail" and "audit_no_update" in check["value"]


def test_a_wrong_configuration(cli: Cli, home: Path, tmp_path: Path) -> None:
    cli("stage", *ORDER)
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[desk]\nhold_back_secs = 1\n")
    answer = cli("doctor", "--config", str(wrong), "--json")
    assert answer.code == 78
    checks = found(answer)
    assert "hold_back_seconds" in checks["configuration"]["value"]
    assert checks["store"]["status"] == "ok", "the home is found all the same"


def test_hard_and_symbolic_links(cli: Cli, home: Path, tmp_path: Path) -> None:
    cli("stage", *ORDER)
    os.link(home / DATABASE, tmp_path / "second")
    assert "hard links" in found(cli("doctor", "--json"))["place"]["value"]
    (tmp_path / "second").unlink()
    (home / DATABASE).rename(tmp_path / "elsewhere")
    (home / DATABASE).symlink_to(tmp_path / "elsewhere")
    assert "symbolic link" in found(cli("doctor", "--json"))["place"]["value"]


def test_the_file_that_stops_and_the_router_that_is_gone(cli: Cli, home: Path) -> None:
    store = OrderStore.open(home / DATABASE, clock=utc_now)
    with store.write() as change:
        change.take_lease("router-gone", 2**22 + 1)
    (home / "KILL").touch()
    checks = found(cli("doctor", "--json"))
    assert "router-gone" in checks["router"]["value"] and checks["router"]["status"] == "ok"
    assert checks["kill switch"]["value"] == "closed (epoch 0, sentinel file)"
    store.close()
