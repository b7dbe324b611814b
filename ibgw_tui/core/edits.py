"""What an order says differently from another one, and what an operator may put differently in it. Pure.

An edit changes numbers and validity. Account, contract, side and type stay what they are: who wants another
order than the agent asked for gives it back or says no.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ibgw_tui.core.errors import ErrorCode, InvalidRequest
from ibgw_tui.core.orders import OrderIntent, parse_intent
from ibgw_tui.core.terms import TimeInForce, iso
from ibgw_tui.core.text import one_line

NUMBERS = (
    "quantity", "limit_price", "stop_price", "trailing_amount", "trailing_percent", "limit_offset",
    "take_profit_price", "stop_loss_price", "stop_loss_limit_price",
)  # fmt: skip
VALIDITY = "time_in_force"
_GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
"""Commas as this program shows them. '99,50' is ninety-nine and a half to half of the world: it is not guessed."""
_UNTOLD = ("rationale", "modifies")
"""Fields of an intent that say nothing about the order that would be sent."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not what it was. `before` and `after` are for the eye; None: it has none."""

    name: str
    before: str | None
    after: str | None

    @property
    def words(self) -> str:
        return f"{self.name.replace('_', ' ')} {self.before or 'none'} -> {self.after or 'none'}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """An order beside the one it follows: the former revision, or the working order that it changes."""

    with_what: str
    """Such as 'revision 1'."""
    order_ref: str
    by: str
    """Who wrote what is compared; empty when that is the one who staged it."""
    differences: tuple[Difference, ...]

    @property
    def words(self) -> str:
        told = ", ".join(difference.words for difference in self.differences) or "nothing but the reason"
        return f"changed{f' by {self.by}' if self.by else ''} against {self.with_what}: {told}"


def differences(before: OrderIntent, after: OrderIntent) -> tuple[Difference, ...]:
    """Every field of the order itself that differs, in the order of the fields."""
    names = (name for name in OrderIntent.model_fields if name not in _UNTOLD)
    pairs = ((name, getattr(before, name), getattr(after, name)) for name in names)
    return tuple(Difference(name, _shown(old), _shown(new)) for name, old, new in pairs if old != new)


def editable(intent: OrderIntent) -> tuple[str, ...]:
    """The fields of this order that an operator may change: its numbers, and its validity where it is its own."""
    fields = [name for name in NUMBERS if getattr(intent, name) is not None]
    if intent.modifies is not None:
        return tuple(name for name in fields if name != "limit_offset")  # what works keeps the rest
    return (*fields, VALIDITY) if intent.time_in_force is not TimeInForce.GTD else tuple(fields)


def edited(intent: OrderIntent, changes: Mapping[str, str]) -> OrderIntent:
    """The order with these fields as they were typed. Raises InvalidRequest that names every problem."""
    allowed = editable(intent)
    unknown = [name for name in changes if name not in allowed]
    problems = [f"{name}: cannot be changed here" for name in unknown]
    problems += [f"{name}: is required" for name, value in changes.items() if name in allowed and not value.strip()]
    problems += [
        f"{name}: {one_line(value, 30)!r} can be read in two ways; write a point, and commas only before three digits"
        for name, value in changes.items()
        if "," in value and not _GROUPED.fullmatch(value.strip())
    ]
    if problems:
        raise InvalidRequest(
            "; ".join(problems),
            user_action=f"change {', '.join(allowed)}; for anything else ask the agent for changes"
            if unknown
            else "correct the named fields",
            code=ErrorCode.ORDER_VALIDATION_FAILED,
            problems=problems,
        )
    typed = {name: value.replace(",", "").strip().lower() for name, value in changes.items()}
    kept = intent.model_dump(mode="json", exclude_none=True)
    result = parse_intent({**kept, **typed})
    if not differences(intent, result):
        raise InvalidRequest(
            "nothing was changed", user_action=f"change {', '.join(allowed)}", code=ErrorCode.ORDER_VALIDATION_FAILED
        )
    return result


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, Decimal):
        return f"{value:,f}"
    return iso(value) if hasattr(value, "isoformat") else one_line(str(value), 40)
