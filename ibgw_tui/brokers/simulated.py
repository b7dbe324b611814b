"""The simulated exchange behind the broker port: the default market, also of tests and screenshots.

It behaves like the real one where that matters: placing answers nothing, reports arrive later and in
the real order, a known reference is never a second order, and the book survives a restart, because it
is written to disk before a placement returns and after every step that filled something.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

from ibgw_tui.core.broker import (
    AccountFacts,
    BrokerSnapshot,
    LinkReport,
    LinkState,
    Position,
    Quote,
    Report,
    WhatIf,
)
from ibgw_tui.core.errors import NotConnected, OutcomeUnknown
from ibgw_tui.core.orders import BrokerOrder, Contract, OrderIntent
from ibgw_tui.core.terms import Mode
from ibgw_tui.exchange.accounts import LIVE, PAPER
from ibgw_tui.exchange.exchange import Exchange
from ibgw_tui.exchange.faults import Faults
from ibgw_tui.exchange.instruments import resolve


class SimulatedBroker:
    """`core.broker.Broker` over an exchange in this process."""

    name = "SIMULATED"

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        seed: int = 1,
        mode: Mode = Mode.PAPER,
        state_path: Path | None = None,
        faults: Faults | None = None,
        tick_seconds: float | None = 0.25,
    ) -> None:
        """`tick_seconds` None: quotes move only when `step` is called."""
        self.faults = faults or Faults()
        self._clock = clock
        self._state_path = state_path
        self._accounts = (PAPER,) if mode is Mode.PAPER else (LIVE,)
        self._tick_seconds = tick_seconds
        self._exchange = self._load(seed)
        self._reports: asyncio.Queue[Report] | None = None
        self._late: deque[tuple[int, list[Report]]] = deque()
        self._ticking: asyncio.Task[None] | None = None

    # ---- the order route

    async def connect(self) -> None:
        if self.faults.disconnected:
            raise NotConnected("the simulated market is disconnected", user_action="take the fault back")
        self._reports = asyncio.Queue()
        self._reports.put_nowait(LinkReport(state=LinkState.CONNECTED, text=self.name, at=self._clock()))
        if self._tick_seconds is not None and self._ticking is None:
            self._ticking = asyncio.create_task(self._tick(self._tick_seconds), name="simulated market")

    async def close(self) -> None:
        ticking, self._ticking = self._ticking, None
        if ticking is not None:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
        self._reports = None

    async def place(self, order: BrokerOrder) -> None:
        self._require_link()
        if self.faults.drop_next:
            self.faults.drop_next = False
            return
        lost, self.faults.lose_next_answer = self.faults.lose_next_answer, False
        reports = self._exchange.place(order, self._clock())
        self._save()
        if lost:
            raise OutcomeUnknown("the answer of the simulated market was lost", user_action="look the order up")
        self._deliver(reports)

    async def cancel(self, order_ref: str) -> None:
        self._require_link()
        reports = self._exchange.cancel(order_ref, self._clock())
        self._save()
        self._deliver(reports)

    async def snapshot(self) -> BrokerSnapshot:
        self._require_link()
        at = self._clock()
        return BrokerSnapshot(
            complete=True,
            open_orders=self._exchange.open_orders(at),
            completed_orders=self._exchange.completed_orders(at),
            executions=self._exchange.executions(),
            at=at,
        )

    async def reports(self) -> AsyncIterator[Report]:
        queue = self._reports
        if queue is None:
            raise NotConnected("the simulated market is not connected")
        while True:
            yield await queue.get()

    # ---- the market reader

    async def resolve(self, intent: OrderIntent) -> Contract:
        self._require_link()
        return resolve(intent).contract

    async def quote(self, contract: Contract) -> Quote:
        self._require_link()
        return self._exchange.quote(contract.con_id, self._clock())

    async def what_if(self, order: BrokerOrder) -> WhatIf | None:
        self._require_link()
        if self.faults.what_if_hangs:
            await asyncio.Event().wait()
        return self._exchange.what_if(order, self._clock()) if order.account in self._accounts else None

    async def account(self, account: str) -> AccountFacts:
        self._require_link()
        return self._exchange.account(account, self._clock())

    async def positions(self, account: str) -> tuple[Position, ...]:
        self._require_link()
        return self._exchange.positions(account) if account in self._accounts else ()

    async def managed_accounts(self) -> tuple[str, ...]:
        self._require_link()
        return self._accounts

    # ---- time

    def step(self, count: int = 1) -> None:
        """Let the quotes move, match what rests, and deliver what is due."""
        for _ in range(count):
            if self.faults.stalled:
                return
            reports = self._exchange.step(self._clock())
            if reports:
                self._save()
            self._deliver(reports)
            self._deliver_late()

    async def _tick(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            self.step()
            if self.faults.disconnected and self._reports is not None:
                self._reports.put_nowait(
                    LinkReport(state=LinkState.DISCONNECTED, text="fault on command", at=self._clock())
                )
                return

    def _deliver(self, reports: list[Report]) -> None:
        if not reports:
            return
        due = self._exchange.step_number + self.faults.late_steps
        self._late.append((due, reports))
        self._deliver_late()

    def _deliver_late(self) -> None:
        """In order: nothing overtakes what was reported earlier."""
        while self._late and self._late[0][0] <= self._exchange.step_number and not self.faults.stalled:
            for report in self._late.popleft()[1]:
                if self._reports is not None:
                    self._reports.put_nowait(report)

    def _require_link(self) -> None:
        if self._reports is None or self.faults.disconnected:
            raise NotConnected("the simulated market is not connected", user_action="wait for the router to reconnect")

    # ---- the book on disk

    def _load(self, seed: int) -> Exchange:
        if self._state_path is None or not self._state_path.exists():
            return Exchange(seed, self.faults)
        return Exchange.load(json.loads(self._state_path.read_text(encoding="utf-8")), self.faults)

    def _save(self) -> None:
        """Durably, and whole or not at all."""
        if self._state_path is None:
            return
        descriptor, name = tempfile.mkstemp(dir=self._state_path.parent, prefix=".market-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(self._exchange.dump(), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, self._state_path)
