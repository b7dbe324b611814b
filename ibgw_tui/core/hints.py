"""Which quantity and which price would pass: a refusal that teaches.

Bounds are computed from the findings' own inputs by the formulas of the checks, then put to the test: a proposal
is told only as passing when `evaluate` lets the changed order pass. A bound that cannot be computed is absent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from ibgw_tui.core.cases import Case
from ibgw_tui.core.context import LimitContext, OrderTerms
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.prices import converted, notional_of, number, reference_price, worst_case_price
from ibgw_tui.core.terms import EXACT, AssetClass, CheckStatus, Side

_ZERO, _ONE, _TEN_THOUSAND = Decimal(0), Decimal(1), Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one field may be, as far as the limits are known. None on a side: nothing known bounds it."""

    field: str
    """'quantity' or 'limit_price'."""
    given: Decimal | None
    least: Decimal | None
    most: Decimal | None
    step: Decimal | None
    """Of the contract; None when it is not known."""
    because: tuple[str, ...]
    """Codes of the limits that give the bounds."""

    @property
    def nearest(self) -> Decimal | None:
        """The given value, moved into the bounds and onto the step; None when no value fits."""
        if self.given is None:
            return None
        value = self.given
        if self.most is not None:
            value = min(value, self.most)
        if self.least is not None:
            value = max(value, self.least)
        if self.step is not None:
            down = self.most is not None and value == self.most
            value = _on(value, self.step, ROUND_FLOOR if down or value < self.given else ROUND_CEILING)
        fits = (self.least is None or value >= self.least) and (self.most is None or value <= self.most)
        return value if fits and value > 0 else None

    def as_json(self) -> dict[str, Any]:
        return {
            "field": self.field,
            "given": _text(self.given),
            "least": _text(self.least),
            "most": _text(self.most),
            "step": _text(self.step),
            "because": list(self.because),
        }


@dataclass(frozen=True, slots=True)
class Proposal:
    """An order like the one asked for, with other numbers."""

    changes: dict[str, Decimal]
    passes: bool
    """All limits let it pass on the same facts. Gates (kill switch, session) are not the order's doing."""

    def as_json(self) -> dict[str, Any]:
        return {
            "changes": {name: number(value) for name, value in self.changes.items()},
            "passes_limits": self.passes,
        }


@dataclass(frozen=True, slots=True)
class Hints:
    bounds: tuple[Bounds, ...]
    proposal: Proposal | None
    """None: nothing has to change, or no other quantity or price would help."""

    def as_json(self) -> dict[str, Any]:
        return {
            "bounds": [bounds.as_json() for bounds in self.bounds],
            "proposal": self.proposal.as_json() if self.proposal else None,
        }


def hints(case: Case) -> Hints:
    """Bounds of quantity and limit price, and the nearest order that would pass. Pure and total."""
    if case.policy is None:
        return Hints((), None)
    order, policy = case.order, case.policy.effective(case.order.account, case.order.symbol)
    prices = _price_bounds(order, policy, case.limits)
    # The quantity is measured at the price that would be given, which may be another than the one asked.
    priced = order if prices is None or prices.nearest is None else replace(order, limit_price=prices.nearest)
    sizes = _quantity_bounds(priced, policy, case.limits)
    bounds = tuple(each for each in (sizes, prices) if each is not None)
    return Hints(bounds, _proposal(case, bounds))


def _proposal(case: Case, bounds: Iterable[Bounds]) -> Proposal | None:
    changes = {each.field: each.nearest for each in bounds if each.nearest is not None and each.nearest != each.given}
    if not changes or not any(finding.blocks for finding in case.decide().limits):
        return None
    order = replace(
        case.order,
        quantity=changes.get("quantity") or case.order.quantity,
        limit_price=changes.get("limit_price") or case.order.limit_price,
    )
    decision = Case(case.name, order, case.policy, case.limits, case.gates).decide()
    passes = not any(f.status in (CheckStatus.REFUSE, CheckStatus.UNKNOWN) for f in decision.limits)
    return Proposal({name: value for name, value in changes.items() if value is not None}, passes)


