"""What hands get used to: filter over every column, sort, jump, copy, save, help, palette, small and large windows."""

from __future__ import annotations

import stat
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.tui.app import DeskApp
from ibgw_tui.tui.comfort import Comfort
from ibgw_tui.tui.jumping import refs_meant, row_meant, view_meant
from ibgw_tui.tui.keys import BY_ID, KEYS, Group, Place, works_on
from ibgw_tui.tui.palette import LOOKING
from ibgw_tui.tui.saving import SaveError, save_text
from ibgw_tui.tui.screens.board import where_copies_go
from ibgw_tui.tui.widgets.columns import BLOTTER, QUEUE
from ibgw_tui.tui.widgets.order_list import ORDERINGS, told_of
from ibgw_tui.tui.widgets.view_bar import VIEWS, tabs
from tests.makers import NOON
from tests.tui.fake_desk import FakeDesk, a_busy_desk
from tests.tui.helpers import flat, running, screen_text, settled, shows, until

# ---- filter and sort


async def test_the_filter_finds_what_stands_in_any_column() -> None:
    desk = a_busy_desk()
    rows = [*(await desk.queue()), *(await desk.blotter())]
    for columns in (QUEUE, BLOTTER):
        for row in rows:
            for column in columns:
                if column.title == "left":
                    continue  # counts down while one types
                cell, _ = column.cell(row, NOON)
                words = cell.lower().split()
                words = [word for word in words if word.isalnum() or "." in word or "," in word]
                assert all(word in told_of(row) for word in words), (column.title, cell)
    assert "no-such-thing" not in told_of(rows[0])


async def test_each_order_of_rows_is_what_its_name_says() -> None:
    desk = a_busy_desk()
    rows = await desk.queue()
    keys = dict(ORDERINGS)
    assert [row.symbol for row in sorted(rows, key=keys["symbol"])] == sorted(row.symbol for row in rows)
    assert [row.staged_by for row in sorted(rows, key=keys["agent"])] == sorted(row.staged_by for row in rows)
    values = [row.notional.amount for row in sorted(rows, key=keys["largest value"]) if row.notional]
    assert values == sorted(values, reverse=True)
    for key in keys.values():
        sorted([*rows, *(await desk.blotter())], key=key)


async def test_a_queue_that_is_longer_than_what_is_read_says_how_many_wait_behind() -> None:
    desk = FakeDesk()
    for _ in range(500):
        desk.stage("AAPL")
    desk.desk_changes = {"counts": {Status.PENDING: 740, Status.APPROVED: 2}}
    async with running(desk) as (_, pilot):
        await shows(pilot, "242 newer ones not listed")


# ---- jump


@pytest.mark.parametrize(
    ("words", "view"),
    [("desk", "desk"), ("blo", "blotter"), ("log", "audit"), ("RISK", "positions"), ("kill", "switch"),
     ("agents", "agents"), ("config", "settings"), ("a", None), ("zebra", None), ("", None)],
)  # fmt: skip
def test_a_screen_is_meant_by_the_beginning_of_its_names(words: str, view: str | None) -> None:
    assert view_meant(words) == view


def test_a_reference_is_meant_by_itself_by_its_end_or_by_a_part() -> None:
    refs = ["o-aaa111", "o-bbb111", "o-ccc2223", "o-ccc222"]
    assert refs_meant("O-AAA111", refs) == ["o-aaa111"]
    assert refs_meant("a111", refs) == ["o-aaa111"]
    assert refs_meant("111", refs) == ["o-aaa111", "o-bbb111"]
    assert refs_meant("o-ccc222", refs) == ["o-ccc222"]
    assert refs_meant("ccc", refs) == ["o-ccc2223", "o-ccc222"]
    assert refs_meant("11", refs) == []


@given(st.text(max_size=12))
def test_any_words_of_a_jump_are_survived(words: str) -> None:
    assert row_meant(words, ["a", "b"]) in (None, "a", "b")
    assert set(refs_meant(words, ["o-abc"])) <= {"o-abc"}
    assert view_meant(words) in {None, *(view for view, _ in VIEWS)}


async def test_a_jump_goes_to_a_row_a_reference_another_list_and_a_screen() -> None:
    desk = a_busy_desk()
    waiting = [row.order_ref for row in await desk.queue()]
    sent = [row.order_ref for row in await desk.blotter()]
    async with running(desk) as (app, pilot):
        await pilot.press("colon", "3", "enter")
        await until(pilot, lambda: app.displayed_ref == waiting[2], "the third row")
        await pilot.press("colon", *sent[0][-8:].lower(), "enter")
        await until(
            pilot, lambda: app.current_mode == "blotter" and app.displayed_ref == sent[0], "an order that was sent"
        )
        await pilot.press("colon", *"audit", "enter")
        await shows(pilot, "[3 audit]")
        await pilot.press("colon", "2", "enter")
        await shows(pilot, "─ entry 2 ")
        await pilot.press("colon", *"nonsense", "enter")
        await shows(pilot, "nonsense: neither an order that is listed")
        await pilot.press("colon", "escape")
        assert "go to:" not in screen_text(app)


