"""Rounds of crashes: several processes at work on one desk, a kill -9, one recovery, one inspection.

A *boundary* round kills one operation before or after its n-th statement, for every n, while an agent
and an operator work beside it. A *random* round lets a router, agents and operators work, kills them at
any moment (or puts the router to sleep until another has taken over, and wakes it), twice in a row.
"""

from __future__ import annotations

import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.crash.clock import SharedClock
from tests.crash.deaths import AFTER, BEFORE
from tests.crash.inspection import CHECKED, KINDS, Desk, inspect, unanswered
from tests.crash.journal import read_journals
from tests.crash.market import Truth, ask_truth
from tests.crash.nursery import KILLED, Nursery
from tests.crash.workers import DATABASE, OPERATIONS

TAKEOVER_SECONDS = 6.0
"""A little more than a lease without a heartbeat lasts."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where to die. Number 0 lives."""

    operation: str
    side: str
    number: int

    def __str__(self) -> str:
        return f"{self.operation}, {self.side} statement {self.number}"


@dataclass
class Report:
    """What was done and what was found."""

    seed: int
    rounds: int = 0
    boundary_rounds: int = 0
    random_rounds: int = 0
    kills: int = 0
    statements: dict[str, int] = field(default_factory=dict)
    covered: dict[str, set[str]] = field(default_factory=dict)
    orders: int = 0
    acknowledged: int = 0
    sent: int = 0
    unacknowledged: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "rounds": self.rounds,
            "boundary_rounds": self.boundary_rounds,
            "random_rounds": self.random_rounds,
            "processes_killed": self.kills,
            "kill_points": {
                name: {"statements": self.statements.get(name, 0), "points_died_at": len(points)}
                for name, points in sorted(self.covered.items())
            },
            "orders": self.orders,
            "sent_to_the_broker": self.sent,
            "acknowledged_changes": self.acknowledged,
            "requests_without_an_answer": self.unacknowledged,
            "final_statuses": dict(sorted(self.statuses.items())),
            "checked_after_every_crash": list(CHECKED),
            "failures": self.failures,
            "seconds": round(self.seconds, 1),
        }


