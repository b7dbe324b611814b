from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ibgw_tui.core.lifecycle import Actor, Status
from ibgw_tui.core.records import ComparisonMade
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.store import OrderStore, switch_row
from ibgw_tui.wiring import emergency
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import DATABASE, SENTINEL
from tests.cli.conftest import ORDER, Cli
from tests.cli.terminal import at_terminal
from tests.makers import SettableClock
from tests.service.markets import FILLS, market_desk

HOLD_THE_LOCK = """
import sys, apsw
database = apsw.Connection(sys.argv[1])
database.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Another process holds the write lock, and does not let go."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, str(home / DATABASE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield
    finally:
        holder.kill()
        holder.communicate()


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
    with locked(home):
        answer = cli("kill", "close", "--reason", "panic")
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


def compared(store: OrderStore) -> None:
    """As a router leaves it that is connected, and found nothing amiss."""
    store.put_facts(link=("connected", "", utc_now()))
    store.put_comparison(ComparisonMade(utc_now(), complete=True, looked_up=0, absent=0), [])


OPEN = ("kill", "open", "--reason", "checked")


def test_a_person_at_a_terminal_opens_it(store: OrderStore, home: Path) -> None:
    compared(store)
    code, seen = at_terminal(home, "OPEN\n", *OPEN)
    assert code == 0, seen
    assert "kill switch open" in seen
    assert store.switch().state is KillSwitch.OPEN


@pytest.mark.parametrize("typed", ["open\n", "\n", "yes\n"])
def test_another_word_does_not_open_it(typed: str, store: OrderStore, home: Path) -> None:
    compared(store)
    code, seen = at_terminal(home, typed, *OPEN)
    assert code == 4, seen
    assert store.switch().state is KillSwitch.CLOSED


def test_what_stands_against_opening_is_said_and_nothing_is_asked(store: OrderStore, home: Path) -> None:
    code, seen = at_terminal(home, "OPEN\n", *OPEN)
    assert code == 4 and "Type" not in seen
    assert "not connected" in seen and "ibgw reconcile" in seen
    assert store.switch().state is KillSwitch.CLOSED
    refusal = store.latest_audit("switch.refused")
    assert refusal is not None and refusal.body["against"]


def test_an_override_needs_its_own_phrase_and_is_recorded(store: OrderStore, home: Path) -> None:
    in_spite = (*OPEN, "--override", "nothing was ever sent from here")
    code, seen = at_terminal(home, "OPEN\n", *in_spite)
    assert code == 4 and "against it: the broker is not connected" in seen
    assert store.switch().state is KillSwitch.CLOSED
    code, seen = at_terminal(home, "OPEN ANYWAY\n", *in_spite)
    assert code == 0, seen
    assert store.switch().state is KillSwitch.OPEN
    entry = store.latest_audit("switch.override")
    assert entry is not None and entry.body["override"] == "nothing was ever sent from here"


def test_an_empty_override_is_none(cli: Cli) -> None:
    answer = cli("kill", "open", "--reason", "r", "--override", " ")
    assert answer.code == 2 and "--override is empty" in answer.err


# ---- cancelling what works


async def test_without_a_router_nothing_is_confirmed_and_nothing_says_done(cli: Cli, tmp_path: Path) -> None:
    async with market_desk(tmp_path, home="home", opened=True, clock=SettableClock(utc_now())) as desk:
        record = await desk.working(quantity="2")
        answer = cli("kill", "close", "--reason", "stop", "--cancel-working", "--wait", "0", "--json")
        assert answer.code == 6
        cancels = answer.json["cancels"]
        assert not cancels["certain"] and [one["order_ref"] for one in cancels["unconfirmed"]] == [record.order_ref]
        assert cancels["cancelled"] == cancels["filled"] == cancels["not_at_broker"] == []
        asked = await desk.read(record.order_ref)
        assert (asked.status, asked.cancel_asked_by) == (Status.CANCEL_REQUESTED, "cli")
        told = cli("kill", "close", "--cancel-working", "--wait", "0")
        assert told.code == 6 and "UNCONFIRMED" in told.out and record.order_ref in told.out
        assert "was not sent yet: is a router at work?" in told.out and "done" not in told.out + told.err


async def test_each_order_is_told_with_what_came_of_it(cli: Cli, tmp_path: Path) -> None:
    async with market_desk(tmp_path, home="home", opened=True, clock=SettableClock(utc_now())) as desk:
        stays, goes = await desk.working(quantity="2"), await desk.sent(limit_price=FILLS)
        command = ("kill", "close", "--agent", "watchdog", "--cancel-working", "--wait", "30", "--json")
        running = asyncio.create_task(asyncio.to_thread(cli, *command))
        while (await desk.read(goes.order_ref)).status is not Status.CANCEL_REQUESTED:
            assert not running.done(), running.result()
            await asyncio.sleep(0.01)
        await desk.market.step()  # the fill is faster than the cancel
        await desk.settle([])
        answer = await running
        assert answer.code == 0, answer.out
        cancels = answer.json["cancels"]
        assert cancels["certain"] and cancels["unconfirmed"] == []
        assert [one["order_ref"] for one in cancels["cancelled"]] == [stays.order_ref]
        assert [one["order_ref"] for one in cancels["filled"]] == [goes.order_ref]
        assert (await desk.read(stays.order_ref)).cancel_asked_by == "watchdog"
        assert "nothing was at the broker" in cli("kill", "close", "--cancel-working").out


async def test_a_locked_store_is_stopped_by_the_file_and_what_works_is_not_known(
    cli: Cli, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emergency, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr("ibgw_tui.store.database.BUSY_SECONDS", 0.3)
    async with market_desk(tmp_path, home="home", opened=True, clock=SettableClock(utc_now())) as desk:
        record = await desk.working()
        with locked(home):
            answer = cli("kill", "close", "--cancel-working", "--wait", "0", "--json")
        assert answer.code == 7
        assert answer.json["kill_switch"]["state"] == "closed" and (home / "KILL").exists()
        cancels = answer.json["cancels"]
        assert not cancels["certain"] and "busy" in cancels["problem"]
        assert [one["order_ref"] for one in cancels["unconfirmed"]] == [record.order_ref]


def test_an_order_can_be_staged_while_it_is_closed(cli: Cli) -> None:
    cli("kill", "close")
    assert cli("stage", *ORDER).code == 0
