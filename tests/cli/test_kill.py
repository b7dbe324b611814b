from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ibgw_tui.core.lifecycle import Actor
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.store import OrderStore, switch_row
from ibgw_tui.wiring import emergency
from ibgw_tui.wiring.paths import DATABASE, SENTINEL
from tests.cli.conftest import ORDER, Cli

HOLD_THE_LOCK = """
import sys, apsw
database = apsw.Connection(sys.argv[1])
database.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def opened(store: OrderStore) -> None:
    with store.write() as change:
        change.set_switch(KillSwitch.OPEN, actor=Actor.OPERATOR, principal="operator-1", reason="checked")


def test_a_new_desk_is_closed(cli: Cli) -> None:
    answer = cli("kill", "status")
    assert answer.code == 0
    assert "kill switch closed: no new order leaves" in answer.out
    assert cli("kill", "status", "--json").json["kill_switch"]["state"] == "closed"


def test_an_open_switch_is_told_with_its_consequence(cli: Cli, store: OrderStore) -> None:
    opened(store)
    out = cli("kill", "status").out
    assert "kill switch open: new orders may pass to the other gates" in out
    assert "operator-1" in out


def test_anyone_may_close(cli: Cli, store: OrderStore) -> None:
    opened(store)
    answer = cli("kill", "close", "--reason", "runaway\x1b[2J agent", "--agent", "momentum-1", "--json")
    assert answer.code == 0
    assert answer.json["kill_switch"]["state"] == "closed"
    assert answer.json["sentinel_file"] is None
    switch = store.switch()
    assert (switch.state, switch.changed_by, switch.source) == (KillSwitch.CLOSED, "momentum-1", "store")
    assert "\x1b" not in cli("kill", "status").out


def test_closing_twice_is_closed(cli: Cli) -> None:
    assert cli("kill", "close").code == 0
    assert cli("kill", "close").code == 0


def test_closing_a_broken_store_leaves_the_file(cli: Cli, home: Path) -> None:
    home.mkdir()
    (home / DATABASE).write_bytes(b"this is no database " * 500)
    answer = cli("kill", "close", "--reason", "panic", "--json")
    assert answer.code == 0
    assert (home / "KILL").exists()
    assert answer.json["sentinel_file"] == str(home / "KILL")
    assert answer.json["kill_switch"]["source"] == "sentinel file"
    assert answer.json["store_problem"]
    assert "warning" in answer.err


def test_closing_a_locked_store_leaves_the_file_soon(
    cli: Cli, store: OrderStore, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one who holds the lock may never let go."""
    monkeypatch.setattr(emergency, "PATIENCE_SECONDS", 0.1)
    opened(store)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLD_THE_LOCK,
            str(home / DATABASE),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        answer = cli("kill", "close", "--reason", "panic")
    finally:
        holder.kill()
        holder.communicate()
    assert answer.code == 0
    assert (home / "KILL").exists()
    assert "kill switch closed" in answer.out
    assert "remove it before opening" in answer.err
    assert store.switch().state is KillSwitch.CLOSED


def test_closing_with_a_broken_configuration_still_finds_the_store(cli: Cli, store: OrderStore, tmp_path: Path) -> None:
    opened(store)
    broken = tmp_path / "config.toml"
    broken.write_text("[desk\n")
    answer = cli("kill", "close", "--config", str(broken), "--json")
    assert answer.code == 0
    assert store.switch().state is KillSwitch.CLOSED


def test_a_home_in_a_broken_file_is_read_from_its_line(
    cli: Cli, store: OrderStore, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one wrong line must not make somebody stop another desk."""
    monkeypatch.delenv("IBGW_DESK__HOME")
    opened(store)
    broken = tmp_path / "config.toml"
    broken.write_text(f'[desk]\nhome = "{home}"\n[policies.example]\nmax_notional = \n')
    answer = cli("kill", "close", "--config", str(broken))
    assert answer.code == 0
    assert f"closed in {home}" in answer.err
    assert store.switch().state is KillSwitch.CLOSED


def test_a_name_that_is_none_still_stops(cli: Cli, store: OrderStore) -> None:
    opened(store)
    assert cli("kill", "close", "--agent", "a b").code == 0
    assert store.switch().state is KillSwitch.CLOSED


def test_an_interrupt_while_waiting_for_a_stop_stops(
    cli: Cli, store: OrderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: object) -> None:
        raise KeyboardInterrupt

    opened(store)
    monkeypatch.setattr("ibgw_tui.service.staging.Staging.arm_kill_switch", hang)
    assert cli("kill", "close").code == 0
    assert store.switch().source == "sentinel file"


def test_the_store_looks_for_the_file_we_write() -> None:
    assert switch_row.SENTINEL == SENTINEL


def test_closing_where_nothing_can_be_written_says_so(cli: Cli, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    answer = cli("kill", "close", "--home", str(in_the_way / "home"), "--json")
    assert answer.code == 7
    assert "could NOT be closed" in answer.json["error"]["message"]


def test_the_file_closes_whatever_the_store_says(cli: Cli, store: OrderStore, home: Path) -> None:
    opened(store)
    (home / "KILL").touch()
    assert cli("kill", "status", "--json").json["kill_switch"]["state"] == "closed"


@pytest.mark.parametrize("flags", [[], ["--no-input"], ["--quiet"]])
def test_no_pipe_opens_the_switch(flags: list[str], cli: Cli, store: OrderStore) -> None:
    before = store.last_seq()
    answer = cli("kill", "open", "--reason", "please", "--json", *flags)
    assert answer.code == 4
    assert "terminal" in answer.json["error"]["user_action"]
    assert store.last_seq() == before


def test_opening_needs_a_reason(cli: Cli) -> None:
    assert cli("kill", "open").code == 2


def type_at_terminal(home: Path, typed: str, *flags: str) -> tuple[int, str]:
    """Run `kill open` on a terminal of its own and type once the question is there."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ibgw_tui", "--home", str(home), "kill", "open", "--reason", "checked", *flags]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "NO_COLOR": "1"})
    os.close(theirs)
    seen, asked, deadline = b"", False, time.monotonic() + 20
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                seen += os.read(ours, 4096)
            except OSError:
                break
        if not asked and b"Type OPEN" in seen:
            asked = True
            time.sleep(0.05)
            os.write(ours, typed.encode())
        if process.poll() is not None and not select.select([ours], [], [], 0)[0]:
            break
    code = process.wait(timeout=5)
    os.close(ours)
    return code, seen.decode()


def test_a_person_at_a_terminal_opens_it(store: OrderStore, home: Path) -> None:
    code, seen = type_at_terminal(home, "OPEN\n")
    assert code == 0, seen
    assert "kill switch open" in seen
    assert store.switch().state is KillSwitch.OPEN


@pytest.mark.parametrize("typed", ["open\n", "\n", "yes\n"])
def test_another_word_does_not_open_it(typed: str, store: OrderStore, home: Path) -> None:
    code, seen = type_at_terminal(home, typed)
    assert code == 4, seen
    assert store.switch().state is KillSwitch.CLOSED


def test_an_order_can_be_staged_while_it_is_closed(cli: Cli) -> None:
    cli("kill", "close")
    assert cli("stage", *ORDER).code == 0
