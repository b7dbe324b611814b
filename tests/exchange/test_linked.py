"""Orders tied to one another, changed, corrected, and ended by the clock."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ibgw_tui.core.broker import BrokerState, CommissionReport, ExecutionReport, Notice, OrderReport, Report
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.terms import Mode, OrderType, Side, TimeInForce
from ibgw_tui.exchange.exchange import Exchange
from ibgw_tui.exchange.faults import CancelFault
from ibgw_tui.exchange.instruments import AAPL, MSFT
from ibgw_tui.exchange.orders import Links
from ibgw_tui.exchange.quotes import Touch
from tests.exchange.market import BOTH, Market, an_order
from tests.makers import SettableClock

D = Decimal


def pinned(market: Market, bid: str, ask: str, size: str = "1000", con_id: int = AAPL) -> None:
    market.exchange.pin(con_id, Touch(D(bid), D(ask), D(size), D(size), D(bid)))


def place(market: Market, order: BrokerOrder, **links: Any) -> list[Report]:
    return market._hear(market.exchange.place(order, market.clock(), BOTH, links=Links(**links)))


def states(market: Market, *refs: str) -> list[BrokerState]:
    return [market.order(ref).state for ref in refs]


def a_bracket(market: Market, limit: str) -> None:
    place(market, an_order(order_ref="p", quantity="10", limit_price=limit))
    sell: dict[str, Any] = {"side": Side.SELL, "quantity": "10"}
    place(market, an_order(order_ref="t", limit_price="110", **sell), parent="p", group="g", reduces=True)
    stop = an_order(order_ref="s", order_type=OrderType.STOP, stop_price="90", **sell)
    place(market, stop, parent="p", group="g", reduces=True)


def test_children_wait_for_the_whole_of_their_parent() -> None:
    market = Market.new()
    pinned(market, "99.50", "99.60", size="6")
    a_bracket(market, "100")
    assert states(market, "p", "t", "s") == [BrokerState.WORKING, BrokerState.HELD, BrokerState.HELD]
    trigger = market.exchange.trigger_of("t")
    assert trigger.for_parent and not trigger.for_price
    pinned(market, "89", "111", size="6")  # both children could trade, if they were let
    market.step(3)
    assert states(market, "p", "t", "s") == [BrokerState.WORKING, BrokerState.HELD, BrokerState.HELD]
    pinned(market, "99.50", "99.60", size="6")
    market.step()
    assert market.order("p").filled == 6 and states(market, "t") == [BrokerState.HELD]
    market.step(2)
    assert states(market, "p", "t", "s") == [BrokerState.FILLED, BrokerState.WORKING, BrokerState.HELD]
    assert not market.exchange.trigger_of("s").for_parent


@pytest.mark.parametrize("seen", ["cancel", "end", "expiry"])
def test_children_end_with_a_parent_that_never_filled(seen: str) -> None:
    market = Market.new()
    pinned(market, "99.50", "99.60", size="6")
    a_bracket(market, "99.55")
    if seen == "cancel":
        market.cancel("p")
    elif seen == "end":
        market.exchange.end("p", market.clock(), "test")
    else:
        market.exchange._floor.book.orders["p"].expires_at = market.clock()
    market.step(2)
    assert states(market, "p", "t", "s") == [BrokerState.CANCELLED] * 3
    assert "parent" in market.order("t").text and not market.executions()


def test_a_child_of_an_order_nobody_knows_ends_at_once() -> None:
    market = Market.new()
    place(market, an_order(order_ref="orphan"), parent="nobody")
    market.step()
    assert states(market, "orphan") == [BrokerState.CANCELLED]


def test_children_tie_up_no_funds_before_their_parent_has_filled() -> None:
    market = Market.new()
    pinned(market, "99.50", "99.60", size="5000")
    before = market.exchange.standing("DU1234567")
    place(market, an_order(order_ref="p", quantity="1500", limit_price="99.55"))
    alone = market.exchange.standing("DU1234567")
    place(market, an_order(order_ref="t", side=Side.SELL, quantity="1500", limit_price="110"), parent="p")
    assert before.initial == 0 < alone.initial == market.exchange.standing("DU1234567").initial


def test_a_trailing_child_starts_from_where_its_parent_filled() -> None:
    market = Market.new()
    pinned(market, "94.90", "95")
    place(market, an_order(order_ref="p", limit_price="94.95"))
    trail = an_order(order_ref="c", side=Side.SELL, order_type=OrderType.TRAILING_STOP, trailing_amount="1")
    place(market, trail, parent="p")
    pinned(market, "99.50", "99.60")
    market.step(3)
    pinned(market, "94", "94.10")
    market.step(2)
    assert states(market, "p", "c") == [BrokerState.FILLED, BrokerState.HELD]
    assert market.exchange.trigger_of("c").stop == 93


@pytest.mark.parametrize("reduces", [False, True])
def test_a_fill_ends_or_reduces_the_rest_of_its_group_in_the_same_step(reduces: bool) -> None:
    market = Market.new()
    pinned(market, "99.50", "99.60", size="4")
    for ref, quantity in (("a", "10"), ("b", "20"), ("c", "4")):
        place(market, an_order(order_ref=ref, quantity=quantity, limit_price="99.60"), group="g", reduces=reduces)
    place(market, an_order(order_ref="other", quantity="10", limit_price="90"), group="h", reduces=reduces)
    place(market, an_order(order_ref="live", account="U1234567", quantity="10", limit_price="90"), group="g")
    market.step()
    assert [e.order_ref for e in market.executions()] == ["a"], "the size shown is used up, and nobody fills twice"
    assert states(market, "other", "live") == [BrokerState.WORKING] * 2
    if not reduces:
        assert states(market, "b", "c") == [BrokerState.CANCELLED] * 2
        return
    assert [market.order(ref).remaining for ref in ("a", "b", "c")] == [6, 12, 2]
    assert market.order("b").quantity == 12
    market.step(2)
    assert states(market, "a", "b", "c") == [BrokerState.FILLED, BrokerState.CANCELLED, BrokerState.CANCELLED]


def test_a_pending_cancel_in_a_group_ends_with_it_and_not_twice() -> None:
    market = Market.new()
    pinned(market, "99.50", "99.60")
    for ref in ("a", "b"):
        place(market, an_order(order_ref=ref, limit_price="99.60"), group="g")
    market.cancel("b")
    told = market.step(3)
    assert states(market, "a", "b") == [BrokerState.FILLED, BrokerState.CANCELLED]
    ends = [r for r in told if isinstance(r, OrderReport) and r.order_ref == "b"]
    assert [r.state for r in ends] == [BrokerState.CANCELLED]


def test_other_terms_for_an_open_order() -> None:
    market = Market.new()
    pinned(market, "99.50", "99.60", size="4")
    market.place(an_order(order_ref="m", quantity="10", limit_price="99.60"))
    market.step()
    [report] = market.exchange.modify(an_order(order_ref="m", quantity="6", limit_price="90"), market.clock(), BOTH)
    assert isinstance(report, OrderReport)
    assert (report.quantity, report.filled, report.remaining) == (D(6), D(4), D(2))
    market.step(3)
    assert market.order("m").filled == 4
    market.exchange.modify(an_order(order_ref="m", quantity="4", limit_price="90"), market.clock(), BOTH)
    assert states(market, "m") == [BrokerState.FILLED]


def test_a_stop_that_was_triggered_stays_triggered() -> None:
    market = Market.new()
    pinned(market, "99.50", "99.60")
    stop: dict[str, Any] = {"order_ref": "s", "order_type": OrderType.STOP_LIMIT, "stop_price": "99"}
    market.place(an_order(**stop, limit_price="98"))
    market.step()
    assert states(market, "s") == [BrokerState.WORKING]
    market.exchange.modify(an_order(**{**stop, "stop_price": "120"}, limit_price="99.70"), market.clock(), BOTH)
    market.step()
    assert states(market, "s") == [BrokerState.FILLED]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"side": Side.SELL}, 105),
        ({"con_id": MSFT}, 105),
        ({"account": "U1234567"}, 105),
        ({"order_type": OrderType.MARKET}, 329),
        ({"limit_price": "99.601"}, 110),
        ({"quantity": "3"}, 201),
        ({"quantity": "100000"}, 201),
    ],
)
def test_what_is_no_modification_changes_nothing(change: dict[str, Any], code: int) -> None:
    market = Market.new()
    pinned(market, "99.50", "99.60", size="4")
    market.place(an_order(order_ref="m", quantity="10", limit_price="99.60"))
    market.step()
    before = market.exchange.dump()
    terms = {"con_id": AAPL, "order_ref": "m", "quantity": "10", **change}
    [notice] = market.exchange.modify(an_order(terms.pop("con_id"), **terms), market.clock(), BOTH)
    assert isinstance(notice, Notice) and notice.code == code
    assert market.exchange.dump() == before


def test_the_ended_cannot_be_modified() -> None:
    market = Market.new()
    market.place(an_order(order_ref="f", order_type=OrderType.MARKET))
    market.place(an_order(order_ref="c", limit_price="90"))
    market.cancel("c")
    for code in (201, 104):
        market.step()
        ref = "c" if code == 201 else "f"
        [notice] = market.exchange.modify(an_order(order_ref=ref, limit_price="90"), market.clock(), BOTH)
        assert isinstance(notice, Notice) and notice.code == code
    with pytest.raises(KeyError):
        market.exchange.modify(an_order(order_ref="nobody"), market.clock(), BOTH)


def test_a_correction_moves_the_money_and_not_the_shares() -> None:
    market = Market.new()
    pinned(market, "99.50", "99.60")
    market.place(an_order(order_ref="x", quantity="10", limit_price="99.60"))
    market.step()
    account = market.exchange.account("DU1234567")
    cash = account.cash
    first = market.executions()[0]
    report, order, cost = market.exchange.correct(first.exec_id, D("99.40"), market.clock())
    assert isinstance(report, ExecutionReport) and isinstance(order, OrderReport) and isinstance(cost, CommissionReport)
    assert (report.exec_id, report.corrects) == (first.exec_id[:-3] + ".02", first.exec_id)
    assert (order.filled, order.average_price, cost.exec_id) == (D(10), D("99.4"), report.exec_id)
    assert (account.cash - cash, account.quantity_of(AAPL), account.commissions) == (D(2), D(10), D(1))
    third = market.exchange.correct(first.exec_id, D("99.70"), market.clock())[0]
    assert isinstance(third, ExecutionReport) and third.exec_id.endswith(".03") and third.corrects == report.exec_id
    assert account.cash - cash == -1
    with pytest.raises(KeyError):
        market.exchange.correct("nothing.01", D(1), market.clock())


@pytest.mark.parametrize("earlier", [False, True])
def test_a_fill_on_command_is_as_real_as_any(earlier: bool) -> None:
    market = Market.new()
    market.place(an_order(order_ref="x", quantity="10", limit_price="90"))
    if earlier:
        market.cancel("x")
        market.step()
    market.exchange.fill("x", market.clock(), D(4))
    market.exchange.fill("x", market.clock(), price=D("89.5"))
    order = market.order("x")
    assert (order.state, order.filled, order.average_price) == (BrokerState.FILLED, D(10), D("89.7"))
    with pytest.raises(ValueError, match="remain"):
        market.exchange.fill("x", market.clock())
    market.step(3)
    assert market.exchange.account("DU1234567").quantity_of(AAPL) == 10


def test_a_fill_on_command_ends_a_cancel_that_was_pending() -> None:
    market = Market.new()
    market.place(an_order(order_ref="x", quantity="10", limit_price="90"))
    market.cancel("x", CancelFault.FILLED_AFTER)
    market.exchange.fill("x", market.clock())
    assert market.step(3) == [] and states(market, "x") == [BrokerState.FILLED]
    market.place(an_order(order_ref="no", quantity="10", limit_price="90.001"))
    with pytest.raises(ValueError, match="rejected"):
        market.exchange.fill("no", market.clock())


def test_the_market_ends_an_open_order_once() -> None:
    market = Market.new()
    market.place(an_order(order_ref="x", limit_price="90"))
    market.cancel("x", CancelFault.FILLED_FIRST)
    [report] = market.exchange.end("x", market.clock(), "the desk is closed")
    assert isinstance(report, OrderReport) and report.text.endswith("the desk is closed")
    assert market.step(3) == [] and states(market, "x") == [BrokerState.CANCELLED]
    with pytest.raises(KeyError):
        market.exchange.end("x", market.clock(), "again")


def test_a_day_order_ends_with_its_session_where_hours_are_kept() -> None:
    market = Market.new(keeps_hours=True)  # ten in the morning in New York, a Monday
    day: dict[str, Any] = {"limit_price": "90"}
    market.place(an_order(order_ref="day", **day))
    market.place(an_order(order_ref="late", outside_hours=True, **day))
    market.place(an_order(order_ref="till", time_in_force=TimeInForce.GTC, **day))
    market.clock.forward(hours=5, minutes=59)
    market.step()
    assert states(market, "day") == [BrokerState.WORKING]
    market.clock.forward(minutes=2)
    market.step()
    assert states(market, "day", "late", "till") == [BrokerState.CANCELLED, BrokerState.WORKING, BrokerState.WORKING]
    market.place(an_order(order_ref="next", **day))
    market.clock.forward(hours=4)
    market.step()
    assert states(market, "late", "next", "till") == [BrokerState.CANCELLED, BrokerState.HELD, BrokerState.WORKING]
    market.clock.forward(days=1)
    market.step()
    assert states(market, "next", "till") == [BrokerState.CANCELLED, BrokerState.WORKING]


def test_day_orders_live_on_where_no_hours_are_kept() -> None:
    market = Market.new()
    market.place(an_order(order_ref="day", limit_price="90"))
    market.clock.forward(days=2)
    market.step()
    assert states(market, "day") == [BrokerState.WORKING]


def test_ties_pins_and_ends_survive_a_dump() -> None:
    market = Market.new(keeps_hours=True)
    pinned(market, "99.50", "99.60", size="4")
    a_bracket(market, "99.60")
    market.exchange.open_account("DU7654321", Mode.PAPER)
    text = json.dumps(market.exchange.dump())
    twin = Market(Exchange.load(json.loads(text)), SettableClock(market.clock()))
    assert json.dumps(twin.exchange.dump()) == text
    assert market.step(4) == twin.step(4)
    assert twin.exchange.account("DU7654321").cash == 100_000
    market.exchange.pin(AAPL, None)
    assert market.exchange.touch(AAPL) != twin.exchange.touch(AAPL)
    with pytest.raises(KeyError):
        market.exchange.pin(1, None)


def test_a_market_saved_before_orders_could_be_tied_is_still_read() -> None:
    market = Market.new()
    market.place(an_order(order_ref="x", limit_price="90"))
    old = market.exchange.dump()
    del old["pins"]
    for order in old["book"]["orders"]:
        for name in ("links", "waiting", "expires_at"):
            del order[name]
    loaded = Exchange.load(old)
    assert loaded.dump() == market.exchange.dump()


def test_prices_of_the_past_are_those_that_were() -> None:
    market = Market.new()
    market.step(10)
    then = market.exchange.touch(AAPL)
    market.step(20)
    assert market.exchange.touch_before(AAPL, 20) == then
    assert market.exchange.touch_before(AAPL, 10_000) == market.exchange.touch_before(AAPL, 31)
    pinned(market, "95", "96")
    assert market.exchange.touch_before(AAPL, 20).ask == 96
    assert market.clock() - timedelta(days=1) < market.exchange.at
