"""The operator's own keys: additions only, and none that could decide by accident."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.tui.comfort import Comfort
from ibgw_tui.tui.keymap import Keymap, load_keymap, make_keymap
from ibgw_tui.tui.keys import BY_ID, FORGED, Group
from tests.tui.fake_desk import a_busy_desk
from tests.tui.helpers import running, screen_text, shows, until


def test_no_file_is_no_keymap_and_no_complaint(tmp_path: Path) -> None:
    assert load_keymap(tmp_path / "keymap.toml") == Keymap()


def test_keys_are_added_to_those_of_the_table(tmp_path: Path) -> None:
    file = tmp_path / "keymap.toml"
    file.write_text('[keys]\ndown = "ctrl+n"\nfilter = ["f", "ctrl+f"]\n')
    keymap = load_keymap(file)
    assert keymap.problems == ()
    assert keymap.bound() == {"down": "j,down,ctrl+n", "filter": "/,f,ctrl+f"}
    assert keymap.shown(BY_ID["filter"]) == "/ f ctrl+f"


@pytest.mark.parametrize("content", ["[keys", "\x00", "keys = 3", "down = 'f'", "[keys]\ndown = 3", "x" * 100_001])
def test_a_file_that_cannot_be_read_as_a_keymap_says_so_and_adds_nothing(tmp_path: Path, content: str) -> None:
    file = tmp_path / "keymap.toml"
    file.write_text(content)
    keymap = load_keymap(file)
    assert keymap.problems
    assert keymap.extra == {}


@pytest.mark.parametrize(
    ("name", "key", "why"),
    [
        ("aprove", "f", "no such action"),
        ("confirm", "f", "the same on every desk"),
        ("approve", "y", "dialogs and inputs"),
        ("approve", "enter", "dialogs and inputs"),
        ("approve", "space", "dialogs and inputs"),
        ("approve", "A", "torn escape"),
        ("cancel_all", "Z", "torn escape"),
        ("reject", "9", "torn escape"),
        ("down", "K", "'kill' already"),
        ("down", "/", "'filter' already"),
        ("down", "slash", "'filter' already"),
        ("down", "a", "'approve' already"),
        ("kill", "z", "while you type"),
        ("quit_now", "Q", "while you type"),
        ("down", "a,b", "name of a key"),
        ("down", "", "name of a key"),
        ("down", "\x1b", "name of a key"),
    ],
)
def test_a_key_that_must_not_do_this_is_left_out_with_the_reason(name: str, key: str, why: str) -> None:
    keymap = make_keymap({"keys": {name: key, "filter": "f"}})
    assert [why in problem for problem in keymap.problems] == [True]
    assert keymap.extra == ({"filter": ("f",)})


def test_two_lines_cannot_have_one_key() -> None:
    keymap = make_keymap({"keys": {"down": "f", "up": "f"}})
    assert keymap.extra == {"down": ("f",)}
    assert len(keymap.problems) == 1


keys = st.one_of(
    st.text(max_size=12), st.sampled_from([*FORGED, "enter", "space", "y", "Y", "f5", "ctrl+a", "K", "left", "f", "t"])
)


@given(st.dictionaries(st.sampled_from([*BY_ID, "else"]), st.one_of(keys, st.lists(keys, max_size=3), st.none())))
def test_no_keymap_lets_a_forgeable_key_decide_or_takes_one_away(table: dict[str, Any]) -> None:
    keymap = make_keymap({"keys": table})
    bound = keymap.bound()
    everything = [name for key in BY_ID.values() for name in bound.get(key.id, ",".join(key.keys)).split(",")]
    table_keys = [name for key in BY_ID.values() for name in key.keys]
    assert set(table_keys) <= set(everything), "the keys of the table all work still"
    for name, extra in keymap.extra.items():
        assert not set(extra) & set(table_keys)
        if BY_ID[name].group in (Group.DECIDE, Group.STOP):
            assert not set(extra) & (FORGED | {"enter", "space", "y", "Y"})


# ---- in the terminal


async def test_an_added_key_works_beside_the_old_one_and_the_help_shows_it() -> None:
    keymap = make_keymap({"keys": {"down": "f", "blotter": "ctrl+b", "kill": "f9"}})
    desk = a_busy_desk()
    async with running(desk, comfort=Comfort(keymap=keymap), size=(120, 120)) as (app, pilot):
        first = app.displayed_ref
        await pilot.press("f")
        await until(pilot, lambda: app.displayed_ref not in (None, first), "the next order")
        await pilot.press("k")
        await until(pilot, lambda: app.displayed_ref == first, "the first order again")
        await pilot.press("j")
        await until(pilot, lambda: app.displayed_ref not in (None, first), "j works still")
        await pilot.press("ctrl+b")
        await shows(pilot, "[2 blotter]")
        await pilot.press("question_mark")
        await shows(pilot, "j ↓ f", "2 ctrl+b", "K F12 f9")
        await pilot.press("f9")
        await until(pilot, lambda: "close" in [act[0] for act in desk.acts], "the switch, from inside a dialog")


async def test_what_is_wrong_with_the_keymap_is_said_on_the_screen() -> None:
    comfort = Comfort(keymap=make_keymap({"keys": {"approve": "enter"}}))
    async with running(a_busy_desk(), comfort=comfort) as (app, pilot):
        await shows(pilot, "keymap", "approve = 'enter'")
        await pilot.press("8")
        await shows(pilot, "belongs to dialogs and inputs")
        assert "keymap" in screen_text(app)
