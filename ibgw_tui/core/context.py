"""All that a decision may look at besides the order and the policy.

None always means *not known*, never zero and never 'fine': an armed check without its input refuses.
The caller cannot supply numbers of its own: counters, prices and switch come from the store, the
configuration and the broker, and each carries when and where it was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from ibgw_tui.core.broker import Quote
from ibgw_tui.core.orders import (
    Approval,
    ApprovalStatus,
    Contract,
    OrderIntent,
    Preview,
    PriceStep,
    Session,
    exit_orders,
)
from ibgw_tui.core.records import SwitchState, Tally
from ibgw_tui.core.terms import (
    EXACT,
    AssetClass,
    Frozen,
    HoursKind,
    Mode,
    Moment,
    Money,
    OrderType,
    QuoteStatus,
    Side,
)


class Operation(StrEnum):
    REVIEW = "review"
    """May this be put before, or approved by, the operator? Gates 5 and 6 are not asked yet."""
    SUBMIT = "submit"
    MODIFY = "modify"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """The order as the limits see it: the intent, measured in its contract's units."""

    account: str
    con_id: int
    symbol: str
    asset_class: AssetClass
    currency: str
    multiplier: Decimal
    side: Side
    quantity: Decimal
    order_type: OrderType
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None

    trailing_amount: Decimal | None = None
    trailing_percent: Decimal | None = None
    limit_offset: Decimal | None = None
    """Of a trailing stop limit: how far its limit lies behind its trigger."""
    exits: tuple[ExitTerms, ...] = ()
    """Of a bracket: what closes the position again. The order itself is the entry."""

    @classmethod
    def of(cls, intent: OrderIntent, contract: Contract) -> OrderTerms:
        return cls(
            account=intent.account,
            con_id=contract.con_id,
            symbol=contract.symbol,
            asset_class=contract.asset_class,
            currency=contract.currency,
            multiplier=contract.multiplier,
            side=intent.side,
            quantity=intent.quantity,
            order_type=intent.order_type,
            limit_price=intent.limit_price,
            stop_price=intent.stop_price,
            trailing_amount=intent.trailing_amount,
            trailing_percent=intent.trailing_percent,
            limit_offset=intent.limit_offset,
            exits=tuple(
                ExitTerms(leg.leg, leg.order_type, leg.limit_price, leg.stop_price) for leg in exit_orders("", intent)
            ),
        )

    def exit_leg(self, terms: ExitTerms) -> OrderTerms:
        """One exit as an order of its own: the same contract and quantity, the other side."""
        return OrderTerms(
            account=self.account,
            con_id=self.con_id,
            symbol=self.symbol,
            asset_class=self.asset_class,
            currency=self.currency,
            multiplier=self.multiplier,
            side=Side.SELL if self.side is Side.BUY else Side.BUY,
            quantity=self.quantity,
            order_type=terms.order_type,
            limit_price=terms.limit_price,
            stop_price=terms.stop_price,
        )


