"""Many processes that want the same thing at once: one gets it, no limit is overshot, nothing is unexplained.

All of them hold the token of the one lease, as no two routers ever should: what is tested is the submit
transaction alone. Who may hold the lease is tested below.
IBGW_RACES=long runs a thousand submits of one approval, and more of everything else.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ibgw_tui.core.errors import Conflict
from ibgw_tui.core.lifecycle import Status
from tests.crash.desk import Seat
from tests.crash.harness import Harness
from tests.crash.inspection import Desk, inspect
from tests.crash.journal import read_journals
from tests.crash.storms import GO
from tests.crash.workers import DATABASE
from tests.makers import SettableClock
from tests.service.bench_desk import ScriptedBroker

LONG = os.environ.get("IBGW_RACES") == "long"
PROCESSES = 8 if LONG else 4


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    with Harness() as harness:
        yield harness
        assert harness.report.failures == []


class Race:
    """One desk with orders in stock, and processes that start together."""

    def __init__(self, harness: Harness, count: int, **more: Any) -> None:
        self.harness = harness
        self.desk = harness.empty_desk()
        self._limits = {name: more[name] for name in ("session_orders", "session_value", "frequency") if name in more}
        self._well(harness.start("stock", self.desk, count=count, **more))
        (stocked,) = self.notes("stock")
        self.refs: list[str] = stocked["refs"]
        self.token: int = stocked["token"]
        self._runners: list[int] = []

    def enter(self, job: str, **more: Any) -> None:
        self._runners.append(self.harness.start(job, self.desk, **self._limits, **more))

    def run(self) -> None:
        while len(list(self.desk.glob("ready-*"))) < len(self._runners):
            time.sleep(0.002)
        (self.desk / GO).touch()
        for pid in self._runners:
            self._well(pid)

    def _well(self, pid: int) -> None:
        assert self.harness.nursery.wait(pid, 300) == 0, self.harness.nursery.log_tail()

    def notes(self, what: str) -> list[dict[str, Any]]:
        return [line for line in read_journals(self.desk) if line["act"] == "note" and line["what"] == what]

    def recovered(self) -> Desk:
        """After the next start of the router: everything holds that must hold after a crash, too."""
        self.harness.recover(self.desk, "race", **self._limits)
        truth = self.harness.truth(self.desk)
        assert inspect(self.desk / DATABASE, truth) == []
        return Desk(self.desk / DATABASE, truth)

    def sent(self) -> list[str]:
        """Order references in the order in which they arrived at the market."""
        return list(self.harness.truth(self.desk).wire)


def test_a_thousand_submits_of_one_approval_are_one_order(harness: Harness) -> None:
    race = Race(harness, 1)
    for _ in range(PROCESSES):
        race.enter("submits", refs=race.refs, token=race.token, times=1000 // PROCESSES if LONG else 40)
    race.run()
    assert race.sent() == race.refs
    desk = race.recovered()
    assert [entry["kind"] for entry in desk.entries].count("order.send") == 1
    assert desk.orders[race.refs[0]].status == "filled"


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [
        ({"session_orders": 7}, 7),
        ({"frequency": 5}, 5),
        # Each of them is worth 101: the eighth would be 808.
        ({"session_value": "800"}, 7),
    ],
    ids=["orders of a session", "orders in the window", "value of a session"],
)
def test_no_limit_is_overshot_by_submits_that_run_together(
    harness: Harness, limits: dict[str, Any], allowed: int
) -> None:
    race = Race(harness, 24, **limits)
    for number in range(PROCESSES):
        # Each begins with another order, so that all are admitted at the same time.
        refs = race.refs[number:] + race.refs[:number]
        race.enter("submits", refs=refs, token=race.token, times=1, together=6)
    race.run()
    assert len(race.sent()) == len(set(race.sent())) == allowed
    desk = race.recovered()
    found = Counter(row.status for row in desk.orders.values())
    assert found["approved"] == 24 - allowed, "a refusal leaves the approval unspent"


@pytest.mark.parametrize("by_file", [False, True], ids=["by the store", "by the file"])
@pytest.mark.parametrize("after", [0.0, 0.05, 0.2] if LONG else [0.05])
def test_a_kill_that_races_a_hundred_submits_leaves_nothing_unexplained(
    harness: Harness, by_file: bool, after: float
) -> None:
    race = Race(harness, 100)
    share = len(race.refs) // PROCESSES
    for number in range(PROCESSES):
        refs = race.refs[number * share : (number + 1) * share]
        race.enter("submits", refs=refs, token=race.token, times=1, together=1)
    race.enter("stops", after=after, by_file=by_file)
    race.run()
    truth = harness.truth(race.desk)
    (stopped,) = race.notes("stopped")
    # Between the last look and the wire is a moment that nobody can close: at most one order of each process.
    assert sum(at > stopped["at"] for at in truth.arrived) <= PROCESSES
    desk = race.recovered()
    arrived = set(truth.wire)
    reasons = _last_reasons(desk)
    for order_ref in race.refs:
        status, reason = desk.orders[order_ref].status, reasons.get(order_ref)
        if order_ref in arrived:
            assert status == "filled", order_ref
        elif status == "not_placed":
            assert reason == "NOT_SENT", order_ref
        else:  # by the file, too: the next router makes such a closing one that lasts
            assert (status, reason) == ("pending", "LIVE_KILL_SWITCH_CLOSED"), order_ref
    assert 0 < len(arrived) < 100, "the race was none: stop at another moment"


def _last_reasons(desk: Desk) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in desk.entries:
        body = entry["body"]
        if entry["kind"] == "submit.refused":
            found[entry["order_ref"]] = body["decision"]["refusal_code"]
        elif body.get("reason_code"):
            found[entry["order_ref"]] = body["reason_code"]
    return found


def test_many_operators_give_one_approval(harness: Harness) -> None:
    race = Race(harness, 10, approve=False)
    for _ in range(PROCESSES):
        race.enter("approves", refs=race.refs)
    race.run()
    approvals = Counter(line["order_ref"] for line in read_journals(race.desk) if line["act"] == "approve")
    assert approvals == Counter(race.refs), "each order was approved by one of them"
    race.recovered()


def test_the_lease_has_one_holder_whoever_wants_it(harness: Harness) -> None:
    race = Race(harness, 0)
    harness.forward()  # the stock's router is gone
    rounds = 50 if LONG else 15
    for _ in range(PROCESSES):
        race.enter("leases", rounds=rounds)
    race.run()
    tokens = [note["token"] for note in race.notes("won")]
    assert len(tokens) == len(set(tokens)) == rounds * PROCESSES
    assert min(tokens) > race.token, "tokens only rise"


async def test_a_router_that_was_held_up_cannot_send_any_more(tmp_path: Path) -> None:
    """Its lease ran out while it asked the broker for the facts; another router has taken over."""
    clock = SettableClock()
    broker = ScriptedBroker(clock)
    seats = [Seat(tmp_path / DATABASE, clock, broker, name=name, pid=pid) for pid, name in enumerate(("old", "new"), 1)]
    old, new = seats
    try:
        assert await old.take_lease() and not await new.take_lease()
        await old.open_switch("start of day")
        first, second = [(await old.stage(key)).record.order_ref for key in ("k1", "k2")]
        for order_ref in (first, second):
            await old.preview(order_ref)
            await old.approve(order_ref)
        clock.forward(seconds=6)
        assert await new.take_lease()
        await new.publish()
        for stale in (old.submit(first), old.touch()):
            with pytest.raises(Conflict, match="lease"):
                await stale
        assert broker.placed == [] and (await new.read(first)).status is Status.APPROVED
        await new.submit(first)
        assert [order.order_ref for order in broker.placed] == [first]
    finally:
        for seat in seats:
            seat.close()
