"""Many processes that all want the same thing at the same moment.

Each job gets everything ready, says so, and starts when all others are ready, too.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ibgw_tui.core.errors import Conflict
from tests.crash.desk import FILLS
from tests.crash.workers import Worker, at_work

GO = "go"
AT_ONCE = 25
"""Submits that one process has under way together."""


async def start_together(folder: Path) -> None:
    (folder / f"ready-{os.getpid()}").touch()
    while not (folder / GO).exists():
        await asyncio.sleep(0.001)


def stock(count: int, price: str = FILLS, approve: bool = True, **where: Any) -> None:
    """Orders that wait for a decision, or for the wire. Keeps the lease: its token is written down."""

    async def work() -> None:
        worker = Worker(name="agent-0", **where)
        async with at_work(worker):
            await worker.be_router()
            await worker.open_switch("start of day")
            refs = [await worker.stage(f"stock-{number}", price) for number in range(count)]
            for order_ref in refs:
                await worker.preview(order_ref)
            await worker.seat.publish()
            for order_ref in refs if approve else ():
                await worker.approve(order_ref)
            worker.journal.note(what="stock", token=worker.seat.lease_token, refs=refs)

    asyncio.run(work())


def submits(refs: list[str], token: int, times: int, together: int = AT_ONCE, **where: Any) -> None:
    """Hands each order to the submit transaction, so many times, with what was known of it at the start."""

    async def work() -> None:
        worker = Worker(name=f"submits-{os.getpid()}", **where)
        async with at_work(worker):
            worker.seat.lease_token = token
            await worker.seat.remember(refs)
            await start_together(worker.folder)
            todo = [order_ref for _ in range(times) for order_ref in refs]
            for first in range(0, len(todo), together):
                await asyncio.gather(*(worker.seat.submit_remembered(ref) for ref in todo[first : first + together]))

    asyncio.run(work())


def approves(refs: list[str], **where: Any) -> None:
    """Approves every order, as often as it is allowed to."""

    async def work() -> None:
        worker = Worker(name=f"approves-{os.getpid()}", **where)
        async with at_work(worker):
            await start_together(worker.folder)
            for order_ref in refs:
                try:
                    await worker.approve(order_ref)
                except Conflict:
                    continue

    asyncio.run(work())


def stops(after: float, by_file: bool = False, **where: Any) -> None:
    """Closes the kill switch a moment after the others have started."""

    async def work() -> None:
        worker = Worker(name="stops", **where)
        async with at_work(worker):
            await start_together(worker.folder)
            await asyncio.sleep(after)
            if by_file:
                (worker.folder / "KILL").touch()
            else:
                await worker.close_switch("race")
            worker.journal.note(what="stopped", at=time.monotonic())

    asyncio.run(work())


def leases(rounds: int, **where: Any) -> None:
    """Takes the lease whenever it is free, says so, and lets go."""

    async def work() -> None:
        worker = Worker(name=f"leases-{os.getpid()}", **where)
        async with at_work(worker):
            await start_together(worker.folder)
            won = 0
            while won < rounds:
                if not await worker.seat.take_lease():
                    await asyncio.sleep(0)
                    continue
                won += 1
                worker.journal.note(what="won", token=worker.seat.lease_token)
                # Only the holder may write; whoever also thought so would be refused here.
                await worker.seat.touch()
                await worker.seat.let_go()

    asyncio.run(work())


JOBS: dict[str, Callable[..., None]] = {
    "stock": stock,
    "submits": submits,
    "approves": approves,
    "stops": stops,
    "leases": leases,
}
