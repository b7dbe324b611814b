"""The port to a market, cut by who needs what. Values only; no broker's own words.

`MarketReader` answers questions, `OrderRoute` carries orders. `place` returns nothing, because the
real one has no answer to give: reports tell the rest. It raises only NotConnected (provably nothing
left) or OutcomeUnknown. A report is a fact from the broker; what it does to an order is decided by
`lifecycle`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Protocol

from ibgw_tui.core.orders import BrokerOrder, Contract, OrderIntent
from ibgw_tui.core.terms import (
    AccountId,
    Amount,
    Currency,
    Frozen,
    Mode,
    Moment,
    Money,
    OrderType,
    QuoteStatus,
    Side,
)


class Quote(Frozen):
    """A two-sided price. None is 'not known', never zero."""

    con_id: int
    currency: Currency
    status: QuoteStatus
    bid: Amount | None = None
    ask: Amount | None = None
    last: Amount | None = None
    bid_size: Amount | None = None
    ask_size: Amount | None = None
    close: Amount | None = None
    as_of: Moment
    source: str = ""


class Position(Frozen):
    account: AccountId
    con_id: int
    symbol: str
    quantity: Amount
    """Signed: negative is short."""
    average_cost: Amount | None = None


class AccountFacts(Frozen):
    """What the broker says an account has."""

    account: AccountId
    mode: Mode
    net_liquidation: Money | None = None
    available_funds: Money | None = None
    excess_liquidity: Money | None = None
    cash: Money | None = None
    as_of: Moment


class WhatIf(Frozen):
    """The broker's own estimate of one order. None is 'the broker did not say'."""

    initial_margin_change: Money | None = None
    maintenance_margin_change: Money | None = None
    equity_with_loan_after: Money | None = None
    initial_margin_after: Money | None = None
    maintenance_margin_after: Money | None = None
    commission_min: Money | None = None
    commission_max: Money | None = None
    warning: str = ""
    as_of: Moment


class BrokerState(StrEnum):
    """The state of an order at the broker, in our words."""

    UNACKNOWLEDGED = "unacknowledged"
    """Sent; the broker has not taken it yet."""
    WORKING = "working"
    HELD = "held"
    """Accepted but not at the exchange (a stop before its trigger, before the open)."""
    CANCEL_PENDING = "cancel_pending"
    """A cancel was asked for; it may still fill."""
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    INACTIVE = "inactive"
    """Says nothing final by itself."""


class OrderReport(Frozen):
    """What the broker says of one order of ours, or of a foreign one (`order_ref` empty)."""

    order_ref: str
    perm_id: int | None = None
    """The broker's account-wide identity, once known."""
    account: AccountId
    con_id: int
    side: Side
    quantity: Amount
    state: BrokerState
    filled: Amount
    remaining: Amount
    average_price: Amount | None = None
    text: str = ""
    at: Moment
    order_type: OrderType | None = None
    """The terms as the broker has them; None where it did not say. A modify is done when they are the new ones."""
    limit_price: Amount | None = None
    stop_price: Amount | None = None
    """Of a trailing order the initial stop it was given, not where its trigger stands by now."""
    trailing_amount: Amount | None = None
    trailing_percent: Amount | None = None


def shows_terms(report: OrderReport, order: BrokerOrder) -> bool:
    """Whether the broker has the order with these terms. What it did not say proves nothing."""
    return (
        report.order_type is order.order_type
        and report.quantity == order.quantity
        and report.limit_price == order.limit_price
        and report.stop_price == order.stop_price
        and report.trailing_amount == order.trailing_amount
        and report.trailing_percent == order.trailing_percent
    )


class ExecutionReport(Frozen):
    """One fill. `corrects` names the execution that this one replaces."""

    exec_id: str
    order_ref: str
    perm_id: int | None = None
    account: AccountId
    con_id: int
    side: Side
    quantity: Amount
    price: Amount
    at: Moment
    exchange: str = ""
    corrects: str | None = None


class CommissionReport(Frozen):
    exec_id: str
    commission: Money


class CancelRefused(Frozen):
    """The broker would not cancel. Not proven cancelled, and not proven alive."""

    order_ref: str
    code: int
    text: str
    at: Moment


class ModifyRefused(Frozen):
    """The broker would not change the order: its old terms stand, and it may be alive."""

    order_ref: str
    code: int
    text: str
    at: Moment


class LinkState(StrEnum):
    CONNECTED = "connected"
    BROKER_UNREACHABLE = "broker_unreachable"
    """Our link stands, the broker's own link does not: no submits, keep listening."""
    DISCONNECTED = "disconnected"


class LinkReport(Frozen):
    state: LinkState
    text: str = ""
    at: Moment


class Notice(Frozen):
    """Something the broker said that changes no order by itself."""

    code: int
    text: str
    order_ref: str = ""
    at: Moment


Report = OrderReport | ExecutionReport | CommissionReport | CancelRefused | ModifyRefused | LinkReport | Notice


class BrokerSnapshot(Frozen):
    """Open, completed and executed, asked together. A part that did not answer makes it incomplete."""

    complete: bool
    open_orders: tuple[OrderReport, ...]
    completed_orders: tuple[OrderReport, ...]
    executions: tuple[ExecutionReport, ...]
    at: Moment


class MarketReader(Protocol):
    """Answers questions about the market and the account. Every call has its own deadline inside."""

    async def resolve(self, intent: OrderIntent) -> Contract:
        """The one contract meant. Raises InvalidRequest (none or several), NotConnected."""
        ...

    async def quote(self, contract: Contract) -> Quote:
        """The newest quote; status `unavailable` when there is none. Raises NotConnected."""
        ...

    async def what_if(self, order: BrokerOrder) -> WhatIf | None:
        """The broker's margin and commission estimate; None when it did not answer in time."""
        ...

    async def account(self, account: AccountId) -> AccountFacts: ...

    async def positions(self, account: AccountId) -> tuple[Position, ...]: ...

    async def managed_accounts(self) -> tuple[AccountId, ...]:
        """The accounts of the connected session."""
        ...


class OrderRoute(Protocol):
    """Carries orders to a market. Only the router holds one."""

    async def connect(self) -> None:
        """Connect and synchronise fully, or raise BrokerError with the true reason."""
        ...

    async def close(self) -> None: ...

    async def place(self, order: BrokerOrder) -> None:
        """Send, with its exits where it has some. Raises NotConnected (provably nothing left) or OutcomeUnknown."""
        ...

    async def modify(self, order: BrokerOrder) -> None:
        """Give a working order of ours, named by its reference, these terms; reports tell the outcome.

        Raises NotConnected (provably nothing left) or OutcomeUnknown.
        """
        ...

    async def cancel(self, order_ref: str) -> None:
        """Ask to cancel; reports tell the outcome. Raises NotConnected or OutcomeUnknown."""
        ...

    async def snapshot(self) -> BrokerSnapshot: ...

    async def open_orders(self) -> tuple[OrderReport, ...] | None:
        """Every open order, of all clients; None when the list did not come whole. Raises NotConnected."""
        ...

    def reports(self) -> AsyncIterator[Report]:
        """All reports from now on, in order. One consumer."""
        ...


class Broker(MarketReader, OrderRoute, Protocol):
    """Both halves, as an implementation offers them."""

    @property
    def name(self) -> str:
        """What the header shows, such as 'SIMULATED'."""
        ...
