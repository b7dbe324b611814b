"""The hold-back is the router's: nothing leaves before it is over, and what was recalled never does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.service.routing import Router
from tests.service.bench_desk import BenchDesk, bench_desk


@asynccontextmanager
async def routed(desk: BenchDesk) -> AsyncIterator[Router]:
    """A router of its own works, with all its loops."""
    token = desk.lease_token

    def release() -> None:
        with desk.store.write() as change:
            change.release_lease(token)

    await desk.do(release)
    router = Router(
        desk.thread, desk.broker, rules=desk.rules, health=desk.health, clock=desk.clock, make_id=desk.make_id, pid=1
    )
    running = asyncio.create_task(router.run())
    try:
        yield router
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def batch(desk: BenchDesk, count: int) -> list[str]:
    refs = [(await desk.pending()).order_ref for _ in range(count)]
    await desk.publish()
    shown = []
    for ref in refs:
        ticket = await desk.do(lambda ref=ref: desk.views.ticket(ref))  # type: ignore[misc]
        assert ticket.shown is not None
        shown.append(ticket.shown)
    answers = await desk.do(lambda: desk.review.approve_batch(shown))
    assert all(answer.approval for answer in answers)
    return refs


async def rings(router: Router) -> None:
    """Time enough for the router to do whatever it would do."""
    for _ in range(30):
        router.ring()
        await asyncio.sleep(0.01)


async def test_no_order_of_a_batch_leaves_before_its_hold_back_is_over(tmp_path: Path) -> None:
    async with bench_desk(tmp_path, hold_back_seconds=3) as desk:
        refs = await batch(desk, 3)
        async with routed(desk) as router:
            await rings(router)
            desk.clock.forward(seconds=2.9)
            await rings(router)
            assert desk.broker.placed == []
            desk.clock.forward(seconds=0.1)
            async with asyncio.timeout(10):
                while len(desk.broker.placed) < 3:
                    await rings(router)
            assert sorted(order.order_ref for order in desk.broker.placed) == sorted(refs)


async def test_what_was_recalled_in_its_hold_back_never_leaves(tmp_path: Path) -> None:
    async with bench_desk(tmp_path, hold_back_seconds=3) as desk:
        refs = await batch(desk, 3)
        async with routed(desk) as router:
            desk.clock.forward(seconds=2)
            await rings(router)
            recalled = await desk.do(desk.review.recall_all)
            assert [record.order_ref for record in recalled] == refs
            desk.clock.forward(seconds=60)
            await rings(router)
            assert desk.broker.placed == []
            assert {(await desk.read(ref)).status for ref in refs} == {Status.PENDING}
