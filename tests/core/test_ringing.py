"""Rings: none is lost, none comes too soon, and a flood does not ring for ever."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.core import ringing
from ibgw_tui.core.ringing import MOST_GROWTH, Arrivals, Bell, Flood, Ring, floods
from tests.makers import NOON

GAP = 10.0


def test_the_first_order_rings_at_once_and_what_follows_is_one_ring_after_the_gap() -> None:
    bell = Bell(GAP)
    assert bell.hear(100.0, orders=1) == Ring(orders=1)
    assert bell.hear(100.1, orders=3) is None
    assert bell.hear(105.0, orders=1) is None
    assert bell.hear(109.9) is None
    assert bell.hear(110.0) == Ring(orders=4)
    assert bell.hear(111.0) is None


def test_the_gap_grows_while_orders_keep_coming_and_shrinks_when_it_was_quiet() -> None:
    bell = Bell(GAP)
    rung = [second for second in range(400) if bell.hear(float(second), orders=1)]
    assert rung == [0, 10, 30, 70, 150, 230, 310, 390]
    assert bell.hear(2_000.0, orders=1) is not None  # what was left, and the new one
    assert bell.hear(2_001.0, orders=1) is None
    assert bell.hear(2_010.0) == Ring(orders=1)


def test_an_alarm_does_not_wait_for_the_gap_of_a_flood() -> None:
    bell = Bell(GAP)
    for second in range(71):
        bell.hear(float(second), orders=1)
    assert bell.hear(79.0, alarms=1) is None  # still within the first gap
    assert bell.hear(80.0) == Ring(orders=0, alarms=1)


def test_alarms_that_come_and_go_do_not_make_orders_wait_longer() -> None:
    bell = Bell(GAP)
    for second in range(0, 100, 10):
        assert bell.hear(float(second), alarms=1) == Ring(alarms=1)
    assert bell.hear(91.0, orders=1) is None
    assert bell.hear(100.0) == Ring(orders=1)


@given(
    st.lists(
        st.tuples(st.floats(0, 60), st.integers(0, 50), st.integers(0, 2)), max_size=80
    )
)  # fmt: skip
def test_nothing_is_lost_and_nothing_rings_too_soon(steps: list[tuple[float, int, int]]) -> None:
    bell, now, at = Bell(GAP), 0.0, []
    heard, told = Ring(), Ring()
    for after, orders, alarms in steps:
        now += after
        heard = Ring(heard.orders + orders, heard.alarms + alarms)
        ring = bell.hear(now, orders=orders, alarms=alarms)
        if ring is not None:
            at.append(now)
            told = Ring(told.orders + ring.orders, told.alarms + ring.alarms)
    last = bell.hear(now + GAP * MOST_GROWTH + 1)
    if last is not None:
        told = Ring(told.orders + last.orders, told.alarms + last.alarms)
    assert told == heard
    assert all(later - earlier >= GAP for earlier, later in pairwise(at))


@pytest.mark.parametrize(
    ("ring", "text"),
    [
        (Ring(1), "1 new order waits"),
        (Ring(1200), "1,200 new orders wait"),
        (Ring(0, 1), "an alarm stands on the desk"),
        (Ring(2, 3), "3 alarms stand on the desk, 2 new orders wait"),
    ],
)
def test_a_ring_says_counts_and_nothing_else(ring: Ring, text: str) -> None:
    assert ring.text == text


def test_what_waits_at_the_first_look_is_not_new_and_what_comes_back_is_not_either() -> None:
    arrivals = Arrivals()
    assert arrivals.new(["a", "b"]) == 0
    assert arrivals.new(["a", "b", "c"]) == 1
    assert arrivals.new(["c"]) == 0
    assert arrivals.new(["a", "c", "d", "e", "e"]) == 2  # a was recalled


def test_what_is_remembered_of_arrivals_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ringing, "MOST_REMEMBERED", 3)
    arrivals = Arrivals()
    arrivals.new([])
    assert arrivals.new("abcde") == 5
    assert arrivals.new("e") == 0
    assert len(arrivals._known or ()) == 3


def test_a_flood_is_counted_by_agent_over_the_last_minute() -> None:
    old, recent = NOON - timedelta(seconds=60), NOON - timedelta(seconds=59)
    staged = [("calm", recent)] * 2 + [("wild", recent)] * 5 + [("wild", old)] * 9 + [("busy", NOON)] * 3
    assert floods(staged, NOON, 3) == (Flood("wild", 5), Flood("busy", 3))
    assert floods(staged, NOON, 6) == ()
    assert floods(staged, NOON, 0) == ()


def test_what_still_waits_is_never_new_again_however_much_waits() -> None:
    """More than is remembered: also a matter of time, one look at a hundred thousand must not walk them all for each."""
    arrivals, waiting = Arrivals(), [f"o-{number}" for number in range(ringing.MOST_REMEMBERED * 2)]
    assert arrivals.new(waiting) == 0
    for _ in range(3):
        assert arrivals.new(waiting) == 0
    assert arrivals.new([*waiting, "o-new"]) == 1
    assert arrivals.new(["o-new"]) == 0  # now the others may be forgotten
    assert arrivals.new(waiting) > 0
