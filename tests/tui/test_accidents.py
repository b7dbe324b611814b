"""Accidents between reading and pressing: whatever happened to the order meanwhile, nothing is approved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.tui.arming import BEAT, DWELL, DWELL_TYPED, QUIET, Phase
from ibgw_tui.tui.screens.approve import ApproveScreen
from tests.tui.fake_desk import FakeDesk, TickingClock, a_busy_desk
from tests.tui.helpers import running, shows, until
from tests.tui.test_deciding import dialog

Accident = Callable[[FakeDesk, str], None]


def another_operator_was_first(desk: FakeDesk, ref: str) -> None:
    desk.change(ref, status=Status.APPROVED)


def the_agent_revised_it(desk: FakeDesk, ref: str) -> None:
    desk.change(ref, status=Status.SUPERSEDED)
    desk.stage("AAPL", quantity="80")


def the_agent_withdrew_it(desk: FakeDesk, ref: str) -> None:
    desk.change(ref, status=Status.WITHDRAWN)


def it_was_given_back(desk: FakeDesk, ref: str) -> None:
    desk.change(ref, status=Status.CHANGES_REQUESTED)


def it_was_previewed_anew(desk: FakeDesk, ref: str) -> None:
    preview = desk.records[ref].preview
    assert preview is not None
    desk.records[ref] = replace(desk.records[ref], preview=preview.replaced(preview_id="another"))


def the_switch_was_closed_and_opened(desk: FakeDesk, ref: str) -> None:
    desk.switch = replace(desk.switch, epoch=desk.switch.epoch + 1)


def the_switch_was_closed(desk: FakeDesk, ref: str) -> None:
    desk.switch = replace(desk.switch, state=KillSwitch.CLOSED, epoch=desk.switch.epoch + 1)


def the_router_died(desk: FakeDesk, ref: str) -> None:
    desk.desk_changes["router_alive"] = False


ACCIDENTS = [
    (another_operator_was_first, "the order is approved now"),
    (the_agent_revised_it, "the order is superseded now"),
    (the_agent_withdrew_it, "the order is withdrawn now"),
    (it_was_given_back, "the order is changes requested now"),
    (it_was_previewed_anew, "digest"),
    (the_switch_was_closed_and_opened, "the kill switch was closed in the meantime"),
    (the_switch_was_closed, "the kill switch changed open -> closed"),
    (the_router_died, "connection changed"),
]


@pytest.mark.parametrize(("accident", "words"), ACCIDENTS, ids=[accident.__name__ for accident, _ in ACCIDENTS])
async def test_what_happens_during_the_confirm_disarms_and_is_said(accident: Accident, words: str) -> None:
    desk = a_busy_desk(clock=TickingClock())
    async with running(desk) as (app, pilot):
        ref = app.displayed_ref
        assert ref is not None
        await pilot.press("a")
        screen: ApproveScreen = await dialog(pilot, ApproveScreen)
        await until(pilot, lambda: screen.is_armed, "the review to be armed")
        accident(desk, ref)
        desk.ring()
        await until(pilot, lambda: screen.state.phase is Phase.DISARMED, "the review to be disarmed")
        await shows(pilot, "disarmed", words)
        await pilot.pause(QUIET + BEAT)
        await pilot.press("Y")
        await pilot.pause(QUIET + 2 * BEAT)
        assert desk.acts == [] and app.screen is screen
        await pilot.press("escape")
        await shows(pilot, "nothing was approved")


async def test_an_order_that_arrives_between_reading_and_pressing_changes_nothing_under_the_cursor() -> None:
    desk = a_busy_desk(clock=TickingClock())
    async with running(desk) as (app, pilot):
        ref = app.displayed_ref
        assert ref is not None
        for _ in range(5):
            desk.stage("MSFT", quantity="1")
        desk.ring()
        await pilot.press("a")
        screen: ApproveScreen = await dialog(pilot, ApproveScreen)
        assert screen.ticket.record.order_ref == ref
        await until(pilot, lambda: screen.is_armed, "the review to be armed")
        await pilot.press("Y")
        await until(pilot, lambda: desk.acts, "the approval")
        assert desk.acts == [("approve", ref)]


async def test_two_yeses_in_a_row_are_one() -> None:
    desk = a_busy_desk(clock=TickingClock())
    async with running(desk) as (_, pilot):
        await pilot.press("a")
        screen: ApproveScreen = await dialog(pilot, ApproveScreen)
        await until(pilot, lambda: screen.is_armed, "the review to be armed")
        await pilot.press("Y")
        await until(pilot, lambda: desk.acts, "the approval")
        await pilot.press("Y", "a", "Y", "enter", "enter")
        await pilot.pause(0.3)
        assert len(desk.acts) == 1


def test_nothing_is_approved_that_changed_within_the_last_half_second() -> None:
    """A key counts a dwell after the painting, and only when it is quiet after it."""
    assert DWELL + QUIET >= 0.5 and DWELL_TYPED >= 0.5
