"""The dialogs without a terminal: what they show, what they return, and that they never fit by cutting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Button, Input, Static

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.records import Absence
from ibgw_tui.core.terms import CheckStatus, KillSwitch, Mode
from ibgw_tui.service.standing import Doubtful
from ibgw_tui.service.views import LimitBar, Outcome, Swept, Ticket
from ibgw_tui.tui import theme
from ibgw_tui.tui.arming import Phase
from ibgw_tui.tui.changes import what_changed
from ibgw_tui.tui.screens import sweep
from ibgw_tui.tui.screens.approve import ApproveAnswer, ApproveScreen
from ibgw_tui.tui.screens.confirm import ConfirmScreen
from ibgw_tui.tui.screens.dialog import ArmedScreen
from ibgw_tui.tui.screens.help import HelpScreen
from ibgw_tui.tui.screens.phrase import Words
from ibgw_tui.tui.screens.reject import REASONS, RejectAnswer, RejectScreen
from ibgw_tui.tui.screens.sweep import SweepScreen
from ibgw_tui.tui.screens.switch import OpenSwitchScreen
from ibgw_tui.tui.screens.write_off import WriteOffScreen
from ibgw_tui.tui.sheet import code_of, make_sheet
from ibgw_tui.tui.tiers import plan_of, unusual
from tests import makers
from tests.tui import samples

SIZES = [(80, 24), (120, 40), (200, 60)]
DEADLINE = 15.0


class Host(App[None]):
    """A desk that opens one dialog and keeps what it returned."""

    animation_level = "none"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f12", "kill", priority=True),
        Binding("x", "wrong"),  # must not fire in a dialog
    ]

    def __init__(self, dialog: Screen[Any], theme_name: str = theme.DEFAULT) -> None:
        super().__init__()
        self.dialog = dialog
        self.answers: list[Any] = []
        self.killed = 0
        self.wrong = 0
        for each in theme.OURS:
            self.register_theme(each)
        self.theme = theme_name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theme.FALLBACK

    def compose(self) -> ComposeResult:
        yield Static("the desk")

    def on_mount(self) -> None:
        self.push_screen(self.dialog, self.answers.append)

    def action_kill(self) -> None:
        self.killed += 1

    def action_wrong(self) -> None:
        self.wrong += 1


@asynccontextmanager
async def shown(
    dialog: Screen[Any], size: tuple[int, int] = (120, 40), theme_name: str = theme.DEFAULT
) -> AsyncIterator[tuple[Host, Pilot[None]]]:
    app = Host(dialog, theme_name)
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        await wait(pilot, "the dialog", lambda: app.screen is dialog)
        yield app, pilot


async def wait(pilot: Pilot[None], what: str, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"waited for {what}:\n{text_of(pilot.app)}"
        await pilot.pause(0.02)


def text_of(app: App[Any]) -> str:
    """What stands on the screen, as text."""
    lines = app.screen._compositor.render_full_update().strips
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in lines)


def review(ticket: Ticket, newest: Callable[[], Awaitable[Ticket]] | None = None, **more: Any) -> ApproveScreen:
    async def same() -> Ticket:
        return ticket

    more.setdefault("backend", "ibkr")
    more.setdefault("clock", lambda: makers.NOON)
    return ApproveScreen(ticket, refresh=newest or same, **more)


async def armed(pilot: Pilot[None], dialog: ArmedScreen[Any]) -> None:
    await wait(pilot, "it to be armed", lambda: dialog.state.phase is Phase.ARMED)


# ---- the review


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", list(Mode))
async def test_every_fact_is_on_the_screen(size: tuple[int, int], mode: Mode) -> None:
    ticket = samples.a_ticket(mode=mode, quantity="7", rationale="because of the trend")
    dialog = review(ticket)
    async with shown(dialog, size) as (app, pilot):
        await armed(pilot, dialog)
        await wait(pilot, "the state line", lambda: "press Y to approve" in text_of(app))
        text = text_of(app)
    account = "U1234567" if mode is Mode.LIVE else "DU1234567"
    expected = [
        "LIVE - REAL MONEY" if mode is Mode.LIVE else "PAPER",
        account,
        "BUY 7 AAPL at limit 100 USD",
        "▲ BUY",
        "7 shares",
        "conId 265598",
        "limit 100.00 USD",
        "700.00 USD",
        "0 -> 7",
        "99.00 / 101.00 live",
        "day, regular hours",
        "15:15:00Z",
        "1.05 USD",
        "tick 0.01",
        "momentum-1",
        "o-7k3m9q2x4d",
        "configured-policy",
        code(ticket),
        "agent says (untrusted text)",
        "because of the trend",
        "send it after the hold-back",
        "expires in 15:00",
        "quantity 7",
        "kill switch" if size != (80, 24) else "switch open",
        "session notional",
    ]
    for part in expected:
        assert part in text, f"{part!r} is missing in\n{text}"


def test_nothing_that_is_hashed_is_missing_from_the_sentence_of_facts() -> None:
    """A sell stands elsewhere than a buy, and every other kind of price has its words."""
    buy = sheet_text(samples.a_ticket())
    sell = sheet_text(samples.a_ticket(side="sell"))
    assert line_with(buy, "▲ BUY").index("▲ BUY") != line_with(sell, "▼ SELL").index("▼ SELL")
    stop = sheet_text(samples.a_ticket(order_type="stop", limit_price=None, stop_price="99"))
    assert "stop 99.00 USD, then MARKET" in stop
    assert "GTC, until cancelled" in sheet_text(samples.a_ticket(time_in_force="gtc"))
    assert "ALSO OUTSIDE" in sheet_text(samples.a_ticket(outside_hours=True))


def code(ticket: Ticket) -> str:
    assert ticket.record.preview is not None
    return code_of(ticket.record.preview)


def sheet_text(ticket: Ticket, size: tuple[int, int] = (120, 40)) -> str:
    return "\n".join(line.plain for line in make_sheet(ticket, *size).lines)


def line_with(text: str, part: str) -> str:
    return next(line for line in text.splitlines() if part in line)


@pytest.mark.parametrize("width", [78, 80, 90, 103, 104, 120, 132, 200])
@pytest.mark.parametrize("height", [18, 20, 21, 24, 30, 45])
def test_a_page_is_whole_or_says_that_it_is_not(width: int, height: int) -> None:
    ticket = samples.warned(samples.a_market_order(rationale="why " * 200), "quote_age", "the quote is rather old " * 6)
    sheet = make_sheet(ticket, width, height)
    assert all(line.cell_length <= width for line in sheet.lines)
    if sheet.problem:
        assert "more lines" in sheet.problem
        return
    assert len(sheet.lines) <= height
    text = " ".join("".join(line.plain for line in sheet.lines).split())
    for part in ("the quote is rather old", "MARKET, no limit", "conId 265598", "agent says"):
        assert part in text


def test_findings_to_mind_come_first() -> None:
    ticket = samples.warned(samples.a_ticket(), "session_orders", "19 of 20 orders were sent")
    checks = [line for line in sheet_text(ticket).splitlines() if "✓" in line or "19 of 20" in line]
    tally = next(at for at, line in enumerate(checks) if "1 to mind" in line)
    assert "19 of 20 orders were sent" in checks[tally + 1]


async def test_y_after_the_dwell_returns_what_was_shown() -> None:
    ticket = samples.a_ticket()
    dialog = review(ticket)
    async with shown(dialog) as (app, pilot):
        await armed(pilot, dialog)
        assert dialog.is_armed
        await pilot.press("Y")
        await wait(pilot, "the answer", lambda: bool(app.answers))
    answer = app.answers[0]
    assert isinstance(answer, ApproveAnswer)
    assert answer.shown == ticket.shown
    assert answer.how["key"] == "Y"
    assert answer.how["tier"] == "0"
    assert float(answer.how["pressed"]) - float(answer.how["painted"]) >= float(answer.how["dwell"])
    assert float(answer.how["reviewed"]) >= float(answer.how["dwell"])
    assert set(answer.how) >= {"key", "painted", "pressed", "reviewed", "dwell", "tier", "ui"}
    assert all(isinstance(value, str) for value in answer.how.values())


@pytest.mark.parametrize("key", ["enter", "space", "y", "a", "A", "tab", "x", "ctrl+m"])
async def test_other_keys_do_nothing(key: str) -> None:
    dialog = review(samples.a_ticket())
    async with shown(dialog) as (app, pilot):
        await armed(pilot, dialog)
        await pilot.press(key)
        await pilot.pause(0.3)
        assert app.answers == []
        assert app.screen is dialog
        assert app.wrong == 0


async def test_nothing_in_it_can_take_the_focus_or_be_clicked() -> None:
    dialog = review(samples.a_ticket())
    async with shown(dialog) as (app, pilot):
        await armed(pilot, dialog)
        assert dialog.focused is None
        assert dialog.focus_chain == []
        assert not dialog.query(Button)
        for y in range(0, 40, 3):
            await pilot.click(offset=(30, y))
        await pilot.pause(0.3)
        assert app.answers == []
        assert dialog.styles.background.a == 1


async def test_escape_closes_and_says_nothing_was_approved() -> None:
    dialog = review(samples.a_ticket())
    async with shown(dialog) as (app, pilot):
        assert "esc close: nothing is approved" in text_of(app)
        await pilot.press("escape")
        await wait(pilot, "the answer", lambda: bool(app.answers))
    assert app.answers == [None]


@pytest.mark.parametrize("key", ["K", "f12"])
async def test_the_kill_chord_works_inside(key: str) -> None:
    dialog = review(samples.a_ticket())
    async with shown(dialog) as (app, pilot):
        await pilot.press(key)
        await wait(pilot, "the kill", lambda: app.killed == 1)


@pytest.mark.parametrize("size", [(79, 24), (80, 23), (60, 60)])
async def test_a_small_window_has_no_decision(size: tuple[int, int]) -> None:
    dialog = review(samples.a_ticket())
    async with shown(dialog, size) as (app, pilot):
        await wait(pilot, "the reason", lambda: "not armed: the window is" in text_of(app))
        await pilot.pause(0.6)
        await pilot.press("Y")
        await pilot.pause(0.3)
        assert app.answers == []
        await pilot.resize_terminal(100, 40)
        await armed(pilot, dialog)


async def test_what_does_not_fit_is_not_armed() -> None:
    ticket = samples.a_market_order()
    for check in ("quote_age", "frequency", "session_orders", "price_collar"):
        ticket = samples.warned(ticket, check, "something that has to be read in full, every word of it " * 4)
    dialog = review(ticket)
    async with shown(dialog, (80, 24)) as (app, pilot):
        await wait(pilot, "the reason", lambda: "too small to show the whole order" in text_of(app))
        await pilot.pause(1.3)
        assert dialog.state.phase is Phase.HELD
        await pilot.resize_terminal(100, 60)
        await armed(pilot, dialog)


async def test_a_long_reason_of_the_agent_scrolls_and_nothing_else_does() -> None:
    ticket = samples.a_ticket(rationale="\n".join(f"line {at}" for at in range(60)))
    dialog = review(ticket)
    async with shown(dialog, (80, 24)) as (app, pilot):
        await armed(pilot, dialog)
        assert "more lines" in text_of(app)
        await pilot.press("down", "down")
        await wait(pilot, "the scrolling", lambda: "line 2" in text_of(app) and "┆ line 0" not in text_of(app))
        assert "limit 100.00 USD" in text_of(app)


async def test_hostile_words_are_only_words() -> None:
    dialog = review(samples.a_ticket(rationale=samples.NASTY))
    async with shown(dialog) as (app, pilot):
        await armed(pilot, dialog)
        text = text_of(app)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "[@click=app.quit]ok[/] [/red]" in text
        assert "␛" in line_with(text, "APPROVED")
        assert line_with(text, "APPROVED").lstrip("│ ").startswith("┆")


@pytest.mark.parametrize("name", theme.NAMES)
async def test_it_is_drawn_in_every_theme(name: str) -> None:
    dialog = review(samples.a_market_order(mode=Mode.LIVE, side="sell"))
    async with shown(dialog, theme_name=name) as (app, pilot):
        await armed(pilot, dialog)
        assert "LIVE - REAL MONEY" in text_of(app)


# ---- tiers


@pytest.mark.parametrize("what", ["code", "quantity"])
async def test_an_unusual_order_wants_a_value_typed(what: str) -> None:
    ticket = samples.a_market_order(quantity="5")
    dialog = review(ticket)
    async with shown(dialog) as (app, pilot):
        await armed(pilot, dialog)
        assert not dialog.is_armed
        assert "market order" in text_of(app)
        await pilot.press("Y")
        await pilot.pause(0.3)
        assert app.answers == []
        for letter in code(ticket) if what == "code" else "5":
            await pilot.press(letter)
            await pilot.pause(0.03)
        await pilot.pause(0.2)
        assert dialog.is_armed
        await pilot.press("Y")
        await wait(pilot, "the answer", lambda: bool(app.answers))
    assert app.answers[0].how["tier"] == "1"


async def test_the_value_cannot_be_pasted() -> None:
    ticket = samples.a_market_order()
    dialog = review(ticket)
    async with shown(dialog) as (app, pilot):
        await armed(pilot, dialog)
        app.post_message(events.Paste(code(ticket)))
        await pilot.pause(0.3)
        assert dialog.state.typed == ""
        assert "paste" in text_of(app)


@pytest.mark.parametrize(
    ("ticket", "reasons"),
    [
        (samples.a_ticket(), ()),
        (samples.a_ticket(mode=Mode.LIVE), ()),
        (samples.a_market_order(), ("market order",)),
        (samples.a_ticket(side="sell"), ("ends short",)),
        (samples.a_ticket(outside_hours=True), ("may fill outside regular hours",)),
        (samples.warned(samples.a_ticket(), "quote_age", "old"), ("quote age warns",)),
    ],
)
def test_what_is_unusual(ticket: Ticket, reasons: tuple[str, ...]) -> None:
    assert unusual(ticket) == reasons
    assert plan_of(ticket).tier == (1 if reasons else 0)


def a_bar(name: str, used: str, this: str, limit: str | None) -> LimitBar:
    cap = None if limit is None else Decimal(limit)
    return LimitBar(name, Decimal(used), Decimal(this), cap, "USD", CheckStatus.PASS)


@pytest.mark.parametrize(
    ("bar", "tier"),
    [
        (a_bar("notional", "0", "799.99", "1000"), 0),
        (a_bar("notional", "0", "800", "1000"), 1),
        (a_bar("session notional", "3900", "100", "5000"), 1),
        (a_bar("session notional", "4900", "0", "5000"), 0),
        (a_bar("quote age", "0", "29", "30"), 0),
        (a_bar("quantity", "0", "9", None), 0),
    ],
)
def test_an_order_that_nearly_fills_a_limit_of_size_asks_for_more_than_a_key(bar: LimitBar, tier: int) -> None:
    assert plan_of(replace(samples.a_ticket(), bars=(bar,))).tier == tier


def test_the_first_trade_of_a_contract_asks_for_more_than_a_key() -> None:
    ticket = replace(samples.a_ticket(mode=Mode.LIVE), first_trade=True)
    assert unusual(ticket) == ("first trade of it in this account",) and plan_of(ticket).tier == 1


def test_what_becomes_unusual_while_it_is_reviewed_disarms() -> None:
    old = samples.a_ticket()
    new = replace(old, bars=(a_bar("session notional", "4500", "100", "5000"),))
    assert what_changed(old, old) is None
    found = "it deserves a second thought now: uses 80 % of session notional or more"
    assert what_changed(old, new) == found
    assert what_changed(new, old) is None, "what asks for less keeps the friction it began with"


def of_another_order(ticket: Ticket) -> Ticket:
    """As a store that was tampered with might hand it out."""
    return replace(ticket, shown=samples.a_ticket(quantity="9").shown)


def with_another_intent(ticket: Ticket) -> Ticket:
    return replace(ticket, record=replace(ticket.record, intent=samples.a_ticket(quantity="9").record.intent))


@pytest.mark.parametrize("forge", [of_another_order, with_another_intent])
async def test_a_ticket_whose_parts_differ_is_never_armed(forge: Callable[[Ticket], Ticket]) -> None:
    ticket = forge(samples.a_ticket())
    dialog = review(ticket)
    async with shown(dialog) as (app, pilot):
        await wait(pilot, "the reason", lambda: "is not what is displayed" in text_of(app))
        await pilot.pause(0.6)
        await pilot.press("Y")
        await pilot.pause(0.3)
        assert app.answers == []


async def test_a_long_reason_takes_a_second_line() -> None:
    ticket = replace(samples.a_ticket(), approvable=False, why_not="because " * 15 + "END")
    async with shown(review(ticket), (80, 24)) as (app, pilot):
        await wait(pilot, "all of the reason", lambda: "END" in text_of(app) and "esc close" in text_of(app))


async def test_what_a_gate_refuses_has_no_way_to_approve() -> None:
    ticket = samples.a_ticket(quantity="20")
    assert plan_of(ticket).tier == 2
    dialog = review(ticket)
    async with shown(dialog) as (app, pilot):
        await wait(pilot, "the reason", lambda: "LIVE_QUANTITY_LIMIT_REFUSED" in text_of(app))
        await pilot.pause(0.5)
        await pilot.press("Y")
        await pilot.pause(0.3)
        assert app.answers == []


# ---- what changes under it


def switched_off(ticket: Ticket) -> Ticket:
    return samples.a_ticket(switch=makers.a_switch(KillSwitch.CLOSED, epoch=4))


def with_quote(ticket: Ticket, bid: str) -> Ticket:
    return replace(ticket, quote=makers.a_quote(bid=bid), quote_age_seconds=Decimal("0.1"))


CHANGES: list[tuple[Callable[[Ticket], Ticket], str]] = [
    (lambda _: samples.a_ticket(limit_price="100.5"), "limit price changed 100 -> 100.5"),
    (lambda _: samples.a_ticket(quantity="2"), "quantity changed 1 -> 2"),
    (lambda _: samples.a_ticket(rationale="another"), "the agent's reason changed"),
    (lambda t: replace(t, record=replace(t.record, status=Status.WITHDRAWN)), "the order is withdrawn now"),
    (lambda t: replace(t, record=replace(t.record, revision=2)), "revision 1 was replaced by revision 2"),
    (switched_off, "the kill switch changed open -> closed"),
    (
        lambda t: replace(t, shown=replace(t.shown, switch_epoch=4)) if t.shown else t,
        "the kill switch was closed in the meantime",
    ),
    (lambda t: replace(t, shown=None), "there is nothing to approve any more"),
    (lambda t: replace(t, shown=replace(t.shown, policy_digest="x")) if t.shown else t, "the limit policy changed"),
    (lambda t: samples.warned(t, "quote_age", "it is old"), "limit quote age changed PASS -> WARN: it is old"),
    (
        lambda t: replace(t, limits=tuple(f._replace(limit="2000") if f.check == "max_notional" else f for f in t.limits)),
        "limit max notional changed 1000 -> 2000 USD",
    ),
    (
        lambda t: replace(
            t,
            gates=tuple(
                f._replace(status=CheckStatus.UNKNOWN, message="nobody knows") if f.check == "account_allowed" else f
                for f in t.gates
            ),
        ),
        "gate account allowed changed PASS -> UNKNOWN: nobody knows",
    ),
    (lambda t: replace(t, approvable=False, why_not="it is late"), "it is late"),
    (
        lambda t: replace(t, position=replace_position(t, "4")),
        "position changed 0 -> 4",
    ),
]  # fmt: skip


def replace_position(ticket: Ticket, quantity: str) -> Any:
    assert ticket.position is not None
    return ticket.position.replaced(quantity=Decimal(quantity))


@pytest.mark.parametrize(("change", "words"), CHANGES, ids=[words for _, words in CHANGES])
def test_what_changed(change: Callable[[Ticket], Ticket], words: str) -> None:
    old = samples.a_ticket()
    assert what_changed(old, old) is None
    assert what_changed(old, change(old)) == words


def test_a_moving_quote_is_no_change() -> None:
    old = samples.a_ticket()
    assert what_changed(old, with_quote(old, "98.5")) is None


@pytest.mark.parametrize(("change", "words"), [CHANGES[0], CHANGES[5], CHANGES[9]])
async def test_a_change_disarms_for_good_and_says_what(change: Callable[[Ticket], Ticket], words: str) -> None:
    ticket = samples.a_ticket()
    newest = [ticket]

    async def refresh() -> Ticket:
        return newest[-1]

    dialog = review(ticket, refresh)
    async with shown(dialog) as (app, pilot):
        await armed(pilot, dialog)
        newest.append(change(ticket))
        await wait(pilot, "the reason", lambda: f"disarmed: {words}"[:60] in text_of(app))
        newest.append(ticket)  # changing back does not help
        await pilot.pause(1.2)
        await pilot.press("Y")
        await pilot.pause(0.3)
        assert app.answers == []
        assert dialog.state.phase is Phase.DISARMED
        await pilot.press("escape")
        await wait(pilot, "closing", lambda: app.answers == [None])


async def test_a_desk_that_cannot_be_read_disarms() -> None:
    ticket, reads = samples.a_ticket(), 0

    async def refresh() -> Ticket:
        nonlocal reads
        reads += 1
        if reads > 1:
            raise RuntimeError("disk \x1b[31m on fire [/]")
        return ticket

    dialog = review(ticket, refresh)
    async with shown(dialog) as (app, pilot):
        await wait(pilot, "the reason", lambda: "disarmed: the order cannot be read" in text_of(app))
        assert "\x1b" not in text_of(app)


async def test_a_desk_that_does_not_answer_is_never_armed() -> None:
    async def refresh() -> Ticket:
        await asyncio.sleep(60)
        raise AssertionError

    dialog = review(samples.a_ticket(), refresh)
    async with shown(dialog) as (app, pilot):
        await pilot.pause(1.0)
        assert dialog.state.phase is Phase.HELD
        await wait(pilot, "the reason", lambda: "did not answer" in text_of(app))


async def test_what_lay_on_top_for_a_moment_stands_for_no_comparison() -> None:
    answer = asyncio.Event()
    ticket = samples.a_ticket()

    async def refresh() -> Ticket:
        await answer.wait()
        return ticket

    dialog = review(ticket, refresh)
    async with shown(dialog) as (app, pilot):
        await wait(pilot, "holding", lambda: dialog.state.phase is Phase.HELD)
        app.push_screen(HelpScreen([]))
        await wait(pilot, "help", lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape")
        await wait(pilot, "the review", lambda: app.screen is dialog)
        await pilot.pause(0.8)
        assert dialog.state.phase is Phase.HELD, "nothing was compared yet"
        answer.set()
        await armed(pilot, dialog)


async def test_a_changed_connection_disarms() -> None:
    link = ["connected"]
    dialog = review(samples.a_ticket(), link=lambda: link[-1])
    async with shown(dialog) as (app, pilot):
        await armed(pilot, dialog)
        link.append("disconnected")
        await wait(pilot, "the reason", lambda: "connection changed connected -> disconnected" in text_of(app))


async def test_expiry_disarms() -> None:
    now = [makers.NOON]
    dialog = review(samples.a_ticket(), clock=lambda: now[-1])
    async with shown(dialog) as (app, pilot):
        await armed(pilot, dialog)
        now.append(makers.NOON + timedelta(minutes=15))
        await wait(pilot, "the reason", lambda: "disarmed: it has expired" in text_of(app))


async def test_a_machine_that_slept_starts_the_dwell_anew() -> None:
    now = [makers.NOON]
    dialog = review(samples.a_ticket(), clock=lambda: now[-1])
    async with shown(dialog) as (app, pilot):
        await armed(pilot, dialog)
        frame = dialog.state.frame
        assert app.answers == []
        now.append(makers.NOON + timedelta(minutes=1))
        await wait(pilot, "a new frame", lambda: dialog.state.frame > frame)
        await armed(pilot, dialog)


async def test_a_dialog_on_top_starts_the_dwell_anew() -> None:
    dialog = review(samples.a_ticket())
    async with shown(dialog) as (app, pilot):
        await armed(pilot, dialog)
        app.push_screen(HelpScreen([]))
        await wait(pilot, "help", lambda: isinstance(app.screen, HelpScreen))
        await wait(pilot, "holding", lambda: dialog.state.phase is Phase.HELD)
        await pilot.press("escape")
        await armed(pilot, dialog)


async def test_the_watchdogs_stall_starts_the_dwell_anew() -> None:
    dialog = review(samples.a_ticket())
    async with shown(dialog) as (app, pilot):
        await armed(pilot, dialog)
        dialog.stalled(400)
        assert dialog.state.phase is not Phase.ARMED
        assert "stalled for 400 ms" in dialog.state_text()
        await armed(pilot, dialog)
        assert app.answers == []


async def test_a_toast_does_not_cover_the_facts() -> None:
    dialog = review(samples.a_ticket())
    async with shown(dialog) as (app, pilot):
        app.notify("x" * 400)
        await pilot.pause(0.3)
        assert "xxxx" not in text_of(app)


# ---- the others


async def test_confirming_a_cancel() -> None:
    dialog = ConfirmScreen("Cancel 2 orders?", ["o-1 [/red] \x1b[2J", "o-2"], verb="ask to cancel")
    async with shown(dialog) as (app, pilot):
        await armed(pilot, dialog)
        assert "o-1 [/red] ␛" in text_of(app)
        assert "press Y to ask to cancel" in text_of(app)
        await pilot.press("enter", "y")
        await pilot.pause(0.3)
        assert app.answers == []
        await pilot.press("Y")
        await wait(pilot, "the answer", lambda: app.answers == [True])


async def test_a_confirmation_can_be_closed_and_can_be_long() -> None:
    dialog = ConfirmScreen("Cancel all?", [f"order {at}" for at in range(80)])
    async with shown(dialog, (80, 24)) as (app, pilot):
        await armed(pilot, dialog)
        assert "below" in text_of(app)
        await pilot.press(*["pagedown"] * 20)
        await wait(pilot, "the end", lambda: "order 79" in text_of(app))
        await pilot.press("escape")
        await wait(pilot, "the answer", lambda: app.answers == [None])


async def type_in(pilot: Pilot[None], words: str) -> None:
    for letter in words:
        await pilot.press("space" if letter == " " else letter)


async def test_rejecting_in_words_alone() -> None:
    dialog = RejectScreen(samples.a_ticket())
    async with shown(dialog, (80, 24)) as (app, pilot):
        await pilot.pause(0.3)
        await type_in(pilot, "not before 3 pm")
        await pilot.press("enter")
        await wait(pilot, "the answer", lambda: bool(app.answers))
    assert app.answers == [RejectAnswer("OPERATOR_REJECTED", "not before 3 pm")]


@pytest.mark.parametrize("keys", [["3"], ["down", "down", "down"], ["up"] * 6])
async def test_rejecting_by_a_code(keys: list[str]) -> None:
    dialog = RejectScreen(samples.a_ticket())
    async with shown(dialog, (80, 24)) as (app, pilot):
        await pilot.pause(0.3)
        await pilot.press(*keys)
        assert "▶ 3" in text_of(app)
        await pilot.press("enter")
        await wait(pilot, "the answer", lambda: bool(app.answers))
    assert app.answers == [RejectAnswer(*REASONS[2])]


@pytest.mark.parametrize("words", ["2 shares please", "100 is too much", "12 shares, not 21", "5% below"])
async def test_words_may_begin_with_a_number(words: str) -> None:
    """A digit alone chooses a code; what goes on as a number was meant as words, and not one digit of it is lost."""
    dialog = RejectScreen(samples.a_ticket())
    async with shown(dialog, (80, 24)) as (app, pilot):
        await pilot.pause(0.3)
        await type_in(pilot, words)
        assert "▶" not in text_of(app)
        await pilot.press("enter")
        await wait(pilot, "the answer", lambda: bool(app.answers))
    assert app.answers == [RejectAnswer("OPERATOR_REJECTED", words)]


@pytest.mark.parametrize("keys", ["2too many", "32too many"])
async def test_a_code_and_words(keys: str) -> None:
    dialog = RejectScreen(samples.a_ticket())
    async with shown(dialog, (80, 24)) as (app, pilot):
        await pilot.pause(0.3)
        await type_in(pilot, keys)
        await pilot.press("enter")
        await wait(pilot, "the answer", lambda: bool(app.answers))
    assert app.answers == [RejectAnswer("SIZE_TOO_LARGE", "too many")]


async def test_rejecting_needs_a_reason() -> None:
    dialog = RejectScreen(samples.a_ticket())
    async with shown(dialog, (80, 24)) as (app, pilot):
        await pilot.pause(0.3)
        await pilot.press("enter", "enter")
        await wait(pilot, "the hint", lambda: "nothing was rejected" in text_of(app))
        assert app.answers == []


async def test_escape_warns_before_it_throws_words_away() -> None:
    dialog = RejectScreen(samples.a_ticket())
    async with shown(dialog, (80, 24)) as (app, pilot):
        await pilot.pause(0.3)
        await type_in(pilot, "because")
        await pilot.press("escape")
        await wait(pilot, "the warning", lambda: "will be lost" in text_of(app))
        await pilot.press("escape")
        await wait(pilot, "the answer", lambda: app.answers == [None])


async def test_opening_the_switch_takes_a_reason_and_the_phrase() -> None:
    dialog = OpenSwitchScreen(makers.a_switch(KillSwitch.CLOSED))
    async with shown(dialog, (80, 24)) as (app, pilot):
        await pilot.pause(0.3)
        assert "CLOSED: no new order leaves" in text_of(app)
        await pilot.press("enter")
        await wait(pilot, "the hint", lambda: "a reason is required" in text_of(app))
        await type_in(pilot, "all is well")
        await pilot.press("enter", "enter")
        await wait(pilot, "the hint", lambda: "type OPEN exactly" in text_of(app))
        for letter in "OPEM":
            await pilot.press(letter)
            await pilot.pause(0.03)
        await pilot.press("enter", "backspace")
        await pilot.pause(0.03)
        await pilot.press("N")
        assert app.answers == []
        await pilot.press("enter")
        await wait(pilot, "the answer", lambda: app.answers == [Words("all is well")])


@pytest.mark.parametrize("kind", ["open the switch", "reject"])
async def test_a_question_in_words_is_not_answered_in_a_window_that_cannot_show_it(kind: str) -> None:
    switch = OpenSwitchScreen(makers.a_switch(KillSwitch.CLOSED))
    dialog: Any = switch if kind == "open the switch" else RejectScreen(samples.a_ticket())
    async with shown(dialog, (120, 40)) as (app, pilot):
        await pilot.pause(0.4)
        await pilot.resize_terminal(60, 12)
        await wait(pilot, "the size to be said", lambda: "60x12: answering needs 80x24" in text_of(app))
        for word in ("because", "OPEN"):
            await pilot.press(*word, "enter")
        await pilot.pause(0.3)
        assert app.answers == []
        await pilot.resize_terminal(120, 40)
        await wait(pilot, "the size to be enough", lambda: "answering needs" not in text_of(app))
        await pilot.press("escape", "escape")
        await wait(pilot, "closing", lambda: app.answers == [None])


async def test_the_field_that_has_the_keys_is_always_in_sight() -> None:
    dialog = OpenSwitchScreen(makers.a_switch(KillSwitch.CLOSED), [f"{at}: {'long words ' * 40}" for at in range(5)])
    async with shown(dialog, (80, 24)) as (_, pilot):
        for name in ("reason", "phrase"):
            field = dialog.query_one(f"#{name}", Input)
            field.focus()
            await wait(pilot, f"{name} to be in sight", lambda: dialog.region.contains_region(field.region))  # noqa: B023
            visible = dialog.query_one("#frame").region
            assert visible.contains_region(field.region)


async def test_what_stands_against_opening_is_shown_and_takes_a_longer_phrase() -> None:
    against = ("1 order in doubt: o-1 [/red] \x1b[2J", *(f"trouble {number}" for number in range(7)))
    dialog = OpenSwitchScreen(makers.a_switch(KillSwitch.CLOSED), against)
    async with shown(dialog, (80, 24)) as (app, pilot):
        await pilot.pause(0.3)
        assert "against it: 1 order in doubt: o-1 [/red] ␛" in text_of(app) and "and 3 more" in text_of(app)
        assert "type OPEN ANYWAY to open it" in text_of(app)
        await type_in(pilot, "I know")
        await pilot.press("enter")
        for phrase in ("OPEN", " ANYWAY"):
            for letter in phrase:
                await pilot.press("space" if letter == " " else letter)
                await pilot.pause(0.03)
            await pilot.press("enter")
            if phrase == "OPEN":
                await wait(pilot, "the hint", lambda: "type OPEN ANYWAY exactly" in text_of(app))
        await wait(pilot, "the answer", lambda: app.answers == [Words("I know", "I know")])


async def test_writing_off_shows_what_was_looked_up() -> None:
    record = replace(samples.a_ticket().record, status=Status.IN_DOUBT, reason="no answer came")
    absence = Absence(record.order_ref, makers.NOON, makers.NOON + timedelta(seconds=35), 35, 8)
    dialog = WriteOffScreen(Doubtful(record, absence, ()), "BUY 10 AAPL")
    async with shown(dialog, (80, 24)) as (app, pilot):
        await pilot.pause(0.3)
        text = " ".join(text_of(app).replace("│", " ").replace("┃", " ").split())
        assert "Looked up 8 times" in text and "not found" in text and "type WRITE OFF to write it off" in text
        await pilot.press("escape")
        await wait(pilot, "the answer", lambda: app.answers == [None])


async def test_what_came_of_cancels_is_never_done_while_one_is_not_confirmed() -> None:
    record = samples.a_ticket().record
    fates = {"a": Outcome.CANCELLED, "b": Outcome.FILLED, "c": Outcome.UNCONFIRMED}

    async def look() -> list[Swept]:
        return [Swept(replace(record, order_ref=f"o-{name}"), outcome) for name, outcome in fates.items()]

    dialog = SweepScreen(look, 3)
    async with shown(dialog, (80, 24)) as (app, pilot):
        await wait(pilot, "the list", lambda: "1 UNCONFIRMED, 1 filled in the race, 1 cancelled" in text_of(app))
        assert "cancel not sent yet" in text_of(app) and "done" not in text_of(app)
        fates["c"] = Outcome.NOT_AT_BROKER
        await wait(pilot, "the news", lambda: "1 not at the broker" in text_of(app))
        await pilot.press("escape")
        await wait(pilot, "the answer", lambda: len(app.answers) == 1)
    (answer,) = app.answers
    assert isinstance(answer, tuple) and all(found.is_certain for found in answer)


async def test_what_came_of_cancels_is_read_however_slow_the_desk_is() -> None:
    record = samples.a_ticket().record

    async def look() -> list[Swept]:
        await asyncio.sleep(3 * sweep.EVERY)
        return [Swept(replace(record, order_ref="o-a"), Outcome.CANCELLED)]

    dialog = SweepScreen(look, 1)
    async with shown(dialog, (80, 24)) as (app, pilot):
        await wait(pilot, "the list", lambda: "1 cancelled" in text_of(app))


async def test_of_cancels_that_cannot_be_read_only_the_kind_of_failure_is_told() -> None:
    async def look() -> list[Swept]:
        raise RuntimeError("secret")

    dialog = SweepScreen(look, 1)
    async with shown(dialog, (80, 24)) as (app, pilot):
        await wait(pilot, "the problem", lambda: "not known now: unexpected failure (RuntimeError)" in text_of(app))
        assert "secret" not in text_of(app)


async def test_the_phrase_cannot_be_pasted() -> None:
    dialog = OpenSwitchScreen(makers.a_switch(KillSwitch.CLOSED))
    async with shown(dialog, (80, 24)) as (app, pilot):
        await pilot.pause(0.3)
        phrase = dialog.query_one("#phrase", Input)
        phrase.focus()
        await pilot.pause()
        app.post_message(events.Paste("OPEN"))
        await wait(pilot, "the refusal", lambda: "cannot be pasted" in text_of(app))
        assert phrase.value == ""
        app._clipboard = "OPEN"
        await pilot.press("ctrl+v")
        await pilot.pause(0.1)
        assert phrase.value == ""
        for letter in "OPEN":  # a paste without brackets: all at once
            app.post_message(events.Key(letter, letter))
        await pilot.pause(0.2)
        assert phrase.value != "OPEN"


async def test_help_shows_every_key_and_scrolls() -> None:
    groups = [
        (f"group {g}", [(f"k{g}{at}", "label", "a sentence about it " * 5) for at in range(12)]) for g in range(4)
    ]
    dialog = HelpScreen(groups)
    async with shown(dialog, (80, 24)) as (app, pilot):
        await wait(pilot, "the first group", lambda: "group 0" in text_of(app))
        await pilot.press("end")
        await wait(pilot, "the last key", lambda: "k311" in text_of(app))
        await pilot.press("question_mark")
        await wait(pilot, "closing", lambda: app.answers == [None])
