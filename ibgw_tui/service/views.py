"""Read models: what a screen or a listing shows, as values. Formatting is the door's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from ibgw_tui.core.broker import OrderReport, Position, Quote
from ibgw_tui.core.decision import Decision, Finding
from ibgw_tui.core.edits import Comparison
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.passing import Passing
from ibgw_tui.core.records import LeaseState, OrderRecord, SwitchState
from ibgw_tui.core.terms import EXACT, CheckStatus, Mode, Money, OrderType, Side


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One line of the queue or the blotter."""

    seq: int
    order_ref: str
    status: Status
    mode: Mode
    account: str
    side: Side
    quantity: Decimal
    filled: Decimal
    average_price: Decimal | None
    symbol: str
    order_type: OrderType
    limit_price: Decimal | None
    stop_price: Decimal | None
    currency: str
    notional: Money | None
    staged_by: str
    staged_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    """Of the preview, or of the approval once there is one."""
    worst: CheckStatus
    """The worst finding of the recorded decision."""
    headline: str | None
    """Refusal code of the recorded decision, or why the order ended."""
    reason: str


SESSION_BAR = "session notional"


@dataclass(frozen=True, slots=True)
class LimitBar:
    """One limit as numbers: what is used, what this order adds, what is allowed."""

    name: str
    used: Decimal
    this_order: Decimal
    limit: Decimal | None
    """None: not set by the policy."""
    unit: str
    status: CheckStatus


@dataclass(frozen=True, slots=True)
class Shown:
    """What the operator saw when deciding: an approval is bound to this, not to a row."""

    order_ref: str
    preview_id: str
    preview_digest: str
    policy_digest: str
    switch_epoch: int


@dataclass(frozen=True, slots=True)
class Edit:
    """Other numbers for an order as it was displayed. `changes` are texts as they were typed, by field."""

    order_ref: str
    preview_digest: str
    changes: Mapping[str, str]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One order with everything the operator needs to decide, as of one moment. Frozen."""

    record: OrderRecord
    now: datetime
    sentence: str
    quote: Quote | None
    quote_age_seconds: Decimal | None
    position: Position | None
    position_after: Decimal | None
    """If the whole order fills."""
    bars: tuple[LimitBar, ...]
    decision: Decision | None
    """Evaluated just now on the newest facts; None while the router has not previewed it."""
    gates: tuple[Finding, ...]
    limits: tuple[Finding, ...]
    executions: tuple[ExecutionRow, ...]
    shown: Shown | None
    """Hand this to `Review.approve`; None when there is nothing to approve."""
    approvable: bool
    why_not: str
    """Empty when approvable: else the code and the sentence the operator reads."""
    release_in_seconds: Decimal | None
    """Left of the hold-back after an approval."""
    excess_before: Money | None = None
    """Excess liquidity of the account, as the router last read it; None where it did not."""
    first_trade: bool = False
    """Live, and nothing of this contract was ever filled in this account through this desk."""
    passing: Passing | None = None
    """Numbers the limits would let pass, of an order that they refuse; None where there are none."""
    compared: tuple[Comparison, ...] = ()
    """What differs from the working order that it changes, and from the revision that it follows."""
    open_besides: Decimal | None = None
    """What own open orders of this contract on this side would still add to the position; None where not known."""

    @property
    def exposure(self) -> tuple[Decimal, Decimal] | None:
        """The position if everything open on this side fills, without this order and with it."""
        if self.position is None or self.position_after is None or self.open_besides is None:
            return None
        waiting = EXACT.multiply(Decimal(self.record.intent.side.sign), self.open_besides)
        return EXACT.add(self.position.quantity, waiting), EXACT.add(self.position_after, waiting)


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One order of several. `problem` says why it cannot be approved with those before it; empty when it can."""

    ticket: Ticket
    problem: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Several orders as of one moment, decided one after another as if those before were sent. Frozen."""

    lines: tuple[BatchLine, ...]
    notional: Money | None
    """Of all together, at the worst case; None where it cannot be added up."""
    bars: tuple[LimitBar, ...]
    """Of the session, with what all of them add."""

    @property
    def problem(self) -> str:
        """The first order that stands in the way, and why."""
        found = next((line for line in self.lines if line.problem), None)
        return f"{found.ticket.record.order_ref}: {found.problem}" if found else ""


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    at: datetime
    quantity: Decimal
    price: Decimal
    exec_id: str


class Outcome(StrEnum):
    """What is known of an order after its cancel was asked for. Only the broker's word makes it certain."""

    CANCELLED = "cancelled"
    FILLED = "filled"
    """In the race: the fill was faster."""
    NOT_AT_BROKER = "not_at_broker"
    """It never was there, or the broker had rejected it."""
    UNCONFIRMED = "unconfirmed"
    """The broker has not said; it may work still."""


@dataclass(frozen=True, slots=True)
class Swept:
    """One order whose cancel was asked for, and what came of it so far."""

    record: OrderRecord
    outcome: Outcome

    @property
    def is_certain(self) -> bool:
        return self.outcome is not Outcome.UNCONFIRMED

    @property
    def filled(self) -> Decimal:
        return self.record.filled


@dataclass(frozen=True, slots=True)
class DeskState:
    """The header: where we are, in words."""

    now: datetime
    mode: Mode
    backend: str
    accounts: tuple[str, ...]
    operator: str
    switch: SwitchState
    link_state: str | None
    """A LinkState value; None when no router has reported yet."""
    link_text: str
    link_at: datetime | None
    router: LeaseState | None
    router_alive: bool
    audit_seq: int
    audit_head: str
    audit_ok: bool
    audit_problem: str
    pending: int
    working: int
    in_doubt: int
    discrepancies: int
    counts: dict[Status, int]
    """Of open orders and of those at the broker; a status without any is absent."""
    foreign: tuple[OrderReport, ...] = ()
    """Open orders at the broker that are not ours."""
    against_opening: tuple[str, ...] = ()
    """What stands against opening the kill switch; empty when the reconciliation is clean."""
