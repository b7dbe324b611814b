"""The pages: reachable by key, palette and mouse; empty, broken and hostile ones are readable too."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ibgw_tui.core.errors import OrderStoreError
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.policy import Override
from ibgw_tui.service.pages import NO_SETTINGS
from ibgw_tui.tui.app import DeskApp
from ibgw_tui.tui.jumping import VIEW_NAMES
from ibgw_tui.tui.keys import BY_ID, KEYS
from ibgw_tui.tui.palette import SCREENS
from ibgw_tui.tui.screens.page import PageScreen
from ibgw_tui.tui.widgets.view_bar import VIEWS, ViewBar, tabs
from tests.tui.fake_desk import POLICY, FakeDesk, a_busy_desk
from tests.tui.helpers import running, screen_text, shows, until

Size = tuple[int, int]
PAGES = [view for view, _ in VIEWS if view not in ("desk", "blotter", "audit")]
PALETTE = {"Positions": "positions", "Kill switch": "switch", "Policies": "policies", "Agents": "agents",
           "Settings": "settings", "Audit log": "audit", "Blotter": "blotter", "Review desk": "desk"}  # fmt: skip


def page_of(app: DeskApp) -> PageScreen[Any]:
    view = app.view
    assert isinstance(view, PageScreen)
    return view


async def in_view(app: DeskApp, pilot: Any, view: str) -> None:
    await until(pilot, lambda: app.view is not None and app.view.view == view, view)


def test_every_screen_is_in_every_table() -> None:
    views = [view for view, _ in VIEWS]
    app = DeskApp(FakeDesk())
    assert [key.action for key in KEYS if key.action.startswith("view(")] == [f"view('{view}')" for view in views]
    assert [view for _, _, view in SCREENS] == views == [view for view, _ in VIEW_NAMES]
    assert set(views) <= set(app._modes)


async def test_every_screen_is_reached_by_key_mouse_and_palette() -> None:
    size = (80, 24)
    async with running(a_busy_desk(), size) as (app, pilot):
        for view, _ in VIEWS:
            await pilot.press(BY_ID[view].keys[0])
            await in_view(app, pilot, view)
        for tab in tabs(size[0]):
            await pilot.click(ViewBar, offset=(tab.start + 1, 0))
            await in_view(app, pilot, tab.view)
            assert f"[{tab.text.strip()}]" in screen_text(app), "where one is, is marked"
        commands = {command.title: command.callback for command in app.get_system_commands(app.screen)}
        for word, view in PALETTE.items():
            commands[word]()
            await in_view(app, pilot, view)


@pytest.mark.parametrize("view", PAGES)
async def test_a_page_that_cannot_be_read_says_so_and_comes_back(view: str) -> None:
    desk = a_busy_desk()
    async with running(desk) as (app, pilot):
        desk.failure = OrderStoreError("the disk is full", user_action="make room")
        await pilot.press(BY_ID[view].keys[0])
        await shows(pilot, "NOT READ: ", "the disk is full - make room")
        desk.failure = None
        await until(pilot, lambda: page_of(app).page is not None and "NOT READ" not in screen_text(app), "the page")
        desk.failure = OrderStoreError("the disk is full", user_action="make room")
        desk.write("order.staged", "agent", "x")
        page_of(app)._problem = ""
        if not page_of(app).ONLY_BY_AUDIT:
            await shows(pilot, "what stands below was read at 15:00:00 UTC")


async def test_a_page_is_read_only_while_it_is_shown() -> None:
    desk = a_busy_desk()
    reads = 0
    read = desk.positions_page

    async def counted() -> Any:
        nonlocal reads
        reads += 1
        return await read()

    desk.positions_page = counted  # type: ignore[method-assign]
    async with running(desk) as (app, pilot):
        for _ in range(3):
            desk.ring()
            await pilot.pause(0.05)
        assert reads == 0
        await pilot.press("4")
        await until(pilot, lambda: reads > 0 and page_of(app).page is not None, "the page")
        await pilot.press("1")
        await until(pilot, lambda: app.view is not None and app.view.view == "desk", "the desk")
        await pilot.pause(0.05)
        before, readings = reads, app.feed.readings
        desk.ring()
        await until(pilot, lambda: app.feed.readings > readings, "another reading")
        assert reads == before


# ---- positions and limits


async def test_positions_show_what_is_held_what_works_and_the_worst_case(size: Size) -> None:
    desk = a_busy_desk(policy=POLICY.replaced(max_position=Decimal(8)))
    async with running(desk, size) as (app, pilot):
        await pilot.press("4")
        await shows(pilot, "DU1234567 positions", "orders in 300 s", "2 of 30", "3,120.50 of 250,000 USD")
        lines = page_of(app).pane.text.splitlines()
        aapl = next(line for line in lines if line.startswith(" AAPL"))
        msft = next(line for line in lines if line.startswith(" MSFT"))
        assert "+25" in aapl and "6" in msft, "six of ten MSFT are still to be bought"
        assert any("✗ AAPL worst position" in line and "OVER" in line and "25 of 8" in line for line in lines)
        assert any("✓ MSFT worst position" in line and "6 of 8" in line for line in lines)


async def test_unknown_positions_are_never_drawn_as_zero() -> None:
    desk = a_busy_desk()
    desk.positions_known = False
    async with running(desk) as (app, pilot):
        await pilot.press("4")
        await shows(pilot, "positions are not fresh")
        line = next(line for line in page_of(app).pane.text.splitlines() if line.startswith(" AAPL"))
        assert "?" in line and "+25" not in line


async def test_without_anything_the_page_says_so() -> None:
    desk = FakeDesk()
    desk.held = {}
    async with running(desk) as (_, pilot):
        await pilot.press("4")
        await shows(pilot, "Nothing is held, and nothing works.", "orders in session")


async def test_a_filter_leaves_rows_with_every_word_and_escape_takes_it_away() -> None:
    desk = a_busy_desk()
    desk.held = {"AAPL": "25", "SPY": "4"}
    async with running(desk) as (app, pilot):
        await pilot.press("4")
        await shows(pilot, "AAPL", "SPY")
        await pilot.press("slash", *"spy", "enter")
        await until(pilot, lambda: " AAPL" not in page_of(app).pane.text, "the filter")
        assert " SPY" in page_of(app).pane.text and "filtered" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: " AAPL" in page_of(app).pane.text, "everything")


# ---- the kill switch


async def test_the_kill_switch_tells_its_state_its_history_and_what_stands_against_it(size: Size) -> None:
    desk = a_busy_desk()
    doubtful = desk.stage("SPY", "buy", "3", status=Status.IN_DOUBT)
    desk.against_opening = ("1 order is in doubt: " + doubtful,)
    async with running(desk, size) as (app, pilot):
        await pilot.press("5")
        await shows(pilot, "OPEN: approved orders may leave", "start of day")
        await pilot.press("K")
        await shows(pilot, "CLOSED: no new order leaves. K asks for a reason")
        text = page_of(app).pane.text
        assert "4: every closing raises it" in text
        assert "✗ 1 order is in doubt" in text and f"? {doubtful}: BUY 3 SPY" in text
        history = text[text.index("── history") :]
        assert "closed" in history and "olga" in history


async def test_a_switch_that_was_never_touched_says_so() -> None:
    async with running(FakeDesk()) as (app, pilot):
        await pilot.press("5")
        await shows(pilot, "Nobody has opened or closed it yet", "the reconciliation is clean")
        text = page_of(app).pane.text
        assert "none: every open order at the broker is ours" in text and "none that nobody has explained" in text


# ---- policies and the checklist


async def test_policies_are_told_number_by_number_with_overrides_and_the_checklist(size: Size) -> None:
    policy = POLICY.replaced(symbols={"TSLA": Override(max_quantity=Decimal(5))})
    desk = a_busy_desk(policy=policy)
    desk.acknowledged = {"limits_reviewed"}
    async with running(desk, size) as (app, pilot):
        await pilot.press("6")
        await shows(pilot, "1 of 5 done")
        text = page_of(app).pane.text
        assert f"IN FORCE, digest {policy.digest[:16]}" in text
        assert "25000 USD" in text and "max_notional" in text
        assert "symbols.TSLA" in text and "max_quantity 5" in text
        assert "✓ The limits of the policy" in text and "✗ An order was approved" in text
        assert "missing: not acknowledged" in " ".join(text.split())


# ---- agents


async def test_agents_are_told_with_rate_reasons_and_budget(size: Size) -> None:
    async with running(a_busy_desk(), size) as (app, pilot):
        await pilot.press("7")
        await shows(pilot, "who stages", "rebalancer", "intern-bot", "pending budget")
        text = page_of(app).pane.text
        assert "not before the rate decision" in " ".join(text.split()) and "BAD_TIMING" in text
        line = next(line for line in text.splitlines() if line.startswith(" momentum-1"))
        assert "50 %" in line


async def test_without_agents_the_page_says_how_they_come() -> None:
    async with running(FakeDesk()) as (_, pilot):
        await pilot.press("7")
        await shows(pilot, "Nobody has staged an order yet", "ibgw stage")


async def test_what_a_reason_says_cannot_repaint_a_page() -> None:
    desk = FakeDesk()
    ref = desk.stage("AAPL")
    desk.change(
        ref, status=Status.REJECTED, reason="\x1b]52;c;ZXZpbA==\x07 [bold]no[/] \u202e0009", reason_code="OTHER"
    )
    async with running(desk) as (app, pilot):
        await pilot.press("7")
        text = await shows(pilot, "[bold]no[/]")
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
        assert app.is_running


# ---- settings


async def test_settings_say_where_each_value_comes_from(size: Size) -> None:
    async with running(FakeDesk(), size) as (app, pilot):
        await pilot.press("8")
        await shows(pilot, "desk.operator", "olga", "/desk/config.toml")
        text = " ".join(page_of(app).pane.text.split())
        assert "environment IBGW_DESK__HOLD_BACK_SECONDS" in text or size[0] == 80
        assert app.theme in text


async def test_a_terminal_without_a_configuration_says_where_to_look() -> None:
    desk = FakeDesk()
    desk.settings = NO_SETTINGS
    async with running(desk) as (_, pilot):
        await pilot.press("8")
        await shows(pilot, "No configuration was handed to this terminal")