def _quantity_bounds(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Bounds:
    caps: list[tuple[Decimal, str]] = []
    if policy.max_quantity is not None:
        caps.append((policy.max_quantity, "LIVE_QUANTITY_LIMIT_REFUSED"))
    caps += _by_value(order, policy, context)
    room = _position_room(order, policy, context)
    if room is not None:
        caps.append((room, "LIVE_POSITION_LIMIT_REFUSED"))
    step = context.steps.size_increment if context.steps else None
    if step is None and order.asset_class in (AssetClass.STOCK, AssetClass.ETF, AssetClass.OPTION, AssetClass.FUTURE):
        step = _ONE  # whole units are right wherever fractions are, and the broker did not say that they are
    most = min((cap for cap, _ in caps), default=None)
    if most is not None:
        most = max(_ZERO, most if step is None else _on(most, step, ROUND_FLOOR))
    tight = min((cap for cap, _ in caps), default=None)
    because = tuple(code for cap, code in caps if cap == tight)
    return Bounds("quantity", order.quantity, step, most, step, because)


def _by_value(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> list[tuple[Decimal, str]]:
    """Quantity caps of limits in money, at the price the order is measured at."""
    price = worst_case_price(order, policy, context.market)
    if price is None:
        return []
    one = replace(order, quantity=_ONE)
    caps: list[tuple[Decimal, str]] = []
    if policy.max_notional is not None:
        unit = converted(notional_of(one, price), price.currency, policy.max_notional.currency, policy, context)
        if unit:
            caps.append((_divided(policy.max_notional.amount, unit), "LIVE_NOTIONAL_LIMIT_REFUSED"))
    cap = policy.session_limit.max_session_notional if policy.session_limit else None
    used = context.counters.session_notional if context.counters else None
    if cap is not None and used is not None and not order.exits:
        sums = [converted(each.amount, each.currency, cap.currency, policy, context) for each in used]
        unit = converted(notional_of(one, price), price.currency, cap.currency, policy, context)
        if unit and None not in sums:
            left = EXACT.subtract(cap.amount, sum((each for each in sums if each is not None), _ZERO))
            caps.append((max(_ZERO, _divided(left, unit)), "LIVE_SESSION_NOTIONAL_LIMIT_REFUSED"))
    return caps


def _position_room(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Decimal | None:
    held = context.position
    if policy.max_position is None or held is None or held.filled is None or context.modifies is not None:
        return None
    buys, sells = held.open_buys(), held.open_sells()
    if buys is None or sells is None:
        return None
    if order.side is Side.BUY:
        return max(_ZERO, EXACT.subtract(policy.max_position, EXACT.add(held.filled, buys)))
    return max(_ZERO, EXACT.add(policy.max_position, EXACT.subtract(held.filled, sells)))


def _price_bounds(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Bounds | None:
    """Of the limit price; None for an order without one."""
    if order.limit_price is None:
        return None
    least = most = None
    because: tuple[str, ...] = ()
    base = reference_price(context.market) if context.market else None
    collar = policy.max_price_deviation_bps
    if collar is not None and base is not None and base.currency == order.currency and base.amount > 0:
        away = EXACT.divide(EXACT.multiply(base.amount, Decimal(collar)), _TEN_THOUSAND)
        least, most = EXACT.subtract(base.amount, away), EXACT.add(base.amount, away)
        because = ("LIVE_PRICE_COLLAR_REFUSED",)
    step = context.steps.tick_at(order.limit_price) if context.steps else None
    if step is not None:
        at_least = context.steps.tick_at(least) if context.steps and least is not None else None
        at_most = context.steps.tick_at(most) if context.steps and most is not None else None
        least = _on(least, at_least or step, ROUND_CEILING) if least is not None else None
        most = _on(most, at_most or step, ROUND_FLOOR) if most is not None else None
    return Bounds("limit_price", order.limit_price, least, most, step, because)


def _divided(amount: Decimal, by: Decimal) -> Decimal:
    """Rounded down to what an amount can hold, so that the product never exceeds the amount."""
    return _FLOOR.divide(amount, by).quantize(Decimal("0.00000001"), rounding=ROUND_FLOOR, context=_FLOOR)


_FLOOR = EXACT.copy()
_FLOOR.rounding = ROUND_FLOOR


def _on(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    return EXACT.multiply(EXACT.divide(value, step).to_integral_value(rounding=rounding), step)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else number(value)
