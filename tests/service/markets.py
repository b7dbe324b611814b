"""A desk on a bench before the simulated market: its faults on command, its clock and its steps by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from ibgw_tui.brokers.simulated import SimulatedBroker
from ibgw_tui.core.broker import LinkReport
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.policy import FrequencyLimit, SessionLimit
from ibgw_tui.core.records import AuditEntry, OrderRecord
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.service.hearing import hear
from ibgw_tui.service.reconciling import Reconciler
from ibgw_tui.service.routing import Router
from ibgw_tui.store.thread import StoreThread
from tests.makers import SettableClock, a_contract, a_policy, usd
from tests.service.bench_desk import BenchDesk, rules

RESTS, FILLS = "50", "150"
"""Limit prices of a buy that waits in the market, and of one that it takes at its next step."""


class MarketDesk(BenchDesk):
    """What the router does, one step at a time, before a market that remembers."""

    def __init__(self, thread: StoreThread, path: Path, clock: SettableClock, desk_rules: DeskRules) -> None:
        super().__init__(thread, path, clock, desk_rules)
        self.market = SimulatedBroker(clock, tick_seconds=None)
        self.broker = self.market  # type: ignore[assignment]
        self.monotonic = 1000.0
        self.wire: list[str] = []
        """The reference of every order that was handed to the market, in order."""
        place = self.market.place

        async def watched(order: BrokerOrder) -> None:
            self.wire.append(order.order_ref)
            await place(order)

        self.market.place = watched  # type: ignore[method-assign]
        self.reconciler = self.a_reconciler()

    def a_reconciler(self) -> Reconciler:
        """The one of a router that starts now: it remembers nothing."""
        return Reconciler(
            self.thread, self.market, clock=self.clock, principal="router-test", monotonic=lambda: self.monotonic
        )

    def pass_time(self, seconds: float) -> None:
        self.clock.forward(seconds=seconds)
        self.monotonic += seconds

    async def publish(self) -> None:
        quote = await self.market.quote(a_contract())
        facts = [await self.market.account(account) for account in await self.market.managed_accounts()]
        await self.do(lambda: self.store.put_facts(quotes=[quote], accounts=facts))

    async def working(self, **changes: Any) -> OrderRecord:
        record = await self.sent(**{"limit_price": RESTS, **changes})
        await self.hear_all()
        found = await self.read(record.order_ref)
        assert found.status is Status.WORKING, found
        return found

    async def hear_all(self) -> None:
        """Every report that has come by now."""
        queue = self.market._outbox._queue
        while not queue.empty():
            report = queue.get_nowait()
            if report is None:
                return
            if isinstance(report, LinkReport):
                self.reconciler.link_is(report.state)
            await self.thread.run(hear, report, self.lease_token)

    async def look(self) -> None:
        """Compare everything, as after a start; reports come first, as they do."""
        await self.hear_all()
        await self.reconciler.at_start(self.lease_token)

    async def look_again(self) -> None:
        """Compare what is due by the clock."""
        await self.hear_all()
        await self.reconciler.by_the_clock(self.lease_token)

    async def settle(self, order_refs: Iterable[str]) -> None:
        """Send the cancels that were asked for, and let the market move until all of these have ended."""
        for _ in range(10):
            await self.send_cancels()
            await self.market.step()
            await self.hear_all()
        await self.look()

    async def send_cancels(self) -> None:
        """Those that were asked for and not sent yet."""
        router = self.router()
        router._lease = await self.do(lambda: self.store.lease())
        await router._cancels()

    def router(self) -> Router:
        return Router(
            self.thread,
            self.market,
            rules=self.rules,
            health=self.health,
            clock=self.clock,
            make_id=self.make_id,
            pid=1,
        )

    async def entries(self, order_ref: str | None = None) -> list[AuditEntry]:
        return await self.do(lambda: self.store.audit_entries(order_ref=order_ref, limit=10_000))


def wide_rules() -> DeskRules:
    policy = a_policy(
        max_notional=usd("1000000"),
        max_quantity=Decimal(1000),
        frequency_limit=FrequencyLimit(max_orders=1000, window_seconds=300),
        session_limit=SessionLimit(max_orders_per_session=1000, max_session_notional=usd("10000000")),
        max_price_deviation_bps=None,
    )
    return rules(policies={"example": policy}, max_pending_per_agent=1000)


@asynccontextmanager
async def market_desk(
    folder: Path, *, opened: bool = False, home: str = "desk", clock: SettableClock | None = None
) -> AsyncIterator[MarketDesk]:
    clock = clock or SettableClock()
    path = folder / home / "desk.sqlite3"
    thread = StoreThread(path, clock=clock)
    desk = MarketDesk(thread, path, clock, wide_rules())
    try:
        await desk.open()
        await desk.market.connect()
        await desk.look()
        if opened:
            assert (await desk.do(lambda: desk.review.open_switch("start of day"))).state is KillSwitch.OPEN
        yield desk
        assert len(desk.wire) == len(set(desk.wire)), "an order was handed to the market twice"
        verdict = await desk.do(lambda: desk.store.verify_audit())
        assert verdict.ok
    finally:
        await desk.market.close()
        await asyncio.to_thread(thread.close)


def at_market(market: SimulatedBroker, order_ref: str) -> bool:
    """Whether the market took an order of this reference, whatever it told of it."""
    return market._market.exchange.order(order_ref) is not None
