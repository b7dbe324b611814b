"""What an account holds: cash, and per contract a signed quantity with its exact cost.

Cash moves by the whole value of a trade, except for futures, where only what was won or lost moves.
A currency pair is held as a position in the pair, so that all cash is in one currency.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ibgw_tui.core.terms import AssetClass, Mode
from ibgw_tui.exchange.exact import as_text, divided, from_text, less, times, total
from ibgw_tui.exchange.instruments import INSTRUMENTS, Instrument

ZERO = Decimal(0)
BASE_CURRENCY = "USD"
STARTING_CASH = Decimal(100_000)
PAPER_ACCOUNT, LIVE_ACCOUNT = "DU1234567", "U1234567"


@dataclass(slots=True)
class Holding:
    """`cost` is what the present quantity was bought for (negative: sold for), multiplier included."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO

    @property
    def average_cost(self) -> Decimal | None:
        """Per contract or share, multiplier included."""
        return divided(self.cost, self.quantity) if self.quantity else None

    def trade(self, quantity: Decimal, value: Decimal) -> Decimal:
        """Add a signed quantity for a signed value. Returns what was won by the part that closed."""
        won = ZERO
        if self.quantity and (self.quantity > 0) != (quantity > 0):
            closing = min(abs(quantity), abs(self.quantity))
            whole = closing == abs(self.quantity)
            released = self.cost if whole else divided(times(self.cost, closing), abs(self.quantity))
            proceeds = value if closing == abs(quantity) else divided(times(value, closing), abs(quantity))
            won = -total(released, proceeds)
            self.cost = less(self.cost, released)
            self.cost = total(self.cost, less(value, proceeds))
        else:
            self.cost = total(self.cost, value)
        self.quantity = total(self.quantity, quantity)
        return won


@dataclass(slots=True)
class Account:
    account_id: str
    mode: Mode
    cash: Decimal = STARTING_CASH
    realised: Decimal = ZERO
    commissions: Decimal = ZERO
    holdings: dict[int, Holding] = field(default_factory=dict)

    def trade(self, instrument: Instrument, quantity: Decimal, price: Decimal, commission: Decimal) -> None:
        """Book one fill; `quantity` is signed."""
        value = times(quantity, price, instrument.contract.multiplier)
        won = self.holdings.setdefault(instrument.con_id, Holding()).trade(quantity, value)
        moved = won if instrument.contract.asset_class is AssetClass.FUTURE else -value
        self.cash = total(self.cash, moved, -commission)
        self.realised = total(self.realised, won)
        self.commissions = total(self.commissions, commission)

    def quantity_of(self, con_id: int) -> Decimal:
        return self.holdings[con_id].quantity if con_id in self.holdings else ZERO

    def worth(self, marks: dict[int, Decimal]) -> Decimal:
        """Net liquidation value at these prices."""
        return total(self.cash, *(self._value(con_id, holding, marks[con_id]) for con_id, holding in self.open()))

    def open(self) -> list[tuple[int, Holding]]:
        return [(con_id, holding) for con_id, holding in sorted(self.holdings.items()) if holding.quantity]

    @staticmethod
    def _value(con_id: int, holding: Holding, mark: Decimal) -> Decimal:
        contract = INSTRUMENTS[con_id].contract
        value = times(holding.quantity, mark, contract.multiplier)
        return less(value, holding.cost) if contract.asset_class is AssetClass.FUTURE else value

    def dump(self) -> dict[str, Any]:
        return {
            "account_id": self.account_id,
            "mode": self.mode.value,
            "cash": as_text(self.cash),
            "realised": as_text(self.realised),
            "commissions": as_text(self.commissions),
            "holdings": {
                str(con_id): [as_text(holding.quantity), as_text(holding.cost)]
                for con_id, holding in self.holdings.items()
            },
        }

    @classmethod
    def load(cls, data: dict[str, Any]) -> Account:
        return cls(
            account_id=data["account_id"],
            mode=Mode(data["mode"]),
            cash=from_text(data["cash"]),
            realised=from_text(data["realised"]),
            commissions=from_text(data["commissions"]),
            holdings={
                int(con_id): Holding(from_text(quantity), from_text(cost))
                for con_id, (quantity, cost) in data["holdings"].items()
            },
        )


def new_accounts() -> dict[str, Account]:
    accounts = (Account(PAPER_ACCOUNT, Mode.PAPER), Account(LIVE_ACCOUNT, Mode.LIVE))
    return {account.account_id: account for account in accounts}
