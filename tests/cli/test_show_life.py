"""`show` and `list` of orders that went through previews, decisions, approvals and fills."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from ibgw_tui.core.lifecycle import Actor, Signal
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.terms import Money
from tests.cli.conftest import Cli
from tests.service.bench_desk import BenchDesk, bench_desk, fill

Shown = Callable[[BenchDesk], Cli]


@pytest.fixture
def at(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Shown:
    """The commands on the store of a bench desk."""

    def move(desk: BenchDesk) -> Cli:
        monkeypatch.setenv("IBGW_DESK__HOME", str(desk.path.parent))
        return cli

    return move


async def filled(desk: BenchDesk) -> OrderRecord:
    record = await desk.sent()

    def broker_fills() -> None:
        with desk.store.write() as change:
            change.add_execution(record, fill(record, desk.clock, "1"))
            change.add_commission("e1", Money(amount=Decimal("1.02"), currency="USD"))
            change.move(change.order(record.order_ref), Signal.FILL, actor=Actor.BROKER, principal="router-test")

    await desk.do(broker_fills)
    return await desk.read(record.order_ref)


async def test_a_filled_order_tells_its_life(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await filled(desk)
        cli = at(desk)
    order = cli("show", record.order_ref, "--json").json["order"]
    assert order["status"] == "filled"
    assert order["average_price"] == {"amount": "99.5", "currency": "USD"}
    assert order["commission"] == {"amount": "1.02", "currency": "USD"}
    assert order["executions"] == [
        {
            "exec_id": "e1",
            "at": order["executions"][0]["at"],
            "quantity": "1",
            "price": {"amount": "99.5", "currency": "USD"},
            "commission": {"amount": "1.02", "currency": "USD"},
        }
    ]
    assert order["approval"]["status"] == "consumed"
    assert order["decision"]["allowed"] is True
    assert order["preview"]["digest"] == order["approval"]["preview_digest"]
    kinds = [entry["kind"] for entry in order["history"]]
    assert kinds[:3] == ["order.staged", "order.previewed", "order.approve"]
    out = cli("show", record.order_ref).out
    for words in ("filled     1 of 1 at 99.5 USD", "approval   consumed by operator-1", "commission 1.02 USD"):
        assert words in out, out
    assert "kill_switch" in out


async def test_a_refused_order_says_why(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.pending(quantity="11")
        cli = at(desk)
    order = cli("show", record.order_ref, "--json").json["order"]
    assert order["status"] == "refused"
    assert order["decision"]["refusal_code"] == "LIVE_QUANTITY_LIMIT_REFUSED"
    finding = next(f for f in order["decision"]["limits"] if f["code"] == "LIVE_QUANTITY_LIMIT_REFUSED")
    assert (finding["status"], finding["observed"], finding["limit"]) == ("REFUSE", "11", "10")
    out = cli("show", record.order_ref).out
    assert re.search(r"REFUSE +max_quantity +quantity 11 units is above the limit of 10 units; ", out)
    assert re.search(r"PASS +kill_switch ", out)
    assert "LIVE_QUANTITY_LIMIT_REFUSED" in cli("list", "--status", "refused").out + out
    assert cli("wait", record.order_ref).code == 4


async def test_an_approved_order_is_not_called_more_than_that(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        cli = at(desk)
    out = cli("show", record.order_ref).out
    assert "approved; not sent yet" in out
    assert "submitted" not in out
    assert cli("wait", record.order_ref, "--json").code == 0


async def test_closing_the_switch_takes_the_approval_back(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        cli = at(desk)
    assert cli("kill", "close", "--reason", "panic").code == 0
    order = cli("show", record.order_ref, "--json").json["order"]
    assert (order["status"], order["reason_code"]) == ("pending", "LIVE_KILL_SWITCH_CLOSED")


async def test_withdrawing_what_the_broker_has_is_a_conflict(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.sent()
        cli = at(desk)
    answer = cli("withdraw", record.order_ref, "--agent", "agent-1", "--json")
    assert answer.code == 5
    assert "cancel" in answer.json["error"]["user_action"]
