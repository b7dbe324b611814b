"""The whole road: staged, approved, submitted by the router over the wire, filled, and found again after bad days."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.service import routing
from ibgw_tui.service.routing import Router
from ibgw_tui.twsim import acts
from tests.brokers.ib.bench import IbBench, ib_bench
from tests.service.bench_desk import BenchDesk, bench_desk


@dataclass
class World:
    """A desk, a router at work, and a market whose time runs ten times faster."""

    desk: BenchDesk
    bench: IbBench
    router: Router

    async def run(self) -> None:
        while True:
            self.desk.clock.now += timedelta(milliseconds=100)
            self.bench.do(acts.Step())
            self.router.ring()
            await asyncio.sleep(0.01)

    async def until(self, order_ref: str, *statuses: Status) -> OrderRecord:
        async with asyncio.timeout(15):
            while (record := await self.desk.read(order_ref)).status not in statuses:
                await asyncio.sleep(0.02)
        return record

    async def approved(self, fault: acts.Act | None = None, **changes: Any) -> str:
        """Staged by an agent, approved by the operator on what the router has written; the fault meets the submit."""
        record = await self.desk.staged(**changes)
        await self.until(record.order_ref, Status.PENDING)
        if fault is not None:
            self.bench.do(fault)

        def look() -> Any:
            return self.desk.views.ticket(record.order_ref).shown

        async with asyncio.timeout(10):
            while True:
                shown = await self.desk.do(look)
                if shown is not None:
                    verdict = await self.desk.do(lambda shown=shown: self.desk.review.approve(shown, how={"key": "Y"}))  # type: ignore[misc]
                    if verdict.approval is not None:
                        return record.order_ref
                await asyncio.sleep(0.05)

    def sent(self, order_ref: str) -> int:
        """How often TWS was asked to place it."""
        asked = [request.values for request in self.bench.received("place_order")]
        return sum(values["orderRef"] == order_ref and values["whatIf"] == "0" for values in asked)


@asynccontextmanager
async def a_world(folder: Path) -> AsyncIterator[World]:
    async with bench_desk(folder) as desk:
        bench = ib_bench(ids_path=folder / "ids.json", answer_seconds=2.0, start_seconds=1.0)
        bench.clock = desk.clock
        desk.clock.forward(seconds=30)  # the lease of the bench lapses
        async with bench.opened():
            router = Router(
                desk.thread, bench.broker, rules=desk.rules, health=desk.health, clock=desk.clock,
                make_id=desk.make_id, pid=1,
            )  # fmt: skip
            world = World(desk, bench, router)
            tasks = [asyncio.create_task(router.run()), asyncio.create_task(world.run())]
            try:
                yield world
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The router's pauses, as short as the market's steps are here."""
    for name, seconds in (("RETRY_SECONDS", 0.1), ("PULSE_SECONDS", 0.1), ("ASK_AFTER_SECONDS", 0.5)):
        monkeypatch.setattr(routing, name, seconds)


async def wait(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_an_order_from_its_staging_to_its_fill(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        ref = await world.approved(limit_price="100")
        record = await world.until(ref, Status.FILLED)
        assert record.filled == 1 and record.perm_id is not None and world.sent(ref) == 1
        (placed,) = (o for o in world.bench.tws.desk.trading.book.orders.values() if o.values["orderRef"] == ref)
        report = world.bench.tws.desk.exchange.order(placed.ref)
        assert report is not None and report.perm_id == record.perm_id and report.filled == record.filled
        assert await world.desk.do(lambda: world.desk.store.discrepancies()) == []


async def test_what_happened_to_the_link_and_to_tws_happens_to_no_order_twice(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        bench = world.bench
        # Working; then TWS restarts, and the order fills while nobody listens.
        first = await world.approved(limit_price="98.5")
        await world.until(first, Status.WORKING)
        bench.do(acts.Restart(seconds=Decimal("0.2")), acts.Fill(order_ref=first))
        await world.until(first, Status.FILLED)
        # Taken by TWS while the link breaks: nobody hears of it, and it is found.
        await wait(lambda: bench.broker._session)
        second = await world.approved(acts.LoseAfter(link="close"), limit_price="98.4")
        await world.until(second, Status.WORKING)
        # Lost before TWS read it: never sent again, and in doubt until a person decides.
        await wait(lambda: bench.broker._session)
        third = await world.approved(acts.LoseBefore(link="close"), limit_price="98.3")
        await world.until(third, Status.IN_DOUBT)
        await wait(lambda: bench.broker._session)
        # And the one that works can still be cancelled.
        await world.desk.do(lambda: world.desk.review.ask_cancel(second))
        await world.until(second, Status.CANCELLED)
        assert [world.sent(ref) for ref in (first, second, third)] == [1, 1, 1]
        assert sorted(bench.refs()) == sorted([first, second])
        assert (await world.desk.read(third)).status is Status.IN_DOUBT
        assert await world.desk.do(lambda: world.desk.store.discrepancies()) == []
