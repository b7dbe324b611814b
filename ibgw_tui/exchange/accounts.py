"""Cash and positions of the simulated accounts, exact to the last digit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ibgw_tui.core.broker import Position
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.terms import EXACT, AssetClass, canonical
from ibgw_tui.exchange.instruments import BY_CON_ID

PAPER, LIVE = "DU1234567", "U1234567"
OPENING_CASH = Decimal(100_000)
_PLACES = Decimal("0.00000001")
_SHARE = Decimal("0.5")


@dataclass
class Holding:
    quantity: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    """Average price of what is held."""


@dataclass
class Account:
    cash: Decimal = OPENING_CASH
    holdings: dict[int, Holding] = field(default_factory=dict)


class Ledger:
    def __init__(self, accounts: dict[str, Account]) -> None:
        self._accounts = accounts

    @classmethod
    def fresh(cls) -> Ledger:
        return cls({PAPER: Account(), LIVE: Account()})

    def has(self, account: str) -> bool:
        return account in self._accounts

    def cash(self, account: str) -> Decimal:
        return self._accounts[account].cash

    def positions(self, account: str) -> tuple[Position, ...]:
        held = self._accounts[account].holdings
        return tuple(
            Position(
                account=account,
                con_id=con_id,
                symbol=BY_CON_ID[con_id].contract.symbol,
                quantity=holding.quantity,
                average_cost=canonical(holding.cost.quantize(_PLACES, context=EXACT)),
            )
            for con_id, holding in sorted(held.items())
            if holding.quantity
        )

    def net_liquidation(self, account: str, prices: Mapping[int, Decimal]) -> Decimal:
        """Cash plus what the holdings are worth; of futures only the gain since they were bought counts."""
        owner, total = self._accounts[account], self._accounts[account].cash
        for con_id, holding in owner.holdings.items():
            contract = BY_CON_ID[con_id].contract
            base = holding.cost if contract.asset_class is AssetClass.FUTURE else Decimal(0)
            total += holding.quantity * contract.multiplier * (prices[con_id] - base)
        return total

    def margin(self, account: str, prices: Mapping[int, Decimal]) -> Decimal:
        """Initial margin of everything held, in round numbers."""
        total = Decimal(0)
        for con_id, holding in self._accounts[account].holdings.items():
            instrument = BY_CON_ID[con_id]
            if instrument.initial_margin is not None:
                total += abs(holding.quantity) * instrument.initial_margin
            else:
                total += abs(holding.quantity * instrument.contract.multiplier * prices[con_id]) * _SHARE
        return total

    def book(self, order: BrokerOrder, quantity: Decimal, price: Decimal, fee: Decimal) -> None:
        """One fill: cash, position, average cost."""
        owner, contract = self._accounts[order.account], order.contract
        holding = owner.holdings.setdefault(contract.con_id, Holding())
        signed = order.side.sign * quantity
        if contract.asset_class is AssetClass.FUTURE:
            closing = min(abs(holding.quantity), quantity) if holding.quantity * signed < 0 else Decimal(0)
            direction = 1 if holding.quantity > 0 else -1
            owner.cash += closing * direction * contract.multiplier * (price - holding.cost)
        else:
            owner.cash -= signed * price * contract.multiplier
        owner.cash -= fee
        after = holding.quantity + signed
        if holding.quantity * signed >= 0:
            value = abs(holding.quantity) * holding.cost + quantity * price
            holding.cost = EXACT.divide(value, abs(after)) if after else Decimal(0)
        elif holding.quantity * after < 0:
            holding.cost = price  # turned round: what is held now was bought at this price
        holding.quantity = after

    def dump(self) -> dict[str, Any]:
        return {
            name: {
                "cash": str(account.cash),
                "holdings": {str(c): [str(h.quantity), str(h.cost)] for c, h in account.holdings.items()},
            }
            for name, account in self._accounts.items()
        }

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Ledger:
        return cls(
            {
                name: Account(
                    Decimal(item["cash"]),
                    {int(c): Holding(Decimal(q), Decimal(p)) for c, (q, p) in item["holdings"].items()},
                )
                for name, item in data.items()
            }
        )
