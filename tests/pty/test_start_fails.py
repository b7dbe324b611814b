"""A terminal that cannot start says why in the terminal it was started in, and ends with the code of that error."""

from __future__ import annotations

import sys
from pathlib import Path

import apsw
import pytest

from ibgw_tui.cli.exits import Exit
from ibgw_tui.wiring.paths import DATABASE
from tests.pty.desk import WholeDesk
from tests.pty.harness import Terminal
from tests.pty.test_terminal_left_clean import assert_restored

ALTERNATE = b"\x1b[?1049h"


def started(desk: WholeDesk) -> Terminal:
    command = [sys.executable, "-m", "ibgw_tui", "--config", str(desk.config), "tui"]
    return Terminal(desk.folder / "no-report", command=command, columns=120, rows=40)


def change(desk: WholeDesk, before: str, after: str) -> None:
    text = desk.config.read_text(encoding="utf-8")
    assert before in text
    desk.config.write_text(text.replace(before, after), encoding="utf-8")


@pytest.mark.parametrize(
    ("what", "code", "told"),
    [
        ("setting", Exit.BAD_CONFIGURATION, "colour"),
        ("newer", Exit.BAD_CONFIGURATION, "newer version"),
        ("garbage", Exit.UNAVAILABLE, "not a database"),
    ],
)
def test_what_can_be_known_before_draws_no_screen(what: str, code: Exit, told: str, tmp_path: Path) -> None:
    desk = WholeDesk(tmp_path / "desk")
    database = desk.folder / DATABASE
    if what == "newer":
        connection = apsw.Connection(str(database))
        connection.execute("PRAGMA user_version = 99")
        connection.close()
    elif what == "garbage":
        database.write_bytes(b"this is no database, whatever its name is" * 200)
    else:
        change(desk, "[audit]", "colour = 'blue'\n[audit]")
    terminal = started(desk)
    try:
        assert terminal.wait_exit() == code
        assert told in terminal.text
        assert ALTERNATE not in terminal.raw
    finally:
        terminal.close()


def test_what_fails_behind_the_first_picture_is_told_the_same_way(tmp_path: Path) -> None:
    desk = WholeDesk(tmp_path / "desk")
    change(desk, str(tmp_path / "desk-audit"), "")
    terminal = started(desk)
    try:
        assert terminal.wait_exit() == Exit.BAD_CONFIGURATION
        assert_restored(terminal)
        after = terminal.raw.rpartition(b"\x1b[?1049l")[2]
        assert b"audit.folder is empty" in after and b"name a folder" in after
        assert b"Traceback" not in terminal.raw
    finally:
        terminal.close()
    assert not list(desk.folder.glob("crash-*"))
