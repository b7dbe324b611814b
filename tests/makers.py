"""A home for made-up values: each maker returns a valid one, and takes what a test cares about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ibgw_tui.core.broker import Quote
from ibgw_tui.core.context import (
    ApprovalFacts,
    AuditFacts,
    Checklist,
    Counters,
    GateContext,
    KeyFacts,
    LimitContext,
    Market,
    Operation,
    OrderTerms,
    PreviewFacts,
    Price,
    SessionFacts,
    Steps,
)
from ibgw_tui.core.orders import Approval, ApprovalStatus, Contract, OrderIntent, PriceStep, parse_intent
from ibgw_tui.core.policy import FrequencyLimit, LimitPolicy, SessionLimit
from ibgw_tui.core.records import SwitchState
from ibgw_tui.core.terms import AssetClass, KillSwitch, Mode, Money, OrderType, QuoteStatus, Scope, Side

NOON = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


class SettableClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


def usd(value: str) -> Money:
    return Money(amount=Decimal(value), currency="USD")


def an_intent_data(**changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "account": "DU1234567",
        "symbol": "AAPL",
        "side": "buy",
        "quantity": "1",
        "limit_price": "100",
        "rationale": "a test",
    }
    data.update(changes)
    return {name: value for name, value in data.items() if value is not None}


def an_intent(**changes: Any) -> OrderIntent:
    return parse_intent(an_intent_data(**changes))


def a_contract(**changes: Any) -> Contract:
    data: dict[str, Any] = {
        "con_id": 265598,
        "symbol": "AAPL",
        "asset_class": AssetClass.STOCK,
        "currency": "USD",
        "exchange": "SMART",
        "price_steps": (PriceStep(from_price=Decimal(0), increment=Decimal("0.01")),),
        "size_increment": Decimal(1),
        "time_zone": "America/New_York",
    }
    return Contract(**{**data, **changes})


def a_policy(**changes: Any) -> LimitPolicy:
    """The seed's shipped numbers: our example policy."""
    data: dict[str, Any] = {
        "enabled": True,
        "max_notional": usd("1000"),
        "max_quantity": Decimal(10),
        "allowed_symbols": ("AAPL",),
        "allowed_asset_classes": (AssetClass.STOCK,),
        "frequency_limit": FrequencyLimit(max_orders=5, window_seconds=300),
        "session_limit": SessionLimit(max_orders_per_session=20, max_session_notional=usd("5000")),
        "max_price_deviation_bps": 500,
        "max_quote_age_seconds": 30,
    }
    return LimitPolicy(**{**data, **changes})


def terms(**changes: Any) -> OrderTerms:
    data: dict[str, Any] = {
        "account": "U1234567",
        "con_id": 265598,
        "symbol": "AAPL",
        "asset_class": AssetClass.STOCK,
        "currency": "USD",
        "multiplier": Decimal(1),
        "side": Side.BUY,
        "quantity": Decimal(1),
        "order_type": OrderType.LIMIT,
        "limit_price": Decimal(100),
    }
    return OrderTerms(**{**data, **changes})


def a_market(bid: str | None = "99", ask: str | None = "101", last: str | None = "100", **changes: Any) -> Market:
    currency = changes.pop("currency", "USD")
    data: dict[str, Any] = {
        "currency": currency,
        "status": QuoteStatus.LIVE,
        "age_seconds": Decimal(1),
        "bid": Price(Decimal(bid), currency) if bid else None,
        "ask": Price(Decimal(ask), currency) if ask else None,
        "last": Price(Decimal(last), currency) if last else None,
        "as_of": NOON,
        "source": "test",
    }
    return Market(**{**data, **changes})


def counters(window: int | None = 0, session: int | None = 0, notional: str | None = "0") -> Counters:
    return Counters(window, session, None if notional is None else (usd(notional),))


def limit_context(**changes: Any) -> LimitContext:
    data: dict[str, Any] = {
        "now": NOON,
        "market": a_market(),
        "counters": counters(),
        "steps": Steps((PriceStep(from_price=Decimal(0), increment=Decimal("0.01")),), Decimal(1)),
    }
    return LimitContext(**{**data, **changes})


def an_approval(**changes: Any) -> Approval:
    data: dict[str, Any] = {
        "approval_id": "a1",
        "preview_id": "p1",
        "preview_digest": "d1",
        "policy_digest": a_policy().digest,
        "account": "U1234567",
        "operator": "operator-1",
        "status": ApprovalStatus.APPROVED,
        "approved_at": NOON,
        "release_at": NOON,
        "expires_at": NOON + timedelta(minutes=5),
        "switch_epoch": 3,
    }
    return Approval(**{**data, **changes})


def a_checklist(**changes: Any) -> Checklist:
    data: dict[str, Any] = {
        "paper_trading_validated": True,
        "approvals_reviewed": True,
        "limits_reviewed": True,
        "kill_switch_tested": True,
        "incident_runbook_reviewed": True,
        "acknowledged_by": "operator-1",
        "acknowledged_at": NOON - timedelta(days=2),
    }
    return Checklist(**{**data, **changes})


def a_switch(state: KillSwitch = KillSwitch.OPEN, epoch: int = 3) -> SwitchState:
    return SwitchState(state, epoch, "operator-1", "start of day", NOON, "store")


def gate_context(**changes: Any) -> GateContext:
    """A live submit that passes every gate."""
    data: dict[str, Any] = {
        "now": NOON,
        "operation": Operation.SUBMIT,
        "mode": Mode.LIVE,
        "enabled": True,
        "invocation_enabled": True,
        "allowed_accounts": ("U1234567",),
        "session": SessionFacts(("U1234567",), Mode.LIVE, NOON),
        "scopes": frozenset({Scope.LIVE_SUBMIT.value}),
        "preview": PreviewFacts("p1", "d1", a_policy().digest, NOON + timedelta(minutes=5)),
        "approval": ApprovalFacts.of(an_approval()),
        "idempotency_key": "k1",
        "key": KeyFacts(True, True),
        "risk_policy_id": "example",
        "policy_digest": a_policy().digest,
        "switch": a_switch(),
        "audit": AuditFacts(True, 12, 12),
        "checklist": a_checklist(),
    }
    return GateContext(**{**data, **changes})


def a_quote(bid: str | None = "99", ask: str | None = "101", **changes: Any) -> Quote:
    data: dict[str, Any] = {
        "con_id": 265598,
        "currency": "USD",
        "status": QuoteStatus.LIVE,
        "bid": Decimal(bid) if bid else None,
        "ask": Decimal(ask) if ask else None,
        "as_of": NOON,
        "source": "test",
    }
    return Quote(**{**data, **changes})