async def test_a_jump_to_an_order_that_the_filter_hides_clears_the_filter() -> None:
    desk = a_busy_desk()
    hidden = next(row.order_ref for row in await desk.queue() if row.symbol == "SPY")
    async with running(desk) as (app, pilot):
        await pilot.press("slash", *"aapl", "enter")
        await shows(pilot, "shown by the filter")
        await pilot.press("colon", *hidden, "enter")
        await until(pilot, lambda: app.displayed_ref == hidden, "the hidden order")
        assert "shown by the filter" not in "\n".join(await settled(pilot))


async def test_a_jump_decides_nothing() -> None:
    desk = a_busy_desk()
    async with running(desk) as (_, pilot):
        await pilot.press("colon", *"aYrxXsKu", "enter")
        await settled(pilot)
    assert desk.acts == []


# ---- copy and save


async def test_a_copy_says_what_was_copied_where_it_went_and_what_else_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    async with running(a_busy_desk()) as (app, pilot):
        await pilot.press("c")
        await shows(pilot, "copied to the clipboard", f"{app.displayed_ref}", "S saves to a file")
        assert app.clipboard == app.displayed_ref


@pytest.mark.parametrize(
    ("environ", "told"),
    [({"TMUX": "/tmp/tmux,1,0"}, "set-clipboard"), ({"SSH_TTY": "/dev/pts/1"}, "by way of ssh"), ({}, "this terminal")],
)
def test_where_a_copy_goes_depends_on_what_is_in_between(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], told: str
) -> None:
    for name in ("TMUX", "SSH_TTY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert told in where_copies_go()


async def test_the_ticket_and_every_page_can_be_saved_whole_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    async with running(a_busy_desk(), comfort=Comfort(saved=folder), size=(80, 24)) as (app, pilot):
        ref = app.displayed_ref
        await pilot.press("S")
        await shows(pilot, "saved as desk-20261123-150000Z.txt")
        await pilot.press("S")
        await shows(pilot, "desk-20261123-150000Z-2.txt")
        for key, view in (("3", "audit"), ("4", "positions"), ("8", "settings")):
            await pilot.press(key)
            await settled(pilot)
            await pilot.press("S")
            await shows(pilot, f"{view}-20261123-150000Z.txt")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "\x1b" not in file.read_text(encoding="utf-8")
    ticket = (folder / "desk-20261123-150000Z.txt").read_text(encoding="utf-8")
    assert "gates" in ticket  # also what does not fit the window
    assert ref is not None


def test_a_save_never_writes_over_a_file_and_says_why_it_cannot(tmp_path: Path) -> None:
    first, second = (save_text(tmp_path, "desk", "text", NOON) for _ in range(2))
    assert first != second
    with pytest.raises(SaveError, match="no folder"):
        save_text(None, "desk", "text", NOON)
    with pytest.raises(SaveError, match="nothing on display"):
        save_text(tmp_path, "desk", "  \n", NOON)
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError, match="c copies"):
        save_text(tmp_path / "file", "desk", "text", NOON)
    for _ in range(98):
        save_text(tmp_path, "desk", "text", NOON)
    with pytest.raises(SaveError, match="next one"):
        save_text(tmp_path, "desk", "text", NOON)
    assert save_text(tmp_path, "desk", "text", NOON + timedelta(seconds=1)).exists()


async def test_without_a_folder_the_save_key_says_what_to_do() -> None:
    async with running(a_busy_desk()) as (_, pilot):
        await pilot.press("S")
        await shows(pilot, "not saved: this terminal was given no folder; c copies instead")


# ---- help and palette


@pytest.mark.parametrize(("key", "view"), [("1", "desk"), ("3", "audit"), ("6", "policies")])
async def test_the_help_tells_the_keys_of_this_screen_first(key: str, view: str) -> None:
    async with running(a_busy_desk(), size=(200, 120)) as (_, pilot):
        await pilot.press(key, "question_mark")
        text = await shows(pilot, f"Keys of this screen: {view}")
        here, _, away = text.partition("On other screens")
        for told in KEYS:
            if told.place in works_on(view):
                assert told.help[:30] in here, told.id
            elif told.place not in (Place.TICKET, Place.PAGE):
                assert told.help[:30] in away, told.id


async def test_the_palette_has_every_harmless_action_and_none_that_decides() -> None:
    desk = a_busy_desk()
    async with running(desk) as (app, pilot):
        names = [command.title.lower() for command in app.get_system_commands(app.screen)]
        for wanted in ("filter", "go to", "newest", "copy", "save", "order by", "wider list", "narrower list", "theme",
                       "keys", "review desk", "blotter", "audit log", "positions", "kill switch", "policies", "agents",
                       "settings", "forget what is remembered", "leave", "screenshot"):  # fmt: skip
            assert wanted in names, wanted
        deciding = [key for key in KEYS if key.group in (Group.DECIDE, Group.STOP)]
        assert not {key.action for key in deciding} & {action for _, _, action in LOOKING}
        for name, _, action in LOOKING:
            assert action in {key.action for key in KEYS}, name
        for command in list(app.get_system_commands(app.screen)):
            if command.title in ("Leave", "Screenshot", "Theme", "Keys"):
                continue
            command.callback()
            await pilot.pause()
            await pilot.press("escape")
        await settled(pilot)
    assert desk.acts == []


