"""Reading ahead makes a submit quick, and never lets it go on what is too old or of another session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from ibgw_tui.core.broker import BrokerSnapshot, OrderReport
from ibgw_tui.core.errors import BrokerError, NotConnected
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.service.asking import Asking
from ibgw_tui.service.lookahead import OPEN_ORDERS_SECONDS, REFERENCES_SECONDS, Lookahead
from ibgw_tui.service.submitting import Submitter
from tests.makers import SettableClock, a_policy
from tests.service.bench_desk import BenchDesk, ScriptedBroker, bench_desk, working
from tests.service.test_submitting import a_router, until


class Counting(ScriptedBroker):
    """Counts what it is asked, and can hold an answer back."""

    snapshots_asked = 0
    lists_asked = 0
    held: asyncio.Event | None = None

    async def snapshot(self) -> BrokerSnapshot:
        self.snapshots_asked += 1
        if self.held is not None:
            await self.held.wait()
        return await super().snapshot()

    async def open_orders(self) -> tuple[OrderReport, ...] | None:
        self.lists_asked += 1
        answer = self.snapshots or BrokerSnapshot(
            complete=True, open_orders=(), completed_orders=(), executions=(), at=self.clock()
        )
        return answer.open_orders if answer.complete else None


class Ticking:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def ahead_of(broker: Counting) -> tuple[Lookahead, Ticking]:
    time = Ticking()
    return Lookahead(broker, clock=broker.clock, monotonic=time), time


async def test_it_is_young_for_seconds_and_then_nothing() -> None:
    broker = Counting(SettableClock())
    ahead, time = ahead_of(broker)
    assert ahead.young is None, "nothing was read"
    await ahead.renew()
    assert ahead.young is not None
    time.now += OPEN_ORDERS_SECONDS
    assert ahead.young is not None
    time.now += 0.01
    assert ahead.young is None


async def test_references_are_read_rarely_and_open_orders_often() -> None:
    broker = Counting(SettableClock())
    ahead, time = ahead_of(broker)
    seconds = int(REFERENCES_SECONDS) * 2
    for _ in range(seconds):
        await ahead.renew()
        assert ahead.young is not None
        time.now += 1
    assert broker.snapshots_asked <= 5 and broker.lists_asked >= seconds - 5


async def test_references_too_old_are_no_proof_that_one_is_unknown() -> None:
    broker = Counting(SettableClock())
    ahead, time = ahead_of(broker)
    await ahead.renew()
    incomplete = BrokerSnapshot(complete=False, open_orders=(), completed_orders=(), executions=(), at=broker.clock())
    broker.snapshots = incomplete
    time.now += REFERENCES_SECONDS + 1
    await ahead.renew()
    assert ahead.young is None, "the lists did not come whole"


async def test_what_belongs_to_an_earlier_session_is_dropped_even_when_it_answers_late() -> None:
    broker = Counting(SettableClock())
    broker.held = asyncio.Event()
    ahead, _ = ahead_of(broker)
    asking = asyncio.create_task(ahead.renew())
    await asyncio.sleep(0)
    ahead.forget()
    broker.held.set()
    await asking
    assert ahead.young is None


@pytest.mark.parametrize("error", [BrokerError("TWS did not list them"), TimeoutError()])
async def test_a_question_without_an_answer_changes_nothing(error: Exception) -> None:
    broker = Counting(SettableClock())
    ahead, time = ahead_of(broker)
    await ahead.renew()
    before = ahead.young

    async def fails() -> tuple[OrderReport, ...] | None:
        raise error

    broker.open_orders = fails  # type: ignore[method-assign]
    time.now += 1
    await ahead.renew()
    assert ahead.young is before


async def test_a_lost_connection_is_told() -> None:
    broker = Counting(SettableClock())
    ahead, _ = ahead_of(broker)

    async def fails() -> BrokerSnapshot:
        raise NotConnected("gone")

    broker.snapshot = fails  # type: ignore[method-assign]
    with pytest.raises(NotConnected):
        await ahead.renew()


# ---- with a desk


@asynccontextmanager
async def looking_ahead(folder: Path, **policy: object) -> AsyncIterator[tuple[BenchDesk, Counting, Asking]]:
    async with bench_desk(folder, policies={"example": a_policy(**policy)}) as desk:
        broker = desk.broker = Counting(desk.clock)
        asking = Asking(broker, rules=desk.rules, clock=desk.clock)
        desk.submitter = Submitter(
            desk.thread, broker, asking=asking, rules=desk.rules, health=desk.health, principal="router-test"
        )
        yield desk, broker, asking


async def test_a_submit_takes_what_was_read_ahead(tmp_path: Path) -> None:
    async with looking_ahead(tmp_path) as (desk, broker, asking):
        record = await desk.approved()
        await asking.ahead.renew()
        before = broker.snapshots_asked
        assert (await desk.submit(record.order_ref)).status is Status.SENDING
        assert broker.snapshots_asked == before


async def test_without_it_a_submit_asks_for_itself(tmp_path: Path) -> None:
    async with looking_ahead(tmp_path) as (desk, broker, asking):
        record = await desk.approved()
        await asking.ahead.renew()
        asking.ahead.forget()
        before = broker.snapshots_asked
        assert (await desk.submit(record.order_ref)).status is Status.SENDING
        assert broker.snapshots_asked == before + 1


async def test_a_reference_that_the_broker_knows_is_not_sent_again(tmp_path: Path) -> None:
    """A store that was put back to the time before the submit: the broker remembers what it forgot."""
    async with looking_ahead(tmp_path) as (desk, broker, asking):
        record = await desk.approved()
        report = working(record, desk.clock)
        broker.snapshots = BrokerSnapshot(
            complete=True, open_orders=(), completed_orders=(report,), executions=(), at=desk.clock()
        )
        await asking.ahead.renew()
        broker.snapshots = None  # it has aged out of the broker's own lists since
        refused = await desk.submit(record.order_ref)
        assert refused.status is Status.APPROVED and broker.placed == []


async def test_open_orders_of_other_clients_count_as_they_were_read_ahead(tmp_path: Path) -> None:
    async with looking_ahead(tmp_path, max_position=Decimal(5)) as (desk, broker, asking):
        await desk.do(lambda: desk.store.put_facts(positions=[], foreign=[]))
        record = await desk.approved(quantity="1")
        foreign = working(record, desk.clock, order_ref="of another client", remaining=Decimal(9))
        broker.snapshots = BrokerSnapshot(
            complete=True, open_orders=(foreign,), completed_orders=(), executions=(), at=desk.clock()
        )
        await asking.ahead.renew()
        refused = await desk.submit(record.order_ref)
        assert refused.status is Status.APPROVED and broker.placed == []
        assert refused.decision is not None and refused.decision.refusal_code == "LIVE_POSITION_LIMIT_REFUSED"


async def test_a_modify_reads_the_working_order_at_the_last_moment(tmp_path: Path) -> None:
    async with looking_ahead(tmp_path) as (desk, broker, asking):
        record = await desk.approved()
        await asking.ahead.renew()
        before = broker.snapshots_asked
        assert record.preview is not None
        facts = await asking.facts(BrokerOrder.of(record.preview), submitting=True, modifies="o-1")
        assert broker.snapshots_asked == before + 1 and facts.working is None


async def test_the_router_reads_ahead_while_an_order_waits_and_not_otherwise(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        broker = desk.broker = Counting(desk.clock)
        token = desk.lease_token

        def release() -> None:
            with desk.store.write() as change:
                change.release_lease(token)

        await desk.do(release)
        router = a_router(desk)
        running = asyncio.create_task(router.run())
        try:
            await asyncio.sleep(1.2)  # a pulse and a half
            assert broker.lists_asked == 0 and router._ahead.young is None
            record = await desk.staged()
            await until(desk, router, record.order_ref, Status.PENDING)
            async with asyncio.timeout(10):
                while router._ahead.young is None:
                    await asyncio.sleep(0.01)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
