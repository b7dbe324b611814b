"""The screen is as new as the desk, or says that it is not."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from ibgw_tui.core.errors import OrderStoreError
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.service.views import OrderRow, Ticket
from ibgw_tui.tui.feed import EVERY, TICKET_EVERY, problem_of
from ibgw_tui.tui.remembered import Memory
from ibgw_tui.tui.screens.orders import OrdersScreen
from tests.tui.fake_desk import FakeDesk, StandingClock, TickingClock, a_busy_desk
from tests.tui.helpers import running, screen_text, shows, until


async def test_a_failing_desk_is_said_and_tried_again_until_it_answers() -> None:
    clock = StandingClock()
    desk = a_busy_desk(clock=clock)
    async with running(desk) as (app, pilot):
        clock.forward(seconds=90)
        desk.failure = OrderStoreError("the database is locked", user_action="close the other program")
        await shows(pilot, "FEED DOWN since 15:01:30", "ORDER_STORE_UNAVAILABLE: the database is locked")
        clock.forward(seconds=60)
        await shows(pilot, "15:02:30 UTC", "FEED DOWN since 15:01:30")
        assert app.is_running
        desk.failure = None
        await until(pilot, lambda: "FEED DOWN" not in screen_text(app), "the feed to come back")


async def test_an_unexpected_failure_ends_neither_the_app_nor_the_feed() -> None:
    desk = a_busy_desk()
    async with running(desk) as (app, pilot):
        desk.failure = ZeroDivisionError("a secret in a message")
        await shows(pilot, "FEED DOWN since", "unexpected failure (ZeroDivisionError)")
        assert "secret" not in screen_text(app)
        desk.failure = None
        desk.stage("MSFT", order_ref="after")
        await until(pilot, lambda: app.select("after"), "the order staged since")


async def test_a_desk_that_does_not_answer_is_down_and_readings_never_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibgw_tui.tui.feed.PATIENCE", 0.2)
    desk = a_busy_desk()
    async with running(desk) as (app, pilot):
        desk.hang = True
        desk.ring()
        await shows(pilot, "FEED DOWN since", "has not answered for")
        waiting = desk.reads
        for _ in range(20):
            desk.ring()
            await pilot.pause()
        assert desk.reads == waiting, "one reading at a time"
        desk.hang = False
        await until(pilot, lambda: "FEED DOWN" not in screen_text(app), "the feed to come back")


@pytest.mark.parametrize("when", ["while it reads", "while it tells that it is down", "while it tells that it is up"])
async def test_a_screen_that_cannot_be_drawn_once_does_not_end_the_feed(
    when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = a_busy_desk()
    async with running(desk) as (app, pilot):
        if when == "while it tells that it is up":
            desk.failure = OrderStoreError("the database is locked")
            desk.ring()
            await shows(pilot, "FEED DOWN since")
        shown = app.session.on_change
        failed: list[str] = []

        def fails_once() -> None:
            down = app.session.health.down_since is not None
            if not failed and down is (when == "while it tells that it is down"):
                failed.append(when)
                raise ZeroDivisionError("a width of nothing")
            shown()

        app.session.on_change = fails_once
        desk.failure = OrderStoreError("the database is locked") if when == "while it tells that it is down" else None
        desk.ring()
        await until(pilot, lambda: failed, "the failure")
        desk.failure = None
        desk.stage("MSFT", order_ref="after")
        await until(pilot, lambda: app.select("after"), "the order staged since")
        await until(pilot, lambda: "FEED DOWN" not in screen_text(app), "the feed to be up again")


async def test_remembering_the_screen_does_not_end_the_reading(tmp_path: Path) -> None:
    """Saving what is remembered cancelled every worker of its group, the feed among them: the screen went quietly old."""
    desk, file = a_busy_desk(), tmp_path / "terminal.json"
    async with running(desk, memory=Memory(file)) as (app, pilot):
        await pilot.press("2", "1")
        await until(pilot, lambda: file.exists() and not app.memory.is_due, "the file")
        await desk.close_switch("drill")
        await shows(pilot, "KILL SWITCH CLOSED")


async def test_remembering_the_screen_takes_no_answer_away(tmp_path: Path) -> None:
    desk, file = a_busy_desk(), tmp_path / "terminal.json"
    async with running(desk, memory=Memory(file)) as (app, pilot):
        await until(pilot, lambda: app.displayed_ref is not None, "a ticket")
        ref = app.displayed_ref
        assert ref is not None
        await pilot.press("r")
        await shows(pilot, "in words")
        app.memory.note(split=60)
        await until(pilot, lambda: file.exists() and not app.memory.is_due, "the file")
        await pilot.press("5", "enter")
        await until(pilot, lambda: desk.records[ref].status is Status.REJECTED, "the rejection")


async def test_a_reading_that_was_ended_is_said_and_begun_again(caplog: pytest.LogCaptureFixture) -> None:
    desk = a_busy_desk()
    async with running(desk) as (app, pilot):
        for worker in list(app.workers):
            if worker.name == "feed":
                worker.cancel()
        await until(pilot, lambda: "reading the desk failed: it had ended" in caplog.text, "the line in the log")
        desk.stage("MSFT", order_ref="after")
        await until(pilot, lambda: app.select("after"), "the order staged since")
        assert "FEED DOWN" not in screen_text(app)


async def test_a_failure_before_the_first_reading_is_said_too() -> None:
    desk = FakeDesk()
    desk.failure = OrderStoreError("the database is locked")
    async with running(desk) as (_, pilot):
        await shows(pilot, "FEED DOWN since 15:00:00", "the kill switch counts as closed", "reading the desk ...")


async def test_a_hundred_rings_are_a_few_readings() -> None:
    desk = a_busy_desk()
    async with running(desk) as (app, pilot):
        before = app.feed.readings
        for _ in range(100):
            desk.ring()
        desk.stage("MSFT", order_ref="last")
        desk.ring()
        await until(pilot, lambda: app.select("last"), "the last order")
        assert app.feed.readings - before < 10


async def test_lists_are_left_alone_when_nothing_was_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = a_busy_desk()
    async with running(desk) as (app, pilot):
        readings, reads = app.feed.readings, desk.reads
        await until(pilot, lambda: app.feed.readings >= readings + 2, "two more readings")
        # A reading is the ticket and the header; the lists come when the audit log has grown.
        assert desk.reads - reads <= 2 * (app.feed.readings - readings) + 2


async def test_the_next_second_comes_without_a_ring() -> None:
    desk = a_busy_desk()
    async with running(desk) as (app, pilot):
        desk.stage("MSFT", order_ref="silent")  # no doorbell
        began = asyncio.get_running_loop().time()
        await until(pilot, lambda: app.select("silent"), "the order nobody rang for")
        assert asyncio.get_running_loop().time() - began < EVERY + 5


async def test_behind_a_dialog_the_head_goes_on_and_the_lists_stand_still() -> None:
    desk = a_busy_desk()
    async with running(desk) as (app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: app.dialog_is_open, "the help")
        desk.stage("MSFT", order_ref="meanwhile")
        desk.ring()
        view = app.view
        assert view is not None
        await until(pilot, lambda: app.session.desk is not None and app.session.desk.pending == 8, "the reading")
        assert not app.select("meanwhile")
        await pilot.press("escape")
        await until(pilot, lambda: app.select("meanwhile"), "the list to catch up")


async def test_an_order_that_is_gone_from_the_store_says_so() -> None:
    desk = a_busy_desk()
    async with running(desk) as (app, pilot):
        ref = app.displayed_ref
        assert ref is not None
        desk.ticket_changes.clear()
        record = desk.records.pop(ref)
        desk.ring()
        await shows(pilot, "there is no such order in the store")
        desk.records[ref] = record


async def test_closing_the_app_stops_listening() -> None:
    desk = a_busy_desk()
    async with running(desk):
        assert desk._listeners
    for _ in range(100):  # the app is gone; the loop's task ends with the next turns of the event loop
        if not desk._listeners:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the feed still listens")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"link_state": "disconnected", "link_text": "TWS closed"}, "DISCONNECTED since 15:00:00 - no order leaves. TWS closed"),
        ({"link_state": "broker_unreachable"}, "BROKER UNREACHABLE since"),
        ({"router_alive": False}, "NO ROUTER, last seen 15:00:00 - approved orders are not sent"),
        ({"router": None, "router_alive": False}, "NO ROUTER - approved orders are not sent"),
        ({"in_doubt": 1}, "1 order IN DOUBT - the broker may have it. It is looked up, never sent again"),
        ({"discrepancies": 2}, "2 reports of the broker do not fit our records"),
        ({"audit_ok": False, "audit_problem": "entry 7 was altered"}, "AUDIT LOG BROKEN - nothing can be sent. entry 7 was"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_the_desk_is_loud(
    changes: dict[str, object], words: str, size: tuple[int, int]
) -> None:
    desk = a_busy_desk()
    desk.desk_changes = changes
    async with running(desk, size) as (_, pilot):
        await shows(pilot, words[: size[0] - 6])


async def test_everything_wrong_at_once_leaves_room_for_the_orders() -> None:
    desk = a_busy_desk()
    desk.desk_changes = {
        "link_state": "disconnected", "in_doubt": 3, "discrepancies": 2, "audit_ok": False, "audit_problem": "x",
    }  # fmt: skip
    desk.router_problem = "cannot place"
    await desk.close_switch("test")
    async with running(desk, (80, 24)) as (_, pilot):
        await shows(pilot, "AUDIT LOG BROKEN", "(and 2 more: key 5)", "▲ BUY")


async def test_a_status_that_changes_elsewhere_shows() -> None:
    desk = a_busy_desk()
    async with running(desk) as (app, pilot):
        ref = app.displayed_ref
        assert ref is not None
        desk.change(ref, status=Status.WITHDRAWN, reason="changed my mind")
        desk.ring()
        await shows(pilot, "WITHDRAWN 15:00:00", "changed my mind")


def test_of_an_unexpected_failure_only_its_kind_is_told() -> None:
    assert problem_of(ValueError("password=1234")) == "unexpected failure (ValueError)"


async def test_an_arrival_is_shown_before_the_longer_list_is_read() -> None:
    desk = FakeDesk()
    first = desk.stage()
    async with running(desk) as (app, pilot):
        gate = asyncio.Event()
        whole = desk.blotter

        async def slow() -> list[OrderRow]:
            await gate.wait()
            return await whole()

        desk.blotter = slow  # type: ignore[method-assign]
        second = desk.stage()
        desk.ring()
        view = app.view
        assert isinstance(view, OrdersScreen)
        await until(pilot, lambda: view.orders.rows.knows(second), "the arrival")
        # What leaves needs both lists, to say what became of it.
        desk.change(first, status=Status.REJECTED)
        desk.ring()
        await pilot.pause(0.1)
        assert not view.orders.rows.is_gone(first)
        gate.set()
        await shows(pilot, "REJECTED")


async def test_a_ticket_that_nobody_changed_is_read_seldom_and_one_that_changed_at_once() -> None:
    desk = FakeDesk(clock=TickingClock())
    ref = desk.stage()
    async with running(desk) as (_app, pilot):
        read: list[float] = []
        whole = desk.ticket

        async def counted(order_ref: str, /) -> Ticket:
            read.append(time.monotonic())
            return await whole(order_ref)

        desk.ticket = counted  # type: ignore[method-assign]
        began = time.monotonic()
        while time.monotonic() - began < 1.0:
            desk.write("something.else", "agent", "agent-1")
            desk.ring()
            await pilot.pause(0.02)
        assert 1 <= len(read) <= 2 + (time.monotonic() - began) / TICKET_EVERY
        count = len(read)
        desk.change(ref, status=Status.REJECTED, reason="no")
        desk.ring()
        await shows(pilot, "rejected")
        assert len(read) > count
