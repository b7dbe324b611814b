"""A runaway agent cannot lock the operator out. Generous bounds: `bench/bench_contention.py` has the figures."""

from __future__ import annotations

from pathlib import Path

from tests.service.bench_desk import bench_desk
from tests.service.contention import percentile, runaway_agents, work_beside

AGENTS = 7
ALONE, BESIDE = 20, 60
"""Rounds."""


async def test_beside_seven_processes_that_commit_without_pause(tmp_path: Path) -> None:
    """With SQLite's own way of waiting this took four seconds an approval."""
    async with bench_desk(tmp_path) as desk:
        references = [(await desk.pending()).order_ref for _ in range(ALONE + BESIDE)]
        alone = await work_beside(desk, references[:ALONE], arm_every=6, think=0.01)
        with runaway_agents(desk.path, AGENTS):
            times = await work_beside(desk, references[ALONE:], arm_every=6, think=0.01)
        assert times.commits - 3 * BESIDE > 7, "the agents did commit meanwhile"
        # What the machine is busy with besides, an operator who is alone waits for, too.
        assert percentile(times.approve, 50) < max(60, 6 * percentile(alone.approve, 50)), (alone, times)
        assert percentile(times.approve, 95) < max(250, 6 * percentile(alone.approve, 95)), (alone, times)
        assert percentile(times.arm, 50) < max(150, 6 * percentile(alone.arm, 50)), (alone, times)
        assert max(times.approve) < 2.5 and max(times.arm) < 2.5, "and never is anybody locked out"
        assert await desk.do(lambda: desk.store.verify_audit().ok)
