"""A small model of a desk: what an attentive person would say of each order, without reading the code.

It knows nothing of previews, digests, rows or leases. It is compared with the real desk after every step.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from ibgw_tui.core.broker import (
    BrokerState,
    CancelRefused,
    ExecutionReport,
    OrderReport,
    Report,
)

PREVIEW_LIVES = timedelta(seconds=900)
APPROVAL_LIVES = timedelta(seconds=300)

DONE, CONFLICT, REFUSED, UNKNOWN_OUTCOME = "done", "conflict", "refused", "outcome unknown"


def approved_of(order_refs: Iterable[str]) -> str:
    """What the caller of a batch is told."""
    return "approved: " + ", ".join(order_refs)


UNDECIDED = {"staged", "pending", "changes_requested", "approved"}
AT_BROKER = {"sending", "in_doubt", "working", "partially_filled", "cancel_requested"}
_LIVE = {BrokerState.WORKING, BrokerState.HELD, BrokerState.CANCEL_PENDING}


@dataclass
class Order:
    quantity: Decimal
    staged_at: datetime
    status: str = "staged"
    filled: Decimal = Decimal(0)
    preview_ends: datetime | None = None
    approval_ends: datetime | None = None
    refused: bool = False
    """A submit was refused: the operator has to ask again."""
    placed: bool = False
    """It arrived at the broker."""
    acknowledged: bool = False
    """The broker has spoken of it."""
    cancel_waits: bool = False
    """A cancel was asked for that the router has not sent yet."""
    executions: set[str] = field(default_factory=set)

    def lapsed(self, now: datetime) -> bool:
        ends = self.preview_ends or self.staged_at + PREVIEW_LIVES
        return self.status in UNDECIDED and (
            ends <= now or (self.approval_ends is not None and self.approval_ends <= now)
        )


class Model:
    """What the desk should be. Every act returns what the caller should be told."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.keys: dict[str, tuple[object, str]] = {}
        self.row_open = False
        self.file = False

    @property
    def is_open(self) -> bool:
        return self.row_open and not self.file

    def copy(self) -> Model:
        return copy.deepcopy(self)

    def seen(self) -> object:
        """What is compared."""
        return {ref: (order.status, order.filled) for ref, order in self.orders.items()}, self.is_open

    # ---- agent and operator

    def stage(self, key: str, request: object, order_ref: str, quantity: Decimal, now: datetime) -> str:
        if key in self.keys:
            return DONE if self.keys[key][0] == request else CONFLICT
        self.keys[key] = (request, order_ref)
        self.orders[order_ref] = Order(quantity, now)
        return DONE

    def preview(self, order_ref: str, now: datetime) -> str:
        order = self.orders[order_ref]
        if order.status == "staged":
            order.status, order.preview_ends = "pending", now + PREVIEW_LIVES
        return DONE

    def approve(self, order_ref: str, now: datetime) -> str:
        order = self.orders[order_ref]
        if order.status != "pending":
            return CONFLICT
        if not self.is_open or (order.preview_ends is not None and order.preview_ends <= now):
            return REFUSED
        order.status, order.approval_ends, order.refused = "approved", now + APPROVAL_LIVES, False
        return DONE

    def approve_all(self, order_refs: list[str], now: datetime) -> str:
        """What waits among them, each by itself; the answer names what was approved."""
        displayed = [ref for ref in order_refs if self.orders[ref].status == "pending"]
        if not displayed:
            return CONFLICT
        return approved_of(ref for ref in displayed if self.approve(ref, now) == DONE)

    def ask_changes(self, order_ref: str) -> str:
        return self._void(order_ref, {"pending"}, "changes_requested")

    def edit(self, order_ref: str, revision: str, quantity: Decimal, now: datetime) -> str:
        told = self._void(order_ref, {"pending", "changes_requested"}, "superseded")
        if told == DONE:
            self.orders[revision] = Order(quantity, now)
        return told

    def recall(self, order_ref: str) -> str:
        return self._void(order_ref, {"approved"}, "pending")

    def reject(self, order_ref: str) -> str:
        return self._void(order_ref, {"pending", "changes_requested", "approved"}, "rejected")

    def withdraw(self, order_ref: str) -> str:
        if self.orders[order_ref].status == "withdrawn":
            return DONE
        return self._void(order_ref, UNDECIDED, "withdrawn")

    def _void(self, order_ref: str, from_statuses: set[str], status: str) -> str:
        order = self.orders[order_ref]
        if order.status not in from_statuses:
            return CONFLICT
        order.status, order.approval_ends = status, None
        return DONE

    def ask_cancel(self, order_ref: str) -> str:
        order = self.orders[order_ref]
        if order.status not in AT_BROKER:
            return CONFLICT
        if order.status != "in_doubt":
            order.status = "cancel_requested"
        order.cancel_waits = True
        return DONE

    def close_switch(self) -> str:
        self.row_open = False
        for order_ref in self.orders:
            self._void(order_ref, {"approved"}, "pending")
        return DONE

    def heed_file(self) -> None:
        """Whoever sees the file makes the closing one that lasts."""
        if self.file and self.row_open:
            self.close_switch()

    def open_switch(self) -> str:
        self.heed_file()
        if self.file or any(order.status == "in_doubt" for order in self.orders.values()):
            return REFUSED
        self.row_open = True
        return DONE

    # ---- the wire

    def admit(self, order_ref: str, now: datetime) -> bool:
        """The submit transaction: whether it may go to the wire."""
        order = self.orders[order_ref]
        if order.status != "approved":
            return False
        if not self.is_open or order.lapsed(now):
            order.refused = True
            return False
        order.status, order.approval_ends = "sending", None
        return True

    def send(self, order_ref: str, *, arrives: bool, answered: bool) -> None:
        order = self.orders[order_ref]
        order.placed = arrives
        if not answered:
            order.status = "in_doubt"

    # ---- the broker's word

    def hear(self, report: Report) -> None:
        order = self.orders.get(getattr(report, "order_ref", ""))
        if order is None:
            return
        if isinstance(report, ExecutionReport):
            if report.exec_id not in order.executions:
                order.executions.add(report.exec_id)
                order.filled += report.quantity
                order.acknowledged = True
                self._filled(order)
        elif isinstance(report, OrderReport):
            order.acknowledged = True
            self._said(order, report.state)
        elif isinstance(report, CancelRefused) and order.status == "cancel_requested":
            # "There is no such order" proves nothing of one that was never acknowledged.
            order.status = "in_doubt" if not order.acknowledged else "partially_filled" if order.filled else "working"

    def _filled(self, order: Order) -> None:
        if order.filled >= order.quantity:
            order.status = "filled"
        elif order.status not in ("cancel_requested", "cancelled"):
            order.status = "partially_filled"

    def _said(self, order: Order, state: BrokerState) -> None:
        if state is BrokerState.FILLED:
            order.status = "filled"
        elif state is BrokerState.CANCELLED and order.status != "filled":
            order.status = "cancelled"
        elif state is BrokerState.REJECTED and order.status not in ("filled", "cancelled"):
            order.status = "rejected_by_broker"
        elif state in _LIVE and order.status not in ("filled", "cancelled", "cancel_requested"):
            order.status = "partially_filled" if order.filled else "working"

    # ---- a router at work from its start until nothing is left to do

    def doubt(self, order_ref: str) -> None:
        """What the broker's complete records do not show, and what nobody has answered for."""
        order = self.orders[order_ref]
        if order.status == "sending" or (order.status in AT_BROKER and not order.placed):
            order.status = "in_doubt"

    def expire(self, now: datetime) -> None:
        for order in self.orders.values():
            if order.lapsed(now):
                order.status, order.approval_ends = "expired", None
