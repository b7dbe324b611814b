"""Sessions follow the exchange's clocks through weekends, holidays and changes to summer time."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.core.broker import BrokerState
from ibgw_tui.core.terms import TimeInForce
from ibgw_tui.exchange.instruments import AAPL, AAPL_CALL, ES_FRONT, EUR_USD, INSTRUMENTS, hours
from tests.exchange.market import Market, an_order


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("con_id", "at", "trading", "liquid"),
    [
        (AAPL, "2026-11-23 14:29:59", True, False),  # a Monday, one second before 09:30 in New York
        (AAPL, "2026-11-23 14:30:00", True, True),
        (AAPL, "2026-11-23 20:59:59", True, True),
        (AAPL, "2026-11-23 21:00:00", True, False),
        (AAPL, "2026-11-24 00:59:59", True, False),  # after hours, already the next day in UTC
        (AAPL, "2026-11-24 01:00:00", False, False),
        (AAPL, "2026-11-26 15:00:00", False, False),  # Thanksgiving
        (AAPL, "2026-11-27 17:59:59", True, True),  # the day after closes at 13:00
        (AAPL, "2026-11-27 18:00:00", True, False),
        (AAPL, "2026-11-28 15:00:00", False, False),  # Saturday
        (AAPL, "2026-07-01 13:30:00", True, True),  # in summer the same local time is an hour earlier
        (AAPL_CALL, "2026-11-23 14:29:59", False, False),  # options have no early session
        (ES_FRONT, "2026-11-22 22:59:59", False, False),  # Sunday, before 17:00 in Chicago
        (ES_FRONT, "2026-11-22 23:00:00", True, False),
        (ES_FRONT, "2026-11-23 22:00:00", False, False),  # the daily pause
        (EUR_USD, "2026-11-22 22:15:00", True, True),  # Sunday, 17:15 in New York
        (EUR_USD, "2026-11-27 21:59:59", True, True),
        (EUR_USD, "2026-11-27 22:00:00", False, False),  # Friday, 17:00 in New York
    ],
)
def test_sessions(con_id: int, at: str, trading: bool, liquid: bool) -> None:
    now = hours(con_id, utc(at))
    assert (now.is_trading, now.is_liquid) == (trading, liquid)


def test_the_next_opening_is_named() -> None:
    assert hours(AAPL, utc("2026-11-25 22:00:00")).next_liquid_open == utc("2026-11-27 14:30:00")


@given(
    st.sampled_from(list(INSTRUMENTS)),
    st.datetimes(min_value=datetime(2026, 1, 5), max_value=datetime(2027, 12, 1)),  # noqa: DTZ001
)
def test_sessions_are_ordered_and_liquid_lies_within_trading(con_id: int, at: datetime) -> None:
    shown = hours(con_id, at.replace(tzinfo=UTC))
    for sessions in (shown.trading, shown.liquid):
        assert all(s.opens < s.closes for s in sessions)
        assert all(a.closes <= b.opens for a, b in itertools.pairwise(sessions))
    assert all(any(t.opens <= x.opens and x.closes <= t.closes for t in shown.trading) for x in shown.liquid)
    assert any(s.opens <= shown.at + timedelta(days=5) for s in shown.liquid)


def test_a_market_that_keeps_its_hours_holds_orders_until_it_opens() -> None:
    market = Market.new(keeps_hours=True)
    market.clock.now = utc("2026-11-23 14:29:00")  # before the opening
    market.step()
    order = an_order()
    market.place(order)
    held = market.order(order.order_ref)
    assert held.state is BrokerState.HELD and held.text.startswith("399 ")
    early, hasty = an_order(outside_hours=True), an_order(time_in_force=TimeInForce.IOC)
    market.place(early)
    market.place(hasty)
    market.step(10)
    assert market.order(order.order_ref).state is BrokerState.HELD
    assert market.order(early.order_ref).state is BrokerState.FILLED
    assert market.order(hasty.order_ref).state is BrokerState.CANCELLED
    market.clock.now = utc("2026-11-23 14:30:00")
    assert market.until(order.order_ref, BrokerState.FILLED, at_most=5).text == ""


def test_by_default_it_trades_on_a_sunday() -> None:
    market = Market.new()
    market.clock.now = utc("2026-11-22 04:00:00")
    order = an_order()
    market.place(order)
    assert market.until(order.order_ref, BrokerState.FILLED, at_most=3)
