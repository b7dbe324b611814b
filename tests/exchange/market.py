"""A market to test in: orders by keyword, steps by count, and the reports sorted by kind."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from ibgw_tui.core.broker import BrokerState, ExecutionReport, OrderReport, Report
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.terms import OrderType, Side, TimeInForce
from ibgw_tui.exchange.accounts import LIVE_ACCOUNT, PAPER_ACCOUNT
from ibgw_tui.exchange.exchange import Exchange
from ibgw_tui.exchange.faults import CancelFault, Rejection
from ibgw_tui.exchange.instruments import AAPL, INSTRUMENTS
from tests.makers import SettableClock

TICK = timedelta(milliseconds=250)
BOTH = (PAPER_ACCOUNT, LIVE_ACCOUNT)

_names = itertools.count(1)


def an_order(con_id: int = AAPL, **changes: Any) -> BrokerOrder:
    """A day order to buy one at a limit of 100, unless the test says otherwise. Numbers may be text."""
    data: dict[str, Any] = {
        "order_ref": f"o-{next(_names)}",
        "account": PAPER_ACCOUNT,
        "contract": INSTRUMENTS[con_id].contract,
        "side": Side.BUY,
        "quantity": Decimal(1),
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.DAY,
        **changes,
    }
    if data["order_type"] is OrderType.LIMIT:
        data.setdefault("limit_price", "100")
    for name in ("quantity", "limit_price", "stop_price", "trailing_amount", "trailing_percent", "limit_offset"):
        if isinstance(data.get(name), str):
            data[name] = Decimal(data[name])
    return BrokerOrder(**data)


@dataclass
class Market:
    """An exchange with a clock that only moves by steps."""

    exchange: Exchange
    clock: SettableClock
    heard: list[Report] = field(default_factory=list)

    @classmethod
    def new(cls, seed: int = 7, **more: Any) -> Market:
        clock = SettableClock()
        market = cls(Exchange.new(seed, clock(), **more), clock)
        market.step()
        return market

    def place(self, order: BrokerOrder, rejection: Rejection | None = None) -> list[Report]:
        return self._hear(self.exchange.place(order, self.clock(), BOTH, rejection))

    def cancel(self, order_ref: str, fault: CancelFault = CancelFault.NONE) -> list[Report]:
        return self._hear(self.exchange.cancel(order_ref, self.clock(), fault))

    def step(self, count: int = 1) -> list[Report]:
        reports: list[Report] = []
        for _ in range(count):
            self.clock.now += TICK
            reports += self.exchange.step(self.clock())
        return self._hear(reports)

    def until(self, order_ref: str, *states: BrokerState, at_most: int = 5000) -> OrderReport:
        """Step until the order is in one of the states; fails after `at_most` steps."""
        for _ in range(at_most):
            order = self.order(order_ref)
            if order.state in states:
                return order
            self.step()
        raise AssertionError(f"{order_ref} is {self.order(order_ref).state} after {at_most} steps")

    def order(self, order_ref: str) -> OrderReport:
        order = self.exchange.order(order_ref)
        assert order is not None
        return order

    def executions(self, order_ref: str | None = None) -> list[ExecutionReport]:
        return [r for r in self.heard if isinstance(r, ExecutionReport) and order_ref in (None, r.order_ref)]

    def _hear(self, reports: list[Report]) -> list[Report]:
        self.heard += reports
        return reports


def states(reports: Iterable[Report]) -> list[BrokerState]:
    return [report.state for report in reports if isinstance(report, OrderReport)]