@dataclass(frozen=True, slots=True)
class ExitTerms:
    """A take-profit (a limit) or a stop-loss (a stop or stop-limit) of a bracket."""

    leg: str
    """'take_profit' or 'stop_loss'."""
    order_type: OrderType
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """A price and the currency it is quoted in."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Market:
    """A quote as the checks see it."""

    currency: str
    status: QuoteStatus
    age_seconds: Decimal | None
    bid: Price | None = None
    ask: Price | None = None
    last: Price | None = None
    as_of: datetime | None = None
    source: str | None = None

    @classmethod
    def of(cls, quote: Quote, now: datetime) -> Market:
        """A quote from the future (a clock that stepped back) has an unknown age."""
        age = Decimal((now - quote.as_of) // _MICROSECOND) / 1_000_000
        return cls(
            currency=quote.currency,
            status=quote.status,
            age_seconds=age if age >= 0 else None,
            bid=_price(quote.bid, quote.currency),
            ask=_price(quote.ask, quote.currency),
            last=_price(quote.last, quote.currency),
            as_of=quote.as_of,
            source=quote.source or None,
        )


def _price(value: Decimal | None, currency: str) -> Price | None:
    return None if value is None else Price(value, currency)


_MICROSECOND = datetime.resolution


@dataclass(frozen=True, slots=True)
class Counters:
    """Orders counted against the frequency and session limits of one account."""

    submitted_in_window: int | None
    submitted_in_session: int | None
    session_notional: tuple[Money, ...] | None

    @classmethod
    def of(cls, tally: Tally) -> Counters:
        totals = (Money(amount=total, currency=currency) for currency, total in sorted(tally.session_notional.items()))
        return cls(tally.submitted_in_window, tally.submitted_in_session, tuple(totals))


@dataclass(frozen=True, slots=True)
class Steps:
    """The price and size grid of a contract."""

    prices: tuple[PriceStep, ...]
    """The tick ladder, lowest price first; empty when it is not known."""
    size_increment: Decimal | None

    def tick_at(self, price: Decimal) -> Decimal | None:
        """The increment at a price of this size; None when the ladder is not known."""
        tick: Decimal | None = None
        for step in self.prices:
            if tick is None or price.copy_abs() >= step.from_price:
                tick = step.increment
        return tick


@dataclass(frozen=True, slots=True)
class PositionFacts:
    """What is held of one contract and what may still come; the order itself is not in it.

    Buys and sells are kept apart and never netted: either side may fill alone. None is not known.
    """

    filled: Decimal | None
    """Signed: negative is short."""
    working_buys: Decimal | None = Decimal(0)
    """Remaining quantity of buys at the broker, whoever sent them."""
    working_sells: Decimal | None = Decimal(0)
    reserved_buys: Decimal | None = Decimal(0)
    """Of buys being sent: the broker may not know them yet."""
    reserved_sells: Decimal | None = Decimal(0)
    in_doubt_buys: Decimal | None = Decimal(0)
    in_doubt_sells: Decimal | None = Decimal(0)
    as_of: datetime | None = None

    def open_buys(self) -> Decimal | None:
        return _sum(self.working_buys, self.reserved_buys, self.in_doubt_buys)

    def open_sells(self) -> Decimal | None:
        return _sum(self.working_sells, self.reserved_sells, self.in_doubt_sells)


def _sum(*parts: Decimal | None) -> Decimal | None:
    total = Decimal(0)
    for part in parts:
        if part is None:
            return None
        total = EXACT.add(total, part)
    return total


@dataclass(frozen=True, slots=True)
class WhatIfFacts:
    """The broker's own estimate of the account after this order."""

    excess_liquidity_after: Money | None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hours:
    """When the contract trades, in UTC, as its details said for the days around the order."""

    liquid: tuple[Session, ...]
    trading: tuple[Session, ...]

    def kind_at(self, now: datetime) -> HoursKind | None:
        """LIQUID, TRADING, or None when the market is closed."""
        if any(session.opens <= now < session.closes for session in self.liquid):
            return HoursKind.LIQUID
        if any(session.opens <= now < session.closes for session in self.trading):
            return HoursKind.TRADING
        return None

    def covers(self, now: datetime) -> bool:
        """Whether the details say anything of this moment: they reach a few days ahead, not for ever."""
        sessions = self.liquid + self.trading
        return bool(sessions) and now < max(session.closes for session in sessions)


@dataclass(frozen=True, slots=True)
class FxRate:
    """One unit of `base` in `quote`."""

    base: str
    quote: str
    rate: Decimal | None
    age_seconds: Decimal | None


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """Another order of the operator's own, as the self-cross and duplicate checks see it."""

    account: str
    con_id: int
    side: Side
    quantity: Decimal
    order_type: OrderType
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trailing_amount: Decimal | None = None
    trailing_percent: Decimal | None = None
    limit_offset: Decimal | None = None
    age_seconds: Decimal | None = Decimal(0)
    """Since it was staged; None counts as just now."""
    order_ref: str = ""


@dataclass(frozen=True, slots=True)
class Modification:
    """What a modify starts from. The order that is decided is the *result*."""

    recorded: OrderTerms
    """The working order as our record has it."""
    working: OrderTerms | None
    """The same order as the broker showed it just now; None when it did not."""
    filled: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class LimitContext:
    """What the limit checks look at. None is 'not known', never 'none'."""

    now: datetime
    market: Market | None
    counters: Counters | None
    mode: Mode = Mode.LIVE
    steps: Steps | None = None
    position: PositionFacts | None = None
    what_if: WhatIfFacts | None = None
    hours: Hours | None = None
    fx: tuple[FxRate, ...] = ()
    working_orders: tuple[OwnOrder, ...] | None = None
    """At the broker now, on either side."""
    recent_orders: tuple[OwnOrder, ...] | None = None
    """Pending, approved, working or filled lately; the order itself is not in it."""
    approved_market: Market | None = None
    """The market when the order was approved."""
    was_approved: bool = True
    """False while it is under review: there is no approval to have drifted from."""
    modifies: Modification | None = None
    """Of a modify: the working order is not in `position`, `working_orders` and `recent_orders`."""


