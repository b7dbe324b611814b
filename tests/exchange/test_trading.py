"""How orders live: taken, triggered, filled in parts, cancelled, refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ibgw_tui.core.broker import (
    BrokerState,
    CancelRefused,
    CommissionReport,
    ExecutionReport,
    Notice,
    OrderReport,
)
from ibgw_tui.core.terms import OrderType, Side, TimeInForce
from ibgw_tui.exchange.exchange import Exchange
from ibgw_tui.exchange.faults import CancelFault, Rejection
from ibgw_tui.exchange.instruments import AAPL, AAPL_CALL, ES_FRONT, EUR_USD, INSTRUMENTS, MSFT, TSLA
from tests.exchange.market import Market, an_order, states

BUY, SELL = Side.BUY, Side.SELL


def test_reports_come_in_the_real_order() -> None:
    market, order = Market.new(), an_order()
    reports = [*market.place(order), *market.step()]
    assert [type(report) for report in reports] == [OrderReport, ExecutionReport, OrderReport, CommissionReport]
    assert states(reports) == [BrokerState.WORKING, BrokerState.FILLED]
    taken, fill, filled, cost = reports
    assert isinstance(taken, OrderReport) and isinstance(filled, OrderReport)
    assert isinstance(fill, ExecutionReport) and isinstance(cost, CommissionReport)
    assert taken.perm_id == fill.perm_id == filled.perm_id is not None
    assert taken.filled == 0 and taken.remaining == 1
    assert filled.filled == 1 and filled.remaining == 0
    assert filled.average_price == fill.price <= 100
    assert cost.exec_id == fill.exec_id


def test_an_order_fills_at_the_touch_when_that_is_better_than_its_limit() -> None:
    market, order = Market.new(), an_order(limit_price="120")
    market.place(order)
    market.step()
    assert market.executions()[0].price == market.exchange.touch(AAPL).ask


def test_a_large_order_fills_in_parts_of_the_displayed_size() -> None:
    market, order = Market.new(), an_order(quantity="1900", limit_price="101")
    market.place(order)
    market.until(order.order_ref, BrokerState.FILLED, at_most=30)
    fills = market.executions()
    assert len(fills) > 1 and sum(fill.quantity for fill in fills) == 1900
    assert all(fill.quantity <= INSTRUMENTS[AAPL].largest_size for fill in fills)
    reports = [r for r in market.heard if isinstance(r, OrderReport)]
    assert [r.filled + r.remaining for r in reports] == [Decimal(1900)] * len(reports)
    assert [r.state for r in reports[:-1]] == [BrokerState.WORKING] * (len(reports) - 1)


def test_two_orders_share_the_displayed_size_and_the_earlier_is_served_first() -> None:
    market = Market.new()
    first, second = an_order(quantity="900", limit_price="101"), an_order(quantity="900", limit_price="101")
    market.place(first)
    market.place(second)
    market.step()
    displayed = market.exchange.touch(AAPL).ask_size
    assert sum(fill.quantity for fill in market.executions()) <= displayed
    assert market.order(first.order_ref).filled == min(displayed, Decimal(900))


def test_a_resting_order_waits_for_the_market_to_come() -> None:
    market = Market.new()
    order = an_order(limit_price="99.20")
    market.place(order)
    assert market.until(order.order_ref, BrokerState.FILLED).average_price is not None
    assert all(fill.price <= Decimal("99.20") for fill in market.executions())
    never = an_order(TSLA, limit_price="232")
    market.place(never)
    market.step(2000)
    assert market.order(never.order_ref).state is BrokerState.WORKING


def test_a_market_order_takes_what_there_is() -> None:
    market, order = Market.new(), an_order(order_type=OrderType.MARKET, side=SELL)
    market.place(order)
    market.step()
    assert market.executions()[0].price == market.exchange.touch(AAPL).bid


def test_immediate_or_cancel_takes_what_there_is_and_drops_the_rest() -> None:
    market = Market.new()
    order = an_order(quantity="1900", limit_price="101", time_in_force=TimeInForce.IOC)
    market.place(order)
    reports = market.step()
    assert states(reports) == [BrokerState.WORKING, BrokerState.CANCELLED]
    ended = market.order(order.order_ref)
    assert 0 < ended.filled < 1900 and "immediate-or-cancel" in ended.text
    away = an_order(limit_price="90", time_in_force=TimeInForce.IOC)
    market.place(away)
    assert states(market.step()) == [BrokerState.CANCELLED]


def test_good_till_ends_an_order_at_its_moment() -> None:
    market = Market.new()
    until = market.clock() + timedelta(seconds=2)
    order = an_order(limit_price="90", time_in_force=TimeInForce.GTD, good_till=until)
    market.place(order)
    ended = market.until(order.order_ref, BrokerState.CANCELLED, at_most=20)
    assert ended.at == until and "good-till" in ended.text
    late = an_order(time_in_force=TimeInForce.GTD, good_till=market.clock())
    market.place(late)
    assert market.order(late.order_ref).state is BrokerState.REJECTED


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_stop_is_held_until_its_trigger_and_then_works(side: Side) -> None:
    market = Market.new(seed=1)
    here = market.exchange.touch(MSFT)
    stop = here.ask + Decimal("0.60") if side is BUY else here.bid - Decimal("0.60")
    order = an_order(MSFT, side=side, order_type=OrderType.STOP, stop_price=stop)
    assert states(market.place(order)) == [BrokerState.HELD]
    market.until(order.order_ref, BrokerState.FILLED, at_most=20_000)
    reports = [r for r in market.heard if isinstance(r, OrderReport)]
    assert [r.state for r in reports] == [BrokerState.HELD, BrokerState.WORKING, BrokerState.FILLED]
    price = market.executions()[0].price
    assert price >= stop if side is BUY else price <= stop


def test_a_stop_limit_never_fills_outside_its_limit() -> None:
    market = Market.new(seed=1)
    stop = market.exchange.touch(MSFT).ask + Decimal("0.40")
    order = an_order(MSFT, order_type=OrderType.STOP_LIMIT, stop_price=stop, limit_price=stop)
    market.place(order)
    market.until(order.order_ref, BrokerState.FILLED, at_most=20_000)
    assert all(fill.price <= stop for fill in market.executions())


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("trail", [{"trailing_amount": "0.50"}, {"trailing_percent": "0.125"}])
def test_a_trailing_stop_follows_in_one_direction_only(side: Side, trail: dict[str, Any]) -> None:
    market = Market.new(seed=7 if side is BUY else 1)  # which first falls, or rises, well away from its start
    order = an_order(MSFT, side=side, order_type=OrderType.TRAILING_STOP, **trail)
    market.place(order)
    stops, prices = [], []
    for _ in range(20_000):
        stops.append(_stop(market, order.order_ref))
        prices.append(market.exchange.touch(MSFT).price_for(side))
        if market.order(order.order_ref).state is BrokerState.FILLED:
            break
        market.step()
    assert market.order(order.order_ref).state is BrokerState.FILLED
    signed = [side.sign * stop for stop in stops]
    assert signed == sorted(signed, reverse=True), "it only ever moves with the market"
    assert len(set(stops)) > 1, "and it did move"
    assert all(stop % Decimal("0.01") == 0 for stop in stops)
    best = min(prices[:-1]) if side is BUY else max(prices[:-1])
    distance = Decimal("0.50") if "trailing_amount" in trail else best * Decimal("0.00125")
    assert abs(abs(stops[-1] - best) - distance) < Decimal("0.01")


def test_a_trailing_stop_limit_gets_its_limit_from_the_trigger() -> None:
    market = Market.new()
    order = an_order(
        MSFT, side=SELL, order_type=OrderType.TRAILING_STOP_LIMIT, trailing_amount="0.50", limit_offset="0.05"
    )
    market.place(order)
    market.until(order.order_ref, BrokerState.FILLED, BrokerState.WORKING, at_most=20_000)
    stop = _stop(market, order.order_ref)
    market.step(500)
    assert all(fill.price >= stop - Decimal("0.05") for fill in market.executions())
    assert _limit(market, order.order_ref) == stop - Decimal("0.05")


def _stop(market: Market, ref: str) -> Decimal:
    stop = market.exchange._floor.book.orders[ref].stop
    assert stop is not None
    return stop


def _limit(market: Market, ref: str) -> Decimal | None:
    return market.exchange._floor.book.orders[ref].limit


def test_a_cancel_is_pending_and_then_confirmed() -> None:
    market, order = Market.new(), an_order(limit_price="90")
    market.place(order)
    assert states(market.cancel(order.order_ref)) == [BrokerState.CANCEL_PENDING]
    assert states(market.cancel(order.order_ref)) == [BrokerState.CANCEL_PENDING], "asking twice changes nothing"
    reports = market.step()
    assert states(reports) == [BrokerState.CANCELLED]
    assert market.order(order.order_ref).text.startswith("202 ")
    assert market.step(50) == []


def test_a_marketable_order_that_is_being_cancelled_does_not_fill() -> None:
    market, order = Market.new(), an_order()
    market.place(order)
    market.cancel(order.order_ref)
    market.step(5)
    assert market.executions() == []


def test_a_cancel_that_cannot_be_is_refused_with_the_reason() -> None:
    market, order = Market.new(), an_order()
    (unknown,) = market.cancel("nobody")
    market.place(order)
    market.step()
    (finished,) = market.cancel(order.order_ref)
    assert isinstance(unknown, CancelRefused) and isinstance(finished, CancelRefused)
    assert unknown.code == 10147 and "not found" in unknown.text
    assert finished.code == 10148 and finished.text.endswith("state: Filled")


def test_the_fill_can_win_the_race_against_a_cancel() -> None:
    market, order = Market.new(), an_order(limit_price="90")
    market.place(order)
    market.cancel(order.order_ref, CancelFault.FILLED_FIRST)
    assert states(market.step()) == [BrokerState.FILLED]
    assert market.executions()[0].price == 90, "somebody came to the order's price, never beyond it"


def test_a_cancelled_order_can_fill_after_all() -> None:
    market, order = Market.new(), an_order(limit_price="90", quantity="3")
    market.place(order)
    market.cancel(order.order_ref, CancelFault.FILLED_AFTER)
    assert states(market.step()) == [BrokerState.CANCELLED]
    assert states(market.step()) == [BrokerState.FILLED]
    assert sum(fill.quantity for fill in market.executions()) == 3
    assert market.step(20) == []


@pytest.mark.parametrize("fault", [CancelFault.NONE, CancelFault.FILLED_FIRST, CancelFault.FILLED_AFTER])
def test_a_pending_cancel_survives_a_restart(fault: CancelFault) -> None:
    market, order = Market.new(), an_order(limit_price="90")
    market.place(order)
    market.cancel(order.order_ref, fault)
    market.exchange = Exchange.load(market.exchange.dump())
    market.step()
    market.exchange = Exchange.load(market.exchange.dump())
    market.step()
    expected = BrokerState.CANCELLED if fault is CancelFault.NONE else BrokerState.FILLED
    assert market.order(order.order_ref).state is expected


def test_a_reference_is_one_order_for_ever() -> None:
    market, order = Market.new(), an_order()
    market.place(order)
    (again,) = market.place(order.replaced(quantity=Decimal(5)))
    assert isinstance(again, Notice) and again.code == 103 and again.order_ref == order.order_ref
    market.step(5)
    (late,) = market.place(order)
    assert isinstance(late, Notice)
    assert market.exchange.account("DU1234567").quantity_of(AAPL) == 1
    market.clock.forward(days=30)  # the order itself is long forgotten; its reference is not
    market.place(an_order())
    assert market.exchange.order(order.order_ref) is None
    (much_later,) = market.place(order)
    assert isinstance(much_later, Notice)


@pytest.mark.parametrize(
    ("con_id", "changes", "code"),
    [
        (AAPL, {"account": "DU7654321"}, "321"),
        (AAPL, {"limit_price": "99.995"}, "110"),
        (AAPL, {"quantity": "0.5"}, "201"),
        (AAPL, {"quantity": "3000"}, "201"),  # 150 000 USD initial margin against 100 000 of equity
        (AAPL, {"quantity": "999999999999"}, "383"),
        (AAPL, {"limit_price": "999999999999.99"}, "383"),
        (AAPL, {"side": SELL, "quantity": "3000", "limit_price": "90"}, "201"),
        (AAPL, {"order_type": OrderType.STOP, "stop_price": "99.995"}, "110"),
        (AAPL, {"order_type": OrderType.TRAILING_STOP, "trailing_amount": "0.005"}, "110"),
        (AAPL, {"order_type": OrderType.TRAILING_STOP, "trailing_percent": "100"}, "201"),
        (AAPL, {"order_type": OrderType.STOP}, "321"),
        (AAPL, {"order_type": OrderType.TRAILING_STOP}, "321"),
        (AAPL, {"limit_price": "-1"}, "201"),
        (EUR_USD, {"limit_price": "1.08001"}, "110"),
        (EUR_USD, {"limit_price": "1.08", "quantity": "1000.5"}, "201"),
        (EUR_USD, {"limit_price": "1.08", "quantity": "5000000"}, "201"),
        (ES_FRONT, {"limit_price": "5850.10"}, "110"),
        (ES_FRONT, {"limit_price": "5850", "quantity": "7"}, "201"),
        (AAPL_CALL, {"limit_price": "4.12"}, "110"),
        (AAPL_CALL, {"limit_price": "4.10", "quantity": "300"}, "201"),  # 120 000 USD of premium
    ],
)
def test_what_cannot_be_is_rejected_with_its_number(con_id: int, changes: dict[str, Any], code: str) -> None:
    market, order = Market.new(), an_order(con_id, **changes)
    reports = market.place(order)
    assert states(reports) == [BrokerState.REJECTED]
    assert market.order(order.order_ref).text.startswith(f"{code} ")
    assert market.step(20) == [] and market.exchange.positions("DU1234567") == ()


@pytest.mark.parametrize(
    ("con_id", "changes"),
    [
        (EUR_USD, {"limit_price": "1.09", "quantity": "10000"}),
        (ES_FRONT, {"limit_price": "5900", "quantity": "6"}),
        (ES_FRONT, {"limit_price": "-10", "side": SELL}),
        (AAPL_CALL, {"limit_price": "2.99", "side": SELL}),  # below three the tick is a cent
        (AAPL_CALL, {"limit_price": "5", "quantity": "20"}),
        (AAPL, {"quantity": "1900", "limit_price": "100"}),
    ],
)
def test_what_can_be_is_filled(con_id: int, changes: dict[str, Any]) -> None:
    market, order = Market.new(), an_order(con_id, **changes)
    market.place(order)
    assert market.until(order.order_ref, BrokerState.FILLED, at_most=100)


def test_a_contract_that_is_not_listed_is_rejected() -> None:
    market = Market.new()
    order = an_order(contract=INSTRUMENTS[AAPL].contract.replaced(con_id=1))
    market.place(order)
    assert market.order(order.order_ref).text.startswith("200 ")
    disguised = an_order(contract=INSTRUMENTS[AAPL].contract.replaced(symbol="MSFT"))
    market.place(disguised)
    assert market.order(disguised.order_ref).text.startswith("200 ")


def test_a_rejection_on_command() -> None:
    market, order = Market.new(), an_order()
    market.place(order, Rejection(203, "The security is not available or allowed for this account"))
    assert market.order(order.order_ref).text.startswith("203 The security")


def test_orders_that_only_fit_apart_do_not_fit_together() -> None:
    market = Market.new()
    first, second = an_order(quantity="1500", limit_price="95"), an_order(quantity="1500", limit_price="95")
    market.place(first)
    market.place(second)
    assert market.order(first.order_ref).state is BrokerState.WORKING
    assert market.order(second.order_ref).state is BrokerState.REJECTED
    market.cancel(first.order_ref)
    market.step()
    third = an_order(quantity="1500", limit_price="95")
    market.place(third)
    assert market.order(third.order_ref).state is BrokerState.WORKING


def test_buys_and_sells_are_never_netted() -> None:
    market = Market.new()
    buy, sell = an_order(quantity="1500", limit_price="95"), an_order(quantity="1500", limit_price="105", side=SELL)
    more = an_order(quantity="600", limit_price="95")  # fits only if the sell were sure to fill
    for order in (buy, sell, more):
        market.place(order)
    assert market.order(sell.order_ref).state is BrokerState.WORKING
    assert market.order(more.order_ref).state is BrokerState.REJECTED


def test_an_order_that_closes_a_position_needs_no_funds() -> None:
    market = Market.new()
    bought = an_order(quantity="1900", limit_price="101")
    market.place(bought)
    market.until(bought.order_ref, BrokerState.FILLED)
    sold = an_order(quantity="1900", side=SELL, limit_price="90")
    market.place(sold)
    assert market.until(sold.order_ref, BrokerState.FILLED)
    assert market.exchange.positions("DU1234567") == ()


def test_accounts_are_apart() -> None:
    market = Market.new()
    order = an_order(account="U1234567")
    market.place(order)
    market.step()
    assert market.exchange.positions("DU1234567") == ()
    assert [p.quantity for p in market.exchange.positions("U1234567")] == [1]
    assert market.exchange.snapshot("DU1234567").executions == ()
    assert len(market.exchange.snapshot("U1234567").completed_orders) == 1
