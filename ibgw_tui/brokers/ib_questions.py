"""What is asked of TWS about one thing: an order that is not placed, a contract, a tick ladder. Each with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from ib_async import IB, ContractDetails, RequestError
from ib_async import Contract as IbContract
from ib_async import Order as IbOrder
from ib_async import OrderState as IbOrderState

from ibgw_tui.brokers.ib_numbers import exact
from ibgw_tui.brokers.ib_pace import Pace
from ibgw_tui.brokers.ib_settings import IbSettings
from ibgw_tui.brokers.ib_words import meaning
from ibgw_tui.core.broker import WhatIf
from ibgw_tui.core.errors import BrokerError, NotConnected
from ibgw_tui.core.terms import Money

NO_CONTRACT = 200
Answer = TypeVar("Answer")


class Questions:
    """Of one session. `must_be_open` raises NotConnected."""

    def __init__(self, ib: IB, pace: Pace, settings: IbSettings, must_be_open: Callable[[], None]) -> None:
        self._ib = ib
        self._client: Any = ib.client
        self._pace = pace
        self._settings = settings
        self._must_be_open = must_be_open
        self._previews: dict[int, asyncio.Queue[IbOrderState | str]] = {}
        self._rules: dict[int, list[tuple[Any, Any]]] = {}
        self._ruling = asyncio.Lock()

    # ---- previews

    async def preview(self, contract: IbContract, order: IbOrder) -> IbOrderState | str | None:
        """TWS's estimate, or the words with which it refuses one; None when it does not answer in time.

        The library would wait for ever for an answer without numbers.
        """
        await self._pace.take()
        self._must_be_open()
        req_id = order.orderId = self._client.getReqId()
        order.whatIf = True
        answers = self._previews[req_id] = asyncio.Queue()
        try:
            self._client.placeOrder(req_id, contract, order)
            answer = await asyncio.wait_for(answers.get(), self._settings.what_if_seconds)
            if isinstance(answer, IbOrderState) and _is_empty(answer):
                try:  # the first of two answers can be zeros
                    return await asyncio.wait_for(answers.get(), self._settings.second_answer_seconds)
                except TimeoutError:
                    pass
            return answer
        except TimeoutError:
            return None
        finally:
            del self._previews[req_id]

    def previewed(self, req_id: int, answer: IbOrderState | str) -> bool:
        """False when nobody asked."""
        answers = self._previews.get(req_id)
        if answers is not None:
            answers.put_nowait(answer)
        return answers is not None

    def previews(self, req_id: int) -> bool:
        return req_id in self._previews

    # ---- contracts

    async def details(self, contract: IbContract) -> list[ContractDetails]:
        """What TWS knows of a contract; nothing when it knows none. Raises BrokerError."""
        return await self._request(self._ib.reqContractDetailsAsync, contract) or []

    async def similar(self, pattern: str) -> list[str]:
        """Symbols that somebody may have meant. Raises NotConnected."""
        try:
            found = await self._request(self._ib.reqMatchingSymbolsAsync, pattern)
        except NotConnected:
            raise
        except BrokerError:
            return []
        return list(dict.fromkeys(each.contract.symbol for each in found or () if each.contract is not None))[:3]

    async def ladder(self, rule: int) -> list[tuple[Any, Any]]:
        """A market rule as (from price, step) pairs; empty when TWS does not tell. Raises BrokerError."""
        async with self._ruling:  # two questions after one rule would share a slot of the library
            if rule not in self._rules:
                told: Any = await self._request(self._ib.reqMarketRuleAsync, rule)
                if not told:
                    return []
                self._rules[rule] = [(each.lowEdge, each.increment) for each in told]
            return self._rules[rule]

    async def _request(self, ask: Callable[[Any], Awaitable[Answer]], about: Any) -> Answer | None:
        """A numbered request of the library, with a deadline of its own; None when there is no such contract."""
        await self._pace.take()
        self._must_be_open()
        try:
            return await asyncio.wait_for(ask(about), self._settings.answer_seconds)
        except RequestError as error:
            if error.code == NO_CONTRACT:
                return None
            raise BrokerError(
                f"{error.code} {error.message}", user_action=meaning(error.code).remedy or "try again"
            ) from error
        except TimeoutError:
            raise BrokerError("TWS did not answer in time", user_action="try again") from None
        except ConnectionError as error:
            raise NotConnected("the connection to TWS was lost", user_action="connect again") from error


def estimate_of(told: IbOrderState, base: str, currency: str, at: datetime) -> WhatIf:
    """TWS's estimate of an order in our terms; `base` is the currency of the account, where it told one."""

    def money(value: object, unit: str) -> Money | None:
        number = exact(value)
        return Money(amount=number, currency=unit) if number is not None and unit else None

    unit = told.commissionCurrency or currency
    one_price = money(told.commission, unit)
    return WhatIf(
        initial_margin_change=money(told.initMarginChange, base),
        maintenance_margin_change=money(told.maintMarginChange, base),
        equity_with_loan_after=money(told.equityWithLoanAfter, base),
        initial_margin_after=money(told.initMarginAfter, base),
        maintenance_margin_after=money(told.maintMarginAfter, base),
        commission_min=money(told.minCommission, unit) or one_price,
        commission_max=money(told.maxCommission, unit) or one_price,
        warning=told.warningText,
        as_of=at,
    )


def _is_empty(state: IbOrderState) -> bool:
    """A what-if of zeros."""
    numbers = (state.initMarginAfter, state.maintMarginAfter, state.initMarginChange, state.maintMarginChange)
    return all(str(number) in ("0", "0.0") for number in numbers)
