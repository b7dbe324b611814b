"""What an operator waits for beside processes that commit without pause: approving, and closing the kill switch.

    python -m bench.bench_contention [--agents 7] [--rounds 400]

The floor, measured before and after in the same folder, is a bare append of 4 KiB with fdatasync: what no
durable commit can go below. Every figure is what the terminal's loop waits for, the hop to the store's
thread included. Targets: approve below 20 ms p99, closing below 50 ms, beside seven agents.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

from bench.report import Figure, of_times, run
from tests.service.bench_desk import bench_desk
from tests.service.contention import Times, runaway_agents, work_beside

ARM_EVERY = 8
THINK_SECONDS = 0.02


def bare_appends(folder: Path, rounds: int = 300) -> list[float]:
    """Seconds of one append of 4 KiB with fdatasync."""
    times, page = [], bytes(4096)
    descriptor = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for _ in range(rounds):
            began = time.perf_counter()
            os.write(descriptor, page)
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - began)
    finally:
        os.close(descriptor)
        (folder / "floor").unlink()
    return times


async def beside(folder: Path, agents: int, rounds: int) -> Times:
    async with bench_desk(folder, max_pending_per_agent=100_000) as desk:
        references = [(await desk.pending()).order_ref for _ in range(rounds)]
        with runaway_agents(desk.path, agents):
            return await work_beside(desk, references, arm_every=ARM_EVERY, think=THINK_SECONDS)


def measure(given: argparse.Namespace) -> list[Figure]:
    found = []
    for agents in dict.fromkeys((0, 1, given.agents)):
        with tempfile.TemporaryDirectory(prefix="bench-", dir=given.folder) as name:
            floor = bare_appends(Path(name))
            times = asyncio.run(beside(Path(name), agents, given.rounds))
            floor += bare_appends(Path(name))
        note = f"{times.commits / times.seconds:,.0f} audit entries a second of everybody"
        for what, taken, aim in (("approve", times.approve, 20), ("close the switch", times.arm, 50)):
            found.append(
                of_times(
                    f"{what}, beside {agents} agents that commit without pause",
                    taken,
                    beside="append + fdatasync",
                    base=floor,
                    aim_p99=aim,
                    note=note,
                )
            )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the database is made (default: a temporary folder)"
    )
    return run(parser, measure)


if __name__ == "__main__":
    raise SystemExit(main())
