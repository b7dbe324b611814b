"""When an order may trade, and at what price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ibgw_tui.core.broker import BrokerState
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.terms import EXACT, OrderType, Side, canonical
from ibgw_tui.exchange.quotes import Book

_OPEN = (BrokerState.WORKING, BrokerState.HELD)
_PLACES = Decimal("0.00000001")


@dataclass
class RestingOrder:
    """An order at the exchange and what became of it so far."""

    order: BrokerOrder
    perm_id: int
    state: BrokerState = BrokerState.UNACKNOWLEDGED
    filled: Decimal = Decimal(0)
    value: Decimal = Decimal(0)
    """Sum of quantity x price of its fills."""
    triggered: bool = False
    stop: Decimal | None = None
    """The stop as it trails; None until the first step."""
    text: str = ""

    @property
    def is_open(self) -> bool:
        return self.state in _OPEN

    @property
    def remaining(self) -> Decimal:
        return self.order.quantity - self.filled

    @property
    def average_price(self) -> Decimal | None:
        if not self.filled:
            return None
        return canonical(EXACT.divide(self.value, self.filled).quantize(_PLACES, context=EXACT))

    def fill(self, quantity: Decimal, price: Decimal) -> None:
        self.filled += quantity
        self.value += quantity * price
        if not self.remaining:
            self.state = BrokerState.FILLED

    def dump(self) -> dict[str, Any]:
        return {
            "order": self.order.model_dump(mode="json"),
            "perm_id": self.perm_id,
            "state": self.state.value,
            "filled": str(self.filled),
            "value": str(self.value),
            "triggered": self.triggered,
            "stop": None if self.stop is None else str(self.stop),
            "text": self.text,
        }

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> RestingOrder:
        return cls(
            order=BrokerOrder.model_validate(data["order"], strict=False),
            perm_id=data["perm_id"],
            state=BrokerState(data["state"]),
            filled=Decimal(data["filled"]),
            value=Decimal(data["value"]),
            triggered=data["triggered"],
            stop=None if data["stop"] is None else Decimal(data["stop"]),
            text=data["text"],
        )


_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT)


def update_trigger(resting: RestingOrder, book: Book) -> None:
    """Trail the stop, and see whether the market touched it."""
    order = resting.order
    if order.order_type not in _STOPS or resting.triggered:
        return
    buys = order.side is Side.BUY
    touch = book.ask if buys else book.bid
    distance = order.trailing_amount
    if order.trailing_percent is not None:
        distance = touch * order.trailing_percent / 100
    stop = resting.stop if resting.stop is not None else order.stop_price
    if distance is not None:
        trailed = touch + distance if buys else touch - distance
        stop = trailed if stop is None else min(stop, trailed) if buys else max(stop, trailed)
    resting.stop = stop
    if stop is not None and (touch >= stop if buys else touch <= stop):
        resting.triggered = True


def marketable_price(resting: RestingOrder, book: Book) -> Decimal | None:
    """The price it trades at now, or None while it rests. Never worse than its limit."""
    order = resting.order
    update_trigger(resting, book)
    if order.order_type in _STOPS and not resting.triggered:
        return None
    buys = order.side is Side.BUY
    touch, limit = (book.ask if buys else book.bid), order.limit_price
    if (
        order.order_type is OrderType.TRAILING_STOP_LIMIT
        and resting.stop is not None
        and order.limit_offset is not None
    ):
        limit = resting.stop + order.limit_offset if buys else resting.stop - order.limit_offset
    if limit is not None and (touch > limit if buys else touch < limit):
        return None
    return touch
