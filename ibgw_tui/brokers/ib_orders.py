"""From an approved order to the order objects that go over the wire. Pure; every number and text is checked.

The library checks nothing: a NUL in a text shifts all fields behind it, an enum goes out under its Python
name, a missing price as nothing. So each send builds fresh objects from checked values, with account and
time in force always set, and prices as plain text. Nothing is rounded: what does not fit is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import UTC
from decimal import Decimal
from typing import Any

from ib_async import Order as IbOrder

from ibgw_tui.brokers.ib_numbers import wire_text
from ibgw_tui.brokers.ib_words import ORDER_TYPES, SIDES, TIMES_IN_FORCE
from ibgw_tui.core.orders import BrokerOrder, Contract
from ibgw_tui.core.terms import EXACT, OrderType, TimeInForce

OCA_REDUCE = 3
"""What one exit fills the other loses. Cancelling the whole other one would leave the rest of the position bare."""
_REF = re.compile(r"[A-Za-z0-9._:-]{1,40}")
_PRINTABLE = re.compile(r"[ -~]*")
_NEEDED = {
    OrderType.MARKET: (),
    OrderType.LIMIT: ("limit_price",),
    OrderType.STOP: ("stop_price",),
    OrderType.STOP_LIMIT: ("stop_price", "limit_price"),
    OrderType.TRAILING_STOP: (),
    OrderType.TRAILING_STOP_LIMIT: ("limit_offset",),
}


def legs_of(order: BrokerOrder) -> list[BrokerOrder]:
    """The order and its exits, in the order in which they are sent."""
    return [order.model_copy(update={"exits": ()}), *(order.exit_order(leg) for leg in order.exits)]


def problems_of(order: BrokerOrder, accounts: Collection[str]) -> list[str]:
    """Everything for which this order must not leave."""
    return [problem for leg in legs_of(order) for problem in _leg_problems(leg, accounts)]


def _leg_problems(order: BrokerOrder, accounts: Collection[str]) -> Iterator[str]:
    if order.account not in accounts:
        yield f"account: the session does not manage {order.account}"
    if not _REF.fullmatch(order.order_ref):
        yield f"order_ref: {order.order_ref!r} cannot be sent"
    contract = order.contract
    for name in ("symbol", "exchange", "primary_exchange", "local_symbol", "trading_class", "currency"):
        if not _PRINTABLE.fullmatch(getattr(contract, name)):
            yield f"{name}: {getattr(contract, name)!r} cannot be sent"
    for name in _NEEDED[order.order_type]:
        if getattr(order, name) is None:
            yield f"{name}: a {order.order_type.value} order needs one"
    trails = order.order_type in (OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT)
    if trails and (order.trailing_amount is None) == (order.trailing_percent is None):
        yield "trailing_amount: one of trailing_amount and trailing_percent is needed"
    if order.time_in_force is TimeInForce.GTD and order.good_till is None:
        yield "good_till: a gtd order needs one"
    for name in ("limit_price", "stop_price"):
        yield from _price_problems(name, getattr(order, name), contract)
    step = contract.size_increment
    if step is not None and EXACT.remainder(order.quantity, step):
        yield f"quantity: {order.quantity:f} is no multiple of {step:f}"


def _price_problems(name: str, price: Decimal | None, contract: Contract) -> Iterator[str]:
    if price is None:
        return
    tick = contract.tick_at(price)
    if tick is None:
        yield f"{name}: the price steps of {contract.symbol} are not known"
    elif EXACT.remainder(price, tick):
        yield f"{name}: {price:f} is no multiple of {tick:f}, the price step of {contract.symbol} there"


def wire_order(order: BrokerOrder, order_id: int, **more: Any) -> IbOrder:
    """A fresh order object with the terms of one leg. `more` ties it to its family."""
    return IbOrder(
        orderId=order_id,
        account=str(order.account),
        action=SIDES[order.side],
        totalQuantity=_sent(order.quantity),
        orderType=ORDER_TYPES[order.order_type],
        tif=TIMES_IN_FORCE[order.time_in_force],
        orderRef=str(order.order_ref),
        outsideRth=bool(order.outside_hours),
        goodTillDate=f"{order.good_till.astimezone(UTC):%Y%m%d-%H:%M:%S}" if order.good_till else "",
        **_prices(order),
        **more,
    )


def _prices(order: BrokerOrder) -> dict[str, Any]:
    match order.order_type:
        case OrderType.MARKET:
            return {}
        case OrderType.LIMIT:
            return {"lmtPrice": _sent(order.limit_price)}
        case OrderType.STOP:
            return {"auxPrice": _sent(order.stop_price)}
        case OrderType.STOP_LIMIT:
            return {"auxPrice": _sent(order.stop_price), "lmtPrice": _sent(order.limit_price)}
    trail: dict[str, Any] = {}
    if order.trailing_amount is not None:
        trail["auxPrice"] = _sent(order.trailing_amount)
    if order.trailing_percent is not None:
        trail["trailingPercent"] = _sent(order.trailing_percent)
    if order.stop_price is not None:
        trail["trailStopPrice"] = _sent(order.stop_price)
    if order.order_type is OrderType.TRAILING_STOP_LIMIT:
        trail["lmtPriceOffset"] = _sent(order.limit_offset)
    return trail


def family_of(order: BrokerOrder, order_ids: list[int]) -> list[tuple[BrokerOrder, IbOrder]]:
    """All legs, ready to send: exits name their parent, share a group, and only the last one lets all go."""
    legs = legs_of(order)
    last, found = len(legs) - 1, []
    for number, (leg, order_id) in enumerate(zip(legs, order_ids, strict=True)):
        ties: dict[str, Any] = {"transmit": number == last}
        if number:
            ties["parentId"] = order_ids[0]
            if last > 1:
                ties |= {"ocaGroup": f"{order.order_ref}.exits", "ocaType": OCA_REDUCE}
        found.append((leg, wire_order(leg, order_id, **ties)))
    return found


def changed_order(order: BrokerOrder, working: IbOrder) -> IbOrder:
    """The terms of `order` under the identity and the family of the working one, as TWS told it just now."""
    return wire_order(
        order,
        working.orderId,
        transmit=True,
        parentId=working.parentId,
        ocaGroup=working.ocaGroup if working.ocaGroup != "?" else "",
        ocaType=working.ocaType,
    )


def _sent(value: Decimal | None) -> Any:
    """A number as the library passes it through unchanged."""
    assert value is not None and value.is_finite(), "it was checked before"
    return wire_text(value)
