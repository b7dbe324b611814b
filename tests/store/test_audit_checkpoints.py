"""The checkpoint file and its key: private, whole lines, one writer at a time; and when a router writes them."""

from __future__ import annotations

import asyncio
import multiprocessing
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ibgw_tui.core.checkpoint import Checkpoint
from ibgw_tui.core.errors import OrderStoreError, SettingsError
from ibgw_tui.core.lifecycle import Actor
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.service.verifying import quick_look
from ibgw_tui.service.witness import ENTRIES, Witness
from ibgw_tui.store import OrderStore
from ibgw_tui.store.checkpoints import KEY_FILE, Checkpoints, read_checkpoint
from ibgw_tui.wiring.operator_side import operator_desk
from tests.makers import NOON, SettableClock
from tests.service.bench_desk import ScriptedBroker, rules
from tests.store._helpers import DATABASE, forced, stage


@pytest.fixture
def saved(tmp_path: Path, home: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "witness", home / DATABASE)


def a_checkpoint(size: int) -> Checkpoint:
    return Checkpoint("11" * 32, size, "22" * 32, NOON, "interval", {"orders": 1})


def test_the_key_and_the_file_are_private(saved: Checkpoints) -> None:
    assert saved.public_key is None and saved.fingerprint is None and saved.newest() is None
    with saved.alone():
        made = saved.append(a_checkpoint(1))
    assert stat.S_IMODE(saved.folder.stat().st_mode) == 0o700
    for name in (KEY_FILE, saved.path.name):
        assert stat.S_IMODE((saved.folder / name).stat().st_mode) == 0o600
    assert saved.newest() == made and saved.read().good == [made]
    assert saved.fingerprint is not None and len(saved.fingerprint) == 24


def test_a_key_that_others_can_read_is_not_used(saved: Checkpoints) -> None:
    saved.sign(a_checkpoint(1))
    (saved.folder / KEY_FILE).chmod(0o640)
    with pytest.raises(SettingsError, match="can be read by others"):
        saved.sign(a_checkpoint(1))


def test_a_file_that_is_no_key_is_not_replaced(saved: Checkpoints) -> None:
    saved.folder.mkdir()
    (saved.folder / KEY_FILE).touch(mode=0o600)
    with pytest.raises(SettingsError, match="not an Ed25519 key"):
        saved.sign(a_checkpoint(1))
    assert (saved.folder / KEY_FILE).read_bytes() == b""


def test_half_a_line_is_dropped_and_the_next_one_is_whole(saved: Checkpoints) -> None:
    with saved.alone():
        first = saved.append(a_checkpoint(1))
        with saved.path.open("ab") as file:
            file.write(first.line().encode()[:100])
        assert saved.newest() == first and saved.read().invalid == []
        second = saved.append(a_checkpoint(2))
    assert saved.read().good == [first, second] and saved.read().invalid == []


def test_the_newest_of_very_many_is_found_from_the_end(saved: Checkpoints) -> None:
    with saved.alone():
        last = [saved.append(a_checkpoint(size)) for size in range(1, 120)][-1]
    assert saved.path.stat().st_size > 32 * 1024
    assert saved.newest() == last and len(saved.read().good) == 119


def test_a_line_changed_by_hand_is_not_trusted(saved: Checkpoints) -> None:
    with saved.alone():
        saved.append(a_checkpoint(1))
        saved.append(a_checkpoint(2))
    saved.path.write_text(saved.path.read_text().replace('"size":2', '"size":1'))
    with pytest.raises(OrderStoreError, match="not what was signed"):
        saved.newest()
    assert len(saved.read().good) == 1 and "line 2" in saved.read().invalid[0]
    assert read_checkpoint(b"nonsense")[0] is None


def test_a_folder_that_cannot_be_written_is_said(saved: Checkpoints) -> None:
    saved.folder.parent.mkdir(exist_ok=True)
    saved.folder.touch()
    with pytest.raises(OrderStoreError, match="no checkpoint can be written"), saved.alone():
        pass


def _append(folder: Path, database: Path, count: int) -> None:
    mine = Checkpoints(folder, database)
    for _ in range(count):
        with mine.alone():
            newest = mine.newest()
            mine.append(a_checkpoint((newest.size if newest else 0) + 1))


