"""Recorded decisions made again: as recorded, or named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from ibgw_tui.core.records import RecordedDecision
from ibgw_tui.service.replaying import Checked, decide_again, replay
from ibgw_tui.store import OrderStore
from ibgw_tui.store.decisions import STEP_OF
from tests.makers import NOON, SettableClock
from tests.service.bench_desk import BenchDesk, bench_desk


async def life(desk: BenchDesk) -> str:
    """One order through preview, approval and submit."""
    return (await desk.sent()).order_ref


async def replayed(desk: BenchDesk, **wanted: Any) -> list[Checked]:
    return await desk.do(lambda: list(replay(desk.store, **wanted)))


def altered(database: Path, *statements: str) -> None:
    """As somebody with a database tool would: take the guards away, change, put them back."""
    connection = apsw.Connection(str(database))
    guards = list(connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"))
    for name, _ in guards:
        connection.execute(f'DROP TRIGGER "{name}"')
    for statement in statements:
        connection.execute(statement)
        assert connection.changes() > 0, statement
    for _, sql in guards:
        connection.execute(str(sql))
    connection.close()


async def test_a_whole_life_comes_out_as_it_was_recorded(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        ref = await life(desk)
        desk.clock.forward(seconds=1)
        await desk.pending(quantity="50")
        checked = await replayed(desk)
        assert [(each.step, each.problems) for each in checked] == [
            ("preview", ()), ("approve", ()), ("submit", ()), ("preview", ()),
        ]  # fmt: skip
        assert [each.order_ref for each in await replayed(desk, order_ref=ref)] == [ref] * 3
        assert [each.seq for each in await replayed(desk, since=NOON + timedelta(seconds=1))] == [4]


async def test_refused_submits_and_second_previews_too(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        record = await desk.approved()
        desk.broker.bid, desk.broker.ask = "50", "51"
        await desk.submit(record.order_ref)
        kinds = [kind for kind in await desk.audit_kinds() if kind in STEP_OF]
        assert kinds == ["order.previewed", "order.approve", "submit.refused"]
        assert [(each.step, each.problems) for each in await replayed(desk)] == [
            ("preview", ()), ("approve", ()), ("submit", ()),
        ]  # fmt: skip


async def test_a_clock_that_stepped_back_is_no_difference(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await desk.pending()
        desk.clock.forward(seconds=-30)
        await desk.pending()
        assert not any(each.problems for each in await replayed(desk))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE decisions SET inputs = replace(inputs, '\"quantity\":\"1\"', '\"quantity\":\"2\"') WHERE seq = 2",
         ["it is decided differently now: ", "the audit log says"]),
        ("UPDATE decisions SET outcome = replace(outcome, 'every gate passes', 'every gate passed') WHERE seq = 2",
         ["it is decided differently now: message"]),
        ("UPDATE decisions SET outcome = replace(outcome, '\"PASS\"', '\"WARN\"') WHERE seq = 2",
         ["differently now: feature_enabled, account_allowed, scope_granted and"]),
        ("UPDATE decisions SET outcome = '{}' WHERE seq = 2", ["another shape"]),
        ("UPDATE decisions SET inputs = 'no json' WHERE seq = 2", ["cannot be read", "the audit log says"]),
        ("UPDATE decisions SET inputs = '{\"case\": 3}' WHERE seq = 2", ["are no case", "the audit log says"]),
        ("UPDATE decisions SET made_us = made_us + 1 WHERE seq = 2", ["no audit entry tells of it"]),
    ],
)  # fmt: skip
async def test_what_was_changed_is_named(change: str, says: list[str], tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        desk.clock.forward(seconds=1)
        await life(desk)
        altered(desk.path, change)
        different = [each for each in await replayed(desk) if each.problems]
    assert [each.seq for each in different][:1] == [2]
    told = " | ".join(different[0].problems)
    assert all(words in told for words in says), told


async def test_a_decision_that_is_gone_is_missed(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        ref = await life(desk)
        altered(desk.path, "DELETE FROM decisions WHERE seq = 3")
        (gone,) = [each for each in await replayed(desk) if each.problems]
    assert (gone.seq, gone.order_ref, gone.step) == (None, ref, "submit")
    assert "it is not recorded" in gone.problems[0]


async def test_inputs_put_in_the_place_of_others_are_found(tmp_path: Path) -> None:
    """Both decide alike; only the digest in the audit log tells them apart."""
    async with bench_desk(tmp_path) as desk:
        await life(desk)
        change = 'UPDATE decisions SET inputs = replace(inputs, \'"case":"id-\', \'"case":"xd-\') WHERE seq = 1'
        altered(desk.path, change)
        (different,) = [each for each in await replayed(desk) if each.problems]
    assert different.seq == 1 and len(different.problems) == 1 and "the audit log says" in different.problems[0]


async def test_a_decision_made_while_we_read_is_no_difference(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await life(desk)
        walk: Iterator[Checked] = replay(desk.store)
        found = [await desk.do(lambda: next(walk))]  # the audit log was walked by now
        desk.clock.forward(seconds=1)
        await desk.pending()
        await desk.do(lambda: found.extend(walk))
        assert not any(each.problems for each in found)


def test_the_steps_are_those_of_the_store() -> None:
    assert set(STEP_OF.values()) == {"preview", "approve", "submit"}


async def test_deciding_again_is_the_same_to_the_byte(tmp_path: Path) -> None:
    async with bench_desk(tmp_path) as desk:
        await life(desk)
        records: list[RecordedDecision] = await desk.do(lambda: list(desk.store.decisions()))
    for record in records:
        again = decide_again(record)
        assert again.problem == "" and again.case is not None and again.decision is not None
        assert json.loads(record.outcome) == again.decision.as_json()


def test_an_empty_store_replays(tmp_path: Path) -> None:
    store = OrderStore.open(tmp_path / "home" / "desk.sqlite3", clock=SettableClock())
    assert list(replay(store)) == []
    store.close()
