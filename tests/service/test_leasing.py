"""Exactly one router: who may take whose place, seen from two processes, whatever the wall clock does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from ibgw_tui.core.records import LeaseState
from ibgw_tui.service.leasing import LEASE_SECONDS, LeaseWatch
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import utc_now
from tests.makers import NOON

SPEED = 20
"""Watches run so much faster than the world, so that nobody waits five seconds for a lease to be silent."""


def lease(seconds: float = 0, token: int = 1, holder: str = "router-1") -> LeaseState:
    return LeaseState(holder, 1, token, NOON + timedelta(seconds=seconds))


class Span:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1e6

    def __call__(self) -> float:
        return self.now


def test_a_lease_that_does_not_change_is_silent_after_its_time_and_not_before() -> None:
    span = Span()
    watch = LeaseWatch(span)
    assert not watch.is_silent(lease())
    span.now += LEASE_SECONDS - 0.001
    assert not watch.is_silent(lease())
    span.now += 0.001
    assert watch.is_silent(lease())


@pytest.mark.parametrize("step", [0.000001, 1, 3600, -3600])
def test_every_change_is_a_sign_of_life_whatever_time_it_tells(step: float) -> None:
    span = Span()
    watch = LeaseWatch(span)
    for number in range(4):
        span.now += LEASE_SECONDS - 0.1
        assert not watch.is_silent(lease(step * number))


@pytest.mark.parametrize("told", [-3600, 0, 3600])
def test_a_newcomer_waits_the_whole_time_whatever_the_row_tells(told: float) -> None:
    """An hour ago, or in an hour: the clock may have been set, and the holder may live."""
    span = Span()
    watch = LeaseWatch(span)
    assert not watch.is_silent(lease(told))
    span.now += LEASE_SECONDS
    assert watch.is_silent(lease(told))


def test_another_holder_is_watched_anew() -> None:
    span = Span()
    watch = LeaseWatch(span)
    watch.is_silent(lease())
    span.now += LEASE_SECONDS
    assert not watch.is_silent(lease(token=2, holder="router-2"))


# ---- two processes

HOLDER = """
import os, signal, sys, time
from datetime import timedelta
from pathlib import Path
from ibgw_tui.core.errors import Conflict
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import utc_now
step = timedelta(hours=float(sys.argv[2]))
beats = 0
def clock():
    return utc_now() + step * beats
store = OrderStore.open(Path(sys.argv[1]), clock=clock)
with store.write() as change:
    token = change.take_lease("router-holder", 1).token
print("held", flush=True)
while True:
    beats += 1
    with store.write() as change:
        alive = change.beat(token)
    if not alive:
        break
    if Path(sys.argv[1]).with_name("asleep").exists():
        os.kill(os.getpid(), signal.SIGSTOP)  # between two transactions: one that sleeps inside keeps all others out
    time.sleep(0.01)
try:
    with store.write(lease_token=token):
        print("a stale router wrote", flush=True)
except Conflict as refused:
    print(refused.message, flush=True)
"""


@contextmanager
def a_holder(database: Path, *, hours: float = 0) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lease and beats, its wall clock stepping by so many hours at every beat."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database), str(hours)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


class Waiter:
    """Who wants the lease, as the router does it."""

    def __init__(self, store: OrderStore) -> None:
        self._store = store
        self._watch = LeaseWatch(lambda: time.monotonic() * SPEED)

    def tries(self) -> LeaseState | None:
        held = self._store.lease()
        if held is not None and not self._watch.is_silent(held):
            return None
        with self._store.write() as change:
            return change.take_lease("router-waiter", 2, over=held)

    def tries_for(self, seconds: float) -> LeaseState | None:
        """Looks often, and gives up after so many seconds of its own fast clock."""
        until = time.monotonic() + seconds / SPEED
        while time.monotonic() < until:
            taken = self.tries()
            if taken is not None:
                return taken
            time.sleep(0.002)
        return None


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OrderStore]:
    opened = OrderStore.open(tmp_path / "desk.sqlite3", clock=utc_now)
    yield opened
    opened.close()


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_a_living_router_keeps_its_lease_whatever_its_clock_does(store: OrderStore, hours: float) -> None:
    with a_holder(store.path, hours=hours):
        assert Waiter(store).tries_for(4 * LEASE_SECONDS) is None


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_the_lease_of_a_killed_router_is_taken_over_in_time_whatever_its_clock_did(
    store: OrderStore, hours: float
) -> None:
    with a_holder(store.path, hours=hours) as holder:
        waiter = Waiter(store)
        assert waiter.tries() is None
        holder.kill()
        holder.wait()
        left = store.lease()
        began = time.monotonic()
        assert left is not None and waiter.tries() is None
        taken = waiter.tries_for(LEASE_SECONDS * 10)
        assert taken is not None and taken.token > left.token
        assert (time.monotonic() - began) * SPEED > LEASE_SECONDS * 0.9, "no earlier than safe"


def test_a_router_that_slept_through_its_lease_cannot_write_any_more(store: OrderStore) -> None:
    with a_holder(store.path) as holder:
        waiter = Waiter(store)
        asleep = store.path.with_name("asleep")
        asleep.touch()
        assert os.WIFSTOPPED(os.waitpid(holder.pid, os.WUNTRACED)[1])
        taken = waiter.tries_for(LEASE_SECONDS * 20)
        assert taken is not None
        asleep.unlink()
        holder.send_signal(signal.SIGCONT)
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "this router no longer holds the lease"
        now = store.lease()
        assert now is not None and now.token == taken.token


def test_of_many_waiters_one_takes_the_lease_of_a_dead_router(store: OrderStore) -> None:
    with a_holder(store.path) as holder:
        holder.kill()
        holder.wait()
    left = store.lease()
    others = [OrderStore.open(store.path, clock=utc_now) for _ in range(3)]
    won = []
    for other in others:
        with other.write() as change:
            won.append(change.take_lease("router", 3, over=left))
        other.close()
    assert [one is not None for one in won] == [True, False, False]
