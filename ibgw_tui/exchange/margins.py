"""What an order would cost: margins, commissions, and the value of what is held."""

from __future__ import annotations

from decimal import Decimal

from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.terms import AssetClass, Side
from ibgw_tui.exchange.instruments import BY_CON_ID

_CENT = Decimal("0.01")
_RATES: dict[AssetClass, tuple[Decimal, Decimal]] = {
    # (per unit, minimum per order) in the contract's currency, as IBKR's fixed prices of 2026 in round numbers
    AssetClass.STOCK: (Decimal("0.005"), Decimal("1.00")),
    AssetClass.ETF: (Decimal("0.005"), Decimal("1.00")),
    AssetClass.FX: (Decimal("0.00002"), Decimal("2.00")),
    AssetClass.FUTURE: (Decimal("2.25"), Decimal("2.25")),
    AssetClass.OPTION: (Decimal("0.65"), Decimal("1.00")),
}
_SHARE_OF_VALUE: dict[AssetClass, Decimal] = {
    AssetClass.STOCK: Decimal("0.50"),
    AssetClass.ETF: Decimal("0.50"),
    AssetClass.FX: Decimal("0.03"),
    AssetClass.OPTION: Decimal("1.00"),
}
_MAINTENANCE = Decimal("0.5")
"""Maintenance margin as a share of the initial one."""


def commission(order: BrokerOrder, quantity: Decimal) -> Decimal:
    """For a fill of `quantity`; the minimum is spread over the order by its share."""
    rate, minimum = _RATES[order.contract.asset_class]
    whole = max(minimum, rate * order.quantity)
    return (whole * quantity / order.quantity).quantize(_CENT)


def initial_margin(order: BrokerOrder, price: Decimal) -> Decimal:
    """Change of the initial margin if the whole order fills; a sell frees nothing here."""
    instrument = BY_CON_ID[order.contract.con_id]
    if instrument.initial_margin is not None:
        return instrument.initial_margin * order.quantity
    if order.side is Side.SELL and order.contract.asset_class is not AssetClass.OPTION:
        return Decimal(0)
    value = abs(price) * order.quantity * order.contract.multiplier
    return (value * _SHARE_OF_VALUE[order.contract.asset_class]).quantize(_CENT)


def maintenance_margin(initial: Decimal) -> Decimal:
    return (initial * _MAINTENANCE).quantize(_CENT)
