"""How long an order takes to the wire and back, through all of ours and through the bare client library.

    python -m bench.bench_wire [--rounds 50] [--burst 200]

One run, one simulated TWS, the same order: first the bare library (placeOrder until its bytes arrive, and until TWS
answers with a status), then ours. *Keypress to wire* is the operator's approval (one durable commit), what is asked of
the broker before an order goes (quote, positions, account; its lists of orders are read ahead), the submit transaction
(another durable commit), the last look at the kill switch, the probe of the link, until the bytes of placeOrder arrive
at TWS. *Submit alone* is the part after the approval, *to the answer* goes on until the broker's word is in the store.

The lists of all orders are read ahead, every second, as the router does it while an order waits for a decision: that
part grows with the orders of the day, so their number is printed. TWS runs in this process, so its work is in both. Between two orders there is a rest, so that no pace is measured; the
burst at the end is the opposite: everything at once, at the pace of production, and nothing may wait inside the
library, where it would look sent.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ib_async import IB, Contract, LimitOrder, Stock

from bench.report import Figure, of_times, run
from ibgw_tui.core.broker import BrokerState, OrderReport, Report
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.service.asking import Asking
from ibgw_tui.service.hearing import hear
from ibgw_tui.service.lookahead import Lookahead
from ibgw_tui.service.previewing import Previewer
from ibgw_tui.service.routing import PULSE_SECONDS
from ibgw_tui.service.submitting import Submitter
from tests.brokers.bench import connected
from tests.brokers.ib.bench import ACCOUNT, IbBench, ib_bench
from tests.exchange.market import an_order
from tests.service.bench_desk import BenchDesk, bench_desk
from tests.service.filling import MANY, ROOMY

RESTS = "98"
"""A limit at which a buy order works and does not fill."""
REST_SECONDS = 0.25


@dataclass
class Stamps:
    """When the bytes of each order arrived at TWS, and when its answer was known."""

    arrived: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def watch(self, bench: IbBench) -> None:
        desk, before = bench.tws.desk, bench.tws.desk.on_event

        def hear_request(name: str) -> None:
            if name == "place_order":
                values = desk.log[-1].values
                if values["whatIf"] == "0":
                    self.arrived.setdefault(values["orderRef"], time.perf_counter())
            before(name)

        desk.on_event = hear_request

    def answer(self, order_ref: str) -> None:
        self.answered.setdefault(order_ref, time.perf_counter())
        self.news.set()

    async def until_answered(self, order_ref: str) -> None:
        async with asyncio.timeout(10):
            while order_ref not in self.answered:
                self.news.clear()
                await self.news.wait()


async def bare(bench: IbBench, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds to the wire and to the answer, of the library alone."""
    stamps, ib = Stamps(), IB()
    stamps.watch(bench)
    wire, answer = [], []
    await ib.connectAsync("127.0.0.1", bench.tws.port, clientId=99)
    try:
        (contract,) = await ib.qualifyContractsAsync(Stock("AAPL", "SMART", "USD"))
        assert isinstance(contract, Contract)
        for number in range(rounds):
            order = LimitOrder("BUY", 1, float(RESTS), tif="DAY", account=ACCOUNT, orderRef=f"bare-{number}")
            began = time.perf_counter()
            trade = ib.placeOrder(contract, order)
            trade.statusEvent += lambda _, ref=order.orderRef: stamps.answer(ref)
            await stamps.until_answered(order.orderRef)
            wire.append(stamps.arrived[order.orderRef] - began)
            answer.append(stamps.answered[order.orderRef] - began)
            await asyncio.sleep(2 * REST_SECONDS)  # as long as ours rests: a processor at rest forgets
    finally:
        ib.disconnect()
    return wire, answer


@asynccontextmanager
async def a_desk(folder: Path, bench: IbBench) -> AsyncIterator[tuple[BenchDesk, Lookahead]]:
    """A desk whose orders go over the wire, and what its router reads ahead."""
    changes: dict[str, Any] = {"policies": {"example": ROOMY}, "max_pending_per_agent": MANY, "hold_back_seconds": 0}
    async with bench_desk(folder, **changes) as desk:
        bench.clock = desk.clock
        broker = bench.broker
        asking = Asking(broker, rules=desk.rules, clock=desk.clock)
        desk.previewer = Previewer(
            desk.thread, broker, asking=asking, rules=desk.rules, health=desk.health, make_id=desk.make_id,
            principal="router-test",
        )  # fmt: skip
        desk.submitter = Submitter(
            desk.thread, broker, asking=asking, rules=desk.rules, health=desk.health, principal="router-test"
        )
        yield desk, asking.ahead


async def pulse(ahead: Lookahead) -> None:
    """What a router does every second while orders wait."""
    while True:
        await ahead.renew()
        await asyncio.sleep(PULSE_SECONDS)


