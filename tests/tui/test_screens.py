"""The terminal on a desk in memory, at the three sizes it is made for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from textual.content import Content
from textual.pilot import Pilot

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.terms import KillSwitch, Mode
from ibgw_tui.service.views import OrderRow, Ticket
from ibgw_tui.tui.app import DeskApp
from ibgw_tui.tui.screens.audit import AuditScreen
from ibgw_tui.tui.screens.orders import OrdersScreen
from ibgw_tui.tui.widgets.columns import CURSOR
from tests.tui.fake_desk import FakeDesk, StandingClock, a_busy_desk
from tests.tui.helpers import running, screen_text, shows, until

Size = tuple[int, int]


def orders_of(app: DeskApp) -> OrdersScreen:
    view = app.view
    assert isinstance(view, OrdersScreen)
    return view


# ---- what is there


async def test_the_desk_shows_the_orders_that_wait_and_one_ticket(size: Size) -> None:
    async with running(a_busy_desk(), size) as (app, pilot):
        await shows(pilot, "SIMULATED", "kill switch open - approved orders may leave", "DU1234567", "broker connected")
        await shows(pilot, "audit ", "UTC", f"{CURSOR}▲ BUY", "▼ SELL", "EUR.USD", "10,000")
        if size[0] >= 100:
            await shows(pilot, "BUY 8 AAPL at limit 100 USD, day, in DU1234567")
            assert "agent says (untrusted text)" in orders_of(app).ticket_pane.text
        else:
            await pilot.press("enter")
            await shows(pilot, "BUY 8 AAPL at limit 100 USD")
            await pilot.press("escape")
            await shows(pilot, f"{CURSOR}▲ BUY")


@pytest.mark.parametrize(
    ("mode", "backend", "word"),
    [(Mode.PAPER, "ibkr", "PAPER"), (Mode.LIVE, "ibkr", "LIVE"), (Mode.PAPER, "simulated", "SIMULATED"),
     (Mode.LIVE, "simulated", "SIMULATED LIVE")],
)  # fmt: skip
@pytest.mark.parametrize("switch", list(KillSwitch))
async def test_the_header_says_where_we_are_in_words(
    size: Size, mode: Mode, backend: str, word: str, switch: KillSwitch
) -> None:
    async with running(FakeDesk(mode=mode, backend=backend, switch=switch), size) as (_, pilot):
        is_open = switch is KillSwitch.OPEN
        expected = (
            "kill switch open - approved orders may leave" if is_open else "KILL SWITCH CLOSED - no new order leaves"
        )
        text = await shows(pilot, expected, "UTC", "broker connected")
        first, second, *_ = text.splitlines()
        assert first.startswith(f" {word} ") and expected in first and "UTC" in first
        assert ("U1234567" if mode is Mode.LIVE else "DU1234567") in second


async def test_an_empty_desk_tells_a_newcomer_what_to_do(size: Size) -> None:
    async with running(FakeDesk(), size) as (_, pilot):
        await shows(pilot, "No orders wait.", "ibgw stage --account DU1234567")
        await pilot.press("2")
        await shows(pilot, "Nothing was sent")
        await pilot.press("3")
        await shows(pilot, "Nothing is in the audit log yet")


async def test_the_blotter_has_what_was_sent_and_what_ended(size: Size) -> None:
    async with running(a_busy_desk(), size) as (app, pilot):
        await pilot.press("2")
        await shows(pilot, "partly filled", "rejected")
        assert orders_of(app).orders.rows.index == 2, "it starts at the newest"


async def test_the_audit_log_ends_with_the_newest_entry_and_opens_one(size: Size) -> None:
    desk = a_busy_desk()
    async with running(desk, size) as (app, pilot):
        await pilot.press("3")
        view = app.view
        assert isinstance(view, AuditScreen)
        await until(pilot, lambda: view.entries.cursor == str(len(desk.entries)), "the newest entry under the cursor")
        await pilot.press("k", "enter")
        await until(pilot, lambda: desk.entries[-2].hash in screen_text(app), "the entry in full")
        await pilot.press("escape")
        desk.stage("AAPL")
        desk.ring()
        await until(pilot, lambda: len(view.entries.rows) == len(desk.entries), "the new entry")
        assert view.entries.cursor == str(len(desk.entries) - 2), "what arrives does not move the cursor"


async def test_fills_show_as_they_come() -> None:
    desk = a_busy_desk()
    async with running(desk, (120, 40)) as (app, pilot):
        await pilot.press("2")
        ref = next(ref for ref, record in desk.records.items() if record.status is Status.PARTIALLY_FILLED)
        await until(pilot, lambda: app.select(ref), "the working order")
        await until(pilot, lambda: app.displayed_ref == ref, "its ticket")
        assert "4 of 10" in orders_of(app).ticket_pane.text
        desk.fill(ref, "6", "412.48")
        desk.ring()
        await until(pilot, lambda: "10 of 10" in orders_of(app).ticket_pane.text, "the second fill")
        assert "412.48" in orders_of(app).ticket_pane.text
        await shows(pilot, "filled")


# ---- moving


async def test_arrivals_and_removals_never_move_the_operator(size: Size) -> None:
    desk = a_busy_desk()
    async with running(desk, size) as (app, pilot):
        await pilot.press("j", "j", "j")
        orders = orders_of(app).orders
        ref = orders.cursor
        assert ref is not None
        await until(pilot, lambda: app.displayed_ref == ref, "the ticket")
        await shows(pilot, CURSOR)
        where = next(at for at, line in enumerate(screen_text(app).splitlines()) if CURSOR in line)
        first = next(iter(desk.records))
        desk.change(first, status=Status.EXPIRED)
        for _ in range(40):
            desk.stage("SPY")
        desk.ring()
        await until(pilot, lambda: len(orders.rows) > 40, "the new orders")
        assert orders.cursor == ref and app.displayed_ref == ref
        text = await shows(pilot, "EXPIRED 15:00:00")  # the one that left is a tombstone
        assert CURSOR in text.splitlines()[where]
        await pilot.press("j")
        await until(pilot, lambda: "EXPIRED" not in screen_text(app), "the tombstone to go")


async def test_newest_and_ends() -> None:
    desk = FakeDesk()
    refs = [desk.stage("AAPL") for _ in range(100)]
    async with running(desk) as (app, pilot):
        await pilot.press("n")
        assert orders_of(app).orders.cursor == refs[-1]
        await pilot.press("g")
        assert orders_of(app).orders.cursor == refs[0]
        await pilot.press("pagedown", "pageup", "G")
        assert orders_of(app).orders.cursor == refs[-1]


async def test_enter_opens_and_never_decides(size: Size) -> None:
    desk = a_busy_desk()
    async with running(desk, size) as (app, pilot):
        await pilot.press(*["enter"] * 20)
        assert not app.dialog_is_open and desk.acts == []
        assert orders_of(app).ticket_pane.has_focus
        top = orders_of(app).ticket_pane.scroll_y
        await pilot.press("j")
        assert orders_of(app).orders.rows.index == 0, "in the ticket, j scrolls"
        assert orders_of(app).ticket_pane.scroll_y >= top


async def test_a_filter_narrows_the_list_and_keeps_the_cursor() -> None:
    async with running(a_busy_desk()) as (app, pilot):
        orders = orders_of(app).orders
        await pilot.press("slash", *"tsla")
        await until(pilot, lambda: len(orders.rows) == 3, "the filter")
        assert orders.rows.index == 0 and orders.selected is not None and orders.selected.symbol == "AAPL"
        await shows(pilot, "of 7 shown by the filter")
        await pilot.press("enter", "j")
        assert orders.selected is not None and orders.selected.symbol == "TSLA"
        await pilot.press("escape")
        await until(pilot, lambda: len(orders.rows) == 7, "all again")
        assert orders.selected.symbol == "TSLA"


async def test_ordering_keeps_the_cursor() -> None:
    async with running(a_busy_desk()) as (app, pilot):
        orders = orders_of(app).orders
        await pilot.press("j")
        ref = orders.cursor
        for name in ("what expires first", "largest value", "symbol", "agent", "state", "arrival"):
            await pilot.press("o")
            assert orders.cursor == ref
            await shows(pilot, f"by {name}")


async def test_a_click_selects_and_decides_nothing() -> None:
    desk = a_busy_desk()
    async with running(desk) as (app, pilot):
        orders = orders_of(app).orders
        await pilot.click(orders, offset=(5, 3))
        await until(pilot, lambda: orders.rows.index == 3, "the row clicked on")
        await pilot.click(orders, offset=(5, 3), times=3)
        assert desk.acts == [] and not app.dialog_is_open


# ---- time


async def test_clock_ages_and_countdowns_go_on_by_themselves() -> None:
    clock = StandingClock()
    async with running(a_busy_desk(clock=clock)) as (app, pilot):
        await shows(pilot, "15:00:00 UTC")
        before = orders_of(app).ticket_pane.text
        clock.forward(seconds=75)
        await until(pilot, lambda: "15:01:15 UTC" in screen_text(app), "the clock")
        await until(pilot, lambda: orders_of(app).ticket_pane.text != before, "the countdown")
        assert "expires in 9:05" in orders_of(app).ticket_pane.text


async def test_the_hold_back_counts_down_on_the_ticket() -> None:
    clock = StandingClock()
    desk = a_busy_desk(clock=clock)
    async with running(desk) as (app, pilot):
        ref = app.displayed_ref
        assert ref is not None
        ticket = await desk.ticket(ref)
        assert ticket.shown is not None
        await desk.approve(ticket.shown, {})
        await shows(pilot, "leaves in 0:03: u recalls, s sends now")
        clock.forward(seconds=1.5)
        await until(pilot, lambda: "leaves in 0:02" in orders_of(app).ticket_pane.text, "the countdown")
        desk.change(ref, status=Status.WORKING)
        desk.ring()
        await until(pilot, lambda: "WORKING 15:00:01" in screen_text(app), "the tombstone")
        assert orders_of(app).orders.cursor == ref and app.displayed_ref == ref, "no hop to the next order"


async def test_an_expired_clock_shows_as_expired() -> None:
    clock = StandingClock()
    async with running(a_busy_desk(clock=clock)) as (app, pilot):
        clock.forward(seconds=timedelta(minutes=20).total_seconds())
        await until(pilot, lambda: "expired" in orders_of(app).ticket_pane.text, "expired")


# ---- too small


@pytest.mark.parametrize("small", [(79, 24), (80, 23), (40, 10), (20, 5)])
async def test_below_the_least_size_it_says_so_and_decides_nothing(small: Size) -> None:
    desk = a_busy_desk()
    async with running(desk, (120, 40)) as (app, pilot):
        await pilot.resize_terminal(*small)
        await until(pilot, lambda: not app.session.big_enough, "the new size")
        for key in ("a", "r", "s", "x", "X", "enter", "Y"):
            await pilot.press(key)
        assert not app.dialog_is_open and desk.acts == []
        if small[0] >= 40:
            await shows(pilot, "80 x 24")
        await pilot.press("K")
        await until(pilot, lambda: desk.acts, "the kill switch works at any size")
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: app.session.big_enough and "ticket" in screen_text(app), "back to size")


# ---- themes and many rows


@pytest.mark.parametrize("theme", ["ibgw-dark", "ibgw-light", "ibgw-high-contrast", "ansi-dark", "ansi-light"])
async def test_every_theme_draws_every_screen(theme: str) -> None:
    async with running(a_busy_desk(), theme_name=theme) as (app, pilot):
        assert app.theme == theme
        for key in ("2", "3", "1", "K"):
            await pilot.press(key)
        await until(pilot, lambda: "KILL SWITCH CLOSED" in screen_text(app), "the header")


async def test_only_our_themes_are_offered() -> None:
    async with running(FakeDesk()) as (app, _):
        assert set(app.available_themes) == {"ibgw-dark", "ibgw-light", "ibgw-high-contrast", "ansi-dark", "ansi-light"}


async def at_rest(pilot: Pilot[Any], drawn: list[str]) -> None:
    """Empties `drawn` when nothing has been added for a quarter of a second: what an earlier act caused is over."""
    quiet = 0
    while quiet < 5:
        before = len(drawn)
        await pilot.pause(0.05)
        quiet = quiet + 1 if len(drawn) == before else 0
    drawn.clear()


async def test_ten_thousand_orders_repaint_two_lines_a_move(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = FakeDesk()
    desk.stage("AAPL")
    row = (await desk.queue())[0]
    rows = [replace(row, seq=at, order_ref=f"r{at}") for at in range(10_000)]

    async def queue() -> list[OrderRow]:
        return rows

    async def ticket(order_ref: str, /) -> Ticket:
        return replace(first, record=replace(first.record, order_ref=order_ref))

    first = await desk.ticket(row.order_ref)
    monkeypatch.setattr(desk, "queue", queue)
    monkeypatch.setattr(desk, "ticket", ticket)
    async with running(desk) as (app, pilot):
        orders = orders_of(app).orders
        drawn: list[str] = []
        original = orders.line

        def counted(row: str, *, cursor: bool) -> Content:
            drawn.append(row)
            return original(row, cursor=cursor)

        monkeypatch.setattr(orders, "line", counted)
        monkeypatch.setattr(orders, "tick", lambda: None)
        assert app.select("r5000")
        await until(pilot, lambda: "r5000" in drawn, "the window is drawn")
        await at_rest(pilot, drawn)
        await pilot.press("k")
        await until(pilot, lambda: drawn, "the move is drawn")
        assert set(drawn) <= {"r5000", "r4999"}
        await at_rest(pilot, drawn)
        rows.append(replace(row, order_ref="late"))
        desk.write("order.staged", "agent", "a", "late")
        desk.ring()
        await until(pilot, lambda: len(orders.rows) == 10_001, "the late order")
        await pilot.pause()
        assert len(drawn) < 200, "only the window is drawn"
        assert orders.cursor == "r4999"
