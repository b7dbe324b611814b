"""What the operator waits for does not grow with the orders that have ended. Counted in steps of SQLite's machine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import BrokerOrder
from tests.service.bench_desk import BenchDesk, bench_desk
from tests.service.contention import reopen
from tests.service.filling import MANY, ROOMY, make

SMALL, LARGE = 20, 2000


async def steps_of_each(folder: Path, size: int) -> dict[str, int]:
    """Steps of every act on a desk with so many ended orders and five that wait."""
    await make(folder, size)
    async with bench_desk(folder, policies={"example": ROOMY}, max_pending_per_agent=MANY) as desk:
        numbers = iter(range(1000))
        desk.make_id = lambda: f"n-{next(numbers)}"
        desk.previewer._make_id = desk.staging._make_ref = desk.review._approving._make_id = desk.make_id
        references = [(await desk.pending()).order_ref for _ in range(5)]
        await desk.publish()
        counted = await desk.do(partial(look_and_decide, desk, references))
        preview = (await desk.read(references[0])).preview
        assert preview is not None
        facts = await desk.submitter._asking.facts(BrokerOrder.of(preview), submitting=True)
        admit = partial(desk.submitter._admit, desk.store, references[0], facts, desk.lease_token)
        counted["submit"] = await desk.do(partial(steps, desk, admit))
        assert (await desk.read(references[0])).status is Status.SENDING
        return counted


def look_and_decide(desk: BenchDesk, references: list[str]) -> dict[str, int]:
    now, views, store = desk.clock(), desk.views, desk.store
    shown = [views.ticket(reference).shown for reference in references]
    assert shown[0] is not None
    day, minute = now - timedelta(hours=15), now - timedelta(minutes=5)
    acts: dict[str, Callable[[], object]] = {
        "queue page": lambda: views.queue(limit=100),
        "blotter page": lambda: views.blotter(limit=10),
        "ticket": lambda: views.ticket(references[0]),
        "counters": lambda: (store.live_counts(), store.tally("DU1234567", window_start=minute, session_start=day)),
        "desk": views.desk,
        "lapsed": lambda: store.lapsed(now, staged_before=minute),
        "contracts": lambda: store.live_contracts(50),
        "exposure": lambda: store.exposure("DU1234567", 265598),
        "working": lambda: store.own_working(265598, now=now, besides=""),
        "recent": lambda: store.own_orders("DU1234567", 265598, now=now, since=minute, besides=""),
        "approve": partial(desk.review.approve, shown[0]),
        "stage": partial(desk.staging.stage, {**_an_order(desk, references[0])}),
        "close the switch": partial(desk.review.close_switch, "test"),
    }
    counted = {name: steps(desk, act) for name, act in acts.items()}
    reopen(desk.store)
    again = views.ticket(references[0]).shown
    assert again is not None
    desk.review.approve(again)
    return counted


def _an_order(desk: BenchDesk, reference: str) -> dict[str, object]:
    record = desk.store.order(reference)
    assert record is not None
    return record.intent.model_dump(mode="json", exclude_none=True)


def steps(desk: BenchDesk, act: Callable[[], object]) -> int:
    """Tens of virtual machine steps that SQLite took."""
    count = 0

    def step() -> bool:
        nonlocal count
        count += 1
        return False

    raw = desk.store._connection._raw
    raw.set_progress_handler(step, 10)
    try:
        act()
    finally:
        raw.set_progress_handler(None, 10)
    return count


async def test_nothing_grows_with_what_has_ended(tmp_path: Path) -> None:
    small = await steps_of_each(tmp_path / "small", SMALL)
    large = await steps_of_each(tmp_path / "large", LARGE)
    grown = {name: (small[name], large[name]) for name in small if large[name] > 2 * small[name] + 20}
    assert not grown, f"steps with {SMALL} and with {LARGE} ended orders: {grown}"
    assert all(small.values()), "every act was counted"


@pytest.mark.parametrize("size", [LARGE])
async def test_the_filled_store_is_a_true_one(tmp_path: Path, size: int) -> None:
    """What the measurement stands on: every order is whole, and the chain verifies."""
    await make(tmp_path, size)
    async with bench_desk(tmp_path) as desk:
        assert await desk.do(lambda: desk.store.verify_audit().ok)
        orders = await desk.do(lambda: desk.store.orders(statuses=[Status.FILLED], limit=size + 1))
        assert len(orders) == size and all(order.preview and order.filled == 1 for order in orders)