async def listen(desk: BenchDesk, bench: IbBench, stamps: Stamps) -> None:
    """What a router does with reports: into the store, and only then known."""

    async def one(report: Report) -> None:
        if isinstance(report, OrderReport) and report.state in (BrokerState.WORKING, BrokerState.HELD):
            await desk.do(lambda: hear(desk.store, report, desk.lease_token))
            stamps.answer(report.order_ref)

    async for report in bench.broker.reports():
        await one(report)


async def ours(folder: Path, bench: IbBench, rounds: int) -> tuple[list[float], list[float], list[float], list[float]]:
    """Seconds of: keypress to wire, submit to wire, submit to answer, the approval alone."""
    key, wire, answer, approving = [], [], [], []
    stamps = Stamps()
    stamps.watch(bench)
    async with a_desk(folder, bench) as (desk, ahead):
        await bench.broker.connect()
        beside = [asyncio.create_task(listen(desk, bench, stamps)), asyncio.create_task(pulse(ahead))]
        try:
            for _ in range(rounds):
                desk.clock.forward(seconds=2 * REST_SECONDS)  # as long as it takes: a quiet quote is confirmed by then
                bench.pin("99", "101")
                record = await desk.pending(limit_price=RESTS)
                await desk.publish()
                ref = record.order_ref
                shown = (await desk.do(lambda ref=ref: desk.views.ticket(ref))).shown  # type: ignore[misc]
                assert shown is not None
                await asyncio.sleep(REST_SECONDS)
                pressed = time.perf_counter()
                verdict = await desk.do(lambda shown=shown: desk.review.approve(shown, how={"key": "Y"}))  # type: ignore[misc]
                assert verdict.approval is not None, verdict.decision.message
                submitted = time.perf_counter()
                await desk.submit(ref)
                sent = await desk.read(ref)
                assert sent.status is not Status.APPROVED, f"refused: {sent.reason_code} {sent.reason}"
                await stamps.until_answered(ref)
                assert (await desk.read(ref)).status is Status.WORKING
                approving.append(submitted - pressed)
                key.append(stamps.arrived[ref] - pressed)
                wire.append(stamps.arrived[ref] - submitted)
                answer.append(stamps.answered[ref] - submitted)
                await asyncio.sleep(REST_SECONDS)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await bench.broker.close()
    return key, wire, answer, approving


async def burst(count: int) -> Figure:
    """Everything at once, at the pace of production, on a TWS of its own that disconnects who is too fast."""
    bench = ib_bench(messages_per_second=40, tws_messages_per_second=50, start_seconds=2.0, answer_seconds=30.0)
    orders = [an_order(limit_price=RESTS) for _ in range(count)]
    async with bench.opened(), connected(bench) as ear:
        queued, client = 0, bench.session.ib.client
        waited: list[bool] = []
        client.throttleStart += lambda: waited.append(True)
        began = time.perf_counter()
        sending = asyncio.gather(*(bench.broker.place(order) for order in orders))
        while not sending.done():
            queued = max(queued, len(client._msgQ))  # noqa: SLF001
            await asyncio.sleep(0.002)
        await sending
        for order in orders:
            await ear.until_state(order.order_ref, BrokerState.WORKING)
        seconds = time.perf_counter() - began
        twice = len(bench.refs()) - len(set(bench.refs()))
    note = f"most that waited in the library's queue: {queued}; library throttled {len(waited)} times; twice: {twice}"
    what = f"burst of {count}, at 40 messages a second"
    return Figure(what, count / seconds, "orders/s", beside="the pace", base=40.0, is_rate=True, note=note)


async def everything(rounds: int, burst_of: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        bench = ib_bench(ids_path=folder / "ids.json", answer_seconds=3.0, start_seconds=3.0, what_if_seconds=0.5)
        async with bench.opened():
            bench.pin("99", "101")
            bare_wire, bare_answer = await bare(bench, rounds)
            key, wire, answer, approving = await ours(folder, bench, rounds)
            note = f"{len(bench.refs())} orders at TWS in the end"
    beside = "bare ib_async: placeOrder to answer"
    rows: list[tuple[str, list[float], float | None]] = [
        ("bare: placeOrder to the wire", bare_wire, None),
        ("the approval", approving, None),
        ("key press to the wire", key, 3),
        ("submit to the wire", wire, None),
        ("submit to the answer, recorded", answer, None),
    ]
    found = [
        of_times(what, times, beside=beside, base=bare_answer, aim_ratio=aim, note=note if aim else "")
        for what, times, aim in rows
    ]
    return [*found, await burst(burst_of)]


def measure(given: argparse.Namespace) -> list[Figure]:
    return asyncio.run(everything(given.rounds, given.burst))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--burst", type=int, default=200)
    return run(parser, measure)


if __name__ == "__main__":
    raise SystemExit(main())
