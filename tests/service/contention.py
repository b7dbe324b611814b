"""Runaway agents: processes that commit without pause, and an operator who works beside them.

python -m tests.service.contention DATABASE NAME      is one such agent
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ibgw_tui.core.lifecycle import Actor
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.service.staging import Staging
from ibgw_tui.store import OrderStore
from tests.makers import SettableClock, an_intent_data
from tests.service.bench_desk import BenchDesk

ROOT = Path(__file__).resolve().parents[2]
WAITING = 100
"""A runaway agent stages so many, withdraws them, and begins again."""


def run_away(database: Path, name: str) -> None:
    """Never returns. What it loses to others it tries again at once."""
    store = OrderStore.open(database, clock=SettableClock(), automated=True)
    numbers = itertools.count()
    staging = Staging(store, principal=name, make_ref=lambda: f"o-{name}-{next(numbers)}", max_pending=10_000)
    print("ready", flush=True)
    waiting: list[str] = []
    while True:
        if len(waiting) < WAITING:
            waiting.append(staging.stage(an_intent_data()).record.order_ref)
        else:
            staging.withdraw(waiting.pop())
            staging.withdraw(waiting.pop(0))


@contextmanager
def runaway_agents(database: Path, count: int) -> Iterator[None]:
    """`count` processes at work until the end of the block."""
    crowd = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.service.contention", str(database), f"agent-{number}"],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(count)
    ]  # fmt: skip
    try:
        for process in crowd:
            assert process.stdout is not None and process.stdout.readline() == "ready\n", process.communicate()
        yield
        ended = [process.communicate()[1] for process in crowd if process.poll() is not None]
        assert not ended, ended
    finally:
        for process in crowd:
            process.kill()
        for process in crowd:
            process.communicate()


@dataclass
class Times:
    """Seconds each took, as the terminal's loop waited for them."""

    approve: list[float] = field(default_factory=list)
    arm: list[float] = field(default_factory=list)
    commits: int = 0
    """Of everybody, meanwhile."""
    seconds: float = 0.0


async def work_beside(desk: BenchDesk, references: list[str], *, arm_every: int, think: float) -> Times:
    """Approve one order after the other, and close the switch now and then (which takes the approvals back)."""
    times = Times()
    began, first = time.monotonic(), await desk.do(desk.store.last_seq)
    await desk.publish()
    for number, reference in enumerate(references, start=1):
        ticket = await desk.do(partial(desk.views.ticket, reference))
        assert ticket.shown is not None, ticket.why_not
        time.sleep(think)
        start = time.perf_counter()
        verdict = await desk.do(partial(desk.review.approve, ticket.shown, how={"key": "Y"}))
        times.approve.append(time.perf_counter() - start)
        assert verdict.approval is not None, verdict.decision.message
        if number % arm_every == 0:
            time.sleep(think)
            start = time.perf_counter()
            state = await desk.do(lambda: desk.review.close_switch("runaway agents"))
            times.arm.append(time.perf_counter() - start)
            assert state.state is KillSwitch.CLOSED
            await desk.do(lambda: reopen(desk.store))
    times.commits = await desk.do(desk.store.last_seq) - first
    times.seconds = time.monotonic() - began
    return times


def reopen(store: OrderStore) -> None:
    with store.write() as change:
        change.set_switch(KillSwitch.OPEN, actor=Actor.OPERATOR, principal="operator-1", reason="the next round")


def percentile(times: list[float], part: int) -> float:
    """In milliseconds."""
    return sorted(times)[min(len(times) - 1, len(times) * part // 100)] * 1000


if __name__ == "__main__":
    run_away(Path(sys.argv[1]), sys.argv[2])