async def test_every_screen_survives_every_harmless_key() -> None:
    desk = a_busy_desk()
    async with running(desk) as (app, pilot):
        for view in "12345678":
            await pilot.press(
                view,
                "o",
                "less_than_sign",
                "greater_than_sign",
                "n",
                "c",
                "S",
                "slash",
                "z",
                "escape",
                "colon",
                "escape",
            )
            await pilot.press("j", "k", "g", "G", "pagedown", "pageup")
        assert app.is_running
    assert desk.acts == []


# ---- windows


async def test_at_60_by_20_lists_and_pages_can_be_read_and_nothing_can_be_decided() -> None:
    desk = a_busy_desk()
    async with running(desk, size=(60, 20)) as (app, pilot):
        text = await shows(pilot, "60 x 20: to look only", "AAPL", "▶")
        assert all(len(line) <= 60 for line in text.splitlines())
        await pilot.press("a", "r", "x", "Y")
        await settled(pilot)
        assert not app.dialog_is_open
        await pilot.press("4")
        await shows(pilot, "positions", "to look only")
        await pilot.press("K")
        await until(pilot, lambda: desk.acts, "the switch")
    assert [act[0] for act in desk.acts] == ["close"]


async def test_below_that_the_window_only_says_so() -> None:
    async with running(a_busy_desk(), size=(59, 19)) as (app, pilot):
        await shows(pilot, "This window is 59 x 19.", "from 60 x 20 on lists can be read", "K still closes")
        assert "AAPL" not in screen_text(app)


async def test_at_240_by_80_list_and_ticket_stand_side_by_side_and_nothing_is_cut() -> None:
    async with running(a_busy_desk(), size=(240, 80)) as (_, pilot):
        lines = await settled(pilot, "gates", "agent says")
        assert "account" in lines[4]
        gates = lines[next(at for at, line in enumerate(lines) if "── gates" in line) :]
        assert not any("…" in line for line in gates[:12])
        await pilot.press(*["less_than_sign"] * 6)
        lines = await settled(pilot, "list 40 % of the width")
        assert lines[3].index("╮") == 95


@pytest.mark.parametrize("width", range(20, 130))
def test_the_line_of_screens_fits_and_a_click_finds_what_is_drawn(width: int) -> None:
    for view, word in VIEWS:
        found = tabs(width, view)
        assert [tab.view for tab in found] == [name for name, _ in VIEWS]
        assert found[-1].start + len(found[-1].text) <= max(width, 45)
        assert word in next(tab.text for tab in found if tab.view == view) or width < 45
        assert all(later.start == tab.start + len(tab.text) for tab, later in pairwise(found))


async def test_at_80_columns_every_screen_has_its_name() -> None:
    async with running(a_busy_desk(), size=(80, 24)) as (_, pilot):
        await shows(pilot, "[1 desk]2 blotter 3 audit 4 positions 5 switch 6 policies 7 agents 8 settings")
        await pilot.click("#views", offset=(10, 0))
        await shows(pilot, "[2 blotter]")
        await pilot.click("#views", offset=(27, 0))
        await shows(pilot, "[4 positions]")


# ---- without colours, without deciding


async def test_without_colours_everything_is_a_word_or_a_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    desk = a_busy_desk()
    async with running(desk, theme_name="ansi-dark") as (app, pilot):
        text = await shows(pilot, "▶", "▲ BUY", "▼ SELL", "REFUSES", "○ waits", "SIMULATED")
        assert "kill switch open" in text
        colours = {
            segment.style.color.name
            for strip in app.screen._compositor.render_strips()
            for segment in strip
            if segment.style is not None and segment.style.color is not None and not segment.style.color.is_default
        }
        assert all(is_grey(colour) for colour in colours), colours


def is_grey(colour: str) -> bool:
    return not colour.startswith("#") or len({colour[1:3], colour[3:5], colour[5:7]}) == 1


async def test_a_read_only_terminal_offers_no_deciding_key_and_says_what_it_is() -> None:
    desk = a_busy_desk(read_only=True)
    async with running(desk) as (app, pilot):
        text = await shows(pilot, "READ-ONLY")
        footer = text.splitlines()[-1]
        assert "kill switch" not in footer
        for name in ("approve", "reject", "cancel_all"):
            assert f" {BY_ID[name].footer} {BY_ID[name].label}" not in footer
        await pilot.press("a", "Y", "r", "x", "X", "s", "u", "w")
        await settled(pilot)
        assert "read-only" in flat(app)
    assert desk.acts == []


def test_an_app_without_comfort_makes_no_noise_and_writes_no_file() -> None:
    app = DeskApp(FakeDesk())
    assert (app.comfort.bell, app.comfort.desktop, app.comfort.saved, app.memory.is_due) == (False, "off", None, False)
    assert Status.PENDING  # what rings is what waits
