"""`ibgw reconcile`: what is in doubt and what was done to find it; and the operator's word, at a terminal only."""

from __future__ import annotations

from pathlib import Path

import pytest

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.exchange.faults import Faults, PlaceFault
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import utc_now
from tests.cli.conftest import Cli
from tests.cli.terminal import at_terminal
from tests.makers import SettableClock
from tests.service.markets import RESTS, MarketDesk, market_desk


def a_desk(tmp_path: Path):  # type: ignore[no-untyped-def]
    return market_desk(tmp_path, home="home", opened=True, clock=SettableClock(utc_now()))


async def lost(desk: MarketDesk) -> OrderRecord:
    desk.market.set_faults(Faults(place=PlaceFault.DROP_UNKNOWN))
    record = await desk.submit((await desk.approved(limit_price=RESTS)).order_ref)
    desk.market.set_faults(Faults())
    return record


async def looked_up(desk: MarketDesk) -> None:
    await desk.look_again()
    desk.monotonic += 31
    await desk.look_again()


def test_an_empty_desk_is_told_as_never_compared(cli: Cli) -> None:
    answer = cli("reconcile")
    assert answer.code == 0 and "NOT CLEAN; never compared" in answer.out
    found = cli("reconcile", "--json").json["reconciliation"]
    assert found == cli("reconcile", "show", "--json").json["reconciliation"] | {"now": found["now"]}
    assert not found["clean"] and found["comparison"] is None and found["in_doubt"] == found["foreign"] == []


async def test_what_is_in_doubt_is_shown_with_what_was_looked_up_and_when(cli: Cli, tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        record = await lost(desk)
        (told,) = cli("reconcile", "--json").json["reconciliation"]["in_doubt"]
        assert told["order_ref"] == record.order_ref and told["absent"] is None and told["against_writing_off"]
        await looked_up(desk)
        found = cli("reconcile", "--json").json["reconciliation"]
        (told,) = found["in_doubt"]
        assert told["absent"]["looks"] == 2 and told["absent"]["seconds"] == 31 and told["against_writing_off"] == []
        assert found["comparison"]["complete"] and found["comparison"]["absent"] == 1
        text = cli("reconcile").out
        assert "in doubt: 1" in text and "open orders, completed orders and executions, 2 times" in text
        assert f"ibgw reconcile write-off {record.order_ref}" in text


async def test_orders_of_others_and_discrepancies_are_shown(cli: Cli, tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        record = await desk.pending(limit_price=RESTS)
        assert record.preview is not None
        await desk.market.place(BrokerOrder.of(record.preview).replaced(order_ref="by-hand-1"))
        await desk.look()
        found = cli("reconcile", "--json").json["reconciliation"]
        assert [report["order_ref"] for report in found["foreign"]] == ["by-hand-1"]
        assert found["discrepancies"][0]["number"] == 1 and "not ours" in found["discrepancies"][0]["text"]
        text = cli("reconcile").out
        assert "at the broker and not ours: 1" in text and "buy 1 of contract 265598" in text


@pytest.mark.parametrize(
    "command",
    [("write-off", "o-any1", "--reason", "r"), ("explain", "1", "--reason", "r")],
    ids=["write-off", "explain"],
)
@pytest.mark.parametrize("flags", [(), ("--no-input",)])
def test_no_pipe_writes_off_or_explains(cli: Cli, command: tuple[str, ...], flags: tuple[str, ...]) -> None:
    answer = cli("reconcile", *command, *flags, "--json")
    assert answer.code == 4 and "terminal" in answer.json["error"]["message"]


def test_a_reason_is_required(cli: Cli) -> None:
    assert cli("reconcile", "write-off", "o-any1").code == 2
    assert "--reason is empty" in cli("reconcile", "write-off", "o-any1", "--reason", " ").err


async def test_a_person_writes_off_what_was_looked_up_twice(store: OrderStore, tmp_path: Path, home: Path) -> None:
    async with a_desk(tmp_path) as desk:
        record = await lost(desk)
        command = ("reconcile", "write-off", record.order_ref, "--reason", "not on the broker's screen")
        code, seen = at_terminal(home, "WRITE OFF\n", *command)
        assert code == 4 and "stays in doubt" in seen and "Type" not in seen
        await looked_up(desk)
        code, seen = at_terminal(home, "write off\n", *command)
        assert code == 4 and "the order stays in doubt" in seen
        assert (await desk.read(record.order_ref)).status is Status.IN_DOUBT
        code, seen = at_terminal(home, "WRITE OFF\n", *command)
        assert code == 0, seen
        found = await desk.read(record.order_ref)
        assert (found.status, found.reason) == (Status.NOT_PLACED, "not on the broker's screen")
        code, seen = at_terminal(home, "WRITE OFF\n", *command)
        assert code == 5 and "not in doubt" in seen


async def test_an_override_is_typed_and_recorded(store: OrderStore, tmp_path: Path, home: Path) -> None:
    async with a_desk(tmp_path) as desk:
        record = await lost(desk)
        command = (
            "reconcile",
            "write-off",
            record.order_ref,
            "--reason",
            "gone",
            "--override",
            "the trade desk said so",
        )
        code, seen = at_terminal(home, "WRITE OFF ANYWAY\n", *command)
        assert code == 0, seen
        assert "against writing it off" in seen
        entry = (await desk.entries(record.order_ref))[-1]
        assert entry.kind == "order.write_off" and entry.body["override"] == "the trade desk said so"


def test_a_person_explains_discrepancies(store: OrderStore, home: Path) -> None:
    with store.write() as change:
        change.add_discrepancy("an order that is not ours")
    code, seen = at_terminal(home, "EXPLAINED\n", "reconcile", "explain", "1", "--reason", "by hand")
    assert code == 0, seen
    assert "an order that is not ours" in seen and "explained: 1" in seen
    entry = store.latest_audit("discrepancies.explained")
    assert entry is not None and entry.body == {"after": 0, "through": 1, "reason": "by hand"}
    code, seen = at_terminal(home, "EXPLAINED\n", "reconcile", "explain", "7", "--reason", "by hand")
    assert code == 2 and "no discrepancy number 7" in seen
