"""A simulated TWS with a clock and a market that stand until they are moved, and unmodified clients for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from ib_async import IB, Contract, Order, Stock, Trade

from ibgw_tui.exchange.instruments import AAPL
from ibgw_tui.twsim import acts
from ibgw_tui.twsim.desk import Received, Settings
from ibgw_tui.twsim.scenario import Scenario
from ibgw_tui.twsim.server import TwsServer
from tests.makers import SettableClock

TICK = timedelta(milliseconds=250)
ACCOUNT = "DU1234567"
TIMEOUT = 10


@dataclass
class Bench:
    """One TWS and the clients that are connected to it."""

    tws: TwsServer
    clock: SettableClock
    clients: list[IB] = field(default_factory=list)

    async def connect(self, client_id: int = 1, *, version: int = 178, timeout: float = TIMEOUT, **more: Any) -> IB:
        """An unmodified client, fully synchronised, that speaks at most this version."""
        ib = IB()
        ib.client.MaxClientVersion = version
        ib.client.MaxRequests = 0  # else a busy test waits for the library's own queue
        ib.RaiseRequestErrors = True
        self.clients.append(ib)
        more.setdefault("raiseSyncErrors", True)
        await ib.connectAsync("127.0.0.1", self.tws.port, clientId=client_id, timeout=timeout, **more)
        return ib

    def do(self, *wanted: acts.Act) -> None:
        for act in wanted:
            self.tws.do(act)

    def pin(self, bid: str, ask: str, *, con_id: int = AAPL, size: str = "1000") -> None:
        self.do(
            acts.Pin(con_id=con_id, bid=Decimal(bid), ask=Decimal(ask), bid_size=Decimal(size), ask_size=Decimal(size))
        )

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.clock.now += TICK
            self.do(acts.Step())

    async def settle(self, ib: IB) -> None:
        """Everything said so far has arrived: the answer to a question comes after it."""
        await asyncio.wait_for(ib.reqCurrentTimeAsync(), TIMEOUT)

    async def moved(self, ib: IB, count: int = 1) -> None:
        """The market meets all that was sent so far, and the client hears what came of it."""
        await self.settle(ib)
        self.step(count)
        await self.settle(ib)

    def received(self, name: str) -> list[Received]:
        return [request for request in self.tws.desk.log if request.name == name]


@asynccontextmanager
async def a_tws(
    *, scenario: Scenario | None = None, state_path: Path | None = None, clock: SettableClock | None = None, **said: Any
) -> AsyncIterator[Bench]:
    clock = clock or SettableClock()
    settings = Settings(**{"seed": 7, "tick_milliseconds": 0, "messages_per_second": 0, **said})
    async with TwsServer(settings, clock, scenario=scenario, state_path=state_path) as tws:
        bench = Bench(tws, clock)
        try:
            yield bench
        finally:
            for ib in bench.clients:
                ib.disconnect()


def aapl() -> Contract:
    return Stock("AAPL", "SMART", "USD", conId=AAPL)


def an_order(kind: str = "LMT", side: str = "BUY", quantity: float = 10, **more: Any) -> Order:
    """A day order with a time in force, as every careful client sends it."""
    return Order(orderType=kind, action=side, totalQuantity=quantity, **{"tif": "DAY", **more})


def place(ib: IB, order: Order, contract: Contract | None = None) -> Trade:
    return ib.placeOrder(contract or aapl(), order)


def errors_of(ib: IB) -> list[tuple[int, int, str]]:
    """From now on, every error the client hears: (about, code, text)."""
    heard: list[tuple[int, int, str]] = []
    ib.errorEvent += lambda *told: heard.append(told[:3])
    return heard


def raw(ib: IB) -> Any:
    """The client's own wire: it sends what it is told, and keeps no state of it."""
    return ib.client


async def until(condition: Any, seconds: float = TIMEOUT) -> None:
    """Wait for something that another task brings about."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
