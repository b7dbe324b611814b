"""However it ends, the terminal is usable afterwards, and nothing private was printed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.pty.harness import Terminal, running

RESETS = (
    b"\x1b[?1049l",
    b"\x1b[?25h",
    b"\x1b[?1000l",
    b"\x1b[?1003l",
    b"\x1b[?1006l",
    b"\x1b[?2004l",
    b"\x1b[<u",
    b"\x1b[?1004l",
)


def missing(terminal: Terminal) -> list[bytes]:
    """Resets that are not there, or were undone."""
    opposites = {reset: reset[:-1] + (b"l" if reset.endswith(b"h") else b"h") for reset in RESETS}
    return [reset for reset, undone in opposites.items() if terminal.raw.rfind(reset) <= terminal.raw.rfind(undone)]


def is_restored(terminal: Terminal) -> bool:
    return not missing(terminal)


def assert_restored(terminal: Terminal) -> None:
    assert not missing(terminal)
    assert terminal.attributes_now == terminal.attributes_before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_leave_a_clean_terminal(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path / "report") as terminal:
        terminal.type("a")
        terminal.wait_for("the review", lambda: "agent says" in terminal.text)
        os.kill(terminal.process.pid, number)
        assert terminal.wait_exit() == 128 + number
        assert_restored(terminal)


def test_a_stopped_program_gives_the_terminal_back_and_takes_it_again(tmp_path: Path) -> None:
    with running(tmp_path / "report") as terminal:
        terminal.type("a")
        terminal.wait_for("the review", lambda: "agent says" in terminal.text)
        os.kill(terminal.process.pid, signal.SIGTSTP)
        terminal.wait_for("the normal screen", lambda: is_restored(terminal))
        assert terminal.attributes_now == terminal.attributes_before
        before = len(terminal.raw)
        os.kill(terminal.process.pid, signal.SIGCONT)
        terminal.wait_for("the review again", lambda: b"agent says" in terminal.raw[before:])
        assert not is_restored(terminal)
        terminal.type("\x1b")
        terminal.wait_event("closed")
        assert terminal.count("APPROVED") == 0


def test_even_when_the_loop_hangs(tmp_path: Path) -> None:
    with running(tmp_path / "report") as terminal:
        os.kill(terminal.process.pid, signal.SIGUSR2)
        terminal.listen(0.3)
        os.kill(terminal.process.pid, signal.SIGTERM)
        assert terminal.wait_exit() == 128 + signal.SIGTERM
        assert_restored(terminal)


def test_a_failure_prints_one_line_and_no_local_variable(tmp_path: Path) -> None:
    with running(tmp_path / "report") as terminal:
        terminal.type("!")
        assert terminal.wait_exit() == 1
        assert_restored(terminal)
        files = list(tmp_path.glob("crash-*.txt"))
        assert len(files) == 1
        assert files[0].stat().st_mode & 0o777 == 0o600
        told = files[0].read_text(encoding="utf-8")
        assert "ValueError" in told
        assert "on_key" in told
        assert "4711" not in told.replace('"4711"', "")  # the line of source is there, its value is not
        after = terminal.raw[terminal.raw.rfind(b"\x1b[?1049l") :].decode()
        assert str(files[0]) in after
        assert "4711" not in after
        assert "Traceback" not in after


def test_the_environment_presses_no_keys(tmp_path: Path) -> None:
    environment = {"TEXTUAL_PRESS": "a,Y", "TEXTUAL_LOG": str(tmp_path / "log"), "TEXTUAL": "devtools"}
    with running(tmp_path / "clean", environment=environment) as terminal:
        terminal.listen(1.0)
        assert terminal.count("opened") == 0
        assert not (tmp_path / "log").exists()
    with running(tmp_path / "naive", "--naive-environment", environment=environment) as terminal:
        terminal.wait_event("opened")  # this is what it would do
        terminal.listen(1.0)
        assert terminal.count("APPROVED") == 0
