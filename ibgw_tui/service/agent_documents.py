"""What agents are told, as JSON documents: advice, limits, market and changes, each with the time it was true.

An absent value is null and means *not known*; it is never filled with a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from ibgw_tui.core.broker import Position, Quote
from ibgw_tui.core.context import Market
from ibgw_tui.core.decision import Decision
from ibgw_tui.core.hints import Hints
from ibgw_tui.core.prices import reference_price
from ibgw_tui.core.records import AuditEntry, OrderRecord
from ibgw_tui.core.terms import CheckStatus, iso
from ibgw_tui.service.advising import Advice, Headroom, RouterState, SessionHours, Snapshot, is_fresh, left_of
from ibgw_tui.service.documents import money, order_line, plain

_TELLING = (CheckStatus.REFUSE, CheckStatus.UNKNOWN, CheckStatus.WARN)


_NEEDED = 5
"""So many limits at the head of the list refuse every order while the policy does not set them."""


def router(state: RouterState) -> dict[str, Any]:
    lease, link = state.lease, state.link
    return {
        "running": state.alive,
        "words": state.words,
        "heartbeat_at": plain(lease.heartbeat_at) if lease else None,
        "link": {"state": link[0], "text": link[1], "since": iso(link[2])} if link else None,
    }


def findings(decision: Decision | None, *, everything: bool = False) -> list[dict[str, Any]]:
    """Of a decision: what refuses, is not known or warns; with `everything` also what passes."""
    found = decision.findings if decision else ()
    return [finding.as_json() for finding in found if everything or finding.status in _TELLING]


def order_status(
    record: OrderRecord,
    *,
    revised_by: str | None,
    hints: Hints | None,
    executions: Sequence[Mapping[str, Any]],
    everything: bool = False,
) -> dict[str, Any]:
    """One order as its agent needs it: where it is, why, what would pass, and what replaced it."""
    preview, approval, decision = record.preview, record.approval, record.decision
    return {
        **order_line(record),
        "intent": plain(record.intent),
        "revised_by": revised_by,
        "preview": {
            "preview_id": preview.preview_id,
            "digest": preview.digest,
            "mode": preview.mode.value,
            "con_id": preview.contract.con_id,
            "expires_at": iso(preview.expires_at),
            "estimate": plain(preview.estimate),
        }
        if preview
        else None,
        "refusal_code": decision.refusal_code if decision else None,
        "findings": findings(decision, everything=everything),
        "hints": hints.as_json() if hints else None,
        "approval": {"status": approval.status.value, "expires_at": iso(approval.expires_at)} if approval else None,
        "cancel_asked_by": record.cancel_asked_by,
        "executions": [
            {"at": iso(fill["at"]), "quantity": plain(fill["quantity"]), "price": plain(fill["price"])}
            for fill in executions
        ],
    }


def advice(found: Advice) -> dict[str, Any]:
    decision = found.decision
    return {
        "sentence": found.sentence,
        "verdict": found.verdict,
        "refusal_code": decision.refusal_code,
        "error_code": decision.error_code.value if decision.error_code else None,
        "message": decision.message,
        "user_action": decision.user_action,
        "findings": findings(decision),
        "hints": found.hints.as_json(),
        "contract": _contract(found.contract) if found.contract else None,
        "assumed": list(found.assumed),
        "quote": quote(found.quote, found.now),
        "as_of": iso(found.now),
        "note": "a dry run on what the router recorded last: nothing was staged, and the market may have moved",
    }


def _contract(contract: Any) -> dict[str, Any]:
    names = ("con_id", "symbol", "asset_class", "currency", "exchange", "description", "multiplier", "size_increment")
    told = {name: plain(getattr(contract, name)) for name in names}
    told |= {name: plain(getattr(contract, name)) for name in ("expiry", "strike", "right") if getattr(contract, name)}
    return told


def quote(found: Quote | None, now: datetime) -> dict[str, Any] | None:
    if found is None:
        return None
    market = Market.of(found, now)
    base = reference_price(market)
    return {
        "status": found.status.value,
        "bid": money(found.bid, found.currency),
        "ask": money(found.ask, found.currency),
        "last": money(found.last, found.currency),
        "reference": money(base.amount, base.currency) if base else None,
        "as_of": iso(found.as_of),
        "age_seconds": plain(market.age_seconds),
        "source": found.source,
    }


def snapshot(found: Snapshot) -> dict[str, Any]:
    return {"contract": _contract(found.contract), "quote": quote(found.quote, found.now)}


def hours(found: SessionHours) -> dict[str, Any]:
    session = found.next_liquid
    return {
        "contract": _contract(found.contract),
        "state": found.state,
        "regular_session": {"opens": iso(session.opens), "closes": iso(session.closes)} if session else None,
        "time_zone": found.contract.time_zone or None,
        "known_at": iso(found.known_at),
        "as_of": iso(found.now),
    }


def positions(held: Sequence[Position], at: datetime | None, now: datetime) -> dict[str, Any]:
    """`known` is false when the router did not say lately: the list then is what it said last."""
    return {
        "known": is_fresh(at, now),
        "as_of": plain(at),
        "positions": [plain(position) for position in held],
    }


def headroom(found: Headroom) -> dict[str, Any]:
    """Every number of the policy with what is used and what is left."""
    policy, tally = found.policy, found.tally
    body: dict[str, Any] = {
        "account": found.account,
        "policy_id": found.policy_id,
        "enabled": policy.enabled if policy else None,
        "allowed_symbols": list(policy.allowed_symbols) if policy else [],
        "allowed_asset_classes": [kind.value for kind in policy.allowed_asset_classes] if policy else [],
        "limits": [],
        "waiting_orders": {
            "used": found.waiting,
            "limit": found.max_waiting,
            "left": max(0, found.max_waiting - found.waiting),
        },
        "session_start": iso(found.session_start),
        "as_of": iso(found.now),
    }
    if policy is None or tally is None:
        return body
    frequency, session = policy.frequency_limit, policy.session_limit
    cap = session.max_session_notional if session else None
    spent = tally.session_notional.get(cap.currency, Decimal(0)) if cap else Decimal(0)
    zero = Decimal(0)
    rows: list[tuple[str, Decimal, Decimal | None, str]] = [
        ("max_quantity", zero, policy.max_quantity, "units of one order"),
        (
            "max_notional",
            zero,
            policy.max_notional.amount if policy.max_notional else None,
            f"{policy.max_notional.currency if policy.max_notional else ''} of one order".strip(),
        ),
        (
            "frequency_limit",
            Decimal(tally.submitted_in_window),
            Decimal(frequency.max_orders) if frequency else None,
            f"orders in {frequency.window_seconds} s" if frequency else "orders",
        ),
        (
            "max_orders_per_session",
            Decimal(tally.submitted_in_session),
            Decimal(session.max_orders_per_session) if session else None,
            "orders in the session",
        ),
        ("max_session_notional", spent, cap.amount if cap else None, f"{cap.currency if cap else ''} in the session"),
        ("max_price_deviation_bps", zero, _number(policy.max_price_deviation_bps), "bps from the reference price"),
        ("max_quote_age_seconds", zero, _number(policy.max_quote_age_seconds), "s"),
        ("max_position", zero, policy.max_position, "units of one contract, either way"),
    ]
    body["limits"] = [
        {
            "limit": name,
            "allowed": plain(limit),
            "used": plain(used),
            "left": plain(left_of(limit, used)),
            "unit": unit,
            "when_not_set": "refuses" if number < _NEEDED else "off",
        }
        for number, (name, used, limit, unit) in enumerate(rows)
    ]
    other = {
        currency: plain(value)
        for currency, value in tally.session_notional.items()
        if not cap or currency != cap.currency
    }
    if other:
        body["session_notional_in_other_currencies"] = other
    return body


def _number(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def change(entry: AuditEntry) -> dict[str, Any]:
    """One recorded change of an order, in an agent's words."""
    body = entry.body
    return {
        "seq": entry.seq,
        "at": iso(entry.at),
        "kind": entry.kind,
        "order_ref": entry.order_ref,
        "by": entry.principal,
        "from": body.get("from"),
        "to": body.get("to"),
        "reason_code": body.get("reason_code"),
        "reason": body.get("reason") or "",
    }
