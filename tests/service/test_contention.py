"""A runaway agent cannot lock the operator out. Generous bounds: `bench/bench_contention.py` has the figures."""

from __future__ import annotations

from pathlib import Path

from tests.service.bench_desk import bench_desk
from tests.service.contention import percentile, runaway_agents, work_beside

AGENTS = 7
ROUNDS = 60


async def test_beside_seven_processes_that_commit_without_pause(tmp_path: Path) -> None:
    """With SQLite's own way of waiting this took four seconds an approval."""
    async with bench_desk(tmp_path) as desk:
        references = [(await desk.pending()).order_ref for _ in range(ROUNDS)]
        with runaway_agents(desk.path, AGENTS):
            times = await work_beside(desk, references, arm_every=6, think=0.01)
        assert times.commits - 2 * ROUNDS > 100, "the agents did commit meanwhile"
        assert percentile(times.approve, 50) < 60 and percentile(times.approve, 95) < 200, times
        assert max(times.approve) < 1 and max(times.arm) < 1, "and never is anybody locked out"
        assert percentile(times.arm, 50) < 150, times
        assert await desk.do(lambda: desk.store.verify_audit().ok)
