"""Editing an order in the terminal: what is typed is never lost, and nothing is approved by it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from ibgw_tui.core.errors import Conflict
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.service.views import Edit
from ibgw_tui.tui.app import DeskApp
from ibgw_tui.tui.screens.approve import ApproveScreen
from ibgw_tui.tui.screens.edit import EditScreen
from ibgw_tui.tui.screens.orders import OrdersScreen
from ibgw_tui.tui.widgets.order_list import OrderList
from tests.tui.fake_desk import FakeDesk, TickingClock, a_busy_desk
from tests.tui.helpers import running, shows, until
from tests.tui.test_deciding import confirm, dialog


def queue(app: DeskApp) -> OrderList:
    view = app.view
    assert isinstance(view, OrdersScreen)
    return view.orders


def displayed_edit(app: DeskApp, desk: FakeDesk) -> str | None:
    """Reference of the revision, once its ticket is on display."""
    ref = app.displayed_ref
    return ref if ref is not None and desk.records[ref].edited_by else None


def busy(**options: Any) -> FakeDesk:
    return a_busy_desk(clock=TickingClock(), **options)


async def opened(pilot: Pilot[Any]) -> EditScreen:
    await pilot.press("e")
    screen: EditScreen = await dialog(pilot, EditScreen)
    await until(pilot, lambda: screen._ready_at < float("inf"), "the form to be painted")
    await pilot.pause(0.25)
    return screen


async def type_into(pilot: Pilot[Any], screen: EditScreen, name: str, text: str) -> None:
    field = screen.query_one(f"#{name}", Input)
    field.focus()
    await pilot.pause()
    await pilot.press("ctrl+u", *text)
    await until(pilot, lambda: field.value == text, f"{text} in {name}")


async def test_an_edit_makes_a_revision_and_the_cursor_goes_along(size: tuple[int, int]) -> None:
    desk = busy()
    async with running(desk, size) as (app, pilot):
        ref = app.displayed_ref
        assert ref is not None
        screen = await opened(pilot)
        assert [field.value for field in screen.query(Input)] == ["8", "100", "day", ""]
        await type_into(pilot, screen, "quantity", "5")
        await type_into(pilot, screen, "limit_price", "99.50")
        await shows(pilot, "quantity 8 -> 5; limit price 100 -> 99.5")
        await pilot.press("enter")
        await shows(pilot, f"EDITED {ref}: quantity 8 -> 5; limit price 100 -> 99.5")
        assert desk.acts == [("edit", ref, "quantity=5", "limit_price=99.50")]
        revision = list(desk.records)[-1]
        await until(pilot, lambda: app.displayed_ref == revision, "the ticket of the revision")
        if size[0] >= 100:
            await shows(pilot, "changed by olga against revision 1: quantity 8 -> 5")
        assert desk.records[ref].status is Status.SUPERSEDED and not app.dialog_is_open


async def test_what_was_edited_is_approved_through_the_same_review(size: tuple[int, int]) -> None:
    desk = busy()
    async with running(desk, size) as (app, pilot):
        screen = await opened(pilot)
        await type_into(pilot, screen, "quantity", "5")
        await pilot.press("enter")
        await until(pilot, lambda: displayed_edit(app, desk) is not None, "the revision")
        revision = displayed_edit(app, desk)
        await pilot.pause(0.6)
        await pilot.press("a")
        await dialog(pilot, ApproveScreen)
        await shows(pilot, "changed by olga against revision 1", "quantity 8", "revision 2 by operator")
        await confirm(pilot, ApproveScreen)
        await until(pilot, lambda: ("approve", revision) in desk.acts, "the approval")


async def test_a_refused_edit_keeps_what_was_typed_and_names_the_field() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        screen = await opened(pilot)
        await type_into(pilot, screen, "limit_price", "cheap")
        await type_into(pilot, screen, "reason", "too dear")
        await pilot.press("enter")
        await shows(
            pilot,
            "not saved: correct limit price, then press enter again",
            "limit_price: 'cheap' is not a plain decimal",
        )
        assert app.screen is screen and screen.query_one("#limit_price", Input).has_focus
        assert [field.value for field in screen.query(Input)] == ["8", "cheap", "day", "too dear"]
        assert desk.acts == []


async def test_an_edit_that_the_desk_refuses_stays_open_with_its_text() -> None:
    desk = busy()
    desk.act_failure = Conflict("order x was revised already", user_action="revise y, its revision")
    async with running(desk) as (app, pilot):
        screen = await opened(pilot)
        await type_into(pilot, screen, "quantity", "5")
        await pilot.press("enter")
        await shows(pilot, "not saved: ORDER_STATUS_CONFLICT: order x was revised already - revise y, its revision")
        assert app.screen is screen and screen.query_one("#quantity", Input).value == "5"
        desk.act_failure = RuntimeError("secret")
        await pilot.press("enter")
        text = await shows(pilot, "UNKNOWN whether it was saved")
        assert "secret" not in text and app.screen is screen
        desk.act_failure = None
        await pilot.press("enter")
        await shows(pilot, "EDITED")


async def test_a_form_that_is_closed_while_it_is_saved_does_not_say_that_nothing_was_edited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = busy()
    answer, edit = asyncio.Event(), desk.edit

    async def slow(wanted: Edit) -> OrderRecord:
        saved = await edit(wanted)
        await answer.wait()
        return saved

    monkeypatch.setattr(desk, "edit", slow)
    async with running(desk) as (app, pilot):
        ref = app.displayed_ref
        screen = await opened(pilot)
        await type_into(pilot, screen, "quantity", "5")
        await pilot.press("enter")
        await until(pilot, lambda: desk.acts, "the saving")
        await pilot.press("escape")
        await shows(pilot, "the desk has not answered yet")
        assert app.screen is screen
        await pilot.press("escape")
        text = await shows(pilot, f"{ref}: UNKNOWN whether it was edited")
        assert "not edited" not in text
        answer.set()


async def test_a_form_that_is_closed_after_a_failure_does_not_say_that_nothing_was_edited() -> None:
    desk = busy()
    desk.act_failure = RuntimeError("secret")
    async with running(desk) as (app, pilot):
        ref = app.displayed_ref
        screen = await opened(pilot)
        await type_into(pilot, screen, "quantity", "5")
        await pilot.press("enter")
        await shows(pilot, "UNKNOWN whether it was saved")
        await pilot.press("escape", "escape")
        await shows(pilot, f"{ref}: UNKNOWN whether it was edited")
        desk.act_failure = None
        await until(pilot, lambda: not app.session.unknown, "the next reading")


async def test_nothing_changed_is_not_saved_and_closing_warns_of_what_was_typed() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        screen = await opened(pilot)
        await pilot.press("enter", "enter", "enter")
        await shows(pilot, "not saved: nothing was changed: change quantity")
        await type_into(pilot, screen, "quantity", "5")
        await pilot.press("escape")
        await shows(pilot, "what you typed will be lost")
        await pilot.press("escape")
        await shows(pilot, "not edited")
        assert desk.acts == [] and not app.dialog_is_open
        await pilot.pause(0.6)
        await opened(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: not app.dialog_is_open, "a form without changes closes at once")


async def test_keys_typed_ahead_save_nothing() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        for key in ("e", "9", "enter"):
            app.simulate_key(key)
        await dialog(pilot, EditScreen)
        await pilot.pause(0.3)
        assert desk.acts == [] and isinstance(app.screen, EditScreen)


async def test_an_order_that_changed_while_the_form_was_open_is_not_edited() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        ref = app.displayed_ref
        assert ref is not None
        screen = await opened(pilot)
        await type_into(pilot, screen, "quantity", "5")
        desk.change(ref, status=Status.WITHDRAWN)
        desk.ring()
        await pilot.press("enter")
        await shows(pilot, "not saved:", "withdrawn")
        assert desk.acts[-1][0] == "edit" and not any(each.edited_by for each in desk.records.values())
        assert screen.query_one("#quantity", Input).value == "5"


@pytest.mark.parametrize("status", [Status.APPROVED, Status.WORKING, Status.REJECTED])
async def test_only_what_waits_is_edited(status: Status) -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        ref = app.displayed_ref
        assert ref is not None
        desk.change(ref, status=status)
        desk.ring()
        await until(pilot, lambda: (row := queue(app).selected) is not None and row.status is status, "the new status")
        await pilot.press("e")
        await shows(pilot, "only an order that waits can be edited")
        assert not app.dialog_is_open


async def test_the_cursor_does_not_follow_when_the_operator_has_moved_it() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        other = list(desk.records)[3]
        screen = await opened(pilot)
        await type_into(pilot, screen, "quantity", "5")
        await pilot.press("enter")
        await until(pilot, lambda: not app.dialog_is_open, "the form to close")
        app.select(other)
        await until(pilot, lambda: app.displayed_ref == other, "the other order")
        desk.ring()
        await pilot.pause(0.3)
        assert queue(app).cursor == other


async def test_a_read_only_terminal_edits_nothing() -> None:
    desk = busy(read_only=True)
    async with running(desk) as (app, pilot):
        await pilot.press("e")
        await shows(pilot, "read-only")
        assert not app.dialog_is_open
