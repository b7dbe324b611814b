from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ibgw_tui.wiring import paths


def test_a_demo_is_found_by_its_note(tmp_path: Path) -> None:
    home = tmp_path / "demo-home"
    home.mkdir()
    paths.write_demo_note(home, tmp_path)
    demo = paths.running_demo(tmp_path)
    assert demo is not None
    assert (demo.pid, demo.home) == (os.getpid(), home.resolve())


def test_a_note_is_private(tmp_path: Path) -> None:
    assert paths.write_demo_note(tmp_path, tmp_path).stat().st_mode & 0o077 == 0


def test_the_note_of_a_dead_demo_is_ignored(tmp_path: Path) -> None:
    """A demo that was killed leaves its note behind."""
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    note = {"pid": ended.pid, "home": str(tmp_path), "started": "2026-11-22T15:00:00Z"}
    (tmp_path / "demo.json").write_text(json.dumps(note))
    assert paths.running_demo(tmp_path) is None


def test_a_demo_without_its_home_is_ignored(tmp_path: Path) -> None:
    paths.write_demo_note(tmp_path / "gone", tmp_path)
    assert paths.running_demo(tmp_path) is None


def test_a_note_that_is_nonsense_is_ignored(tmp_path: Path) -> None:
    for text in (
        "",
        "[]",
        "{}",
        '{"pid": "x", "home": "/", "started": ""}',
        '{"pid": -1, "home": "/", "started": ""}',
        "\0",
    ):
        (tmp_path / "demo.json").write_text(text)
        assert paths.running_demo(tmp_path) is None, text


def test_removing_takes_only_the_own_note(tmp_path: Path) -> None:
    """A second demo has replaced the note: the first one's end must not take it away."""
    path = paths.write_demo_note(tmp_path, tmp_path)
    path.write_text(json.dumps({"pid": os.getppid(), "home": str(tmp_path), "started": ""}))
    paths.remove_demo_note(tmp_path)
    assert path.exists()
    paths.write_demo_note(tmp_path, tmp_path)
    paths.remove_demo_note(tmp_path)
    assert not path.exists()
    paths.remove_demo_note(tmp_path)
