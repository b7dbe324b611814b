"""How much an approval asks of the operator: a key, a typed value, or nothing that can be given. Pure.

tier 0  every gate passes, nothing to mind: `Y`
tier 1  anything unusual: type the quantity or the code of what is displayed, then `Y`
tier 2  a gate refuses or is not known: there is no way to approve, and the page says why
"""

from __future__ import annotations

from decimal import Decimal

from ibgw_tui.core.orders import OrderIntent, Preview
from ibgw_tui.core.terms import EXACT, CheckStatus, OrderType
from ibgw_tui.service.views import SESSION_BAR, LimitBar, Shown, Ticket
from ibgw_tui.tui.arming import DWELL, DWELL_TYPED, Plan, plain_value
from ibgw_tui.tui.sheet import code_of

NEAR = 80
"""Per cent of a limit of size from which on an order is told as one to mind."""
_SIZES = frozenset({"quantity", "notional", SESSION_BAR, "worst position"})

_WITHOUT_PRICE = {
    OrderType.MARKET: "market order",
    OrderType.STOP: "becomes a market order",
    OrderType.TRAILING_STOP: "becomes a market order",
}


def unusual(ticket: Ticket) -> tuple[str, ...]:
    """Why the order deserves a second thought, each in a few words; empty for an ordinary one."""
    preview, reasons = ticket.record.preview, []
    if preview is None:
        return ()
    intent: OrderIntent = preview.intent
    if intent.order_type in _WITHOUT_PRICE:
        reasons.append(_WITHOUT_PRICE[intent.order_type])
    warned = [f for f in (*ticket.gates, *ticket.limits) if f.status is CheckStatus.WARN]
    reasons += [f"{finding.check.replace('_', ' ')} warns" for finding in warned]
    if preview.estimate.warning:
        reasons.append("the broker warns")
    if ticket.position_after is not None and ticket.position_after < 0:
        reasons.append("ends short")
    if intent.outside_hours:
        reasons.append("may fill outside regular hours")
    if ticket.first_trade:
        reasons.append("first trade of it in this account")
    reasons += [f"uses {NEAR} % of {bar.name} or more" for bar in ticket.bars if _is_near(bar)]
    return tuple(reasons)


def _is_near(bar: LimitBar) -> bool:
    """Within the limit, and not by much."""
    if bar.name not in _SIZES or bar.limit is None or bar.limit <= 0 or not bar.this_order:
        return False
    total = EXACT.add(bar.used, bar.this_order)
    return EXACT.multiply(total, Decimal(100)) >= EXACT.multiply(bar.limit, Decimal(NEAR))


def plan_of(ticket: Ticket) -> Plan:
    """How this ticket is confirmed."""
    preview, shown = ticket.record.preview, ticket.shown
    if not ticket.approvable or shown is None or preview is None:
        return Plan(tier=2, impediment=ticket.why_not or "there is nothing to approve")
    if _differs(ticket, preview, shown):
        return Plan(tier=2, impediment="what would be approved is not what is displayed; look at it again")
    if unusual(ticket):
        quantity = plain_value(f"{preview.intent.quantity:f}")
        return Plan(tier=1, dwell=DWELL_TYPED, accepted=frozenset({quantity, code_of(preview)}))
    return Plan(tier=0, dwell=DWELL)


def _differs(ticket: Ticket, preview: Preview, shown: Shown) -> bool:
    """Whether the parts of the ticket speak of different orders. The digest is computed anew, not believed."""
    record = ticket.record
    return (
        shown.preview_digest != preview.digest
        or shown.preview_id != preview.preview_id
        or not (shown.order_ref == preview.order_ref == record.order_ref)
        or record.intent != preview.intent
    )
