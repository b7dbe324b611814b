"""Which orders may be approved together, and why others may not. Pure.

A batch is for what is dull and alike: paper orders of one agent in one account, on one side, of one type and
validity, in one currency, each of which passes every gate and every armed limit without a warning. Symbols may
differ: a rebalance is the common case. Everything else is worth a review of its own.
"""

from __future__ import annotations

from ibgw_tui.core.decision import Decision
from ibgw_tui.core.orders import Preview, exit_orders
from ibgw_tui.core.terms import CheckStatus, Mode, OrderType

MOST = 20
"""More are not read one by one."""
_PRICED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})


def why_alone(preview: Preview, decision: Decision | None) -> str:
    """Why this order is approved by itself or not at all; empty when it may be one of many."""
    intent = preview.intent
    if preview.mode is not Mode.PAPER:
        return "real money is approved one order at a time"
    if intent.modifies is not None:
        return "it changes a working order"
    if exit_orders(preview.order_ref, intent):
        return "it is a bracket"
    if intent.order_type not in _PRICED:
        return "it has no limit price"
    if intent.outside_hours:
        return "it may fill outside regular hours"
    if preview.estimate.warning:
        return "the broker warns"
    if decision is None:
        return "it has no decision yet"
    if not decision.allowed:
        return decision.message
    loud = next((f for f in decision.findings if f.status not in (CheckStatus.PASS, CheckStatus.OFF)), None)
    return f"{loud.check.replace('_', ' ')}: {loud.message}" if loud is not None else ""


def why_apart(preview: Preview, first: Preview) -> str:
    """Why this order does not belong with the first one; empty when it does."""
    one, other = _kind(preview), _kind(first)
    name = next((name for name in one if one[name] != other[name]), None)
    return f"another {name} than the first ({one[name]}, not {other[name]})" if name is not None else ""


def _kind(preview: Preview) -> dict[str, str]:
    """What orders of a batch have in common."""
    intent = preview.intent
    return {
        "account": intent.account,
        "agent": preview.staged_by,
        "side": intent.side.value,
        "order type": intent.order_type.value,
        "validity": f"{intent.time_in_force.value} {intent.good_till or ''}".strip(),
        "currency": preview.contract.currency,
        "limit policy": preview.policy_digest[:8],
    }
