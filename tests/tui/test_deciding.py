"""What the deciding keys do, from the key to what the desk was asked and what the operator reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from ibgw_tui.core.errors import Conflict
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.tui.app import DeskApp
from ibgw_tui.tui.arming import DeadTime
from ibgw_tui.tui.screens.approve import ApproveScreen
from ibgw_tui.tui.screens.confirm import ConfirmScreen
from ibgw_tui.tui.screens.dialog import ArmedScreen
from ibgw_tui.tui.screens.help import HelpScreen
from ibgw_tui.tui.screens.reject import ChangesScreen, RejectScreen
from ibgw_tui.tui.screens.sweep import SweepScreen
from ibgw_tui.tui.screens.switch import OpenSwitchScreen
from ibgw_tui.tui.screens.write_off import WriteOffScreen
from tests.service.bench_desk import working
from tests.tui.fake_desk import FakeDesk, TickingClock, a_busy_desk
from tests.tui.helpers import flat, running, screen_text, shows, until


def busy(**options: Any) -> FakeDesk:
    return a_busy_desk(clock=TickingClock(), **options)


async def dialog(pilot: Pilot[Any], kind: type[Any]) -> Any:
    await until(pilot, lambda: isinstance(pilot.app.screen, kind), kind.__name__)
    return pilot.app.screen


async def confirm(pilot: Pilot[Any], kind: type[ArmedScreen[Any]]) -> None:
    """Wait until the dialog may be confirmed, and do."""
    screen = await dialog(pilot, kind)
    await until(pilot, lambda: screen.is_armed, "the dialog to be armed")
    await pilot.press("Y")


async def at_the_working_order(app: DeskApp, pilot: Pilot[Any], desk: FakeDesk) -> str:
    await pilot.press("2")
    ref = next(ref for ref, record in desk.records.items() if record.status is Status.PARTIALLY_FILLED)
    await until(pilot, lambda: app.select(ref), "the working order")
    await until(pilot, lambda: app.displayed_ref == ref, "its ticket")
    return ref


# ---- approving


async def test_a_opens_the_review_and_the_deliberate_key_approves_what_was_shown() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        ref = app.displayed_ref
        await pilot.press("a")
        await confirm(pilot, ApproveScreen)
        await until(pilot, lambda: desk.acts, "the approval to arrive")
        assert desk.acts == [("approve", ref)]
        await shows(pilot, "APPROVED BUY 8 AAPL at limit 100 USD", "u recalls, s sends now")
        assert app.displayed_ref == ref, "the cursor stays on what was decided"


async def test_an_order_that_cannot_be_approved_has_no_dialog_and_the_reason_stays() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        await pilot.press("j", "j")
        await until(pilot, lambda: app.displayed_ref == list(desk.records)[2], "the order that is too large")
        await pilot.press("a")
        await shows(pilot, "cannot be approved: LIVE_NOTIONAL_LIMIT_REFUSED")
        assert not app.dialog_is_open
        await pilot.press("k", "j", "3", "1")
        await shows(pilot, "cannot be approved: LIVE_NOTIONAL_LIMIT_REFUSED")


async def test_a_refusal_at_the_last_moment_is_said_as_the_desk_says_it() -> None:
    desk = busy()
    desk.act_failure = Conflict("the order differs from what was displayed", user_action="review the order again")
    async with running(desk) as (app, pilot):
        await pilot.press("a")
        await confirm(pilot, ApproveScreen)
        await shows(
            pilot, "NOT APPROVED: ORDER_STATUS_CONFLICT: the order differs from what was displayed - review the"
        )
        assert not app.session.in_flight and not app.session.unknown


async def test_an_unknown_result_is_loud_and_blocks_until_the_desk_was_read_again() -> None:
    desk = busy()
    desk.act_failure = RuntimeError("secret in a message")
    async with running(desk) as (app, pilot):
        await pilot.press("a")
        await confirm(pilot, ApproveScreen)
        await shows(pilot, "UNKNOWN what came of it")
        assert "secret" not in screen_text(app)
        assert not app.session.in_flight
        await until(pilot, lambda: not app.session.unknown, "the next reading")


async def test_a_review_that_is_closed_approves_nothing() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        await pilot.press("a")
        await dialog(pilot, ApproveScreen)
        await pilot.press("escape")
        await shows(pilot, "the review was closed, nothing was approved")
        assert desk.acts == [] and not app.dialog_is_open


async def test_one_question_at_a_time() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        for _ in range(3):
            app.simulate_key("a")
        await dialog(pilot, ApproveScreen)
        await pilot.pause()
        assert len(app.screen_stack) == 2


async def test_after_a_decision_there_is_a_moment_in_which_keys_do_nothing() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        moment = 100.0
        app.talk._monotonic = lambda: moment
        await pilot.press("a")
        await dialog(pilot, ApproveScreen)
        await pilot.press("escape")
        await until(pilot, lambda: not app.dialog_is_open, "the dialog to close")
        await pilot.press("a", "r", "x")
        assert not app.dialog_is_open
        moment = 100.6
        await pilot.press("a")
        await dialog(pilot, ApproveScreen)


async def test_nothing_is_approved_while_the_feed_is_down() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        desk.failure = OSError("gone")
        await shows(pilot, "FEED DOWN since")
        await pilot.press("a")
        await shows(pilot, "cannot be approved: the feed is down")
        assert not app.dialog_is_open


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"link_state": "disconnected"}, "the broker is not connected"),
        ({"link_state": "broker_unreachable"}, "the broker is not connected"),
        ({"link_state": None}, "the broker is not connected"),
        ({"router_alive": False}, "no router is running"),
    ],
)
async def test_nothing_is_approved_that_could_not_leave(changes: dict[str, Any], words: str) -> None:
    desk = busy()
    desk.desk_changes = changes
    async with running(desk) as (app, pilot):
        await pilot.press("a")
        await shows(pilot, f"cannot be approved: {words}")
        assert not app.dialog_is_open and desk.acts == []


# ---- reject, recall, send now


async def test_reject_takes_a_reason_to_the_agent() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        ref = app.displayed_ref
        await pilot.press("r")
        await dialog(pilot, RejectScreen)
        await pilot.pause(0.4)
        await _type(pilot, "too late")
        await until(pilot, lambda: desk.acts, "the rejection")
        assert desk.acts[0][:3] == ("reject", ref, "too late")
        await shows(pilot, "REJECTED BUY 8 AAPL", "too late")


async def test_a_refused_order_says_what_would_pass_and_the_no_takes_it_along() -> None:
    desk = FakeDesk(clock=TickingClock())
    ref = desk.stage("AAPL", "buy", "300", "100.00")
    async with running(desk) as (_, pilot):
        await shows(pilot, "CANNOT BE APPROVED", "would let pass: quantity 250; b asks for it")
        await pilot.press("r")
        await dialog(pilot, RejectScreen)
        await shows(pilot, "tab writes: the limits would let pass: quantity 250")
        await pilot.pause(0.4)
        await pilot.press("tab", "enter")
        await until(pilot, lambda: desk.acts, "the rejection")
        assert desk.acts[0][:3] == ("reject", ref, "the limits would let pass: quantity 250")


async def test_changes_are_asked_with_a_reason_and_the_order_is_then_no_longer_approvable() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        ref = app.displayed_ref
        assert ref is not None
        await pilot.press("b")
        await dialog(pilot, ChangesScreen)
        await pilot.pause(0.4)
        await pilot.press("2")
        await _type(pilot, "half of it")
        await until(pilot, lambda: desk.acts, "the wish")
        assert desk.acts == [("ask changes", ref, "half of it", "SMALLER_QUANTITY")]
        await shows(pilot, "GIVEN BACK to momentum-1", "half of it")
        await pilot.pause(0.6)
        await pilot.press("a")
        await shows(pilot, "cannot be approved: it is changes requested")
        await pilot.press("b")
        await shows(pilot, "changes are asked of an order that waits for you")
        assert not app.dialog_is_open and len(desk.acts) == 1


async def test_an_order_that_was_decided_while_changes_are_written_is_left_alone() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        ref = app.displayed_ref
        assert ref is not None
        await pilot.press("b")
        await dialog(pilot, ChangesScreen)
        await pilot.pause(0.4)
        shown = (await desk.ticket(ref)).shown
        assert shown is not None
        await desk.approve(shown, {})  # a second operator
        await _type(pilot, "smaller")
        await shows(pilot, "NOT GIVEN BACK")
        assert desk.records[ref].status is Status.APPROVED


@pytest.mark.parametrize("key", ["r", "b"])
async def test_type_ahead_and_held_enter_say_no_to_nothing(key: str) -> None:
    desk = busy()
    async with running(desk) as (_, pilot):
        await pilot.press(key, "2", "enter", "enter")
        await dialog(pilot, RejectScreen)
        assert desk.acts == [], "enter came before the question could be read"


async def test_send_now_waits_for_the_ticket_of_the_order_under_the_cursor() -> None:
    """The hold-back is the way back: it is not given up for an order that is not on display."""
    desk = busy()
    async with running(desk) as (app, pilot):
        ref = app.displayed_ref
        assert ref is not None
        shown = (await desk.ticket(ref)).shown
        assert shown is not None
        await desk.approve(shown, {})
        await shows(pilot, "● APPROVED")
        await pilot.press("j")
        await until(pilot, lambda: app.displayed_ref not in (None, ref), "another ticket")
        desk.hang = True
        await pilot.press("k", "s")
        await shows(pilot, f"{ref}: its ticket is still being read; press s again")
        desk.hang = False
        await until(pilot, lambda: app.displayed_ref == ref, "its ticket")
        assert ("submit", ref) not in desk.acts
        await pilot.press("s")
        await until(pilot, lambda: desk.records[ref].submit_asked, "the sending")


async def _type(pilot: Pilot[Any], text: str) -> None:
    for character in text:
        await pilot.press("space" if character == " " else character)
    await pilot.press("enter")


async def test_recall_and_send_now_act_at_once_on_an_approved_order() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        ref = app.displayed_ref
        assert ref is not None
        shown = (await desk.ticket(ref)).shown
        assert shown is not None
        await desk.approve(shown, {})
        await shows(pilot, "● APPROVED")
        await pilot.press("u")
        await shows(pilot, f"RECALLED {ref}: it waits again")
        await desk.approve(shown, {})
        await shows(pilot, "APPROVED - leaves in")
        await pilot.press("s")
        await until(pilot, lambda: ("submit", ref) in desk.acts, "the wish to send")
        await shows(pilot, "the router was asked to send it now")
        assert not app.dialog_is_open


async def test_recalling_what_is_not_approved_says_the_desks_words() -> None:
    desk = busy()
    async with running(desk) as (_, pilot):
        await pilot.press("u")
        await shows(pilot, "NOT RECALLED: ORDER_STATUS_CONFLICT")


# ---- cancel


async def test_cancel_asks_and_calls_it_a_request() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        ref = await at_the_working_order(app, pilot, desk)
        await pilot.press("x")
        await shows(pilot, "Ask the broker to cancel this order?", "It is a request")
        await confirm(pilot, ConfirmScreen)
        await until(pilot, lambda: ("cancel", ref) in desk.acts, "the cancel")
        await shows(pilot, "cancel asked for; it is cancel asked")


async def test_cancel_on_an_order_that_waits_says_what_to_do_instead() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        await pilot.press("x")
        await shows(pilot, "nothing is at the broker; r rejects it")
        assert not app.dialog_is_open and desk.acts == []


async def test_cancel_all_names_every_order_also_those_behind_a_filter() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        ref = await at_the_working_order(app, pilot, desk)
        await pilot.press("G", "slash", *"rejected", "enter", "G", "X")
        await shows(pilot, "Ask the broker to cancel all 1 working orders?", ref)
        assert "hidden by the filter" in flat(app)
        await confirm(pilot, ConfirmScreen)
        await until(pilot, lambda: ("cancel all",) in desk.acts, "the cancels")


async def test_after_cancel_all_each_order_is_told_as_the_broker_says_it() -> None:
    desk = busy()
    second = desk.stage("SPY", "buy", "1", status=Status.WORKING)
    async with running(desk) as (app, pilot):
        first = await at_the_working_order(app, pilot, desk)
        await pilot.press("X")
        await confirm(pilot, ConfirmScreen)
        await dialog(pilot, SweepScreen)
        await shows(pilot, "cancel asked for 2: 2 UNCONFIRMED", first, second)
        desk.change(second, status=Status.CANCELLED)
        await shows(pilot, "1 UNCONFIRMED, 1 cancelled")
        await pilot.press("escape")
        await shows(pilot, "cancel asked for 2: 1 UNCONFIRMED, 1 cancelled; what is unconfirmed may work still")


async def test_after_cancel_all_the_kill_switch_still_closes_over_the_list() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        await at_the_working_order(app, pilot, desk)
        await pilot.press("X")
        await confirm(pilot, ConfirmScreen)
        await dialog(pilot, SweepScreen)
        await pilot.press("K")
        await until(pilot, lambda: desk.switch.state is KillSwitch.CLOSED, "the switch to close")


async def test_cancel_all_with_nothing_at_the_broker() -> None:
    desk = FakeDesk(clock=TickingClock())
    async with running(desk) as (_, pilot):
        await pilot.press("X")
        await shows(pilot, "no order is at the broker")


# ---- the kill switch


async def _nowhere(pilot: Pilot[Any]) -> None: ...


async def _ticket(pilot: Pilot[Any]) -> None:
    await pilot.press("enter")


async def _filter(pilot: Pilot[Any]) -> None:
    await pilot.press("slash", "a")


def _press(key: str, kind: type[Any] | None = None) -> Callable[[Pilot[Any]], Any]:
    async def press(pilot: Pilot[Any]) -> None:
        await pilot.press(key)
        if kind is not None:
            await dialog(pilot, kind)

    return press


async def _cancel_all(pilot: Pilot[Any]) -> None:
    await pilot.press("X")
    await dialog(pilot, ConfirmScreen)


async def _palette(pilot: Pilot[Any]) -> None:
    await pilot.press("ctrl+p")
    await until(pilot, lambda: len(pilot.app.screen_stack) > 1, "the palette")


PLACES = {
    "desk": _nowhere,
    "ticket": _ticket,
    "filter": _filter,
    "blotter": _press("2"),
    "audit": _press("3"),
    "review": _press("a", ApproveScreen),
    "reject": _press("r", RejectScreen),
    "cancel all": _cancel_all,
    "help": _press("question_mark", HelpScreen),
    "palette": _palette,
}


TYPING = ("filter", "reject", "palette")


@pytest.mark.parametrize(
    ("place", "key"), [(place, key) for place in PLACES for key in ("K", "f12") if key == "f12" or place not in TYPING]
)
async def test_the_kill_switch_closes_from_everywhere_at_once(place: str, key: str) -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        await PLACES[place](pilot)
        before = len(app.screen_stack)
        await pilot.press(key)
        await until(pilot, lambda: desk.switch.state is KillSwitch.CLOSED, "the switch to close")
        assert desk.acts == [("close", "closed from the terminal")]
        assert len(app.screen_stack) == before, "no dialog"


@pytest.mark.parametrize("place", TYPING)
async def test_while_text_is_typed_k_is_a_letter(place: str) -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        await PLACES[place](pilot)
        await pilot.press("K")
        assert isinstance(app.focused, Input) and app.focused.value.endswith("K")
        assert desk.acts == []


async def test_closing_offers_to_cancel_what_works() -> None:
    desk = busy()
    async with running(desk) as (_, pilot):
        await pilot.press("K")
        await shows(pilot, "KILL SWITCH CLOSED - no new order leaves", "press X to cancel 1 working order")
        await pilot.press("X")
        await dialog(pilot, ConfirmScreen)


async def test_when_it_is_closed_k_asks_to_open_it_with_a_reason() -> None:
    desk = busy(switch=KillSwitch.CLOSED)
    async with running(desk) as (app, pilot):
        await shows(pilot, "KILL SWITCH CLOSED", "K opens it")
        await pilot.press("K")
        await dialog(pilot, OpenSwitchScreen)
        await pilot.press("K")
        assert len(app.screen_stack) == 2, "one question at a time"
        await pilot.press("backspace")
        await pilot.pause(0.4)
        await _type(pilot, "all looked at")
        await _type(pilot, "OPEN")
        await until(pilot, lambda: desk.switch.state is KillSwitch.OPEN, "the switch to open")
        assert desk.acts == [("open", "all looked at")]
        await shows(pilot, "kill switch open - approved orders may leave")


async def test_what_stands_against_opening_is_read_and_takes_a_longer_phrase() -> None:
    desk = busy(switch=KillSwitch.CLOSED)
    desk.desk_changes = {"against_opening": ("1 order in doubt: o-1",)}
    async with running(desk) as (_, pilot):
        await pilot.press("K")
        await dialog(pilot, OpenSwitchScreen)
        await shows(pilot, "against it: 1 order in doubt: o-1", "type OPEN ANYWAY")
        await pilot.pause(0.4)
        await _type(pilot, "the broker said so")
        await _type(pilot, "OPEN ANYWAY")
        await until(pilot, lambda: desk.acts, "the opening")
        assert desk.acts == [("open", "the broker said so", "the broker said so")]


# ---- what nobody answered


async def in_doubt(app: DeskApp, pilot: Pilot[Any], desk: FakeDesk) -> str:
    ref = desk.stage("SPY", "buy", "1", status=Status.IN_DOUBT)
    desk.ring()
    await pilot.press("2")
    await until(pilot, lambda: app.select(ref), "the order in doubt")
    await until(pilot, lambda: app.displayed_ref == ref, "its ticket")
    return ref


async def test_w_writes_off_an_order_in_doubt_with_a_reason() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        ref = await in_doubt(app, pilot, desk)
        await shows(pilot, "IN DOUBT", "w write off")
        await pilot.press("w")
        await dialog(pilot, WriteOffScreen)
        await pilot.pause(0.4)
        await _type(pilot, "not on their screen")
        await _type(pilot, "WRITE OFF")
        await until(pilot, lambda: desk.acts, "the writing off")
        assert desk.acts == [("write off", ref, "not on their screen", "")]
        await shows(pilot, "WRITTEN OFF")


async def test_writing_off_in_spite_of_what_stands_against_it_takes_a_longer_phrase() -> None:
    desk = busy()
    desk.against = ["complete records were asked 0 times in this session, not 2 times"]
    async with running(desk) as (app, pilot):
        ref = await in_doubt(app, pilot, desk)
        await pilot.press("w")
        await dialog(pilot, WriteOffScreen)
        await shows(pilot, "against it: complete records were asked 0 times", "type WRITE OFF ANYWAY")
        await pilot.pause(0.4)
        await _type(pilot, "by phone")
        await _type(pilot, "WRITE OFF ANYWAY")
        await until(pilot, lambda: desk.acts, "the writing off")
        assert desk.acts == [("write off", ref, "by phone", "by phone")]


async def test_w_elsewhere_says_what_it_is_for() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        await at_the_working_order(app, pilot, desk)
        await pilot.press("w")
        await shows(pilot, "only an order in doubt is written off")
        assert not app.dialog_is_open and desk.acts == []


async def test_orders_of_others_are_said_in_the_banner() -> None:
    desk = busy()
    report = working(desk.records[next(iter(desk.records))], desk.clock, order_ref="by-hand [/red]")
    desk.desk_changes = {"foreign": (report, report), "discrepancies": 1}
    async with running(desk) as (_, pilot):
        await shows(pilot, "AT THE BROKER AND NOT OURS: buy 8 of contract 265598", "and 1 more - run: ibgw reconcile")


async def test_a_switch_that_could_not_be_closed_is_said_with_the_other_ways() -> None:
    desk = busy()
    desk.act_failure = OSError("disk full")
    async with running(desk) as (_, pilot):
        await pilot.press("K")
        await shows(pilot, "UNKNOWN whether the kill switch was closed", "ibgw kill close", "a file KILL")
        desk.act_failure = Conflict("the store is read-only")
        await pilot.press("K")
        await shows(pilot, "THE KILL SWITCH WAS NOT CLOSED", "ibgw kill close", "a file KILL")


async def test_while_the_feed_is_down_k_closes_whatever_is_on_the_screen() -> None:
    """What the screen says is old: somebody may have opened the switch since."""
    desk = busy(switch=KillSwitch.CLOSED)
    async with running(desk) as (app, pilot):
        desk.failure = OSError("disk")
        await shows(pilot, "FEED DOWN since")
        desk.switch = replace(desk.switch, state=KillSwitch.OPEN)
        await pilot.press("K")
        await until(pilot, lambda: desk.acts, "the closing")
        assert desk.acts == [("close", "closed from the terminal")]
        assert not app.dialog_is_open


async def test_before_the_desk_was_read_k_closes() -> None:
    desk = busy()
    desk.hang = True
    async with running(desk) as (_, pilot):
        await pilot.press("K")
        await until(pilot, lambda: desk.switch.state is KillSwitch.CLOSED, "the switch to close")
        desk.hang = False


# ---- leaving


async def test_leaving_asks_while_orders_work_through_this_terminal() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        await pilot.press("q")
        await shows(pilot, "Leave this terminal?", "1 at the broker: fills are not heard")
        await pilot.press("escape")
        await until(pilot, lambda: not app.dialog_is_open, "the question to close")
        app.talk._dead = DeadTime()
        await pilot.press("ctrl+q")
        await confirm(pilot, ConfirmScreen)
        await until(pilot, lambda: not app.is_running or app._exit, "the end")


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_leaving_an_idle_desk_asks_nothing(key: str) -> None:
    desk = FakeDesk(clock=TickingClock())
    desk.stage("AAPL")
    async with running(desk) as (app, pilot):
        await pilot.press(key)
        await until(pilot, lambda: app._exit, "the end")
        assert app.return_code == 0


async def test_leaving_asks_while_an_approval_is_held_back() -> None:
    desk = FakeDesk(clock=TickingClock())
    ref = desk.stage("AAPL")
    desk.is_router = False
    async with running(desk) as (app, pilot):
        shown = (await desk.ticket(ref)).shown
        assert shown is not None
        await desk.approve(shown, {})
        await until(pilot, app.session.held_back, "the list to know of the approval")
        await pilot.press("q")
        await shows(pilot, "Leave this terminal?", "only a terminal can recall them")


async def test_leaving_from_inside_a_dialog() -> None:
    desk = busy()
    async with running(desk) as (app, pilot):
        await pilot.press("a")
        await dialog(pilot, ApproveScreen)
        await pilot.press("ctrl+c", "ctrl+q")
        await pilot.pause()
        assert len(app.screen_stack) == 2, "the question that is open is answered first"
        assert not app._exit


async def test_leaving_is_possible_while_the_desk_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = FakeDesk(clock=TickingClock())
    desk.stage("AAPL")
    answer = asyncio.Event()

    async def silent(*_: object) -> None:
        await answer.wait()

    monkeypatch.setattr(desk, "approve", silent)
    async with running(desk) as (app, pilot):
        await pilot.press("a")
        await confirm(pilot, ApproveScreen)
        await until(pilot, lambda: app.session.in_flight and not app.dialog_is_open, "the approval to be on its way")
        await pilot.press("q", "q")
        await shows(pilot, "Leave this terminal?", "1 approval is on the way to the desk")
        assert len(app.screen_stack) == 2
        await pilot.press("escape")
        await until(pilot, lambda: not app.dialog_is_open, "the question to close")
        await pilot.pause(0.6)
        await pilot.press("a")
        await pilot.pause(0.2)
        assert not app.dialog_is_open, "the first question is still being answered"
        await pilot.press("q")
        await confirm(pilot, ConfirmScreen)
        await until(pilot, lambda: app._exit, "the end")


# ---- read-only


async def test_a_read_only_terminal_decides_nothing_and_says_so() -> None:
    desk = busy(read_only=True)
    async with running(desk) as (app, pilot):
        text = await shows(pilot, "READ-ONLY")
        assert "review to approve" not in text.splitlines()[-1]
        for key in ("a", "r", "e", "b", "s", "u", "w", "x", "X"):
            await pilot.press(key)
        await shows(pilot, "this terminal is read-only; start `ibgw tui` without --read-only")
        assert not app.dialog_is_open and desk.acts == []


# ---- the palette


async def test_nothing_in_the_palette_decides() -> None:
    async with running(busy()) as (app, _):
        titles = [command.title for command in app.get_system_commands(app.screen)]
        screens = ["Review desk", "Blotter", "Audit log", "Positions", "Kill switch", "Policies", "Agents", "Settings"]
        looks = ["Filter", "Go to", "Newest", "Copy", "Save", "Order by", "Wider list", "Narrower list"]
        assert titles == [*screens, "Theme", "Keys", *looks, "Forget what is remembered", "Leave", "Screenshot"]
        # And no provider brings others along.
        assert len(app.COMMANDS) == 1


async def test_keys_are_listed_from_the_table() -> None:
    async with running(busy(), size=(120, 60)) as (_, pilot):
        await pilot.press("question_mark")
        await shows(pilot, "Close the kill switch at once, from anywhere", "review to approve")
