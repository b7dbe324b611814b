"""What an order costs and ties up: commissions, margin requirements, and the what-if made of both.

Requirements are counted at the worst of what the working orders may lead to, buys and sells never
netted: two orders that each fit must not fit together only because they might cancel out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ibgw_tui.core.broker import WhatIf
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.terms import EXACT, AssetClass, Money, Side
from ibgw_tui.exchange.accounts import BASE_CURRENCY, Account
from ibgw_tui.exchange.exact import less, rounded, times, total
from ibgw_tui.exchange.instruments import INSTRUMENTS, Instrument
from ibgw_tui.exchange.orders import BookOrder

ZERO = Decimal(0)
_FOURTH = Decimal("0.0001")
_PER_UNIT = {
    AssetClass.STOCK: Decimal("0.005"),
    AssetClass.ETF: Decimal("0.005"),
    AssetClass.FUTURE: Decimal("2.25"),
    AssetClass.OPTION: Decimal("0.65"),
}
_FX_RATE = Decimal("0.00002")
_LEAST = {AssetClass.STOCK: Decimal(1), AssetClass.ETF: Decimal(1), AssetClass.FX: Decimal(2)}


def commission_of(asset_class: AssetClass, quantity: Decimal, value: Decimal) -> Decimal:
    """Commission of a whole order that traded `quantity` for `value`; the minimum is per order."""
    if not quantity:
        return ZERO
    charge = times(value, _FX_RATE) if asset_class is AssetClass.FX else times(quantity, _PER_UNIT[asset_class])
    return max(rounded(charge, _FOURTH), _LEAST.get(asset_class, ZERO))


@dataclass(frozen=True, slots=True)
class Requirement:
    """What positions tie up."""

    initial: Decimal = ZERO
    maintenance: Decimal = ZERO
    option_value: Decimal = ZERO
    """Options have no loan value: it is taken off the equity."""


def requirement_of(instrument: Instrument, quantity: Decimal, marks: dict[int, Decimal]) -> Requirement:
    """What holding `quantity` (signed) ties up at these prices."""
    contract, mark = instrument.contract, marks[instrument.con_id]
    if contract.asset_class is AssetClass.FUTURE:
        return Requirement(
            times(abs(quantity), instrument.initial_rate), times(abs(quantity), instrument.maintenance_rate)
        )
    value = times(quantity, mark, contract.multiplier)
    if contract.asset_class is not AssetClass.OPTION:
        return Requirement(times(abs(value), instrument.initial_rate), times(abs(value), instrument.maintenance_rate))
    if quantity >= 0 or instrument.underlying is None:
        return Requirement(option_value=value)
    base = times(abs(quantity), marks[instrument.underlying], contract.multiplier)
    # What is owed for a written option already lowers the net liquidation value.
    return Requirement(times(base, instrument.initial_rate), times(base, instrument.maintenance_rate))


@dataclass(frozen=True, slots=True)
class Standing:
    """An account measured at the present prices."""

    net_liquidation: Decimal
    equity_with_loan: Decimal
    initial: Decimal
    maintenance: Decimal

    @property
    def available(self) -> Decimal:
        return less(self.equity_with_loan, self.initial)

    @property
    def excess(self) -> Decimal:
        return less(self.equity_with_loan, self.maintenance)


def standing_of(
    account: Account, working: Iterable[BookOrder], marks: dict[int, Decimal], new: BrokerOrder | None = None
) -> Standing:
    """The account with its working orders, and with `new` among them when it is given."""
    buys: dict[int, Decimal] = {}
    sells: dict[int, Decimal] = {}
    for wire, quantity in [(order.wire, order.remaining) for order in working] + ([(new, new.quantity)] if new else []):
        side = buys if wire.side is Side.BUY else sells
        # Every open order is counted here whenever another one is placed: no canonical form on the way.
        side[wire.contract.con_id] = EXACT.add(side.get(wire.contract.con_id, ZERO), quantity)
    requirements = [
        _worst(INSTRUMENTS[con_id], account.quantity_of(con_id), buys.get(con_id, ZERO), sells.get(con_id, ZERO), marks)
        for con_id in sorted({*buys, *sells, *(con_id for con_id, _ in account.open())})
    ]
    worth = account.worth(marks)
    return Standing(
        net_liquidation=worth,
        equity_with_loan=less(worth, total(*(r.option_value for r in requirements))),
        initial=total(*(r.initial for r in requirements)),
        maintenance=total(*(r.maintenance for r in requirements)),
    )


def _worst(
    instrument: Instrument, held: Decimal, buys: Decimal, sells: Decimal, marks: dict[int, Decimal]
) -> Requirement:
    """The dearest of: as it is, all buys filled, all sells filled."""
    outcomes = (held, total(held, buys), less(held, sells))
    return max(
        (requirement_of(instrument, quantity, marks) for quantity in outcomes),
        key=lambda need: total(need.initial, max(need.option_value, ZERO)),
    )


def what_if(before: Standing, after: Standing, commission: Decimal, at: datetime) -> WhatIf:
    """The difference an order makes, in the words of the port."""
    return WhatIf(
        initial_margin_change=_usd(less(after.initial, before.initial)),
        maintenance_margin_change=_usd(less(after.maintenance, before.maintenance)),
        equity_with_loan_after=_usd(less(after.equity_with_loan, commission)),
        initial_margin_after=_usd(after.initial),
        maintenance_margin_after=_usd(after.maintenance),
        commission_min=_usd(commission),
        commission_max=_usd(commission),
        as_of=at,
    )


def _usd(value: Decimal) -> Money:
    return Money(amount=rounded(value), currency=BASE_CURRENCY)
