"""What the store remembers of an order, as values. Written by the store, read by every role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ibgw_tui.core.decision import Decision
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import Approval, OrderIntent, Preview
from ibgw_tui.core.terms import CheckStatus, KillSwitch, Mode, OrderType, Side


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """One order revision with everything known of it."""

    seq: int
    """Position in the store; orders are listed by it, never by time."""
    order_ref: str
    revision: int
    revises: str | None
    """Reference of the revision this one replaces."""
    status: Status
    staged_by: str
    intent: OrderIntent
    staged_at: datetime
    updated_at: datetime
    preview: Preview | None
    """None until the router previewed it."""
    decision: Decision | None
    """The newest recorded decision: at preview, then at submit."""
    approval: Approval | None
    """The newest approval, whatever its status."""
    submit_asked: bool
    """The operator asked to send it now, without waiting for the hold-back."""
    filled: Decimal
    average_price: Decimal | None
    commission: Decimal | None
    perm_id: int | None
    reason_code: str | None
    """Why it is where it is, for the agent: a refusal code or the operator's reason code."""
    reason: str
    """The same in words. Sanitised."""
    cancel_asked_by: str | None
    cancel_sent_at: datetime | None
    parent: str | None = None
    """Of an exit of a bracket: reference of its entry."""
    leg: str | None = None
    """'take_profit' or 'stop_loss'."""
    wire_ref: str = ""
    """The reference the broker knows it by: its own, or of a modify that of the order it changed."""
    took_over: bool = False
    """Of a modify: it has taken effect, and the order it changed is superseded."""
    filled_before: Decimal = Decimal(0)
    """Of a modify that took effect: what was filled before it did. `filled` includes it."""
    edited_by: str | None = None
    """The operator who wrote this revision; None: it is by the one who staged it."""

    @property
    def on_wire(self) -> str:
        return self.wire_ref or self.order_ref


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One order as a list shows it: read from columns alone, so that long lists stay cheap."""

    seq: int
    order_ref: str
    status: Status
    mode: Mode | None
    """None until it was previewed."""
    account: str
    side: Side
    quantity: Decimal
    filled: Decimal
    average_price: Decimal | None
    symbol: str
    order_type: OrderType
    limit_price: Decimal | None
    stop_price: Decimal | None
    currency: str | None
    notional: Decimal | None
    """In `currency`, as estimated at preview."""
    staged_by: str
    staged_at: datetime
    updated_at: datetime
    preview_expires_at: datetime | None
    approval_expires_at: datetime | None
    """Of a live approval."""
    worst: CheckStatus | None
    """The worst finding of the recorded decision."""
    refusal_code: str | None
    """Headline of the recorded decision."""
    reason_code: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class SwitchState:
    """The kill switch as read just now. `epoch` rises with every closing."""

    state: KillSwitch
    epoch: int
    changed_by: str
    reason: str
    changed_at: datetime | None
    source: str
    """'store', 'sentinel file', 'default' (never set) or 'unreadable'."""
    by_file_alone: bool = False
    """Only the sentinel file holds it closed: the store would say open if the file went away."""


@dataclass(frozen=True, slots=True)
class ClaimedKey:
    """An idempotency key after asking for it."""

    is_new: bool
    request_hash: str
    """Hash of the request that first used the key."""
    state: str
    """'pending', 'completed' or 'failed'."""
    order_ref: str | None
    result: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Tally:
    """Counted submits of one account: submitted, working, partly filled, filled or in doubt."""

    submitted_in_window: int
    submitted_in_session: int
    session_notional: dict[str, Decimal]
    """Currency -> sum of the notional of the session's counted submits."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """Remaining quantity of one account's open orders in one contract. Buys and sells are never netted."""

    working_buys: Decimal = Decimal(0)
    working_sells: Decimal = Decimal(0)
    reserved_buys: Decimal = Decimal(0)
    """Being sent: the broker may not know them yet."""
    reserved_sells: Decimal = Decimal(0)
    in_doubt_buys: Decimal = Decimal(0)
    in_doubt_sells: Decimal = Decimal(0)

    @property
    def open_buys(self) -> Decimal:
        return self.working_buys + self.reserved_buys + self.in_doubt_buys

    @property
    def open_sells(self) -> Decimal:
        return self.working_sells + self.reserved_sells + self.in_doubt_sells


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """A decision that was acted on. Inputs and outcome as the canonical JSON text that was written then."""

    seq: int
    order_ref: str
    made_at: datetime
    step: str
    """'preview', 'approve' or 'submit'."""
    inputs: str
    """A case that `cases.parse_case` reads."""
    outcome: str
    """`Decision.as_json`."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    seq: int
    at: datetime
    kind: str
    actor: str
    principal: str
    order_ref: str | None
    body: dict[str, Any]
    hash: str
    """Hex of the chain hash at this entry."""


@dataclass(frozen=True, slots=True)
class LeaseState:
    """Who is the one active router."""

    holder: str
    pid: int
    token: int
    heartbeat_at: datetime


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A broker report that fits nothing we know. An alarm until a person has looked."""

    seq: int
    at: datetime
    order_ref: str | None
    text: str


@dataclass(frozen=True, slots=True)
class ComparisonMade:
    """The newest comparison of our orders with the broker's own records."""

    at: datetime
    complete: bool
    """Open orders, completed orders and executions all answered. Absence means something only then."""
    looked_up: int
    absent: int


@dataclass(frozen=True, slots=True)
class Absence:
    """An order that complete records did not show, look after look, in one healthy session with the broker."""

    order_ref: str
    first_at: datetime
    last_at: datetime
    seconds: int
    """Between the first and the last look, by a clock that nobody can set."""
    looks: int


@dataclass(frozen=True, slots=True)
class CompletedCycle:
    """An order that went the whole way: approved, submitted, filled."""

    order_ref: str
    approved_by: str
    submitted_at: datetime
    filled_at: datetime


@dataclass(frozen=True, slots=True)
class SwitchTest:
    """A closing of the kill switch and the opening that followed it."""

    closed_at: datetime
    closed_by: str
    opened_at: datetime
    opened_by: str
