"""The market in a process of its own: what is at the broker is a truth that no killed router can touch.

One server holds a simulated market for each desk, and writes down every `place` that arrived, also one
that the market itself would have refused as a duplicate. The client is a `Broker` like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ibgw_tui.brokers.simulated import SimulatedBroker
from ibgw_tui.core.broker import (
    AccountFacts,
    BrokerSnapshot,
    ExecutionReport,
    LinkReport,
    OrderReport,
    Position,
    Quote,
    Report,
    WhatIf,
)
from ibgw_tui.core.errors import GatewayError, NotConnected, OutcomeUnknown
from ibgw_tui.core.orders import BrokerOrder, Contract, OrderIntent

STEP_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Truth:
    """What the market knows of one desk."""

    wire: tuple[str, ...]
    """The order reference of every `place` that arrived, in order."""
    arrived: tuple[float, ...]
    """When, by the clock that all processes of a machine share (`time.monotonic`)."""
    orders: dict[str, OrderReport]
    executions: tuple[ExecutionReport, ...]


async def _read(reader: asyncio.StreamReader) -> Any:
    size = int.from_bytes(await reader.readexactly(4), "big")
    return pickle.loads(await reader.readexactly(size))


def _write(writer: asyncio.StreamWriter, message: object) -> None:
    body = pickle.dumps(message)
    writer.write(len(body).to_bytes(4, "big") + body)


@dataclass
class _Market:
    broker: SimulatedBroker
    wire: list[tuple[str, float]] = field(default_factory=list)
    listeners: set[asyncio.StreamWriter] = field(default_factory=set)
    frozen: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def pump(self) -> None:
        async for report in self.broker.reports():
            # Sessions do not hear of each other's link; this one's stands as long as its socket does.
            for listener in () if isinstance(report, LinkReport) else tuple(self.listeners):
                _write(listener, ("report", report))

    async def tick(self) -> None:
        while True:
            await asyncio.sleep(STEP_SECONDS)
            if self.listeners and not self.frozen:
                await self.broker.step()

    async def answer(self, method: str, arguments: tuple[Any, ...]) -> object:
        if method == "place":
            self.wire.append((arguments[0].order_ref, time.monotonic()))
        if method == "truth":
            snapshot = await self.broker.snapshot()
            reports = (*snapshot.open_orders, *snapshot.completed_orders)
            return Truth(
                wire=tuple(order_ref for order_ref, _ in self.wire),
                arrived=tuple(at for _, at in self.wire),
                orders={report.order_ref: report for report in reports},
                executions=snapshot.executions,
            )
        if method == "freeze":
            self.frozen = bool(arguments[0])
            return None
        return await getattr(self.broker, method)(*arguments)


async def serve(path: Path, clock: Callable[[], datetime]) -> None:
    """Until the process is ended."""
    markets: dict[str, _Market] = {}
    opening = asyncio.Lock()

    async def market_of(name: str) -> _Market:
        async with opening:
            if name not in markets:
                market = _Market(SimulatedBroker(clock, tick_seconds=None))
                await market.broker.connect()
                market.tasks = [asyncio.create_task(market.pump()), asyncio.create_task(market.tick())]
                markets[name] = market
            return markets[name]

    async def close(name: str) -> None:
        market = markets.pop(name, None)
        for task in market.tasks if market else ():
            task.cancel()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):  # its process was killed
            name, listens = await _read(reader)
            market = await market_of(name)
            if listens:
                market.listeners.add(writer)
            try:
                await converse(name, market, reader, writer)
            finally:
                market.listeners.discard(writer)
        writer.close()

    async def converse(name: str, market: _Market, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            number, method, arguments = await _read(reader)
            try:
                answer = None
                if method == "forget":
                    await close(name)
                else:
                    answer = await market.answer(method, arguments)
            except GatewayError as error:
                _write(writer, ("failed", number, (type(error), error.message)))
            else:
                _write(writer, ("answer", number, answer))

    async with await asyncio.start_unix_server(talk, path) as server:
        await server.serve_forever()


class RemoteBroker:
    """The broker port over a socket. A broken socket is what a broken link is."""

    name = "REMOTE"

    def __init__(self, path: Path, desk: str, *, listens: bool = True) -> None:
        self._path = path
        self._desk = desk
        self._listens = listens
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._reports: asyncio.Queue[Report | None] = asyncio.Queue()
        self.asked_account = asyncio.Event()
        """The router asks for the account only after it has reconciled."""

    async def connect(self) -> None:
        if self._writer is not None:
            return
        try:
            reader, self._writer = await asyncio.open_unix_connection(self._path)
        except OSError as error:
            raise NotConnected("the market does not answer") from error
        _write(self._writer, (self._desk, self._listens))
        self._reports = asyncio.Queue()
        self._reading = asyncio.create_task(self._read_all(reader))

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    async def _read_all(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                kind, *rest = await _read(reader)
                if kind == "report":
                    self._reports.put_nowait(rest[0])
                    continue
                number, value = rest
                future = self._waiting.pop(number)
                if future.done():
                    continue
                if kind == "answer":
                    future.set_result(value)
                else:
                    future.set_exception(value[0](value[1]))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(OutcomeUnknown("the link to the market broke"))
            self._waiting.clear()
            self._reports.put_nowait(None)

    async def _ask(self, method: str, *arguments: object) -> Any:
        if self._writer is None:
            raise NotConnected("not connected to the market")
        self._number += 1
        future = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        _write(self._writer, (self._number, method, arguments))
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()
        return await future

    async def resolve(self, intent: OrderIntent) -> Contract:
        return await self._ask("resolve", intent)  # type: ignore[no-any-return]

    async def quote(self, contract: Contract) -> Quote:
        return await self._ask("quote", contract)  # type: ignore[no-any-return]

    async def what_if(self, order: BrokerOrder) -> WhatIf | None:
        return await self._ask("what_if", order)  # type: ignore[no-any-return]

    async def account(self, account: str) -> AccountFacts:
        self.asked_account.set()
        return await self._ask("account", account)  # type: ignore[no-any-return]

    async def positions(self, account: str) -> tuple[Position, ...]:
        return await self._ask("positions", account)  # type: ignore[no-any-return]

    async def managed_accounts(self) -> tuple[str, ...]:
        return await self._ask("managed_accounts")  # type: ignore[no-any-return]

    async def place(self, order: BrokerOrder) -> None:
        await self._ask("place", order)

    async def modify(self, order: BrokerOrder) -> None:
        await self._ask("modify", order)

    async def cancel(self, order_ref: str) -> None:
        await self._ask("cancel", order_ref)

    async def snapshot(self) -> BrokerSnapshot:
        return await self._ask("snapshot")  # type: ignore[no-any-return]

    async def open_orders(self) -> tuple[OrderReport, ...] | None:
        snapshot = await self.snapshot()
        return snapshot.open_orders if snapshot.complete else None

    async def reports(self) -> AsyncIterator[Report]:
        while (report := await self._reports.get()) is not None:
            yield report

    # ---- what only the harness asks

    async def freeze(self, frozen: bool) -> None:
        """A market that stands still has said everything, and can be compared."""
        await self._ask("freeze", frozen)

    async def truth(self) -> Truth:
        return await self._ask("truth")  # type: ignore[no-any-return]

    async def forget(self) -> None:
        await self._ask("forget")

    @property
    def unheard(self) -> int:
        return self._reports.qsize()


def ask_truth(path: Path, desk: str, *, forget: bool = False) -> Truth:
    """What is at the broker of a desk, asked from outside any loop."""

    async def ask() -> Truth:
        broker = RemoteBroker(path, desk, listens=False)
        await broker.connect()
        try:
            truth = await broker.truth()
            if forget:
                await broker.forget()
            return truth
        finally:
            await broker.close()

    return asyncio.run(ask())
