"""What the market looks at before it takes an order, and the words in which it says no.

Numbers and wording follow the real broker's habits, so that whoever reads them here has read them
before when it matters.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.terms import AssetClass, OrderType
from ibgw_tui.exchange.exact import is_multiple, times
from ibgw_tui.exchange.faults import Rejection
from ibgw_tui.exchange.instruments import INSTRUMENTS, Instrument
from ibgw_tui.exchange.margins import Standing
from ibgw_tui.exchange.matching import TRAILING

_LARGEST_VALUE = Decimal(10) ** 9
"""Of one order; beyond it, totals would no longer fit the port's numbers."""


def objection(wire: BrokerOrder, accounts: Collection[str], at: datetime) -> Rejection | None:
    """The first thing wrong with the order itself; None when there is nothing."""
    instrument = INSTRUMENTS.get(wire.contract.con_id)
    if instrument is None or instrument.contract.symbol != wire.contract.symbol:
        return Rejection(200, "No security definition has been found for the request")
    if wire.account not in accounts:
        return Rejection(321, f"Error validating request: account {wire.account} is not managed by this session")
    return _bad_shape(wire) or _bad_size(wire, instrument) or _bad_price(wire, instrument) or _too_late(wire, at)


def lacking_funds(wire: BrokerOrder, before: Standing, after: Standing) -> Rejection | None:
    """An order that ties up more must leave the equity above what is tied up."""
    if after.initial <= before.initial and after.equity_with_loan >= before.equity_with_loan:
        return None
    if after.available >= 0:
        return None
    currency = wire.contract.currency
    return Rejection(
        201,
        "Order rejected - reason: to obtain the desired position your equity with loan value "
        f"[{after.equity_with_loan:.2f} {currency}] must exceed the initial margin [{after.initial:.2f} {currency}]",
    )


def _bad_shape(wire: BrokerOrder) -> Rejection | None:
    """Prices that the order's type needs, on values that did not come through an intent."""
    needs = {
        OrderType.LIMIT: ("limit_price",),
        OrderType.STOP: ("stop_price",),
        OrderType.STOP_LIMIT: ("stop_price", "limit_price"),
        OrderType.TRAILING_STOP_LIMIT: ("limit_offset",),
    }.get(wire.order_type, ())
    missing = [name for name in needs if getattr(wire, name) is None]
    if wire.order_type in TRAILING and (wire.trailing_amount is None) == (wire.trailing_percent is None):
        missing.append("trailing_amount or trailing_percent")
    if missing:
        return Rejection(
            321, f"Error validating request: a {wire.order_type.value} order needs {' and '.join(missing)}"
        )
    return None


def _bad_size(wire: BrokerOrder, instrument: Instrument) -> Rejection | None:
    if not is_multiple(wire.quantity, instrument.size_increment):
        return Rejection(
            201,
            f"Order rejected - reason: the size {wire.quantity:f} is not a multiple of {instrument.size_increment:f}",
        )
    price = max((abs(p) for p in (wire.limit_price, wire.stop_price) if p is not None), default=instrument.base)
    if times(wire.quantity, max(price, instrument.base), instrument.contract.multiplier) > _LARGEST_VALUE:
        return Rejection(383, "The following order size exceeds the size limit of this market")
    return None


def _bad_price(wire: BrokerOrder, instrument: Instrument) -> Rejection | None:
    for price in (wire.limit_price, wire.stop_price):
        if price is None:
            continue
        if price <= 0 and instrument.contract.asset_class is not AssetClass.FUTURE:
            return Rejection(201, "Order rejected - reason: the price must be greater than zero")
        if not is_multiple(price, instrument.tick_at(price)):
            return _off_tick(price, instrument)
    for distance in (wire.trailing_amount, wire.limit_offset):
        if distance is not None and not is_multiple(distance, instrument.finest_tick):
            return _off_tick(distance, instrument)
    if wire.trailing_percent is not None and wire.trailing_percent >= 100:
        return Rejection(201, "Order rejected - reason: the trailing percentage must be below 100")
    return None


def _off_tick(price: Decimal, instrument: Instrument) -> Rejection:
    return Rejection(
        110,
        "The price does not conform to the minimum price variation for this contract "
        f"({price:f} is not a multiple of {instrument.tick_at(price):f})",
    )


def _too_late(wire: BrokerOrder, at: datetime) -> Rejection | None:
    if wire.good_till is not None and wire.good_till <= at:
        return Rejection(201, "Order rejected - reason: the good-till time has already passed")
    return None
