"""What the screen remembers: private, whole, and never a reason not to start."""

from __future__ import annotations

import json
import logging
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.tui.remembered import MOST_BYTES, MOST_FILTER, Known, Memory, Remembered, _understood
from tests.tui.fake_desk import a_busy_desk
from tests.tui.helpers import running, shows, until

KNOWN = Known(
    themes=frozenset({"ibgw-dark", "ibgw-light"}),
    views=frozenset({"desk", "blotter", "audit"}),
    orderings=frozenset({"symbol", "largest value"}),
)


def kept(folder: Path) -> Memory:
    memory = Memory(folder / "terminal.json")
    memory.load(KNOWN)
    return memory


def test_what_was_noted_is_there_in_the_next_run_and_private(tmp_path: Path) -> None:
    memory = kept(tmp_path)
    memory.note(theme="ibgw-light", view="blotter", split=60)
    memory.note_filter("desk", " aapl buy ")
    memory.note_ordering("desk", "symbol")
    os.umask(0o022)
    memory.save()
    assert kept(tmp_path).now == Remembered("ibgw-light", "blotter", {"desk": "aapl buy"}, {"desk": "symbol"}, 60)
    assert stat.S_IMODE((tmp_path / "terminal.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["terminal.json"], "no half-written file is left"
    memory.note_filter("desk", "")
    memory.save()
    assert kept(tmp_path).now.filters == {}


def test_nothing_is_written_when_nothing_changed_or_when_there_is_no_file(tmp_path: Path) -> None:
    memory = kept(tmp_path)
    memory.note(theme=None)
    memory.save()
    nowhere = Memory()
    nowhere.note(theme="ibgw-light")
    nowhere.save()
    assert list(tmp_path.iterdir()) == []
    assert nowhere.now.theme == "ibgw-light"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"x"', b"[" * 9_000, b" " * (MOST_BYTES + 1), b'{"theme": NaN}'],
    ids=["empty", "half", "list", "null", "bytes", "text", "deep", "long", "nan"],
)
def test_a_file_that_is_not_ours_is_ignored_with_a_line_in_the_log(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "terminal.json").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert kept(tmp_path).now == Remembered()
    assert "not used" in caplog.text


def test_one_broken_value_takes_no_other_with_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told: dict[str, Any] = {
        "theme": "no-such-theme", "view": "desk", "filters": {"desk": "x" * (MOST_FILTER + 1)},
        "orderings": {"desk": "symbol"}, "split": True, "window": "unheard of",
    }  # fmt: skip
    (tmp_path / "terminal.json").write_text(json.dumps(told))
    with caplog.at_level(logging.WARNING):
        assert kept(tmp_path).now == Remembered(view="desk", orderings={"desk": "symbol"})
    assert "filters, split, theme, window" in caplog.text


def test_an_escape_in_a_filter_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "terminal.json").write_text(json.dumps({"filters": {"desk": "a\x1b[2J"}}))
    assert kept(tmp_path).now == Remembered()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["theme", "view", "filters", "orderings", "split", "else"]), json_values, max_size=6
    )
)
def test_any_table_is_survived_and_only_known_names_come_out(found: dict[str, Any]) -> None:
    taken = _understood(found, KNOWN, Path("terminal.json"))
    assert taken.theme in (None, *KNOWN.themes)
    assert taken.view in (None, *KNOWN.views)
    assert set(taken.filters) <= KNOWN.views
    assert set(taken.orderings.values()) <= KNOWN.orderings


def test_a_folder_that_cannot_be_written_costs_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Memory(tmp_path / "nowhere" / "terminal.json")
    memory.load(KNOWN)
    memory.note(theme="ibgw-light")
    with caplog.at_level(logging.WARNING):
        memory.save()
    assert "could not be written" in caplog.text


def test_a_folder_in_the_place_of_the_file_costs_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "terminal.json").mkdir()
    with caplog.at_level(logging.WARNING):
        memory = kept(tmp_path)
        memory.note(theme="ibgw-light")
        memory.save()
    assert "not read" in caplog.text
    assert "could not be written" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["terminal.json"]


# ---- in the terminal


async def test_the_terminal_opens_as_it_was_left(tmp_path: Path) -> None:
    desk, file = a_busy_desk(), tmp_path / "terminal.json"
    async with running(desk, memory=Memory(file)) as (app, pilot):
        app.theme = "ibgw-high-contrast"
        await pilot.press("o", "o", "slash", *"aapl", "enter")
        await shows(pilot, "by what expires first"[:3])
        await pilot.press("2", "greater_than_sign")
        await until(pilot, lambda: app.memory.now.view == "blotter", "the screen to be noted")
        await pilot.press("1")
        await until(pilot, lambda: file.exists() and not app.memory.is_due, "the file")
    async with running(desk, memory=Memory(file)) as (app, pilot):
        assert app.theme == "ibgw-high-contrast"
        text = await shows(pilot, "shown by the filter", "by largest value", "filter of the last time is on: aapl")
        assert "SPY" not in text.split("ticket")[0]
        await pilot.press("escape")
        await until(pilot, lambda: not app.memory.now.filters, "the filter to be forgotten")


async def test_the_screen_that_was_shown_last_is_shown_first(tmp_path: Path) -> None:
    file = tmp_path / "terminal.json"
    file.write_text(json.dumps({"view": "agents"}))
    async with running(a_busy_desk(), memory=Memory(file)) as (app, pilot):
        await shows(pilot, "[7 agents]")
        assert app.current_mode == "agents"


async def test_nothing_of_an_order_is_in_the_file(tmp_path: Path) -> None:
    desk, file = a_busy_desk(), tmp_path / "terminal.json"
    async with running(desk, memory=Memory(file)) as (app, pilot):
        await pilot.press("j", "j", "enter", "escape", "2", "j", "3", "4", "7", "o")
        app.theme = "ibgw-light"
        await until(pilot, lambda: file.exists(), "the file")
        app.memory.save()
        text = file.read_text()
    for record in desk.records.values():
        assert record.order_ref not in text
        assert record.intent.symbol not in text
        assert record.staged_by not in text


async def test_a_broken_file_does_not_keep_the_terminal_from_opening(tmp_path: Path) -> None:
    file = tmp_path / "terminal.json"
    file.write_text("{{{")
    async with running(a_busy_desk(), memory=Memory(file)) as (app, pilot):
        await shows(pilot, "orders that wait")
        assert app.current_mode == "desk"
