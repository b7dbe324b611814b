"""All that a decision may look at besides the order and the policy.

None always means *not known*, never zero and never 'fine': an armed check without its input refuses.
The caller cannot supply numbers of its own: counters, prices and switch come from the store, the
configuration and the broker, and each carries when and where it was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from ibgw_tui.core.broker import Quote
from ibgw_tui.core.orders import Approval, Contract, OrderIntent
from ibgw_tui.core.records import SwitchState, Tally
from ibgw_tui.core.terms import (
    AssetClass,
    Frozen,
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
        )


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
class LimitContext:
    """What the limit checks look at."""

    now: datetime
    market: Market | None
    counters: Counters | None


class Checklist(Frozen):
    """The paper-to-live checklist as a person acknowledged it."""

    paper_trading_validated: bool = False
    approvals_reviewed: bool = False
    limits_reviewed: bool = False
    kill_switch_tested: bool = False
    incident_runbook_reviewed: bool = False
    acknowledged_by: str | None = None
    acknowledged_at: Moment | None = None

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
        gaps += [name for name in ("acknowledged_by", "acknowledged_at") if not getattr(self, name)]
        return tuple(gaps)


@dataclass(frozen=True, slots=True)
class PreviewFacts:
    preview_id: str
    digest: str
    policy_digest: str
    expires_at: datetime
    replaced_by: str | None = None
    """Reference of a newer revision, if there is one."""


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """Whether this very transaction could append, and how far the chain was verified."""

    available: bool
    seq: int
    verified_seq: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class GateContext:
    """What the ten gates look at."""

    now: datetime
    operation: Operation
    mode: Mode
    enabled: bool
    """The configuration allows this mode."""
    invocation_enabled: bool
    """And this start of the program asked for it."""
    allowed_accounts: tuple[str, ...]
    managed_accounts: tuple[str, ...] | None
    """The accounts of the connected session; None when no session reported them."""
    scopes: frozenset[str] | None
    """Of the principal that submits."""
    preview: PreviewFacts | None
    approval: Approval | None
    idempotency_key: str | None
    key_is_fresh: bool | None
    """Never used before; None when that was not looked up."""
    risk_policy_id: str | None
    policy_digest: str | None
    """Of the policy in force now; None when the id is not defined."""
    switch: SwitchState | None
    audit: AuditFacts | None
    checklist: Checklist | None
    needs_managed_account: bool = True
    """False only where there is no session to ask (recorded cases)."""
