"""What differs between the ticket on display and the newest one, in the operator's words. Pure.

Anything found here disarms an open review for good. A quote that moves is not in the list: the gates
and limits judge it, and a verdict that changes is.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from ibgw_tui.core.decision import Finding
from ibgw_tui.core.orders import OrderIntent
from ibgw_tui.core.text import one_line
from ibgw_tui.service.views import Ticket
from ibgw_tui.tui.tiers import unusual


def what_changed(old: Ticket, new: Ticket) -> str | None:
    """The first difference that matters, such as 'limit price changed 1.20 -> 1.25'; None if there is none.

    What a person must hear first comes first: that the order is gone, that it is another order, that
    the kill switch closed, then gates and limits.
    """
    for look in (_status, _content, _switch, _gates, _limits, _verdict, _position, _friction):
        found = look(old, new)
        if found:
            return one_line(found, 200)
    return None


def _status(old: Ticket, new: Ticket) -> str | None:
    if old.record.order_ref != new.record.order_ref:
        return f"another order was read: {new.record.order_ref}"
    if old.record.status is not new.record.status:
        return f"the order is {new.record.status.value.replace('_', ' ')} now"
    return None


def _content(old: Ticket, new: Ticket) -> str | None:
    if old.record.revision != new.record.revision:
        return f"revision {old.record.revision} was replaced by revision {new.record.revision}"
    if old.record.intent != new.record.intent:
        return _intent(old.record.intent, new.record.intent)
    if (old.shown is None) != (new.shown is None):
        return "there is nothing to approve any more" if new.shown is None else "it can be approved only now"
    if old.shown is not None and new.shown is not None:
        if (old.shown.preview_id, old.shown.preview_digest) != (new.shown.preview_id, new.shown.preview_digest):
            return f"the preview changed: digest {old.shown.preview_digest[:8]} -> {new.shown.preview_digest[:8]}"
        if old.shown.policy_digest != new.shown.policy_digest:
            return "the limit policy changed"
    return None


def _intent(old: OrderIntent, new: OrderIntent) -> str:
    for name in OrderIntent.model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            if name == "rationale":
                return "the agent's reason changed"
            return f"{name.replace('_', ' ')} changed {_value(before)} -> {_value(after)}"
    return "the order changed"


def _value(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:,f}" if isinstance(value, Decimal) else one_line(str(value), 40)


def _switch(old: Ticket, new: Ticket) -> str | None:
    before, after = _named(old.gates).get("kill_switch"), _named(new.gates).get("kill_switch")
    if before is not None and after is not None and before.observed != after.observed:
        return f"the kill switch changed {before.observed or 'unknown'} -> {after.observed or 'unknown'}"
    if old.shown is not None and new.shown is not None and old.shown.switch_epoch != new.shown.switch_epoch:
        return "the kill switch was closed in the meantime"
    return None


def _gates(old: Ticket, new: Ticket) -> str | None:
    return _findings("gate", old.gates, new.gates)


def _limits(old: Ticket, new: Ticket) -> str | None:
    return _findings("limit", old.limits, new.limits)


def _findings(kind: str, old: Iterable[Finding], new: Iterable[Finding]) -> str | None:
    before, after = _named(old), _named(new)
    for check in (*before, *(name for name in after if name not in before)):
        name = check.replace("_", " ")
        was, is_now = before.get(check), after.get(check)
        if was is None or is_now is None:
            return f"{kind} {name} {'appeared' if was is None else 'is gone'}"
        if was.status is not is_now.status:
            return f"{kind} {name} changed {was.status.value} -> {is_now.status.value}: {is_now.message}"
        moves = is_now.check in _MEASURED_AT_THE_MARKET
        if kind == "limit" and not moves and (was.limit, was.unit) != (is_now.limit, is_now.unit):
            return f"{kind} {name} changed {was.limit} -> {is_now.limit} {is_now.unit or ''}".rstrip()
    return None


_MEASURED_AT_THE_MARKET = frozenset({"trigger_price"})
"""Checks whose limit is the other side of the book: it moves by itself, and only a new verdict is a change."""


def _named(findings: Iterable[Finding]) -> dict[str, Finding]:
    """By what is checked; of a bracket, by leg as well."""
    return {f"{finding.leg} {finding.check}" if finding.leg else finding.check: finding for finding in findings}


def _verdict(old: Ticket, new: Ticket) -> str | None:
    if old.approvable != new.approvable or old.why_not != new.why_not:
        return new.why_not or "it can be approved only now"
    return None


def _friction(old: Ticket, new: Ticket) -> str | None:
    """What asks for more than a key now, and did not when the review was opened."""
    known = unusual(old)
    fresh = [reason for reason in unusual(new) if reason not in known]
    return f"it deserves a second thought now: {fresh[0]}" if fresh else None


def _position(old: Ticket, new: Ticket) -> str | None:
    before, after = old.position, new.position
    if (before.quantity if before else None) == (after.quantity if after else None):
        return None
    return f"position changed {_value(before and before.quantity)} -> {_value(after and after.quantity)}"
