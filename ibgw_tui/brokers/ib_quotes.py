"""Quotes of what was asked for lately, and of nothing else: each is a line that TWS counts.

A quote is as old as its newest tick. A quiet contract is asked for anew, so that an old price is either
confirmed or visibly old. A line that TWS refuses has no price at all, never the last one it had.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from ibgw_tui.brokers.ib_numbers import exact
from ibgw_tui.core.broker import Quote
from ibgw_tui.core.orders import Contract
from ibgw_tui.core.terms import QuoteStatus

KEPT_SECONDS = 60.0
"""A line nobody asked for in so long is given back."""
CONFIRM_SECONDS = 15.0
"""A line without a tick in so long is asked for anew."""
REFUSED_SECONDS = 5.0
"""How long a refusal is believed before TWS is asked again."""
DELAY = timedelta(minutes=15)
"""Delayed data is at least so late."""
_PRICES = {1: "bid", 2: "ask", 4: "last", 9: "close", 66: "bid", 67: "ask", 68: "last", 75: "close"}
_SIZES = {0: "bid_size", 3: "ask_size", 69: "bid_size", 70: "ask_size"}
_SIZE_OF = {"bid": "bid_size", "ask": "ask_size"}
_LIVE, _DELAYED, _FIRST_DELAYED = 1, 3, 66
_STATUS = {1: QuoteStatus.LIVE, 2: QuoteStatus.FROZEN, 3: QuoteStatus.DELAYED, 4: QuoteStatus.DELAYED}


@dataclass(slots=True)
class Line:
    """One subscription. Mutable."""

    req_id: int
    contract: Contract
    wanted_at: float
    asked_at: float
    kind: int = 0
    """TWS's market data type; 0 while it has said none."""
    prices: dict[str, Decimal] = field(default_factory=dict)
    ticked: datetime | None = None
    heard_at: float = 0.0
    refusal: str = ""
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    def price(self, name: str, price: float, size: float) -> None:
        """A price of -1 with no size is how TWS says that there is none."""
        number, amount = exact(price), exact(size)
        is_none = number is None or (name in _SIZE_OF and not amount) or (number == -1 and not amount)
        self._put(name, None if is_none else number)
        if name in _SIZE_OF:
            self._put(_SIZE_OF[name], None if is_none else amount)

    def size(self, name: str, size: float) -> None:
        self._put(name, exact(size) or None)

    def _put(self, name: str, value: Decimal | None) -> None:
        if value is None:
            self.prices.pop(name, None)
        else:
            self.prices[name] = value

    def quote(self, now: datetime) -> Quote:
        status = QuoteStatus.UNAVAILABLE if self.refusal else _STATUS.get(self.kind, QuoteStatus.UNAVAILABLE)
        if status is QuoteStatus.UNAVAILABLE or self.ticked is None:
            return no_quote(self.contract, now)
        as_of = self.ticked - DELAY if status is QuoteStatus.DELAYED else self.ticked
        return Quote(
            con_id=self.contract.con_id,
            currency=self.contract.currency,
            status=status,
            as_of=as_of,
            source="IBKR",
            **self.prices,
        )


def no_quote(contract: Contract, now: datetime) -> Quote:
    return Quote(
        con_id=contract.con_id, currency=contract.currency, status=QuoteStatus.UNAVAILABLE, as_of=now, source="IBKR"
    )


class Lines:
    """The subscriptions of one session. `subscribe` and `cancel` put requests on the wire."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        subscribe: Callable[[Contract], Awaitable[int]],
        cancel: Callable[[int], None],
        *,
        patience_seconds: float,
    ) -> None:
        self._clock = clock
        self._subscribe = subscribe
        self._cancel = cancel
        self._patience = patience_seconds
        self._by_contract: dict[int, Line] = {}
        self._by_id: dict[int, Line] = {}
        self._turns: dict[int, asyncio.Lock] = {}

    async def quote(self, contract: Contract) -> Quote:
        """The newest quote; waits a little for the first one of a contract."""
        async with self._turns.setdefault(contract.con_id, asyncio.Lock()):
            line = self._by_contract.get(contract.con_id)
            now = time.monotonic()
            if line is not None and self._is_outdated(line, now):
                self._drop(line)
                line = None
            if line is None:
                # `subscribe` returns with the request on the wire, before any answer can be read.
                line = Line(await self._subscribe(contract), contract, now, time.monotonic())
                self._by_contract[contract.con_id] = self._by_id[line.req_id] = line
            line.wanted_at = now
        try:
            await asyncio.wait_for(line.answered.wait(), self._patience)
        except TimeoutError:
            line.answered.set()  # waited for once; what there is, such as one side, is told at once from now on
        return line.quote(self._clock())

    def _is_outdated(self, line: Line, now: float) -> bool:
        if line.refusal:
            return now - line.asked_at > REFUSED_SECONDS
        return now - max(line.asked_at, line.heard_at) > CONFIRM_SECONDS

    # ---- what TWS says

    def tick_price(self, req_id: int, kind: int, price: float, size: float) -> None:
        self._ticked(req_id, kind, _PRICES.get(kind), price, size)

    def tick_size(self, req_id: int, kind: int, size: float) -> None:
        self._ticked(req_id, kind, _SIZES.get(kind), None, size)

    def _ticked(self, req_id: int, kind: int, name: str | None, price: float | None, size: float) -> None:
        line = self._by_id.get(req_id)
        if line is None or name is None:
            return
        line.kind = line.kind or (_DELAYED if kind >= _FIRST_DELAYED else _LIVE)
        if price is not None:
            line.price(name, price, size)
        else:
            line.size(name, size)
        line.ticked, line.heard_at = self._clock(), time.monotonic()
        if {"bid", "ask"} <= line.prices.keys():
            line.answered.set()

    def data_type(self, req_id: int, kind: int) -> None:
        if (line := self._by_id.get(req_id)) is not None:
            line.kind, line.refusal = kind, ""

    def error(self, req_id: int, text: str) -> bool:
        """TWS refused or ended a subscription. False when it is none of ours."""
        line = self._by_id.get(req_id)
        if line is None:
            return False
        line.refusal, line.asked_at = text, time.monotonic()
        line.prices.clear()
        line.answered.set()
        return True

    def refusal(self, contract: Contract) -> str:
        line = self._by_contract.get(contract.con_id)
        return line.refusal if line is not None else ""

    def owns(self, req_id: int) -> bool:
        return req_id in self._by_id

    # ---- lines come to an end

    def sweep(self) -> None:
        """Give back what nobody asks for any more."""
        now = time.monotonic()
        for line in [each for each in self._by_contract.values() if now - each.wanted_at > KEPT_SECONDS]:
            self._drop(line)

    def forget(self) -> None:
        """TWS has forgotten all of them (1101): they are asked for anew when somebody wants them."""
        self._by_contract.clear()
        self._by_id.clear()

    def _drop(self, line: Line) -> None:
        if self._by_id.pop(line.req_id, None) is not None:
            self._by_contract.pop(line.contract.con_id, None)
            self._cancel(line.req_id)
