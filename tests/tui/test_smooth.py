"""The loop is never held up for long, and says so when it was."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widget import Widget

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.ringing import lately
from ibgw_tui.service.views import OrderRow, Ticket
from ibgw_tui.tui import app as app_module
from ibgw_tui.tui import feed as feed_module
from ibgw_tui.tui import ringing as ringing_module
from ibgw_tui.tui.app import DeskApp
from ibgw_tui.tui.hygiene import LoopLag
from ibgw_tui.tui.screens.orders import OrdersScreen
from tests.tui.fake_desk import FakeDesk, TickingClock, a_busy_desk
from tests.tui.helpers import running, shows, until

ROWS = 10_000
WORST_SECONDS, RARE_SECONDS = 0.25, 0.1
"""Of processor time in one turn of the loop. A frame has 16 ms; a shared machine in a bad hour needs some times that,
and what this is for (an O(n) walk in every tick, a reading in the loop) needs far more."""


class Crowded(FakeDesk):
    """One order ten thousand times."""

    def __init__(self) -> None:
        super().__init__(clock=TickingClock())
        self.one = self.stage()
        row = self._row(self.records[self.one])
        self.crowd: list[OrderRow] = [replace(row, order_ref=f"row-{n:06}", seq=n) for n in range(ROWS)]

    async def queue(self) -> list[OrderRow]:
        return list(self.crowd)

    async def ticket(self, order_ref: str, /) -> Ticket:
        found = await super().ticket(self.one)
        return replace(found, record=replace(found.record, order_ref=order_ref))


class Turns:
    """Processor seconds of every turn of the loop: what the machine does besides does not count."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._selector: Any = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
        self._select = self._selector.select
        self._began = 0.0

    def __enter__(self) -> Turns:
        # As in the program, where the collector leaves alone what was loaded: here that is thousands of other tests.
        gc.collect()
        gc.freeze()
        self._selector.select = self._watched
        self._began = time.thread_time()  # Only now: to collect among so many is no turn of the loop.
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.select = self._select
        gc.unfreeze()

    def _watched(self, timeout: float | None = None) -> Any:
        self.seconds.append(time.thread_time() - self._began)
        try:
            return self._select(timeout)
        finally:
            self._began = time.thread_time()


async def test_ten_thousand_rows_with_fifty_changes_a_second_hold_nothing_up() -> None:
    desk = Crowded()
    async with running(desk) as (app, pilot):
        view = app.view
        assert isinstance(view, OrdersScreen)
        with Turns() as turns:
            for turn in range(60):
                row = desk.crowd[turn % 30]
                desk.crowd[turn % 30] = replace(row, limit_price=Decimal(100 + turn))
                desk.write("order.price", "agent", "agent-1")
                desk.ring()
                await pilot.press("j" if turn % 2 else "k")
                await asyncio.sleep(0.02)
        await until(pilot, lambda: view.orders.rows.value("row-000029").limit_price == 159, "the last change")
    spent = sorted(turns.seconds)
    assert len(spent) > 200
    assert spent[-1] < WORST_SECONDS, f"a turn took {spent[-1]:.3f} s of processor time"
    assert spent[len(spent) * 99 // 100] < RARE_SECONDS


async def test_lists_that_did_not_change_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk is read every second; a list that is the same tuple is not looked through."""
    async with running(Crowded()) as (app, _pilot):
        view = app.view
        assert isinstance(view, OrdersScreen)
        walked: list[str] = []

        def identity(row: OrderRow) -> str:
            walked.append(row.order_ref)
            return row.order_ref

        monkeypatch.setattr(view.orders.rows, "_identity", identity)
        for _ in range(3):
            app.session.on_change()
        assert not walked


async def test_rows_that_were_read_again_and_say_the_same_are_nobodys_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store makes new rows at every reading. A hundred thousand of them held a key up for a fifth of a second."""
    desk = Crowded()
    async with running(desk) as (app, pilot):
        before, walks = app.session.lists, list[datetime]()

        def walked(staged: Iterable[tuple[str, datetime]], now: datetime) -> list[tuple[str, datetime]]:
            walks.append(now)
            return lately(staged, now)

        monkeypatch.setattr(ringing_module, "lately", walked)
        monkeypatch.setattr(feed_module, "LISTS_EVERY", 0.0)
        desk.crowd = [replace(row) for row in desk.crowd]
        for wanted in range(app.feed.readings + 1, app.feed.readings + 4):
            app.reread()
            await until(pilot, partial(_has_read, app, wanted), "a reading")
            app._tick()
        assert app.session.lists is before and not walks
        assert before is not None and before.held_back is before.held_back and before.at_broker is before.at_broker
        desk.crowd[3] = replace(desk.crowd[3], limit_price=Decimal(7))
        app.reread()
        await until(pilot, lambda: app.session.lists is not before, "the change")
        assert len(walks) == 1


async def test_a_stall_is_told_as_stale_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "LAG_SHOWN", 0.5)
    desk = FakeDesk(clock=TickingClock())
    desk.stage()
    async with running(desk) as (app, pilot):
        app.stalled(412.0)
        await shows(pilot, "STALE: this screen was 0.4 s behind")
        await until(pilot, lambda: app.session.health.lag_seconds == 0, "it to be over")


