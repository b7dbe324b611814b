"""The exchange behind the broker port, in this process: what demo, tests and newcomers trade on.

Everything that the real road does to an order can happen here on command (`exchange.faults`), and
what is reported was saved before: a killed terminal finds its working orders again at the restart.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ibgw_tui.brokers.keeper import Keeper
from ibgw_tui.brokers.outbox import Outbox
from ibgw_tui.brokers.simulated_orders import change_order, place_with_exits
from ibgw_tui.core.broker import (
    AccountFacts,
    BrokerSnapshot,
    CommissionReport,
    LinkReport,
    LinkState,
    OrderReport,
    Position,
    Quote,
    Report,
    WhatIf,
)
from ibgw_tui.core.errors import BrokerError, ErrorCode, NotConnected, NotFound, OutcomeUnknown
from ibgw_tui.core.orders import BrokerOrder, Contract, OrderIntent
from ibgw_tui.core.terms import AccountId, Mode
from ibgw_tui.exchange.accounts import LIVE_ACCOUNT, PAPER_ACCOUNT
from ibgw_tui.exchange.exchange import Exchange
from ibgw_tui.exchange.faults import NO_FAULTS, CancelFault, Faults, PlaceFault, QuoteFault, Rejection, distorted
from ibgw_tui.exchange.hours import Hours
from ibgw_tui.exchange.instruments import INSTRUMENTS, with_hours
from ibgw_tui.exchange.lookup import resolve

NAME = "SIMULATED"

log = logging.getLogger(__name__)


class SimulatedBroker:
    """A broker whose market is made here.

    `mode` decides which of the two accounts the session manages. With `state_path` the market lives
    in that file (whose seed then counts, not the one given here) and belongs to one process at a
    time. `tick_seconds` of None makes no ticks: the market moves by `step()` alone.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        seed: int = 1,
        mode: Mode = Mode.PAPER,
        state_path: Path | None = None,
        faults: Faults = NO_FAULTS,
        tick_seconds: float | None = 0.25,
        keeps_hours: bool = False,
        what_if_seconds: float = 3.0,
    ) -> None:
        self._clock = clock
        self._market = Keeper(state_path, lambda: Exchange.new(seed, clock(), keeps_hours=keeps_hours))
        self._accounts: tuple[AccountId, ...] = (LIVE_ACCOUNT if mode is Mode.LIVE else PAPER_ACCOUNT,)
        self._faults = faults
        self._tick_seconds = tick_seconds
        self._what_if_seconds = what_if_seconds
        self._connected = False
        self._outbox = Outbox()
        self._told: set[str] = set()
        """Executions whose commission this session has reported."""
        self._turn = asyncio.Lock()
        self._ticker: asyncio.Task[None] | None = None
        self._commits: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        return NAME

    @property
    def faults(self) -> Faults:
        return self._faults

    def set_faults(self, faults: Faults) -> None:
        """From now on, this goes wrong; what no longer does is made up for at once."""
        before, self._faults = self._faults.link, faults
        if not self._connected:
            return
        if faults.link is not before:
            self._say_link(faults.link)
        if faults.link is LinkState.DISCONNECTED:
            self._cut()
        self._release()

    # ---- the session

    async def connect(self) -> None:
        """Open the market and the session. Raises BrokerError with the true reason."""
        async with self._turn:
            if self._connected:
                return
            if self._faults.link is LinkState.DISCONNECTED:
                raise NotConnected("the simulated gateway does not answer", user_action="lift the fault `link`")
            await self._market.open()
            self._outbox.begin()
            self._told.clear()
            self._connected = True
            self._say_link(self._faults.link)
        await self.step()  # so that there is a price of now
        if self._tick_seconds is not None and (self._ticker is None or self._ticker.done()):
            self._ticker = asyncio.create_task(self._ticking(self._tick_seconds), name="simulated-market")
            self._ticker.add_done_callback(self._stopped)

    async def close(self) -> None:
        """End the session and let go of the market; what is saved stays as it was reported."""
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)
        async with self._turn:
            self._cut()
            await self._market.close()

    async def step(self) -> None:
        """Move the market on by one step, as the ticks do. Works while the session is cut: fills go on."""
        await self._commit(lambda exchange, at: exchange.step(at))

    # ---- MarketReader

    async def resolve(self, intent: OrderIntent) -> Contract:
        self._session()
        return with_hours(resolve(intent), self._clock())

    async def quote(self, contract: Contract) -> Quote:
        quote = self._session().quote(contract)
        cut_off = self._faults.link is not LinkState.CONNECTED
        return distorted(quote, QuoteFault.UNAVAILABLE if cut_off else self._faults.quote)

    async def what_if(self, order: BrokerOrder) -> WhatIf | None:
        exchange = self._session()
        if self._faults.what_if_hangs:
            await asyncio.sleep(self._what_if_seconds)
            return None
        return exchange.what_if(order, self._accounts)

    async def account(self, account: AccountId) -> AccountFacts:
        return self._session().account_facts(self._managed(account))

    async def positions(self, account: AccountId) -> tuple[Position, ...]:
        return self._session().positions(self._managed(account))

    async def managed_accounts(self) -> tuple[AccountId, ...]:
        self._session()
        return self._accounts

    async def hours(self, contract: Contract) -> Hours | None:
        """The sessions around this moment; None when the contract is not listed."""
        self._session()
        instrument = INSTRUMENTS.get(contract.con_id)
        return instrument.schedule.around(self._clock()) if instrument else None

    # ---- OrderRoute

    async def place(self, order: BrokerOrder) -> None:
        self._session()
        fault = self._faults.place
        if self._faults.link is not LinkState.CONNECTED or fault is PlaceFault.DROP_UNKNOWN:
            raise OutcomeUnknown("the link broke while the order was being sent")
        if fault is PlaceFault.DROP:
            return
        rejection = self._spend_rejection()
        await self._commit(
            lambda exchange, at: place_with_exits(exchange, order, at, self._accounts, rejection),
            silent=fault is PlaceFault.LOSE_ACK,
        )
        if fault is PlaceFault.LOSE_ACK:
            raise OutcomeUnknown("no acknowledgement of the order came back")
        if fault is PlaceFault.HANG:
            await asyncio.Event().wait()

    async def modify(self, order: BrokerOrder) -> None:
        self._session()
        fault = self._faults.place
        if self._faults.link is not LinkState.CONNECTED or fault is PlaceFault.DROP_UNKNOWN:
            raise OutcomeUnknown("the link broke while the change was being sent")
        if fault is PlaceFault.DROP:
            return
        await self._commit(
            lambda exchange, at: change_order(exchange, order, at, self._accounts), silent=fault is PlaceFault.LOSE_ACK
        )
        if fault is PlaceFault.LOSE_ACK:
            raise OutcomeUnknown("no acknowledgement of the change came back")
        if fault is PlaceFault.HANG:
            await asyncio.Event().wait()

    async def cancel(self, order_ref: str) -> None:
        self._session()
        fault = self._faults.cancel
        if self._faults.link is not LinkState.CONNECTED:
            raise OutcomeUnknown("the link broke while the cancel was being sent")
        if fault is CancelFault.LOST:
            return
        await self._commit(lambda exchange, at: exchange.cancel(order_ref, at, fault))
        if fault is CancelFault.UNKNOWN:
            raise OutcomeUnknown("no answer to the cancel came back")

    async def snapshot(self) -> BrokerSnapshot:
        self._session()
        async with self._turn:  # what is not saved yet is not said yet
            exchange = self._session()
            snapshot = exchange.snapshot(self._accounts[0])
            if self._faults.snapshot_incomplete or self._faults.link is not LinkState.CONNECTED:
                return snapshot.replaced(complete=False, completed_orders=(), executions=())
            # Like the real one: who asks for executions hears of their commissions again, afterwards.
            untold = [e for e in exchange.executions(self._accounts[0]) if e.report.exec_id not in self._told]
            for execution in untold:
                self._post(execution.commission_report, exchange.step_number + 1)
            return snapshot

    async def open_orders(self) -> tuple[OrderReport, ...] | None:
        async with self._turn:
            listed = self._session().snapshot(self._accounts[0]).open_orders
            return listed if self._faults.link is LinkState.CONNECTED else None

    def reports(self) -> AsyncIterator[Report]:
        return self._outbox.stream()

    # ---- inside

    def _session(self) -> Exchange:
        if not self._connected:
            raise NotConnected("the simulated market is not connected", user_action="connect first")
        return self._market.exchange

    def _managed(self, account: AccountId) -> AccountId:
        if account not in self._accounts:
            raise NotFound(
                f"the session does not manage the account {account}",
                user_action=f"use {self._accounts[0]}",
                code=ErrorCode.INPUT_UNAUTHORIZED_ACCOUNT,
            )
        return account

    def _spend_rejection(self) -> Rejection | None:
        rejection = self._faults.reject_next
        if rejection is not None:
            self._faults = replace(self._faults, reject_next=None)
        return rejection

    async def _ticking(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self.step()

    def _stopped(self, ticker: asyncio.Task[None]) -> None:
        """The stream has ended by then; the next session starts another."""
        if not ticker.cancelled() and ticker.exception() is not None:
            log.error("the simulated market stopped", exc_info=ticker.exception())
        if self._ticker is ticker:
            self._ticker = None

    async def _commit(self, act: Callable[[Exchange, datetime], list[Report]], *, silent: bool = False) -> None:
        """Act, save, tell: whole, even when the caller is cancelled half-way."""
        task = asyncio.create_task(self._act_save_tell(act, silent))
        self._commits.add(task)
        task.add_done_callback(self._commits.discard)
        await asyncio.shield(task)

    async def _act_save_tell(self, act: Callable[[Exchange, datetime], list[Report]], silent: bool) -> None:
        async with self._turn:
            exchange = self._market.exchange
            try:
                reports = act(exchange, self._clock())
                await self._market.save()
            except Exception as error:
                self._fail(exchange, error)
                raise
            self._deliver([] if silent else reports)

    def _deliver(self, reports: list[Report]) -> None:
        if not self._connected:
            return  # nobody listens; a later snapshot tells
        for report in reports:
            self._post(report, self._market.exchange.step_number + self._faults.delay_steps)
        self._release()

    def _post(self, report: Report, due_step: int) -> None:
        self._outbox.post(report, due_step)
        if isinstance(report, CommissionReport):
            self._told.add(report.exec_id)

    def _release(self) -> None:
        stalled = self._faults.stall or self._faults.link is not LinkState.CONNECTED
        if self._connected and not stalled:
            self._outbox.release(self._market.exchange.step_number)

    def _say_link(self, state: LinkState, text: str = "") -> None:
        self._outbox.say(LinkReport(state=state, text=text or _LINK_WORDS[state], at=self._clock()))

    def _fail(self, exchange: Exchange, error: Exception) -> None:
        """Half of something was done, or was not saved: the next session starts from the file, which is whole."""
        self._market.drop()
        if self._connected:
            words = error.message if isinstance(error, BrokerError) else f"{type(error).__name__}: {error}"
            self._outbox.say(LinkReport(state=LinkState.DISCONNECTED, text=words, at=exchange.at))
        self._cut()

    def _cut(self) -> None:
        if self._connected:
            self._connected = False
            self._outbox.end()


_LINK_WORDS = {
    LinkState.CONNECTED: NAME,
    LinkState.BROKER_UNREACHABLE: "1100 Connectivity between the gateway and the broker has been lost",
    LinkState.DISCONNECTED: "the connection to the gateway was lost",
}
