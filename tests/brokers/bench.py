"""A bench for any broker: a clock to set, a market to move, faults to inflict, and an ear for the reports.

A new implementation of the port joins the contract by giving `BENCHES` in `test_contract` one more maker.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from ibgw_tui.brokers.simulated import SimulatedBroker
from ibgw_tui.core.broker import Broker, OrderReport, Report
from ibgw_tui.exchange.faults import Faults
from tests.makers import SettableClock

DEADLINE_SECONDS = 10.0


class Bench(Protocol):
    """What the contract needs besides the port itself."""

    clock: SettableClock
    account: str
    """The one that the session manages."""
    unfit: dict[str, str]
    """Tests of the contract that cannot be made here, and where it is tested instead."""

    def opened(self) -> AbstractAsyncContextManager[None]:
        """What has to run around it."""
        ...

    @property
    def broker(self) -> Broker: ...

    async def advance(self, steps: int = 1) -> None:
        """Let the market move; when this returns, what it had to say is on its way."""
        ...

    def inflict(self, faults: Faults) -> None: ...


@dataclass
class SimulatedBench:
    broker: SimulatedBroker
    clock: SettableClock
    account: str = "DU1234567"
    unfit: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        yield

    async def advance(self, steps: int = 1) -> None:
        for _ in range(steps):
            self.clock.now += timedelta(milliseconds=250)
            await self.broker.step()

    def inflict(self, faults: Faults) -> None:
        self.broker.set_faults(faults)


def simulated_bench(**more: Any) -> SimulatedBench:
    clock = SettableClock()
    settings: dict[str, Any] = {"seed": 7, "tick_seconds": None, "what_if_seconds": 0.01}
    return SimulatedBench(SimulatedBroker(clock, **{**settings, **more}), clock)


@dataclass
class Ear:
    """Hears every report of one stream. Waiting is for an event, never for time to pass."""

    heard: list[Report] = field(default_factory=list)
    ended: bool = False
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def listen(self, broker: Broker) -> None:
        async for report in broker.reports():
            self.heard.append(report)
            await self._tell()
        self.ended = True
        await self._tell()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS), self._news:
            await self._news.wait_for(condition)

    async def count(self, number: int) -> list[Report]:
        """The first so many reports, once they are there."""
        await self.until(lambda: len(self.heard) >= number)
        return self.heard[:number]

    async def until_state(self, order_ref: str, *states: str) -> OrderReport:
        def found() -> OrderReport | None:
            return next((r for r in self.of(order_ref) if r.state in states), None)

        await self.until(lambda: found() is not None)
        report = found()
        assert report is not None
        return report

    async def first(self, wanted: Callable[[Report], bool]) -> Report:
        """The first report of this kind, once it is there."""
        await self.until(lambda: any(wanted(report) for report in self.heard))
        return next(report for report in self.heard if wanted(report))

    def of(self, order_ref: str) -> list[OrderReport]:
        return [r for r in self.heard if isinstance(r, OrderReport) and r.order_ref == order_ref]

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


@asynccontextmanager
async def listening(broker: Broker) -> AsyncIterator[Ear]:
    """An ear on a connected broker; closes neither."""
    ear = Ear()
    task = asyncio.create_task(ear.listen(broker))
    try:
        yield ear
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def connected(bench: Bench) -> AsyncIterator[Ear]:
    """A connected broker with an ear on it; closed in the end."""
    await bench.broker.connect()
    try:
        async with listening(bench.broker) as ear:
            yield ear
    finally:
        await bench.broker.close()