async def test_the_settings_page_tells_how_late_the_loop_was() -> None:
    desk = FakeDesk(clock=TickingClock())
    async with running(desk, size=(160, 50)) as (app, pilot):
        app.loop_lag = LoopLag(looks=3400, over_16_ms=12, over_250_ms=1, worst_ms=412.0)  # type: ignore[attr-defined]
        await app.action_view("settings")
        await shows(pilot, "12 of 3,400 looks late by over 16 ms, the worst by 412 ms; 1 stalls")


async def test_a_day_of_changes_leaves_no_widget_behind() -> None:
    """Textual's own footer leaves eight widgets behind at every change of what keys mean."""
    desk = FakeDesk(clock=TickingClock())
    refs = [desk.stage(), desk.stage()]
    async with running(desk) as (app, pilot):
        view = app.view
        assert isinstance(view, OrdersScreen)

        def change(turn: int) -> None:
            desk.switch = replace(desk.switch, epoch=turn)
            view.orders.select(refs[turn % 2])
            (view.ticket_pane if turn % 2 else view.orders).focus()
            view.set_class(turn % 2 == 0, "-ticket")
            app.session.say(f"line {turn}")
            view.refresh_bindings()
            view.show_footer()

        for turn in range(30):
            change(turn)
        await pilot.pause(0.1)
        before = _widgets()
        for turn in range(200):
            change(turn)
            if turn % 100 == 0:
                await pilot.pause(0.01)
        await pilot.pause(0.1)
        assert _widgets() <= before


def _has_read(app: DeskApp, wanted: int) -> bool:
    return app.feed.readings >= wanted


def _widgets() -> int:
    gc.collect()
    return sum(isinstance(each, Widget) for each in gc.get_objects())


async def test_a_second_that_passes_lays_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock in a title is 22 KB a second; ours is the cells of the clock."""
    desk = FakeDesk(clock=TickingClock())
    desk.stage()
    async with running(desk) as (app, pilot):
        laid_out: list[str] = []
        view = app.view
        assert view is not None
        whole = view._refresh_layout

        def counted(*arguments: Any, **named: Any) -> Any:
            laid_out.append("layout")
            return whole(*arguments, **named)

        monkeypatch.setattr(view, "_refresh_layout", counted)
        titles = (app.title, app.sub_title)

        async def five_seconds() -> int:
            laid_out.clear()
            for _ in range(5):
                desk.clock.forward(seconds=1)  # type: ignore[attr-defined]
                app._tick()
                await pilot.pause(0.02)
            return len(laid_out)

        counts = [await five_seconds() for _ in range(3)]  # the first may still see the screen being put together
        assert counts[-1] == 0
        assert (app.title, app.sub_title) == titles


async def test_a_filter_that_stays_on_for_days_keeps_no_text_of_orders_that_have_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ibgw_tui.tui.widgets.order_list.SPARE_TEXTS", 10)
    desk = FakeDesk()
    for _ in range(60):
        desk.stage("AAPL")
    async with running(desk) as (app, pilot):
        view = app.view
        assert isinstance(view, OrdersScreen)
        rows = list(view.orders.rows.shown)
        view.filter_by("aapl")
        assert len(view.orders._texts) >= len(rows) - 1  # the row under the cursor is shown unread
        for ref in rows[2:]:
            desk.change(ref, status=Status.WITHDRAWN)
        desk.ring()
        await until(pilot, lambda: view.orders.rows.total == 2, "the others to go")
        view.orders.action_down()  # the tombstones go
        desk.stage("AAPL")
        desk.ring()
        await until(pilot, lambda: view.orders.rows.total == 3, "one more")
        assert len(view.orders._texts) <= 2 * 3 + 10


async def test_tasks_begin_in_their_turn_on_every_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """From Python 3.12 on Textual starts tasks eagerly: a screen then composes before it is on the stack, and ours did
    not open; and the router, which shares the loop, would run in another order than the one it was tested in."""
    began: list[object] = []
    found: list[object] = []

    def eager(loop: asyncio.AbstractEventLoop, work: Any, **named: Any) -> asyncio.Task[Any]:
        began.append(work)
        return asyncio.Task(work, loop=loop, **named)

    monkeypatch.setattr(asyncio, "eager_task_factory", eager, raising=False)
    app = DeskApp(a_busy_desk())

    async def look(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: app.feed.readings >= 1, "the first reading")
        found.append(asyncio.get_running_loop().get_task_factory())
        app.exit()

    await app.run_async(headless=True, size=(120, 40), auto_pilot=look)
    assert found == [None]
    assert len(began) < 5, "nothing but the first tasks of the app itself"
