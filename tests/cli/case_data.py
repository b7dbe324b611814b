"""A hand-written decision case that is allowed, as a person would write it."""

from __future__ import annotations

import copy
from typing import Any

_CASE: dict[str, Any] = {
    "case": "baseline",
    "now": "2026-11-22T15:00:00Z",
    "operation": "submit",
    "mode": "live",
    "order": {
        "account": "U1234567",
        "con_id": 265598,
        "symbol": "AAPL",
        "asset_class": "stock",
        "currency": "USD",
        "multiplier": "1",
        "side": "buy",
        "quantity": "1",
        "order_type": "limit",
        "limit_price": "100",
        "time_in_force": "day",
    },
    "preview": {"preview_id": "p1", "digest": "d1", "expires_at": "2026-11-22T15:05:00Z"},
    "approval": {
        "approval_id": "a1",
        "preview_id": "p1",
        "digest": "d1",
        "account": "U1234567",
        "status": "approved",
        "operator": "operator-1",
        "expires_at": "2026-11-22T15:05:00Z",
    },
    "idempotency_key": "k1",
    "risk_policy_id": "configured-policy",
    "policies": {
        "configured-policy": {
            "enabled": True,
            "max_notional": {"amount": "1000", "currency": "USD"},
            "max_quantity": "10",
            "allowed_symbols": ["AAPL"],
            "allowed_asset_classes": ["stock"],
            "frequency_limit": {"max_orders": 5, "window_seconds": 300},
            "session_limit": {
                "max_orders_per_session": 20,
                "max_session_notional": {"amount": "5000", "currency": "USD"},
            },
            "max_price_deviation_bps": 500,
            "max_quote_age_seconds": 30,
        }
    },
    "live": {"enabled": True, "invocation_enabled": True, "allowed_accounts": ["U1234567"]},
    "scopes": ["orders:live:submit"],
    "kill_switch": "open",
    "audit_available": True,
    "checklist": {
        "paper_trading_validated": True,
        "approvals_reviewed": True,
        "limits_reviewed": True,
        "kill_switch_tested": True,
        "incident_runbook_reviewed": True,
        "acknowledged_by": "operator-1",
        "acknowledged_at": "2026-11-20T09:00:00Z",
    },
    "market": {"bid": "99", "ask": "101", "last": "100", "currency": "USD", "status": "live", "age_seconds": 1},
    "counters": {
        "submitted_in_window": 0,
        "submitted_in_session": 0,
        "session_notional": {"amount": "0", "currency": "USD"},
    },
}


def a_case(**changes: Any) -> dict[str, Any]:
    """The case with other sections; None leaves one out."""
    data = {**copy.deepcopy(_CASE), **changes}
    return {name: value for name, value in data.items() if value is not None}


def an_order(**changes: Any) -> dict[str, Any]:
    """Its order with other fields; None leaves one out."""
    data = {**copy.deepcopy(_CASE["order"]), **changes}
    return {name: value for name, value in data.items() if value is not None}
