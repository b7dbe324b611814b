"""When an order trades, at what price and how much: pure functions of the order and the touch.

An order trades at the touch, never outside its limit, and never more than the size displayed there;
what is left waits for the next step.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.terms import OrderType, Side
from ibgw_tui.exchange.exact import ceil_to, floor_to, less, times, total
from ibgw_tui.exchange.instruments import Instrument
from ibgw_tui.exchange.orders import BookOrder
from ibgw_tui.exchange.quotes import Touch

TRAILING = frozenset({OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT})
_HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Match:
    quantity: Decimal
    price: Decimal


def match(order: BookOrder, touch: Touch, available: Decimal) -> Match | None:
    """What of the order trades now, given how much of the displayed size is left."""
    if not order.may_trade:
        return None
    price, side = touch.price_for(order.wire.side), order.wire.side
    if order.limit is not None and side.sign * price > side.sign * order.limit:
        return None
    quantity = min(order.remaining, available)
    return Match(quantity, price) if quantity > 0 else None


def is_triggered(order: BookOrder, touch: Touch) -> bool:
    """A buy stop waits for the ask to rise to it, a sell stop for the bid to fall to it."""
    sign = order.wire.side.sign
    return order.stop is not None and sign * touch.price_for(order.wire.side) >= sign * order.stop


def first_stop(wire: BrokerOrder, instrument: Instrument, touch: Touch) -> Decimal | None:
    """The trigger an order starts with."""
    if wire.stop_price is not None or wire.order_type not in TRAILING:
        return wire.stop_price
    return _trailed(wire, instrument, touch)


def ratcheted(order: BookOrder, instrument: Instrument, touch: Touch) -> Decimal | None:
    """The trigger of a trailing order after the market moved: it follows in one direction only."""
    if order.wire.order_type not in TRAILING or order.stop is None:
        return order.stop
    candidate = _trailed(order.wire, instrument, touch)
    return min(order.stop, candidate) if order.wire.side is Side.BUY else max(order.stop, candidate)


def limit_when_triggered(order: BookOrder) -> Decimal | None:
    """A trailing stop limit gets its limit from where the trigger stood."""
    offset = order.wire.limit_offset
    if offset is None or order.stop is None:
        return order.limit
    return total(order.stop, times(offset, Decimal(order.wire.side.sign)))


def _trailed(wire: BrokerOrder, instrument: Instrument, touch: Touch) -> Decimal:
    """The touch less (sell) or plus (buy) the trail, on the tick that lies further from the market."""
    price = touch.price_for(wire.side)
    if wire.trailing_amount is not None:
        distance = wire.trailing_amount
    else:
        assert wire.trailing_percent is not None, "a trailing order has an amount or a percentage"
        distance = times(price, wire.trailing_percent, _HUNDREDTH)
    if wire.side is Side.BUY:
        raw = total(price, distance)
        return ceil_to(raw, instrument.tick_at(raw))
    raw = less(price, distance)
    return floor_to(raw, instrument.tick_at(raw))
