"""What the operator's acts cost in the store, beside their floor, and whether they grow with the file.

    python -m bench.bench_store [--sizes 1000,100000] [--rounds 200] [--folder DIR]

The floor is a bare append of 4 KiB with fdatasync, measured before and after in the same folder. Syncs are counted
where SQLite asks the operating system for them. Targets: approve is one transaction with exactly one sync, below
1 ms at the median where the floor is 0.25 ms; the submit transaction below 3 ms; the queue page, the counters and a
ticket flat within a factor of two over all sizes. Beside the time on the wall stands the time on the processor: on
a machine that does other things as well the former says more about those.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from bench.bench_contention import bare_appends
from bench.report import Figure, run
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.service.hearing import hear
from tests.service.bench_desk import BenchDesk, bench_desk
from tests.service.bench_desk import fill as execution
from tests.service.filling import MANY, ROOMY, make, release
from tests.store.counting_disk import Counts, counted

COUNTED = 15
FLAT = ("queue page", "counters", "ticket")


@dataclass
class Figures:
    """Milliseconds of each act, by name."""

    size: int
    taken: dict[str, list[float]] = field(default_factory=dict)
    worked: dict[str, list[float]] = field(default_factory=dict)
    """Of them on the processor."""
    syncs: dict[str, list[int]] = field(default_factory=dict)

    def time(self, name: str, counts: Counts, act: Callable[[], object]) -> None:
        before, worked, began = counts.syncs, time.thread_time(), time.perf_counter()
        act()
        self.taken.setdefault(name, []).append((time.perf_counter() - began) * 1000)
        self.worked.setdefault(name, []).append((time.thread_time() - worked) * 1000)
        self.syncs.setdefault(name, []).append(counts.syncs - before)

    def median(self, name: str) -> float:
        return statistics.median(self.taken[name])

    def work(self, name: str) -> float:
        return statistics.median(self.worked[name])

    def rare(self, name: str) -> float:
        return sorted(self.taken[name])[len(self.taken[name]) * 99 // 100]

    def syncs_each(self, name: str) -> float:
        """Of one act as a rule; now and then a commit also moves the log into the file."""
        return statistics.median(self.syncs[name])


async def everything(folder: Path, size: int, rounds: int, counts: Counts) -> Figures:
    figures = Figures(size)
    async with bench_desk(folder, policies={"example": ROOMY}, max_pending_per_agent=MANY) as desk:
        desk.make_id = _names(f"{size}-{rounds}")
        desk.previewer._make_id = desk.staging._make_ref = desk.review._approving._make_id = desk.make_id  # noqa: SLF001
        references = [(await desk.pending()).order_ref for _ in range(rounds)]
        await desk.publish()
        await desk.do(partial(look, desk, figures, counts, references))
        await desk.do(partial(decide, desk, figures, counts, references))
        await send(desk, figures, counts, references)
        await desk.do(partial(release, desk))
    return figures


def _names(prefix: str) -> Callable[[], str]:
    numbers = iter(range(10_000_000))
    return lambda: f"n{prefix}-{next(numbers)}"


def look(desk: BenchDesk, figures: Figures, counts: Counts, references: list[str]) -> None:
    """What the screen reads, hot."""
    views, store, now = desk.views, desk.store, desk.clock()
    window, session = now - timedelta(minutes=5), now - timedelta(hours=15)
    for _ in range(3):
        views.queue(limit=100)
        views.ticket(references[0])
    for reference in references:
        figures.time("queue page", counts, lambda: views.queue(limit=100))
        figures.time("ticket", counts, partial(views.ticket, reference))
        figures.time(
            "counters",
            counts,
            lambda: (store.live_counts(), store.tally("DU1234567", window_start=window, session_start=session)),
        )
        figures.time("desk state", counts, views.desk)
        figures.time("blotter page", counts, lambda: views.blotter(limit=100))


def decide(desk: BenchDesk, figures: Figures, counts: Counts, references: list[str]) -> None:
    """As in the terminal: what is approved is on the screen of the same process."""
    gc.collect()
    for reference in references:
        shown = desk.views.ticket(reference).shown
        assert shown is not None
        figures.time("approve", counts, partial(desk.review.approve, shown, how={"key": "Y"}))


async def send(desk: BenchDesk, figures: Figures, counts: Counts, references: list[str]) -> None:
    """The submit transaction alone: market facts are fetched before, the wire comes after."""
    submitter = desk.submitter
    for reference in references:
        preview = (await desk.read(reference)).preview
        assert preview is not None
        facts = await submitter._asking.facts(BrokerOrder.of(preview), submitting=True)  # noqa: SLF001
        admit = partial(submitter._admit, desk.store, reference, facts, desk.lease_token)  # noqa: SLF001
        await desk.do(partial(figures.time, "submit transaction", counts, admit))
        assert (await desk.read(reference)).status is Status.SENDING
        report = execution(await desk.read(reference), desk.clock, "1", exec_id=f"x-{reference}")
        await desk.do(lambda report=report: hear(desk.store, report, desk.lease_token))  # type: ignore[misc]


AIMS = {"approve": 1.0, "submit transaction": 3.0}


def of_size(size: int, folder: Path, rounds: int) -> tuple[Figures, list[float], int]:
    asyncio.run(make(folder, size))
    floor = bare_appends(folder)
    figures = asyncio.run(everything(folder, size, rounds, Counts()))
    with counted() as counts:  # apart: counting in Python takes time of its own
        figures.syncs = asyncio.run(everything(folder, size, COUNTED, counts)).syncs
    floor += bare_appends(folder)
    return figures, floor, (folder / "desk" / "desk.sqlite3").stat().st_size


def measure(given: argparse.Namespace) -> list[Figure]:
    found, results = [], []
    for size in map(int, given.sizes.split(",")):
        with tempfile.TemporaryDirectory(prefix="bench-", dir=given.folder) as name:
            figures, floor, length = of_size(size, Path(name), given.rounds)
        for name, taken in figures.taken.items():
            note = f"{figures.syncs_each(name):.0f} syncs, {figures.work(name):.3f} ms on the processor"
            found.append(
                Figure(
                    f"{name}, {size:,} orders ({length / 2**20:,.0f} MiB)",
                    statistics.median(taken),
                    "ms",
                    figures.rare(name),
                    "append + fdatasync",
                    statistics.median(floor) * 1000,
                    aim=AIMS.get(name),
                    note=note,
                )
            )
        results.append(figures)
    if len(results) > 1:
        for name in FLAT:
            works = [one.work(name) for one in results]
            what = f"{name}: largest file over smallest, on the processor"
            found.append(Figure(what, max(works), "ms", beside="smallest", base=min(works), aim_ratio=2))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,100000", help="orders in the file, separated by commas")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the files are made (default: a temporary folder)"
    )
    return run(parser, measure)


if __name__ == "__main__":
    raise SystemExit(main())
