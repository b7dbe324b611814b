"""The terminal's log: private, small, one line a line, and no reason to fail."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

from ibgw_tui.tui import logbook

log = logging.getLogger("ibgw_tui.tui.somewhere")


def test_our_lines_are_kept_in_a_private_file_and_others_are_not(tmp_path: Path) -> None:
    with logbook.logbook(tmp_path):
        log.warning("first\nsecond \x1b[2J")
        logging.getLogger("apprise").warning("https://user:secret@example.org")
    log.warning("after the end")
    file = tmp_path / logbook.FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) == 1
    assert "WARNING ibgw_tui.tui.somewhere: first" in text
    assert "\x1b" not in text
    assert "secret" not in text


def test_a_run_without_trouble_leaves_no_file(tmp_path: Path) -> None:
    with logbook.logbook(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_lines(tmp_path: Path) -> None:
    with logbook.logbook(tmp_path / "nowhere"):
        log.warning("lost")


def test_it_stays_small(tmp_path: Path) -> None:
    with logbook.logbook(tmp_path):
        for _ in range(4 * logbook.MOST_BYTES // 10_000):
            log.warning("x" * 10_000)
    files = list(tmp_path.iterdir())
    assert len(files) == 1 + logbook.OLD_ONES
    assert sum(file.stat().st_size for file in files) < 4 * logbook.MOST_BYTES
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
