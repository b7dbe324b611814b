"""The one road to the wire: sent at most once, only with every gate, and never guessed about."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ibgw_tui.core.broker import BrokerState, CancelRefused, Report
from ibgw_tui.core.errors import Conflict, NotConnected, OutcomeUnknown
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import ApprovalStatus
from ibgw_tui.service.hearing import hear
from ibgw_tui.service.routing import Router
from tests.service.bench_desk import BenchDesk, bench_desk, fill, working


async def test_an_approved_order_is_sent_and_its_approval_spent(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.sent()
        assert [order.order_ref for order in desk.broker.placed] == [record.order_ref]
        assert record.approval is not None and record.approval.status is ApprovalStatus.CONSUMED


async def test_submitting_again_sends_nothing(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.sent()
        for _ in range(3):
            await desk.submit(record.order_ref)
        assert len(desk.broker.placed) == 1


async def test_many_at_once_send_one(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        await asyncio.gather(*(desk.submitter.submit(record, desk.lease_token) for _ in range(20)))
        assert len(desk.broker.placed) == 1


async def test_a_refusal_leaves_the_approval_and_waits_to_be_asked_again(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        desk.broker.bid, desk.broker.ask = "49", "51"  # the market ran away: the collar refuses
        refused = await desk.submit(record.order_ref)
        assert (refused.status, refused.reason_code) == (Status.APPROVED, "LIVE_PRICE_COLLAR_REFUSED")
        assert refused.approval is not None and refused.approval.status is ApprovalStatus.APPROVED
        assert (await desk.audit_kinds(record.order_ref))[-1] == "submit.refused"
        desk.broker.bid, desk.broker.ask = "99", "101"
        await desk.do(lambda: desk.review.submit_now(record.order_ref))
        assert (await desk.submit(record.order_ref)).status is Status.SENDING


async def test_an_expired_approval_is_not_sent(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        desk.clock.forward(seconds=300)
        refused = await desk.submit(record.order_ref)
        assert refused.status is Status.APPROVED and desk.broker.placed == []
        assert refused.decision is not None and refused.decision.refusal_code == "LIVE_APPROVAL_MISSING"


async def test_a_switch_closed_in_the_last_moment_stops_it(tmp_path: Path) -> None:
    """The sentinel file appears after the commit and before the wire."""
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        admit = desk.submitter._admit

        def admit_and_close(*arguments: object) -> object:
            admission = admit(*arguments)  # type: ignore[arg-type]
            (desk.path.parent / "KILL").touch()
            return admission

        desk.submitter._admit = admit_and_close  # type: ignore[method-assign, assignment]
        stopped = await desk.submit(record.order_ref)
        assert (stopped.status, stopped.reason_code) == (Status.NOT_PLACED, "NOT_SENT")
        assert desk.broker.placed == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotConnected("no socket"), Status.NOT_PLACED),
        (OutcomeUnknown("no answer"), Status.IN_DOUBT),
        (RuntimeError("bug"), Status.IN_DOUBT),
        (TimeoutError(), Status.IN_DOUBT),
    ],
)
async def test_what_failed_is_not_placed_only_when_that_is_proven(
    tmp_path: Path, error: Exception, status: Status
) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        desk.broker.place_error = error
        assert (await desk.submit(record.order_ref)).status is status
        await desk.submit(record.order_ref)
        assert desk.broker.placed == []


async def test_an_answer_that_overtakes_the_error_wins(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        desk.broker.place_error = OutcomeUnknown("late")
        desk.broker.before_place = lambda: desk.thread.run_sync(hear, working(record, desk.clock), desk.lease_token)
        assert (await desk.submit(record.order_ref)).status is Status.WORKING


async def test_being_torn_down_while_sending_is_doubt(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        entered = asyncio.Event()

        async def hang(order: object) -> None:
            entered.set()
            await asyncio.Event().wait()

        desk.broker.place = hang  # type: ignore[method-assign]
        task = asyncio.create_task(desk.submitter.submit(record, desk.lease_token))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await desk.read(record.order_ref)).status is Status.IN_DOUBT


async def test_a_router_without_the_lease_cannot_send(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        with pytest.raises(Conflict):
            await desk.submitter.submit(record, desk.lease_token + 1)
        assert desk.broker.placed == []
        assert (await desk.read(record.order_ref)).status is Status.APPROVED


async def test_the_sixth_order_in_five_minutes_is_refused(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        for _ in range(5):
            await desk.sent()
        sixth = await desk.pending()
        assert sixth.status is Status.PENDING
        verdict = await desk.approve(sixth.order_ref)
        assert verdict.decision.refusal_code == "LIVE_FREQUENCY_LIMIT_REFUSED"
        desk.clock.forward(seconds=301)
        assert (await desk.approve(sixth.order_ref)).approval is not None


async def test_limits_hold_when_two_approved_orders_race_for_the_last_place(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        for _ in range(4):
            await desk.sent()
        records = [await desk.approved(quantity=str(n)) for n in (1, 2)]
        await asyncio.gather(*(desk.submitter.submit(record, desk.lease_token) for record in records))
        assert len(desk.broker.placed) == 5


# ---- hearing


async def heard(desk: BenchDesk, *reports: Report) -> None:
    for report in reports:
        await desk.thread.run(hear, report, desk.lease_token)


async def test_from_sent_to_filled(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        order = await desk.sent(quantity="10")
        await heard(desk, working(order, desk.clock), fill(order, desk.clock, "4"))
        record = await desk.read(order.order_ref)
        assert record.status is Status.PARTIALLY_FILLED and record.filled == 4 and record.perm_id == 77
        await heard(desk, fill(order, desk.clock, "6", "e2", price="100.5"))
        record = await desk.read(order.order_ref)
        assert record.status is Status.FILLED and record.filled == 10
        assert record.average_price is not None and str(record.average_price) == "100.1"


async def test_a_fill_heard_twice_counts_once_and_a_correction_replaces(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        order = await desk.sent(quantity="10")
        await heard(desk, fill(order, desk.clock, "4"), fill(order, desk.clock, "4"))
        assert (await desk.read(order.order_ref)).filled == 4
        await heard(desk, fill(order, desk.clock, "3", "e1.02", corrects="e1"))
        assert (await desk.read(order.order_ref)).filled == 3


async def test_cancelled_then_filled_is_filled(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        order = await desk.sent()
        await heard(desk, working(order, desk.clock), working(order, desk.clock, state=BrokerState.CANCELLED))
        assert (await desk.read(order.order_ref)).status is Status.CANCELLED
        await heard(desk, fill(order, desk.clock, "1"))
        assert (await desk.read(order.order_ref)).status is Status.FILLED


async def test_a_refused_cancel_returns_to_what_it_was(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        order = await desk.sent(quantity="10")
        await heard(desk, working(order, desk.clock), fill(order, desk.clock, "4"))
        await desk.do(lambda: desk.review.ask_cancel(order.order_ref))
        await heard(desk, CancelRefused(order_ref=order.order_ref, code=10147, text="not found", at=desk.clock()))
        assert (await desk.read(order.order_ref)).status is Status.PARTIALLY_FILLED


async def test_what_fits_nothing_is_a_discrepancy_and_changes_nothing(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        pending = await desk.pending()
        stranger = working(pending, desk.clock, order_ref="somebody-else")
        await heard(desk, working(pending, desk.clock), stranger, fill(pending, desk.clock, "1", order_ref="nobody"))
        assert (await desk.read(pending.order_ref)).status is Status.PENDING
        assert len(await desk.do(lambda: desk.store.discrepancies())) == 3


# ---- the router, all loops together


def a_router(desk: BenchDesk) -> Router:
    return Router(
        desk.thread, desk.broker, rules=desk.rules, health=desk.health, clock=desk.clock, make_id=desk.make_id, pid=1
    )


async def test_the_router_leads_an_order_from_staged_to_the_wire(tmp_path: Path) -> None:
    """All loops together: preview, hold-back, submit, cancel; nothing is called by hand."""
    async with bench_desk(tmp_path, hold_back_seconds=0) as desk:
        token = desk.lease_token

        def release() -> None:
            with desk.store.write() as change:
                change.release_lease(token)

        await desk.do(release)
        router = a_router(desk)
        running = asyncio.create_task(router.run())
        try:
            record = await desk.staged()
            await until(desk, router, record.order_ref, Status.PENDING)
            await desk.approve(record.order_ref)
            await until(desk, router, record.order_ref, Status.SENDING)
            async with asyncio.timeout(10):
                while not desk.broker.placed:  # the commit comes before the wire
                    await asyncio.sleep(0.01)
            assert len(desk.broker.placed) == 1
            await desk.thread.run(hear, working(record, desk.clock), None)
            await desk.do(lambda: desk.review.ask_cancel(record.order_ref))
            router.ring()
            async with asyncio.timeout(10):
                while not desk.broker.cancelled:
                    await asyncio.sleep(0.01)
            assert desk.broker.cancelled == [record.order_ref]
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def until(desk: BenchDesk, router: Router, order_ref: str, status: Status) -> None:
    router.ring()
    async with asyncio.timeout(10):
        while (await desk.read(order_ref)).status is not status:
            await asyncio.sleep(0.01)
