"""What would pass, one field at a time: the largest quantity, the nearest limit price. Pure.

Nothing here knows what a limit computes. Candidates are decided again by the checks themselves, so a value
that is told has passed all of them on the same facts. Where one field alone does not help, both together
may (`hints`). A refusal that another number would only evade, such as that of a repeated order, gets none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from ibgw_tui.core.cases import Case
from ibgw_tui.core.checks import check_limits
from ibgw_tui.core.context import OrderTerms, Steps
from ibgw_tui.core.hints import hints
from ibgw_tui.core.prices import number
from ibgw_tui.core.terms import EXACT

_ONE = Decimal(1)
_EVADED = frozenset({"duplicate"})
"""Checks that another number would slip past without mending what they refuse."""


@dataclass(frozen=True, slots=True)
class Passing:
    """Numbers with which the limits would let the order pass, as of the moment they were asked."""

    quantity: Decimal | None = None
    """The largest one, everything else as it is; None: the quantity alone does not help."""
    limit_price: Decimal | None = None
    """The nearest one, everything else as it is; None: the limit price alone does not help."""
    both: tuple[Decimal, Decimal] | None = None
    """(quantity, limit price) that pass together, told only where neither alone does."""

    @property
    def words(self) -> str:
        """'quantity 10, or limit price 104.99'; empty when nothing helps."""
        if self.both is not None:
            return f"quantity {_shown(self.both[0])} with limit price {_shown(self.both[1])}"
        parts = [f"quantity {_shown(self.quantity)}"] if self.quantity is not None else []
        parts += [f"limit price {_shown(self.limit_price)}"] if self.limit_price is not None else []
        return ", or ".join(parts)

    def as_json(self) -> dict[str, Any]:
        return {
            "quantity": None if self.quantity is None else number(self.quantity),
            "limit_price": None if self.limit_price is None else number(self.limit_price),
            "both": None
            if self.both is None
            else {"quantity": number(self.both[0]), "limit_price": number(self.both[1])},
            "words": self.words,
        }


def what_passes(case: Case) -> Passing | None:
    """None when no limit stands in the way, or when no other number would help."""
    policy, order = case.policy, case.order
    if policy is None:
        return None
    blocking = {finding.check for finding in check_limits(order, policy, case.limits) if finding.blocks}
    if not blocking or blocking & _EVADED:
        return None

    def passes(changed: OrderTerms) -> bool:
        return not any(finding.blocks for finding in check_limits(changed, policy, case.limits))

    if case.limits.steps is not None and not _usable(case.limits.steps):
        return None
    quantity = _largest_quantity(case, lambda value: passes(replace(order, quantity=value)))
    price = _nearest_price(case, lambda value: passes(replace(order, limit_price=value)))
    if quantity is not None or price is not None:
        return Passing(quantity, price)
    together = hints(case).proposal
    if together is None or not together.passes or set(together.changes) != {"quantity", "limit_price"}:
        return None
    return Passing(both=(together.changes["quantity"], together.changes["limit_price"]))


def _usable(steps: Steps) -> bool:
    """A grid of zero or negative steps is no grid."""
    sizes = [steps.size_increment] if steps.size_increment is not None else []
    return all(size > 0 for size in (*sizes, *(step.increment for step in steps.prices)))


# ---- quantity


def _largest_quantity(case: Case, passes: Callable[[Decimal], bool]) -> Decimal | None:
    """The largest on the contract's grid below what was asked."""
    order, steps = case.order, case.limits.steps
    step = (steps.size_increment if steps else None) or _ONE
    asked = int(EXACT.divide(order.quantity, step).to_integral_value(rounding=ROUND_CEILING)) - 1
    filled = case.limits.modifies.filled if case.limits.modifies else Decimal(0)
    # What is filled already is no longer asked for: less than that can never pass.
    least = int(EXACT.divide(filled, step).to_integral_value(rounding=ROUND_FLOOR)) + 1

    def at(count: int) -> Decimal:
        return EXACT.multiply(Decimal(count), step)

    if asked < least:
        return None
    if passes(at(asked)):
        return at(asked)
    if not passes(at(least)):
        return None
    return at(_edge(least, asked, lambda count: passes(at(count))))


# ---- limit price


def _nearest_price(case: Case, passes: Callable[[Decimal], bool]) -> Decimal | None:
    """The nearest on the tick grid; of two equally near ones the less aggressive."""
    order, given = case.order, case.order.limit_price
    if given is None:
        return None
    found: list[Decimal] = []
    for side in (ROUND_FLOOR, ROUND_CEILING):
        goals = sorted(_goals(case, given, side), key=lambda goal: abs(EXACT.subtract(goal, given)))
        good = next((goal for goal in goals if goal > 0 and goal != given and passes(goal)), None)
        if good is not None:
            found.append(_towards(case, good, given, passes))
    return min(found, key=lambda price: (abs(EXACT.subtract(price, given)), price * order.side.sign), default=None)


def _goals(case: Case, given: Decimal, side: str) -> Iterable[Decimal]:
    """Prices on one side of the given one that may well pass: its own tick, the edges of the collar, the market."""
    market, bounds = case.limits.market, hints(case).bounds
    known: list[Decimal | None] = [given]
    for bound in bounds:
        known += [bound.least, bound.most] if bound.field == "limit_price" else []
    if market is not None:
        known += [price.amount for price in (market.bid, market.ask, market.last) if price is not None]
    for value in known:
        if value is None or value.is_nan() or value <= 0:
            continue
        tick = _tick(case, value)
        for rounding in (ROUND_FLOOR, ROUND_CEILING):
            goal = EXACT.multiply(EXACT.divide(value, tick).to_integral_value(rounding=rounding), tick)
            if (goal <= given) if side == ROUND_FLOOR else (goal >= given):
                yield goal


def _towards(case: Case, good: Decimal, given: Decimal, passes: Callable[[Decimal], bool]) -> Decimal:
    """From a price that passes as near to the given one as the ticks allow."""
    tick = max(_tick(case, good), _tick(case, given))
    distance = EXACT.subtract(given, good)
    count = int(EXACT.divide(abs(distance), tick).to_integral_value(rounding=ROUND_FLOOR))
    if count == 0:
        return good
    step = tick if distance > 0 else -tick

    def at(steps: int) -> Decimal:
        return EXACT.add(good, EXACT.multiply(Decimal(steps), step))

    return at(_edge(0, count + 1, lambda steps: passes(at(steps))))


def _tick(case: Case, price: Decimal) -> Decimal:
    tick = case.limits.steps.tick_at(price) if case.limits.steps else None
    return tick or Decimal("0.01")


# ---- searching


def _edge(good: int, bad: int, passes: Callable[[int], bool]) -> int:
    """The last that passes between one that does and one that does not. What it returns was decided, never guessed."""
    while bad - good > 1:
        middle = (good + bad) // 2
        if passes(middle):
            good = middle
        else:
            bad = middle
    return good


def _shown(value: Decimal) -> str:
    return f"{value.normalize():,f}"
