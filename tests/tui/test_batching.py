"""Several orders approved together in the terminal: marks by identity, the same guard, and every order by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from textual.pilot import Pilot

from ibgw_tui.core.broker import LinkState
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.terms import KillSwitch, Mode
from ibgw_tui.service.views import Batch, BatchLine, LimitBar
from ibgw_tui.tui.app import DeskApp
from ibgw_tui.tui.arming import Phase
from ibgw_tui.tui.batch_sheet import batch_changed, batch_digest, judged, make_batch_sheet, plan_for
from ibgw_tui.tui.screens.answers import AnswersScreen
from ibgw_tui.tui.screens.batch import BatchScreen
from ibgw_tui.tui.screens.orders import OrdersScreen
from tests.makers import a_policy, usd
from tests.tui import samples
from tests.tui.fake_desk import FakeDesk, TickingClock
from tests.tui.helpers import running, screen_text, shows, until
from tests.tui.test_deciding import dialog


def a_basket(count: int = 4, **options: Any) -> FakeDesk:
    """Dull orders of one agent on one side."""
    desk = FakeDesk(clock=TickingClock(), **options)
    symbols = ("AAPL", "MSFT", "SPY", "TSLA")
    for number in range(count):
        desk.stage(symbols[number % 4], quantity=str(number + 1), agent="rebalancer")
    return desk


async def marked(app: DeskApp, pilot: Pilot[Any], *refs: str) -> None:
    for ref in refs:
        await until(pilot, lambda ref=ref: app.select(ref) and app.displayed_ref == ref, f"the ticket of {ref}")  # type: ignore[misc]
        await until(pilot, lambda: not app.talk.is_asking, "no question to be open")
        await pilot.press("space")
        await until(pilot, lambda ref=ref: ref in app.session.marks, f"the mark of {ref}")  # type: ignore[misc]


async def opened(pilot: Pilot[Any]) -> BatchScreen:
    await pilot.press("v")
    screen: BatchScreen = await dialog(pilot, BatchScreen)
    return screen


async def armed(pilot: Pilot[Any], screen: BatchScreen) -> None:
    await until(pilot, lambda: screen.state.phase is Phase.ARMED, "the batch to be armed")


async def say_yes(pilot: Pilot[Any], screen: BatchScreen, value: str) -> None:
    await typed(pilot, screen, value)
    await pilot.pause(0.2)
    await pilot.press("Y")


async def typed(pilot: Pilot[Any], screen: BatchScreen, value: str) -> None:
    """On a machine that stalls the guard takes back what was typed: then it is typed again."""
    for _ in range(10):
        await armed(pilot, screen)
        await pilot.press("ctrl+u")
        for character in value:
            await pilot.pause(0.03)
            await pilot.press(character)
        await pilot.pause(0.2)
        if screen.state.typed == value and screen.state.phase is Phase.ARMED:
            return


# ---- from the mark to the approvals


async def test_marked_orders_are_listed_in_full_and_approved_by_their_number(size: tuple[int, int]) -> None:
    desk = a_basket()
    async with running(desk, size) as (app, pilot):
        refs = list(desk.records)[:3]
        await marked(app, pilot, *refs)
        await shows(pilot, "3 marked")
        screen = await opened(pilot)
        text = await shows(
            pilot, "Approve 3 orders of rebalancer together", "together", "orders in session 5 -> 8 of 200"
        )
        for ref, symbol in zip(refs, ("AAPL", "MSFT", "SPY"), strict=True):
            assert ref in text and symbol in text
        assert list(desk.records)[3] not in text
        await say_yes(pilot, screen, "3")
        await shows(pilot, "3 of 3 approved: the first leaves in", "U recalls all")
        assert desk.acts[0] == ("approve batch", *refs)
        assert [act for act in desk.acts if act[0] == "approve"] == [("approve", ref) for ref in refs]
        assert not app.session.marks and not app.session.in_flight and not app.dialog_is_open


async def test_the_code_of_the_page_is_as_good_as_the_number_and_anything_else_is_not() -> None:
    desk = a_basket()
    async with running(desk) as (app, pilot):
        await marked(app, pilot, *list(desk.records)[:2])
        screen = await opened(pilot)
        await armed(pilot, screen)
        await say_yes(pilot, screen, "3")
        await pilot.pause(0.3)
        assert desk.acts == [] and app.dialog_is_open
        await pilot.press("backspace")
        await pilot.pause(0.2)
        await say_yes(pilot, screen, batch_digest(screen.orders)[:4])
        await until(pilot, lambda: desk.acts, "the approvals")


@pytest.mark.parametrize("keys", [("Y",), ("enter",), ("space",), ("y",), ("2", "Y"), ("2", "enter")])
async def test_keys_typed_ahead_or_of_another_kind_approve_nothing(keys: tuple[str, ...]) -> None:
    desk = a_basket()
    async with running(desk) as (app, pilot):
        await marked(app, pilot, *list(desk.records)[:2])
        for key in ("v", *keys):
            app.simulate_key(key)
        await dialog(pilot, BatchScreen)
        await pilot.pause(0.5)
        assert desk.acts == [] and isinstance(app.screen, BatchScreen)


async def test_one_key_recalls_all_that_were_approved() -> None:
    desk = a_basket()
    async with running(desk) as (app, pilot):
        refs = list(desk.records)[:2]
        await marked(app, pilot, *refs)
        await say_yes(pilot, await opened(pilot), "2")
        await shows(pilot, "2 of 2 approved")
        await pilot.press("U")
        await shows(pilot, "RECALLED 2: they wait again")
        assert [desk.records[ref].status for ref in refs] == [Status.PENDING] * 2


async def test_what_was_refused_is_told_order_by_order_and_the_rest_is_recalled_from_there() -> None:
    desk = a_basket()
    async with running(desk) as (app, pilot):
        first, second, third = list(desk.records)[:3]
        desk.refuse_in_batch[second] = "LIVE_SESSION_NOTIONAL_LIMIT_REFUSED: 5,001 of 5,000 USD"
        await marked(app, pilot, first, second, third)
        await say_yes(pilot, await opened(pilot), "3")
        await dialog(pilot, AnswersScreen)
        text = await shows(pilot, "2 of 3 approved, 1 NOT APPROVED", "5,001 of 5,000 USD")
        assert text.index("NOT APPROVED BUY 2 MSFT") < text.index("approved     BUY 1 AAPL")
        await pilot.press("U")
        await shows(pilot, "RECALLED 2")
        assert list(app.session.marks) == [second], "what was not approved stays marked"


# ---- marks


async def test_a_mark_is_of_an_order_and_not_of_a_line() -> None:
    desk = a_basket()
    async with running(desk) as (app, pilot):
        ref = list(desk.records)[2]
        await marked(app, pilot, ref)
        await pilot.press("o", "o")
        desk.stage("AAPL", agent="other")
        desk.ring()
        await shows(pilot, "orders that wait 5")
        line = next(line for line in screen_text(app).splitlines() if "SPY" in line)
        assert "*" in line and screen_text(app).count("*") == 1
        await pilot.press("space")
        await until(pilot, lambda: not app.session.marks, "the mark to go")


async def test_marks_behind_a_filter_are_named() -> None:
    desk = a_basket()
    async with running(desk) as (app, pilot):
        refs = list(desk.records)[:2]
        await marked(app, pilot, *refs)
        view = app.view
        assert isinstance(view, OrdersScreen)
        app.select(list(desk.records)[3])
        view.filter_by("TSLA")
        await opened(pilot)
        await shows(pilot, f"hidden by the filter: {refs[0]}, {refs[1]}")


async def test_what_changed_since_it_was_marked_loses_its_mark_and_opens_nothing() -> None:
    desk = a_basket()
    async with running(desk) as (app, pilot):
        first, second = list(desk.records)[:2]
        await marked(app, pilot, first, second)
        preview = desk.records[second].preview
        assert preview is not None
        desk.records[second] = replace(desk.records[second], preview=preview.replaced(preview_id="another"))
        await pilot.press("v")
        await shows(pilot, f"{second}: it is not what you marked any more")
        assert list(app.session.marks) == [first] and not app.dialog_is_open


async def test_an_order_that_left_takes_its_mark_along() -> None:
    desk = a_basket()
    async with running(desk) as (app, pilot):
        first, second = list(desk.records)[:2]
        await marked(app, pilot, first, second)
        desk.change(first, status=Status.WITHDRAWN)
        desk.ring()
        await until(pilot, lambda: list(app.session.marks) == [second], "the mark to go")
        await pilot.press("v")
        await shows(pilot, "mark at least two orders")
        await pilot.press("escape")
        await until(pilot, lambda: not app.session.marks, "esc takes the marks away")


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ({"order_type": "market"}, "it has no limit price"),
        ({"outside_hours": True}, "it may fill outside regular hours"),
        ({"side": "sell", "quantity": "30"}, "it deserves a review of its own: ends short"),
        ({"quantity": "300"}, "LIVE_NOTIONAL_LIMIT_REFUSED"),
    ],
)
async def test_what_is_not_dull_is_not_marked(order: dict[str, Any], why: str) -> None:
    desk = FakeDesk(clock=TickingClock())
    ref = desk.stage("AAPL", **order)
    async with running(desk) as (app, pilot):
        await until(pilot, lambda: app.displayed_ref == ref, "the ticket")
        await pilot.press("space")
        await shows(pilot, "cannot be marked", why)
        assert not app.session.marks


async def test_real_money_is_never_marked() -> None:
    desk = a_basket(mode=Mode.LIVE)
    async with running(desk) as (app, pilot):
        await pilot.press("space")
        await shows(pilot, "cannot be marked: real money is approved one order at a time")
        assert not app.session.marks


async def test_a_read_only_terminal_marks_and_reviews_nothing() -> None:
    desk = a_basket(read_only=True)
    async with running(desk) as (app, pilot):
        await pilot.press("space", "v", "U")
        await shows(pilot, "read-only")
        assert not app.session.marks and not app.dialog_is_open and desk.acts == []


# ---- what disarms


async def disarmed(pilot: Pilot[Any], screen: BatchScreen, words: str) -> None:
    await until(pilot, lambda: screen.state.phase is Phase.DISARMED, "the batch to be disarmed")
    await shows(pilot, "disarmed", words)
    await pilot.press("2")
    await pilot.pause(0.2)
    await pilot.press("Y")
    await pilot.pause(0.3)


async def test_any_change_of_any_order_disarms_them_all() -> None:
    desk = a_basket()
    async with running(desk) as (app, pilot):
        refs = list(desk.records)[:2]
        await marked(app, pilot, *refs)
        screen = await opened(pilot)
        await armed(pilot, screen)
        desk.change(refs[1], status=Status.APPROVED)
        await disarmed(pilot, screen, f"{refs[1]}: the order is approved now")
        assert desk.acts == []


Change = Callable[[FakeDesk, str], None]


def another_limit(desk: FakeDesk, ref: str) -> None:
    desk.policy = a_policy(max_quantity=Decimal(1))


def a_full_session(desk: FakeDesk, ref: str) -> None:
    desk.batch_problems[ref] = "the session is full"


def a_lost_link(desk: FakeDesk, ref: str) -> None:
    desk.desk_changes["link_state"] = LinkState.DISCONNECTED.value


def a_closed_switch(desk: FakeDesk, ref: str) -> None:
    desk.switch = replace(desk.switch, state=KillSwitch.CLOSED, epoch=desk.switch.epoch + 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (another_limit, "limit"),
        (a_full_session, "the session is full"),
        (a_lost_link, "connection changed"),
        (a_closed_switch, "the kill switch changed open -> closed"),
    ],
)
async def test_what_is_about_all_of_them_disarms_too(change: Change, words: str) -> None:
    desk = a_basket()
    async with running(desk) as (app, pilot):
        refs = list(desk.records)[:2]
        await marked(app, pilot, *refs)
        screen = await opened(pilot)
        await armed(pilot, screen)
        change(desk, refs[1])
        desk.ring()
        await disarmed(pilot, screen, words)
        assert desk.acts == []


async def test_it_expires_with_the_first_of_them() -> None:
    clock = TickingClock()
    desk = FakeDesk(clock=clock)
    for _ in range(2):
        desk.stage("AAPL", quantity="1", agent="rebalancer")
    async with running(desk) as (app, pilot):
        await marked(app, pilot, *desk.records)
        screen = await opened(pilot)
        await armed(pilot, screen)
        screen._jump = None  # the clock is moved, the machine did not sleep
        clock.forward(minutes=16)
        await disarmed(pilot, screen, "")
        assert desk.acts == []


async def test_a_resize_below_the_least_offers_nothing_and_back_again_dwells_anew() -> None:
    desk = a_basket()
    async with running(desk, (120, 40)) as (app, pilot):
        await marked(app, pilot, *list(desk.records)[:2])
        screen = await opened(pilot)
        await armed(pilot, screen)
        await pilot.resize_terminal(70, 20)
        await until(pilot, lambda: screen.state.phase is Phase.HELD, "it to be held")
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: screen.state.phase is Phase.DWELLING, "the dwell")
        assert desk.acts == []


async def test_an_unknown_result_blocks_every_order_of_the_batch_until_it_was_read_again() -> None:
    desk = a_basket()
    async with running(desk) as (app, pilot):
        refs = list(desk.records)[:2]
        await marked(app, pilot, *refs)
        screen = await opened(pilot)
        desk.act_failure = RuntimeError("secret")
        await say_yes(pilot, screen, "2")
        text = await shows(pilot, "UNKNOWN what came of it")
        assert "secret" not in text and not app.session.in_flight
        await until(pilot, lambda: not app.session.unknown, "the next reading")


# ---- the page, without a terminal


def a_batch(count: int, problem: str = "") -> Batch:
    tickets = []
    for number in range(count):
        ticket = samples.a_ticket(quantity=str(number + 1))
        tickets.append(replace(ticket, record=replace(ticket.record, order_ref="o-7k3m9q2x4d")))
    bar = LimitBar("orders in session", Decimal(0), Decimal(count), Decimal(20), "orders", tickets[0].gates[0].status)
    lines = tuple(BatchLine(ticket, problem if at == 1 else "") for at, ticket in enumerate(tickets))
    return Batch(lines, usd("5500"), (bar,))


@pytest.mark.parametrize(("width", "height"), [(80, 21), (132, 34)])
@pytest.mark.parametrize("count", [2, 5, 12, 20])
def test_every_order_is_on_the_page_or_the_page_is_not_offered(width: int, height: int, count: int) -> None:
    batch = a_batch(count)
    sheet = make_batch_sheet(batch, width, height, backend="simulated", hidden=())
    assert all(line.cell_length <= width for line in sheet.lines)
    text = "\n".join(line.plain for line in sheet.lines)
    if sheet.problem:
        assert len(sheet.lines) > height and "mark fewer" in sheet.problem
    else:
        assert len(sheet.lines) <= height and text.count("o-7k3m9q2x4d") == count and "5,500.00 USD" in text


def test_positions_add_up_from_order_to_order() -> None:
    text = "\n".join(line.plain for line in make_batch_sheet(a_batch(3), 80, 40, backend="", hidden=()).lines)
    assert all(f"position {moved}," in text for moved in ("0 -> 1", "1 -> 3", "3 -> 6"))


def test_an_order_that_stands_in_the_way_stops_them_all_and_is_named() -> None:
    plan = plan_for(judged(a_batch(3, "the session is full")))
    assert plan.tier == 2 and plan.impediment == "o-7k3m9q2x4d: the session is full; take its mark away"
    assert plan_for(judged(a_batch(2))).accepted == {"2", batch_digest(a_batch(2))[:4]}
    assert plan_for(a_batch(1)).impediment and plan_for(a_batch(21)).impediment


def test_an_order_to_mind_is_not_one_of_many() -> None:
    batch = a_batch(2)
    warned = samples.warned(batch.lines[1].ticket, "price_collar", "near the collar")
    found = judged(replace(batch, lines=(batch.lines[0], BatchLine(warned, ""))))
    assert "it deserves a review of its own: price collar warns" in plan_for(found).impediment


def test_the_code_stands_for_all_of_them_and_their_order() -> None:
    batch = a_batch(3)
    turned = replace(batch, lines=batch.lines[::-1])
    assert batch_digest(batch) != batch_digest(turned) and batch_digest(batch) == batch_digest(a_batch(3))
    assert batch_changed(batch, a_batch(3)) is None
    assert batch_changed(batch, a_batch(3, "full")) == "o-7k3m9q2x4d: full"


def test_hostile_words_on_the_page_are_only_words() -> None:
    batch = a_batch(2, f"✗ {samples.NASTY}")
    record = replace(batch.lines[0].ticket.record, staged_by=samples.NASTY, edited_by=samples.NASTY, revision=2)
    lines = (BatchLine(replace(batch.lines[0].ticket, record=record), ""), batch.lines[1])
    for width, height in ((80, 21), (132, 34)):
        sheet = make_batch_sheet(replace(batch, lines=lines), width, height, backend="", hidden=())
        text = "".join(line.plain for line in sheet.lines)
        assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in text)
        assert not {"\u202e", "\u200b"} & set(text) and all(line.cell_length <= width for line in sheet.lines)
