"""Prices and amounts that checks are made at: one formula each, exact, total.

None means that an input is missing; whoever armed the check then refuses.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal

from ibgw_tui.core.context import LimitContext, Market, OrderTerms, Price
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.terms import EXACT, AssetClass, OrderType, QuoteStatus, Side

_HALF, _PERCENT, _BASIS_POINT = Decimal("0.5"), Decimal("0.01"), Decimal("0.0001")
"""Multiplied with, where a division would do the same: exact, and quicker."""

_FOR_PEOPLE = Context(rounding=ROUND_CEILING)
_BPS = Decimal("0.01")
_LARGEST_BPS = Decimal(10) ** 20


def bps_shown(distance: Decimal, base: Decimal) -> Decimal:
    """A quotient in basis points to two digits, for people: what decides is compared without a division.

    Rounded up, so that what is above a limit never looks as if it were at it.
    """
    quotient = _FOR_PEOPLE.divide(distance, base)
    return quotient.quantize(_BPS, context=_FOR_PEOPLE) if quotient.copy_abs() < _LARGEST_BPS else quotient


def number(value: Decimal) -> str:
    """A number as findings show it: grouped by nothing, no exponent, no trailing zeros."""
    if not value:
        return "0"
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def reference_price(market: Market) -> Price | None:
    """Mid of bid and ask when both are there in the snapshot's currency, else last, else none."""
    bid, ask, last = market.bid, market.ask, market.last
    if bid is not None and ask is not None and bid.currency == ask.currency == market.currency:
        return Price(EXACT.multiply(EXACT.add(bid.amount, ask.amount), _HALF), market.currency)
    return last


def worst_case_price(order: OrderTerms, policy: LimitPolicy, market: Market | None) -> Price | None:
    """The price an order is measured at. Formula: risk, F1.

    With a limit price, that. Without one, the worst the market could give: max(ask, trigger) for a
    buy, max(bid, trigger) for a sell, plus the policy's haircut. None when an input is missing, which
    includes the limit price of a limit order.
    """
    if order.limit_price is not None:
        return Price(order.limit_price, order.currency)
    base = _base(order, market)
    if base is None:
        return None
    # Away from zero, so that a haircut never makes an order at a negative price look cheaper.
    worst = EXACT.add(base, EXACT.multiply(base, _haircut(policy)))
    behind = _limit_behind(order, base)
    return Price(worst if behind is None else max(worst, behind, key=Decimal.copy_abs), order.currency)


def highest_price(order: OrderTerms, policy: LimitPolicy, market: Market | None) -> Decimal | None:
    """The most a buy may pay: its limit, else the worst case counted upward, at negative prices too."""
    if order.limit_price is not None:
        return order.limit_price
    base = _base(order, market)
    if base is None:
        return None
    highest = EXACT.add(base, EXACT.multiply(base.copy_abs(), _haircut(policy)))
    behind = _limit_behind(order, base)
    return highest if behind is None else max(highest, behind)


def _base(order: OrderTerms, market: Market | None) -> Decimal | None:
    """The side of the book an order without a limit price trades with, or its trigger where that is higher."""
    if order.order_type in LIMITED or market is None or market.status is QuoteStatus.UNAVAILABLE:
        return None
    touch = market.ask if order.side is Side.BUY else market.bid
    if touch is None or touch.currency != order.currency or not may_be_priced(order, touch.amount):
        return None
    if order.order_type is OrderType.MARKET:
        return touch.amount
    if order.order_type is OrderType.TRAILING_STOP_LIMIT and order.limit_offset is None:
        return None
    trigger = trigger_of(order, touch.amount)
    return None if trigger is None else max(touch.amount, trigger)


def _haircut(policy: LimitPolicy) -> Decimal:
    return EXACT.multiply(Decimal(policy.market_order_haircut_bps), _BASIS_POINT)


def _limit_behind(order: OrderTerms, base: Decimal) -> Decimal | None:
    """The limit of a trailing stop limit that buys: so far above its trigger."""
    if order.limit_offset is None or order.side is Side.SELL:
        return None
    return EXACT.add(base, order.limit_offset.copy_abs())


LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
"""Types that are measured at their own limit price, and at nothing when they have none."""


def may_be_priced(order: OrderTerms, price: Decimal) -> bool:
    """Only a future may trade at or below zero; anything else at such a price has no price."""
    return price > 0 or order.asset_class is AssetClass.FUTURE


def trigger_of(order: OrderTerms, touch: Decimal) -> Decimal | None:
    """Where a stop or a trailing order fires first; None when that is not known.

    A trailing order without an initial stop starts its trail at the touch.
    """
    if order.stop_price is not None:
        return order.stop_price
    trail = trail_of(order, touch)
    if trail is None:
        return None
    return EXACT.add(touch, trail) if order.side is Side.BUY else EXACT.subtract(touch, trail)


def trail_of(order: OrderTerms, touch: Decimal) -> Decimal | None:
    """The distance of a trailing order's trigger, in price; None when it trails by nothing known."""
    if order.trailing_amount is not None:
        return order.trailing_amount
    if order.trailing_percent is not None:
        return EXACT.multiply(EXACT.multiply(touch.copy_abs(), order.trailing_percent), _PERCENT)
    return None


def notional_of(order: OrderTerms, price: Price) -> Decimal:
    """Quantity x multiplier x price, in the price's currency; never negative."""
    return EXACT.multiply(EXACT.multiply(order.quantity, order.multiplier), price.amount).copy_abs()


def converted(value: Decimal, currency: str, target: str, policy: LimitPolicy, context: LimitContext) -> Decimal | None:
    """An amount in another currency; None when no FX rate of the policy's age is at hand."""
    if currency == target:
        return value
    if policy.max_fx_age_seconds is None:
        return None
    for rate in context.fx:
        if rate.age_seconds is None or not 0 <= rate.age_seconds <= policy.max_fx_age_seconds:
            continue
        if rate.rate is None or rate.rate <= 0:
            continue
        if (rate.base, rate.quote) == (currency, target):
            return EXACT.multiply(value, rate.rate)
        if (rate.base, rate.quote) == (target, currency):
            return EXACT.divide(value, rate.rate)
    return None