class Harness:
    """Everything the rounds share: a nursery, a market, a clock, and the desk each round starts from."""

    def __init__(self, seed: int = 1, *, keep: bool = False) -> None:
        self.report = Report(seed)
        self.commits: dict[str, list[int]] = {}
        """By operation: which of its statements commit."""
        self.draw = random.Random(seed)
        self._keep = keep
        self.folder = Path(tempfile.mkdtemp(prefix="ibgw-crash-"))
        self._socket = self.folder / "market"
        self.clock = SharedClock(self.folder / "clock")
        self.nursery = Nursery(self.folder / "log")
        self._began = time.monotonic()
        self._template_at = 0.0
        self._moved = 0.0
        self._desks = 0
        self._previous: Path | None = None
        try:
            self._market = self.nursery.start("market", socket=str(self._socket), clock=str(self.folder / "clock"))
            while not self._socket.exists():
                time.sleep(0.005)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.nursery.__exit__(None, None, None)
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- rounds

    def points(self, operations: tuple[str, ...] = tuple(OPERATIONS)) -> list[Point]:
        """Every statement boundary of each operation, after a round in which nobody dies."""
        found = []
        for name in operations:
            desk = self.boundary(Point(name, BEFORE, 0))
            (counted,) = [line for line in read_journals(desk) if line["act"] == "counted"]
            self.report.statements[name] = counted["statements"]
            self.commits[name] = counted["commits"]
            found += [Point(name, side, n) for n in range(1, counted["statements"] + 1) for side in (BEFORE, AFTER)]
        return found

    def boundary(self, point: Point) -> Path:
        """One operation, killed at one statement, with company."""
        desk = self._new_desk()
        seed = self.draw.randrange(1_000_000)
        beside = [self.start("agent", desk, seed=seed), self.start("operator", desk, seed=seed, mine=True)]
        if point.operation == "router" and point.number and self.draw.random() < 0.5:
            # What this router finds was left by one that died on the way to the wire.
            last = self.report.statements.get("submit", 40)
            died = self.start("victim", desk, operation="submit", side=AFTER, number=self.draw.randint(1, last))
            self.ended(died, f"{point}, after a submit that died")
            self.forward()
        victim = self.start("victim", desk, operation=point.operation, side=point.side, number=point.number)
        if self.ended(victim, str(point)):
            self.report.covered.setdefault(point.operation, set()).add(f"{point.side} {point.number}")
        time.sleep(self.draw.uniform(0, 0.01))
        self.kill(beside, str(point))
        self.recover(desk, str(point))
        self.report.boundary_rounds += 1
        self._finish(desk, str(point))
        return desk

    def random(self, number: int, lives: int = 2) -> Path:
        """A crew that is killed at random moments."""
        what = f"random round {number} (seed {self.report.seed})"
        desk = self._new_desk()
        for life in range(lives):
            crew = self._crew(desk, life)
            time.sleep(self.draw.uniform(0.02, 0.35))
            if self.draw.random() < 0.3:
                self._put_to_sleep_and_wake(desk, crew, what)
            self.draw.shuffle(crew)
            self.kill(crew, what)
            self.recover(desk, f"{what}, life {life + 1}")
        self.report.random_rounds += 1
        self._finish(desk, what)
        return desk

    def _crew(self, desk: Path, life: int) -> list[int]:
        seeds = [self.draw.randrange(1_000_000) for _ in range(3)]
        return [
            self.start("router", desk, name=f"router-{life}"),
            self.start("agent", desk, seed=seeds[0]),
            self.start("operator", desk, seed=seeds[1]),
            self.start("operator", desk, seed=seeds[2], switches=self.draw.random() < 0.5),
        ]

    def _put_to_sleep_and_wake(self, desk: Path, crew: list[int], what: str) -> None:
        """The first router stops for longer than its lease lasts; another takes over; then it wakes up."""
        self.nursery.signal(crew[0], signal.SIGSTOP)
        self.forward()
        other = self.start("router", desk, name="other")
        time.sleep(self.draw.uniform(0.05, 0.15))
        self.nursery.signal(crew[0], signal.SIGCONT)
        time.sleep(self.draw.uniform(0.0, 0.1))
        crew.append(other)

    # ---- parts of a round

    def empty_desk(self) -> Path:
        self._desks += 1
        desk = self.folder / f"desk-{self._desks}"
        desk.mkdir(mode=0o700)
        return desk

    def _new_desk(self) -> Path:
        template = self.folder / "template"
        if time.monotonic() - self._template_at > 120 or self._moved > 1200:
            shutil.rmtree(template, ignore_errors=True)
            template.mkdir(mode=0o700)
            code = self.nursery.wait(self.start("prepare", template))
            assert code == 0, self.nursery.log_tail()
            ask_truth(self._socket, template.name, forget=True)
            self._template_at, self._moved = time.monotonic(), 0.0
        self._desks += 1
        desk = self.folder / f"desk-{self._desks}"
        shutil.copytree(template, desk, ignore=shutil.ignore_patterns("*.sock", "run"))
        return desk

    def truth(self, desk: Path) -> Truth:
        return ask_truth(self._socket, desk.name)

    def start(self, job: str, desk: Path, **more: Any) -> int:
        return self.nursery.start(
            job, desk=str(desk), socket=str(self._socket), clock=str(self.folder / "clock"), **more
        )

    def ended(self, pid: int, what: str) -> bool:
        """Whether it died as it should; an end by itself is well, too; anything else is a failure."""
        code = self.nursery.wait(pid)
        self.report.kills += code == KILLED
        if code not in (0, KILLED):
            self._failed(what, f"a process ended with {code}\n{self.nursery.log_tail()}")
        return code == KILLED

    def kill(self, pids: list[int], what: str) -> None:
        for pid in pids:
            code = self.nursery.kill(pid)
            self.report.kills += 1
            if code != KILLED:
                self._failed(what, f"a process had ended with {code} before\n{self.nursery.log_tail()}")

    def recover(self, desk: Path, what: str, **limits: Any) -> None:
        self.forward()
        code = self.nursery.wait(self.start("recover", desk, **limits))
        if code != 0:
            self._failed(what, f"the recovery ended with {code}\n{self.nursery.log_tail()}")
        problems = inspect(desk / DATABASE, self.truth(desk))
        if problems:
            self._failed(what, "\n".join(problems))

    def forward(self) -> None:
        self.clock.forward(TAKEOVER_SECONDS)
        self._moved += TAKEOVER_SECONDS

    def _finish(self, desk: Path, what: str) -> None:
        """Add up, and let the market forget it."""
        truth = ask_truth(self._socket, desk.name, forget=True)
        found = Desk(desk / DATABASE, truth)
        report = self.report
        report.rounds += 1
        report.orders += len(found.orders)
        report.sent += len(truth.wire)
        report.statuses.update(row.status for row in found.orders.values())
        report.acknowledged += sum(line["act"] in KINDS for line in found.journal)
        report.unacknowledged += len(unanswered(found))
        report.seconds = time.monotonic() - self._began
        if self._previous is not None and not self._keep:
            shutil.rmtree(self._previous)
        self._previous = desk

    def _failed(self, what: str, words: str) -> None:
        self.report.failures.append(f"{what}: {words}")
        self._keep = True  # somebody will want to look at it


def run(
    rounds: int,
    seed: int = 1,
    *,
    operations: tuple[str, ...] = tuple(OPERATIONS),
    tell: Callable[[Report], object] = bool,
) -> Report:
    """The long form: every kill point of every operation, and one round in five a random one."""
    with Harness(seed) as harness:
        for number, point in enumerate(_in_turn(harness, operations)):
            if number % 5 == 4 and harness.report.rounds < rounds:
                harness.random(harness.report.rounds)
            if harness.report.rounds >= rounds:
                break
            harness.boundary(point)
            tell(harness.report)
        return harness.report


def short(seed: int = 1) -> Report:
    """Both sides of the first commit of every operation, and two random rounds."""
    with Harness(seed) as harness:
        harness.points()
        for name in OPERATIONS:
            for side in (BEFORE, AFTER):
                _until_it_dies(harness, name, side)
        for number in range(2):
            harness.random(number)
        return harness.report


def _until_it_dies(harness: Harness, name: str, side: str, tries: int = 5) -> None:
    """At its first commit. Others are at work beside it: where they were faster, it needs fewer statements and lives."""
    for _ in range(tries):
        point = Point(name, side, harness.commits[name][0])
        harness.boundary(point)
        if f"{side} {point.number}" in harness.report.covered.get(name, ()):
            return
        harness.points((name,))


def _in_turn(harness: Harness, operations: tuple[str, ...]) -> Iterator[Point]:
    """The single operations first: the whole router has more points than all of them."""
    points = harness.points(operations)
    harness.draw.shuffle(points)
    while True:
        yield from sorted(points, key=lambda point: point.operation == "router")