def test_several_processes_write_one_after_the_other(saved: Checkpoints, home: Path) -> None:
    """Also the key is made once: all of it is signed by one."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append, args=(saved.folder, home / DATABASE, 10)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
        assert writer.exitcode == 0
    found = saved.read()
    assert [checkpoint.size for checkpoint in found.good] == list(range(1, 31)) and found.invalid == []


# ---- when they are written


def test_at_start_every_few_minutes_and_at_the_kill_switch(saved: Checkpoints, home: Path) -> None:
    clock = SettableClock()
    store = OrderStore.open(home / DATABASE, clock=clock)
    witness = Witness(saved, clock=clock, minutes=5)

    def why() -> str | None:
        made = witness.look(store)
        return made.why if made else None

    assert why() is None, "an empty log has no head"
    stage(store)
    assert why() is None, "it is not time"
    clock.forward(minutes=5)
    assert (why(), why()) == ("interval", None)
    clock.forward(minutes=5)
    assert why() is None, "nothing was added"
    with store.write() as change:
        change.set_switch(KillSwitch.OPEN, actor=Actor.OPERATOR, principal="operator-1", reason="go")
    assert (why(), why()) == ("kill switch", None)
    stage(store, "o-aaaa2")
    (home / "KILL").touch()
    assert why() == "kill switch"
    stage(store, "o-aaaa3")
    with store.write() as change:
        for number in range(ENTRIES):
            change.add_discrepancy(f"number {number}")
    assert why() == "interval", "a busy desk does not wait for the minutes"
    stage(store, "o-aaaa4")
    clock.forward(hours=-2)  # the clock stepped back: the next one is not two hours away
    assert why() == "interval"
    store.close()


async def test_a_router_writes_one_at_start_and_one_at_its_end(saved: Checkpoints, home: Path) -> None:
    clock = SettableClock()
    store = OrderStore.open(home / DATABASE, clock=clock)
    stage(store)
    store.close()
    witness = Witness(saved, clock=clock)
    async with operator_desk(
        home / DATABASE,
        rules(),
        broker=ScriptedBroker(clock),
        witness=witness,
        clock=clock,
    ) as desk:
        await _until(lambda: len(saved.read().good) == 1)
        async with asyncio.timeout(10):
            while (await desk.desk()).against_opening:  # until the router is connected, and has compared
                await asyncio.sleep(0.01)
        await desk.open_switch("go")
        await _until(lambda: len(saved.read().good) == 2)
        await desk.close_switch("lunch")
        await desk.open_switch("after lunch")
    written = [checkpoint.why for checkpoint in saved.read().good]
    assert written[:2] == ["start", "kill switch"] and written[-1] in ("kill switch", "clean stop")
    store = OrderStore.open(home / DATABASE, clock=clock)
    newest = saved.newest()
    assert newest is not None and (newest.size, newest.head) == store.audit_head()
    store.close()


async def test_leaving_right_after_a_commit_does_not_hang(saved: Checkpoints, home: Path) -> None:
    """The doorbell rings in the very moment in which the router is told to stop."""
    clock = SettableClock()
    for number in range(10):
        async with asyncio.timeout(20):
            async with operator_desk(home / DATABASE, rules(), broker=ScriptedBroker(clock), clock=clock) as desk:
                await _until(lambda desk=desk: desk.is_router)
                await asyncio.sleep(0.02)
                await desk.close_switch(f"number {number}")


async def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def test_a_router_on_a_cut_log_does_not_pass_the_audit_gate(saved: Checkpoints, home: Path) -> None:
    clock = SettableClock()
    store = OrderStore.open(home / DATABASE, clock=clock)
    for number in range(5):
        stage(store, f"o-aaaa{number}")
    Witness(saved, clock=clock).write(store, "by hand")
    store.close()
    forced(home, "DELETE FROM audit WHERE seq > 3")
    async with operator_desk(
        home / DATABASE,
        rules(),
        broker=ScriptedBroker(clock),
        witness=Witness(saved, clock=clock),
        clock=clock,
    ) as desk:
        state = await desk.desk()
        assert not state.audit_ok and "cut off" in state.audit_problem
    assert len(saved.read().good) == 1, "and nothing was signed over it"


def test_the_look_at_start_is_quick(saved: Checkpoints, home: Path) -> None:
    """A thousand entries since the newest checkpoint; generous, the figure is in bench/bench_audit.py."""
    clock = SettableClock()
    store = OrderStore.open(home / DATABASE, clock=clock)
    stage(store)
    Witness(saved, clock=clock).write(store, "by hand")
    with store.write() as change:
        for number in range(1000):
            change.add_discrepancy(f"number {number}")
    assert AuditHealth(store, saved).facts().available
    spans = []
    for _ in range(5):
        began = time.perf_counter()
        assert quick_look(store.chain, saved).problem is None
        spans.append(time.perf_counter() - began)
    assert min(spans) < 0.05
    store.close()
