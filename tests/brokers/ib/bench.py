"""The real client library and a real socket, with a simulated TWS at the other end that does what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from ibgw_tui.brokers.ib import IbBroker
from ibgw_tui.brokers.ib_session import Session
from ibgw_tui.brokers.ib_settings import IbSettings
from ibgw_tui.core.broker import LinkState
from ibgw_tui.exchange.faults import NO_FAULTS, CancelFault, Faults, QuoteFault
from ibgw_tui.exchange.instruments import AAPL
from ibgw_tui.twsim import acts
from ibgw_tui.twsim.desk import Received, Settings
from ibgw_tui.twsim.server import TwsServer
from tests.makers import SettableClock

ACCOUNT = "DU1234567"
CLIENT = 7
QUICK: dict[str, Any] = {
    "start_seconds": 0.4,
    "answer_seconds": 0.4,
    "probe_seconds": 0.2,
    "what_if_seconds": 0.1,
    "second_answer_seconds": 0.1,
    "quote_seconds": 0.3,
    "beat_seconds": 60.0,
    "messages_per_second": 100_000,
    "longest_wait_seconds": 0.0,
}
"""Deadlines of a test, where the other end is in the same process."""
UNFIT = {
    "test_c07_what_the_feed_does_not_say_is_none": "a quote changes when TWS says so, not at once: see test_quotes",
    "test_c21_a_lost_acknowledgement_is_found_by_reading": "a sender cannot learn of it: see test_faults",
    "test_c22_an_order_lost_on_the_way_is_nowhere": "a sender cannot learn of it: see test_faults",
    "test_c29_a_stalled_broker_answers_later_and_in_order": "a stalled TWS is not given orders: see test_faults",
}
"""Tests of the contract that need a market which is told its faults by the sender."""


@dataclass
class IbBench:
    settings: dict[str, Any]
    tws_settings: dict[str, Any]
    clock: SettableClock = field(default_factory=SettableClock)
    account: str = ACCOUNT
    unfit: dict[str, str] = field(default_factory=lambda: UNFIT)
    ids_path: Path | None = None
    state_path: Path | None = None
    tws: TwsServer = field(init=False)
    broker: IbBroker = field(init=False)
    _faults: Faults = NO_FAULTS

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        async with TwsServer(Settings(**self.tws_settings), self.clock, state_path=self.state_path) as self.tws:
            self.broker = self.another()
            try:
                yield
            finally:
                await self.broker.close()

    def another(self, **changes: Any) -> IbBroker:
        """One more broker on the same TWS."""
        settings = {"port": self.tws.port, "accounts": (ACCOUNT,), "client_id": CLIENT, **self.settings, **changes}
        return IbBroker(self.clock, IbSettings(**settings), ids_path=self.ids_path)

    @property
    def session(self) -> Session:
        session = self.broker._session
        assert session is not None
        return session

    def do(self, *wanted: acts.Act) -> None:
        for act in wanted:
            self.tws.do(act)

    def pin(self, bid: str, ask: str, con_id: int = AAPL) -> None:
        size = Decimal(1000)
        self.do(acts.Pin(con_id=con_id, bid=Decimal(bid), ask=Decimal(ask), bid_size=size, ask_size=size))

    async def settle(self) -> None:
        """All that was sent has arrived, and all that was said has been heard."""
        session = self.broker._session
        if session is not None and session.is_open:
            answer = session.proof.question.ask()
            session.client.reqCurrentTime()
            await asyncio.wait_for(answer, 5)

    async def advance(self, steps: int = 1) -> None:
        if self._faults.link is not LinkState.DISCONNECTED:
            await self.settle()
        for _ in range(steps):
            self.clock.now += timedelta(milliseconds=250)
            self.do(acts.Step())
        if self._faults.link is not LinkState.DISCONNECTED:
            await self.settle()

    def received(self, name: str) -> list[Received]:
        return [request for request in self.tws.desk.log if request.name == name]

    def refs(self) -> list[str]:
        """References of all orders that this TWS holds, finished or not."""
        return [order.values["orderRef"] for order in self.tws.desk.trading.book.orders.values()]

    def inflict(self, faults: Faults) -> None:
        before, self._faults = self._faults, faults
        self.do(acts.Clear())
        self.do(acts.Quotes(mode="none" if faults.quote is QuoteFault.UNAVAILABLE else "live"))
        if faults.what_if_hangs:
            self.do(acts.WhatIfReply(reply="silent"))
        if faults.snapshot_incomplete:
            self.do(acts.Swallow(answer="completed_orders_end"))
        if faults.cancel is CancelFault.FILLED_FIRST:
            self.do(acts.CancelRace(winner="fill_first"))
        if faults.link is LinkState.DISCONNECTED:
            self.do(acts.HangUp(), acts.Mute(count=1000))
        if faults.link is LinkState.BROKER_UNREACHABLE:
            self.do(acts.Connectivity(state="lost"))
        elif before.link is LinkState.BROKER_UNREACHABLE:
            self.do(acts.Connectivity(state="restored"))


def ib_bench(**changes: Any) -> IbBench:
    """`tws_...` are settings of TWS, all others of the broker."""
    paths = {name: changes.pop(name) for name in ("ids_path", "state_path") if name in changes}
    tws = {name.removeprefix("tws_"): changes.pop(name) for name in list(changes) if name.startswith("tws_")}
    return IbBench({**QUICK, **changes}, {"seed": 7, "tick_milliseconds": 0, "messages_per_second": 0, **tws}, **paths)
