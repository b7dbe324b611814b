"""The short form: seconds of trading with a few faults, and proof that the judge would have noticed."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from pathlib import Path

from ibgw_tui.core.broker import BrokerState
from ibgw_tui.twsim import acts
from ibgw_tui.wiring.paths import DATABASE
from tests.crash.journal import Journal
from tests.trading.faults import FAULTS, Stage
from tests.trading.hour import Hour
from tests.trading.judge import Wire, judge

SOME = (
    "the router is killed",
    "an agent is killed",
    "the connection is closed",
    "an order or a cancel is lost on the way, or its answer",
    "the database is locked by somebody else",
)


def test_seconds_of_trading_with_faults(tmp_path: Path) -> None:
    hour = Hour(0.25, 3, faults=tuple(fault for fault in FAULTS if fault.name in SOME), folder=tmp_path)
    report = asyncio.run(hour.play())
    assert report.failures == [], json.dumps(report.as_json(), indent=1)
    assert report.acknowledged["stage"] and report.acknowledged["approve"] and report.placed and report.executions
    assert sum(report.faults.values()) >= 1
    _the_judge_notices(hour)


def _the_judge_notices(hour: Hour) -> None:
    """Each lie, told to the judge: it must object, and to nothing else."""
    database, market, wire = hour.home / DATABASE, hour.market, hour.wire

    def says(words: str, problems: list[str]) -> None:
        assert len(problems) == 1 and words in problems[0], problems

    assert judge(database, market, wire) == []
    exec_id, fill = next(iter(market.executions.items()))
    without = {key: value for key, value in market.executions.items() if key != exec_id}
    says("is booked; the market has no such one", judge(database, replace(market, executions=without), wire))
    more = {**market.executions, "x.01": fill.replaced(exec_id="x.01")}
    says("is not booked", judge(database, replace(market, executions=more), wire))
    other = {**market.executions, exec_id: fill.replaced(price=fill.price + 1)}
    says("the market says", judge(database, replace(market, executions=other), wire))

    filled = next(report for report in market.orders.values() if report.state is BrokerState.FILLED)
    assert wire.placed[filled.order_ref]
    working = {**market.orders, filled.order_ref: filled.replaced(state=BrokerState.WORKING)}
    says("TWS has it as working", judge(database, replace(market, orders=working), wire))
    gone = {ref: report for ref, report in market.orders.items() if ref != filled.order_ref}
    says("TWS does not know it", judge(database, replace(market, orders=gone), wire))

    def arrived(ref: str, *numbers: tuple[int, int]) -> Wire:
        placed = {**wire.placed, ref: [*wire.placed.get(ref, ()), *numbers]}
        return Wire(placed, wire.messages)

    says("several order ids", judge(database, market, arrived(filled.order_ref, (7, 999_999))))
    again = wire.placed[filled.order_ref][0]
    says("arrived at TWS 2 times", judge(database, market, arrived(filled.order_ref, again)))
    says("not in the record", judge(database, market, arrived("nobody", (7, 1))))

    Journal(hour.home, "liar").acknowledged("approve", filled.order_ref, approval_id="never given")
    says("lost", judge(database, market, wire))


def test_every_fault_can_be_begun_and_lifted() -> None:
    """On a stage that only takes note, with many draws: no act is built wrongly, and none has no effect."""
    for number in range(40):
        for fault in FAULTS:
            stage = _Notes(random.Random(number))
            fault.begin(stage)
            assert stage.done, fault.name
            if fault.lift is not None:
                begun, stage.done = stage.done, []
                fault.lift(stage)
                assert stage.done and stage.done != begun, fault.name
            assert fault.weight > 0 and 0 < fault.seconds[0] <= fault.seconds[1]


class _Notes(Stage):
    """Takes down what a fault wants."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.done: list[object] = []

    def do(self, act: acts.Act) -> None:
        self.done.append(acts.read_act(act.model_dump(mode="json")))

    def kill(self, name: str) -> None:
        self.done.append(("kill", name))

    def kill_some(self, kind: str) -> None:
        self.done.append(("kill some", kind))

    def freeze(self, name: str, seconds: float) -> None:
        self.done.append(("freeze", name, seconds))

    def active_router(self) -> str | None:
        return "router-1"

    def hold_lock(self, seconds: float) -> None:
        self.done.append(("lock", seconds))

    def run(self, *arguments: str) -> None:
        self.done.append(arguments)

    def put_file(self) -> None:
        self.done.append("file")

    def take_file_away(self) -> None:
        self.done.append("no file")

    def resize_terminal(self) -> None:
        self.done.append("terminal")

    def leave_terminal_unread(self, seconds: float) -> None:
        self.done.append(("unread", seconds))
