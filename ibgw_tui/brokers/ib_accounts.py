"""What TWS has said of the accounts: values by tag as the text they came in, and positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ib_async import Contract as IbContract

from ibgw_tui.brokers.ib_contracts import symbol_of
from ibgw_tui.brokers.ib_numbers import exact, known
from ibgw_tui.brokers.ib_settings import mode_of
from ibgw_tui.core.broker import AccountFacts, Position
from ibgw_tui.core.terms import Money

_TAGS = {
    "net_liquidation": "NetLiquidation",
    "available_funds": "AvailableFunds",
    "excess_liquidity": "ExcessLiquidity",
    "cash": "TotalCashValue",
}


@dataclass(slots=True)
class Accounts:
    """Mutable; one per session."""

    clock: Callable[[], datetime]
    _values: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """(account, tag) -> text and currency."""
    _heard: dict[str, datetime] = field(default_factory=dict)
    _positions: dict[str, dict[int, Position]] = field(default_factory=dict)

    def value_of_model(self, req_id: int, account: str, model: str, tag: str, text: str, currency: str) -> None:
        """The same as `value`, as the other of TWS's two messages tells it."""
        self.value(tag, text, currency, account)

    def value(self, tag: str, text: str, currency: str, account: str) -> None:
        if tag in _TAGS.values() and currency != "BASE":
            self._values[account, tag] = text, currency
            self._heard[account] = self.clock()

    def position(self, account: str, contract: IbContract, size: float, average_cost: float) -> None:
        """The whole position, each time; zero is none."""
        held, quantity = self._positions.setdefault(account, {}), known(size)
        if not quantity:
            held.pop(contract.conId, None)
            return
        held[contract.conId] = Position(
            account=account,
            con_id=contract.conId,
            symbol=symbol_of(contract),
            quantity=quantity,
            average_cost=exact(average_cost),
        )

    def positions(self, account: str) -> tuple[Position, ...]:
        return tuple(self._positions.get(account, {}).values())

    def facts(self, account: str) -> AccountFacts:
        values = {name: self._money(account, tag) for name, tag in _TAGS.items()}
        return AccountFacts(
            account=account, mode=mode_of(account), as_of=self._heard.get(account, self.clock()), **values
        )

    def base_currency(self, account: str) -> str:
        """The currency in which the account is kept, and in which TWS tells margins; empty when not known."""
        return self._values.get((account, _TAGS["net_liquidation"]), ("", ""))[1]

    def _money(self, account: str, tag: str) -> Money | None:
        text, currency = self._values.get((account, tag), ("", ""))
        amount = exact(text)
        return Money(amount=amount, currency=currency) if amount is not None and currency else None
