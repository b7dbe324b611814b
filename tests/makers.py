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
    FxRate,
    GateContext,
    Hours,
    KeyFacts,
    LimitContext,
    Market,
    Operation,
    OrderTerms,
    OwnOrder,
    PositionFacts,
    PreviewFacts,
    Price,
    SessionFacts,
    Steps,
    WhatIfFacts,
)
from ibgw_tui.core.orders import Approval, ApprovalStatus, Contract, OrderIntent, PriceStep, Session, parse_intent
from ibgw_tui.core.policy import FrequencyLimit, LimitPolicy, SessionLimit
from ibgw_tui.core.records import SwitchState
from ibgw_tui.core.terms import AssetClass, HoursKind, KillSwitch, Mode, Money, OrderType, QuoteStatus, Scope, Side

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


def an_armed_policy(**changes: Any) -> LimitPolicy:
    """The example policy with every check armed."""
    data: dict[str, Any] = {
        "max_fx_age_seconds": 60,
        "max_spread_bps": 200,
        "max_position": Decimal(100),
        "min_excess_liquidity": usd("5000"),
        "duplicate_window_seconds": 60,
        "refuse_self_cross": True,
        "market_hours": HoursKind.LIQUID,
        "max_drift_bps": 50,
    }
    return a_policy(**{**data, **changes})


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


def an_own_order(**changes: Any) -> OwnOrder:
    """Another order of ours, equal to `terms()`, staged ten seconds ago."""
    data: dict[str, Any] = {
        "account": "U1234567",
        "con_id": 265598,
        "side": Side.BUY,
        "quantity": Decimal(1),
        "order_type": OrderType.LIMIT,
        "limit_price": Decimal(100),
        "age_seconds": Decimal(10),
        "order_ref": "o-other",
    }
    return OwnOrder(**{**data, **changes})


def some_hours() -> Hours:
    """Liquid from an hour before NOON to six hours after it, trading four hours longer on both sides."""
    liquid = Session(opens=NOON - timedelta(hours=1), closes=NOON + timedelta(hours=6))
    return Hours((liquid,), (Session(opens=NOON - timedelta(hours=5), closes=NOON + timedelta(hours=10)),))


def armed_context(**changes: Any) -> LimitContext:
    """All that the checks of `an_armed_policy` look at, and nothing wrong."""
    data: dict[str, Any] = {
        "position": PositionFacts(Decimal(0), as_of=NOON),
        "what_if": WhatIfFacts(usd("20000"), NOON),
        "hours": some_hours(),
        "fx": (FxRate("EUR", "USD", Decimal("1.1"), Decimal(5)),),
        "working_orders": (),
        "recent_orders": (),
        "approved_market": a_market(),
    }
    return limit_context(**{**data, **changes})


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


def a_case_data(**changes: Any) -> dict[str, Any]:
    """The case of the documentation: a live submit that passes. A change to None leaves that section out."""
    data: dict[str, Any] = {
        "case": "baseline",
        "now": "2026-11-22T15:00:00Z",
        "operation": "submit",
        "mode": "live",
        "order": {
            "account": "U1234567", "con_id": 265598, "symbol": "AAPL", "asset_class": "stock", "currency": "USD",
            "multiplier": "1", "side": "buy", "quantity": "1", "order_type": "limit", "limit_price": "100",
            "time_in_force": "day",
        },
        "preview": {"preview_id": "p1", "digest": "d1", "expires_at": "2026-11-22T15:05:00Z"},
        "approval": {
            "approval_id": "a1", "preview_id": "p1", "digest": "d1", "account": "U1234567", "status": "approved",
            "operator": "operator-1", "expires_at": "2026-11-22T15:05:00Z",
        },
        "idempotency_key": "k1",
        "risk_policy_id": "configured-policy",
        "policies": {
            "configured-policy": {
                "enabled": True, "max_notional": {"amount": "1000", "currency": "USD"}, "max_quantity": "10",
                "allowed_symbols": ["AAPL"], "allowed_asset_classes": ["stock"],
                "frequency_limit": {"max_orders": 5, "window_seconds": 300},
                "session_limit": {
                    "max_orders_per_session": 20, "max_session_notional": {"amount": "5000", "currency": "USD"},
                },
                "max_price_deviation_bps": 500, "max_quote_age_seconds": 30,
            }
        },
        "live": {"enabled": True, "invocation_enabled": True, "allowed_accounts": ["U1234567"]},
        "scopes": ["orders:live:submit"],
        "kill_switch": "open",
        "audit_available": True,
        "checklist": {
            "paper_trading_validated": True, "approvals_reviewed": True, "limits_reviewed": True, "kill_switch_tested": True,
            "incident_runbook_reviewed": True, "acknowledged_by": "operator-1", "acknowledged_at": "2026-11-20T09:00:00Z",
        },
        "market": {"bid": "99", "ask": "101", "last": "100", "currency": "USD", "status": "live", "age_seconds": 1},
        "counters": {
            "submitted_in_window": 0, "submitted_in_session": 0, "session_notional": {"amount": "0", "currency": "USD"},
        },
    }  # fmt: skip
    return {name: value for name, value in {**data, **changes}.items() if value is not None}


def an_armed_case_data(**changes: Any) -> dict[str, Any]:
    """The same with every check armed, every section there, and nothing wrong."""
    base = a_case_data()
    armed = {
        "max_fx_age_seconds": 60, "max_spread_bps": 200, "max_position": "100", "duplicate_window_seconds": 60,
        "min_excess_liquidity": {"amount": "5000", "currency": "USD"}, "refuse_self_cross": True,
        "market_hours": "liquid", "max_drift_bps": 50,
    }  # fmt: skip
    policy = {**base["policies"]["configured-policy"], **armed}
    other = {"account": "U1234567", "con_id": 265598, "side": "sell", "quantity": "1", "order_type": "limit"}
    data: dict[str, Any] = {
        "policies": {"configured-policy": policy},
        "contract": {"price_steps": [{"from_price": "0", "increment": "0.01"}], "size_increment": "1"},
        "position": {"filled": "5", "working_buys": "1", "working_sells": "1", "reserved_buys": "0", "reserved_sells": "0", "in_doubt_buys": "0", "in_doubt_sells": "0", "as_of": "2026-11-22T14:59:58Z"},
        "what_if": {"excess_liquidity_after": {"amount": "20000", "currency": "USD"}, "as_of": "2026-11-22T14:59:59Z"},
        "hours": {
            "liquid": [["2026-11-22T14:30:00Z", "2026-11-22T21:00:00Z"]],
            "trading": [["2026-11-22T09:00:00Z", "2026-11-23T01:00:00Z"]],
        },
        "fx": [{"base": "EUR", "quote": "USD", "rate": "1.1", "age_seconds": "5"}],
        "working_orders": [{**other, "limit_price": "120"}],
        "recent_orders": [{**other, "limit_price": "120", "age_seconds": "3"}],
        "approved_market": {"bid": "99", "ask": "101", "currency": "USD", "status": "live", "age_seconds": 20},
        "session": {"managed_accounts": ["U1234567"], "mode": "live", "as_of": "2026-11-22T14:59:59Z"},
        "switch": {
            "epoch": 3, "changed_by": "operator-1", "reason": "start", "source": "store",
            "changed_at": "2026-11-22T13:00:00Z",
        },
        "audit": {"seq": 12, "verified_seq": 12, "verified_at": "2026-11-22T14:00:00Z"},
        "key": {"is_fresh": True, "is_unknown_to_broker": True},
    }  # fmt: skip
    return {name: value for name, value in {**base, **data, **changes}.items() if value is not None}
