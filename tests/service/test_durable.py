"""Each act of the operator and of the router is one durable transaction: one sync, no more and no less."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.service.bench_desk import bench_desk
from tests.store.counting_disk import Counts, counted


def syncs_of(counts: Counts, act: Callable[[], object]) -> int:
    before = counts.syncs
    act()
    return counts.syncs - before


async def test_every_act_is_one_sync(tmp_path: Path) -> None:
    with counted() as counts:
        async with bench_desk(tmp_path) as desk:
            first, second = await desk.pending(), await desk.pending(quantity="2")
            await desk.publish()
            # A log that begins anew syncs its header as well: let it begin before anything is counted.
            await desk.do(lambda: desk.store._connection.rows("PRAGMA wal_checkpoint(TRUNCATE)"))
            await desk.staged()
            stage = partial(desk.staging.stage, {**first.intent.model_dump(mode="json", exclude_none=True)})
            shown = (await desk.do(partial(desk.views.ticket, first.order_ref))).shown
            assert shown is not None
            assert await desk.do(lambda: syncs_of(counts, stage)) == 1
            assert await desk.do(lambda: syncs_of(counts, lambda: desk.review.approve(shown))) == 1
            reject = partial(desk.review.reject, second.order_ref, reason="no")
            assert await desk.do(lambda: syncs_of(counts, reject)) == 1
            before = counts.syncs
            await desk.submit(first.order_ref)
            assert counts.syncs - before == 1, "spending, recording, reserving and the audit entry are one"
            close = partial(desk.review.close_switch, "test")
            assert await desk.do(lambda: syncs_of(counts, close)) == 1
            look = partial(desk.views.ticket, first.order_ref)
            assert await desk.do(lambda: syncs_of(counts, look)) == 0
