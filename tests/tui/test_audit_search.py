"""The audit log on the screen: the whole of it can be paged through and searched, and the cursor stays where it is."""

from __future__ import annotations

from typing import Any

import pytest

from ibgw_tui.core.errors import OrderStoreError
from ibgw_tui.core.records import AuditEntry
from ibgw_tui.tui.app import DeskApp
from ibgw_tui.tui.screens.audit import MOST_HELD, SHOWN, AuditScreen
from tests.tui.fake_desk import FakeDesk
from tests.tui.helpers import running, screen_text, shows, until

ENTRIES = 1600


def a_long_log(entries: int = ENTRIES) -> FakeDesk:
    desk = FakeDesk()
    for number in range(1, entries + 1):
        desk.write("order.staged", "agent", "momentum-1", f"o-{number:06d}", rationale=f"lot-{number % 400}")
    return desk


async def in_log(app: DeskApp, pilot: Any, newest: int) -> AuditScreen:
    await pilot.press("3")
    await until(pilot, lambda: isinstance(app.view, AuditScreen) and app.view.entries.cursor == str(newest), "the log")
    view = app.view
    assert isinstance(view, AuditScreen)
    return view


async def test_coming_to_the_top_reads_older_entries_until_the_first() -> None:
    desk = a_long_log()
    async with running(desk) as (app, pilot):
        view = await in_log(app, pilot, ENTRIES)
        assert len(view.entries.rows) == SHOWN
        expected = ENTRIES - SHOWN + 1
        while expected > 1:
            await pilot.press("g")
            older = max(1, expected - min(SHOWN, desk.scan))
            await until(pilot, lambda: min(view._held) <= older, "older entries")  # noqa: B023  awaited at once
            assert view.entries.cursor == str(expected), "the cursor stays on its entry"
            assert view.entries.rows.index is not None and view.entries.rows.index > 0
            expected = min(view._held)
            assert expected == older
        await pilot.press("g")
        await until(pilot, lambda: view.entries.cursor == "1", "the very first entry")
        assert [int(row) for row in view.entries.rows.shown] == list(range(1, ENTRIES + 1))
        await pilot.press("n")
        await until(pilot, lambda: view.entries.cursor == str(ENTRIES), "the newest")


async def test_a_search_goes_through_the_whole_log_and_reads_bodies() -> None:
    async with running(a_long_log()) as (app, pilot):
        view = await in_log(app, pilot, ENTRIES)
        await pilot.press("slash", *"lot-42 Staged", "enter")
        await until(pilot, lambda: "the whole log" in screen_text(app), "the search to end")
        # The row under the cursor stays.
        assert [int(row) for row in view.entries.rows.shown] == [42, 442, 842, 1242, ENTRIES]
        await pilot.press("g", "enter")
        await shows(pilot, '"rationale": "lot-42"')
        await pilot.press("escape", "escape")
        await until(pilot, lambda: not view._words and len(view.entries.rows) == SHOWN, "the newest again")
        assert min(int(row) for row in view.entries.rows.shown) == ENTRIES - SHOWN + 1


async def test_a_search_without_a_result_says_how_far_it_looked() -> None:
    async with running(a_long_log()) as (app, pilot):
        view = await in_log(app, pilot, ENTRIES)
        await pilot.press("slash", *"nowhere-to-be-found", "enter")
        await until(pilot, lambda: "the whole log" in screen_text(app), "the search to end")
        assert [int(row) for row in view.entries.rows.shown] == [ENTRIES], "the row under the cursor stays"


async def test_a_search_that_fails_is_said_and_does_not_run_hot() -> None:
    desk = a_long_log()
    calls = 0

    async def broken(before_seq: int, /, *, text: str = "", limit: int = 200) -> Any:
        nonlocal calls
        calls += 1
        raise OrderStoreError("the disk is gone", user_action="look at it")

    desk.audit_before = broken  # type: ignore[method-assign]
    async with running(desk) as (app, pilot):
        await in_log(app, pilot, ENTRIES)
        await pilot.press("slash", *"lot", "enter", "g")
        await pilot.press("escape", "g")
        await shows(pilot, "older entries cannot be read", "the disk is gone")
        await pilot.pause(0.3)
        assert calls < 8


async def test_what_comes_in_faster_than_it_is_read_leaves_no_hole() -> None:
    desk = a_long_log(600)
    async with running(desk) as (app, pilot):
        view = await in_log(app, pilot, 600)
        for number in range(SHOWN + 50):
            desk.write("order.staged", "agent", "burst", f"o-b{number:05d}")
        desk.ring()
        await until(pilot, lambda: max(view._held) == 600 + SHOWN + 50, "the burst")
        held = sorted(view._held)
        assert held == list(range(held[0], held[-1] + 1))


async def test_what_was_paged_through_is_let_go_at_the_newest() -> None:
    desk = a_long_log(MOST_HELD + 700)
    desk.scan = MOST_HELD
    async with running(desk) as (app, pilot):
        view = await in_log(app, pilot, MOST_HELD + 700)
        view._held.update((entry.seq, entry) for entry in desk.entries)
        view._hold()
        desk.write("order.staged", "agent", "x", "o-last")
        desk.ring()
        await until(pilot, lambda: len(view._held) <= SHOWN + 1, "the older ones to go")
        assert len(view.entries.rows) == len(view._held) and view.entries.cursor == str(MOST_HELD + 700)


async def test_a_log_that_cannot_be_read_is_said_once_and_leaves_room_for_what_the_desk_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk, tries = a_long_log(20), 0
    read = desk.audit

    async def fails(**_: object) -> list[AuditEntry]:
        nonlocal tries
        tries += 1
        raise OrderStoreError("the disk is gone")

    async with running(desk) as (app, pilot):
        view = await in_log(app, pilot, 20)
        app.session.say("APPROVED something")
        monkeypatch.setattr(desk, "audit", fails)
        desk.write("order.staged", "agent", "momentum-1", "o-1")
        for _ in range(4):
            before = tries
            desk.ring()
            await until(pilot, lambda: tries > before, "another try")  # noqa: B023  awaited at once
        told = [result.text for result in app.session.results]
        assert sum("cannot be read" in text for text in told) == 1 and "APPROVED something" in told
        monkeypatch.setattr(desk, "audit", read)
        await until(pilot, lambda: max(view._held) == 21, "the new entry")
        monkeypatch.setattr(desk, "audit", fails)
        desk.write("order.staged", "agent", "momentum-1", "o-2")
        desk.ring()
        await until(
            pilot,
            lambda: sum("cannot be read" in result.text for result in app.session.results) == 2,
            "the second failure to be said",
        )