class Checklist(Frozen):
    """The paper-to-live checklist as a person acknowledged it."""

    paper_trading_validated: bool = False
    approvals_reviewed: bool = False
    limits_reviewed: bool = False
    kill_switch_tested: bool = False
    incident_runbook_reviewed: bool = False
    acknowledged_by: str | None = None
    acknowledged_at: Moment | None = None
    evidence: Mapping[str, str] = Field(default_factory=dict)
    """What stood behind it then, such as the last completed paper order and the last test of the switch."""

    def missing(self) -> tuple[str, ...]:
        """Names of what is not acknowledged."""
        items = (
            "paper_trading_validated",
            "approvals_reviewed",
            "limits_reviewed",
            "kill_switch_tested",
            "incident_runbook_reviewed",
        )
        gaps = [name for name in items if not getattr(self, name)]
        gaps += [] if (self.acknowledged_by or "").strip() else ["acknowledged_by"]
        gaps += [] if self.acknowledged_at else ["acknowledged_at"]
        return tuple(gaps)


@dataclass(frozen=True, slots=True)
class PreviewFacts:
    preview_id: str
    digest: str
    policy_digest: str | None
    expires_at: datetime | None
    replaced_by: str | None = None
    """Reference of a newer revision, if there is one."""
    staged_by: str | None = None
    created_at: datetime | None = None

    @classmethod
    def of(cls, preview: Preview, replaced_by: str | None) -> PreviewFacts:
        return cls(
            preview.preview_id,
            preview.digest,
            preview.policy_digest,
            preview.expires_at,
            replaced_by,
            preview.staged_by,
            preview.created_at,
        )


@dataclass(frozen=True, slots=True)
class ApprovalFacts:
    """What gate 5 looks at. What is None was not told (a hand-written case), and is not asked."""

    approval_id: str
    preview_id: str
    digest: str
    account: str
    status: ApprovalStatus
    operator: str
    expires_at: datetime | None
    approved_at: datetime | None = None
    policy_digest: str | None = None
    switch_epoch: int | None = None

    @classmethod
    def of(cls, approval: Approval) -> ApprovalFacts:
        return cls(
            approval.approval_id,
            approval.preview_id,
            approval.preview_digest,
            approval.account,
            approval.status,
            approval.operator,
            approval.expires_at,
            approval.approved_at,
            approval.policy_digest,
            approval.switch_epoch,
        )


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """Whether this very transaction could append, and how far the chain was verified."""

    available: bool
    seq: int
    verified_seq: int | None = None
    problem: str = ""
    verified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What the connected broker session says of itself."""

    managed_accounts: tuple[str, ...] | None
    """None when it has not named them."""
    mode: Mode | None = None
    """Read from the session, not from the configuration."""
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What is known of the idempotency key of this request."""

    is_fresh: bool | None
    """Never used before; None when that was not looked up."""
    is_unknown_to_broker: bool | None = None
    """The order reference was not seen at the broker; None when that was not looked up."""


@dataclass(frozen=True, slots=True)
class GateContext:
    """What the ten gates look at. None is 'not known', and refuses where a gate needs it."""

    now: datetime
    operation: Operation
    mode: Mode
    enabled: bool | None
    """The configuration allows this mode."""
    invocation_enabled: bool | None
    """And this start of the program asked for it."""
    allowed_accounts: tuple[str, ...] | None
    scopes: frozenset[str] | None
    """Of the principal that submits."""
    preview: PreviewFacts | None
    approval: ApprovalFacts | None
    idempotency_key: str | None
    risk_policy_id: str | None
    switch: SwitchState | None
    audit: AuditFacts | None
    checklist: Checklist | None
    key: KeyFacts | None = None
    policy_digest: str | None = None
    """Of the policy in force now; None when it is not compared (a hand-written case)."""
    session: SessionFacts | None = None
    asks_session: bool = True
    """False only where there is no session to ask (a hand-written case)."""
    configured_at: datetime | None = None
    """When the configuration was read."""
