"""All orders this market ever took, open and finished, and the executions they led to.

References are remembered for ever, even of orders long forgotten: one reference, one order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from ibgw_tui.core.broker import CommissionReport, ExecutionReport
from ibgw_tui.core.terms import Money
from ibgw_tui.exchange.orders import BookOrder

RETENTION = timedelta(days=7)
"""How long finished orders and executions can be asked for. The real broker's is a day."""


@dataclass(frozen=True)
class Execution:
    """A fill and what it cost."""

    report: ExecutionReport
    commission: Money

    @property
    def commission_report(self) -> CommissionReport:
        return CommissionReport(exec_id=self.report.exec_id, commission=self.commission)

    @cached_property
    def dumped(self) -> dict[str, Any]:
        """Made once: a market is saved with every change, and most of it never changes."""
        return {"report": self.report.model_dump(mode="json"), "commission": self.commission.model_dump(mode="json")}

    @classmethod
    def load(cls, data: dict[str, Any]) -> Execution:
        return cls(
            ExecutionReport.model_validate_json(json.dumps(data["report"])),
            Money.model_validate_json(json.dumps(data["commission"])),
        )


@dataclass(slots=True)
class Book:
    orders: dict[str, BookOrder] = field(default_factory=dict)
    """In the order in which they were taken."""
    executions: list[Execution] = field(default_factory=list)
    refs: set[str] = field(default_factory=set)
    """Every reference ever used."""

    def add(self, order: BookOrder) -> None:
        self.orders[order.ref] = order
        self.refs.add(order.ref)

    def open(self, account: str) -> list[BookOrder]:
        return [o for o in self.orders.values() if o.is_open and o.wire.account == account]

    def unfinished(self) -> list[BookOrder]:
        """What the next step has to look at: open orders, and cancelled ones that are going to fill after all."""
        return [o for o in self.orders.values() if o.is_open or o.ending is not None]

    def finished(self, account: str) -> list[BookOrder]:
        return [o for o in self.orders.values() if not o.is_open and o.wire.account == account]

    def group_of(self, order: BookOrder) -> list[BookOrder]:
        """The other open orders of its one-cancels-all group."""
        group = order.links.group
        others = self.open(order.wire.account) if group else []
        return [other for other in others if other is not order and other.links.group == group]

    def executed(self, account: str) -> list[Execution]:
        return [e for e in self.executions if e.report.account == account]

    def forget_old(self, at: datetime) -> None:
        """Drop what finished longer ago than the retention; references stay."""
        oldest = at - RETENTION
        self.orders = {
            ref: o for ref, o in self.orders.items() if o.is_open or o.ending is not None or o.changed_at >= oldest
        }
        self.executions = [e for e in self.executions if e.report.at >= oldest or e.report.order_ref in self.orders]

    def dump(self) -> dict[str, Any]:
        return {
            "orders": [order.dump() for order in self.orders.values()],
            "executions": [execution.dumped for execution in self.executions],
            "refs": sorted(self.refs),
        }

    @classmethod
    def load(cls, data: dict[str, Any]) -> Book:
        orders: Iterable[BookOrder] = map(BookOrder.load, data["orders"])
        return cls(
            {order.ref: order for order in orders},
            [Execution.load(item) for item in data["executions"]],
            set(data["refs"]),
        )
