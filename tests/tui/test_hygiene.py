"""The clean environment before and the counting of stalls; what needs a terminal is in tests/pty."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
from pathlib import Path

import pytest
from textual import constants
from textual.app import App
from textual.screen import Screen

from ibgw_tui.tui import hygiene
from ibgw_tui.tui.hygiene import (
    ALLOWED_VARIABLES,
    CrashReporter,
    LoopWatch,
    TerminalGuard,
    calm_collector,
    run_app,
    scrub_environment,
    write_crash_file,
)


def test_every_order_to_textual_is_removed_and_nothing_else() -> None:
    environment = {
        "TEXTUAL": "devtools",
        "TEXTUAL_PRESS": "a,Y",
        "TEXTUAL_DRIVER": "evil:Driver",
        "TEXTUAL_LOG": "/tmp/log",
        "TEXTUAL_SCREENSHOT": "1",
        "TEXTUAL_FILTERS": "x",
        "TEXTUAL_SOMETHING_NEW": "1",
        "TEXTUAL_DISABLE_KITTY_KEY": "1",
        "TEXTUALITY": "not theirs",
        "HOME": "/root",
    }
    removed = scrub_environment(environment)
    assert set(environment) == {"TEXTUAL_DISABLE_KITTY_KEY", "TEXTUALITY", "HOME"}
    assert "TEXTUAL" in removed
    assert removed == sorted(removed)
    assert all(name.startswith("TEXTUAL_") for name in ALLOWED_VARIABLES)


@pytest.mark.parametrize(
    ("name", "value"), [("PRESS", "a,Y"), ("DRIVER", "evil:Driver"), ("LOG_FILE", "/tmp/log"), ("SCREENSHOT_DELAY", 1)]
)
def test_too_late_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    monkeypatch.setattr(constants, name, value)
    with pytest.raises(RuntimeError, match="before its environment was cleaned"):
        scrub_environment({})


def test_it_does_not_import_textual() -> None:
    code = "import sys, ibgw_tui.tui.hygiene; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def failing() -> None:
    password = "s3cr3t" + "-4711"
    raise KeyError(f"no \x1b[2J{len(password)}")


def test_a_crash_file_is_private_and_has_no_locals(tmp_path: Path) -> None:
    try:
        failing()
    except KeyError as error:
        path = write_crash_file(error, tmp_path)
    assert path is not None
    assert path.parent == tmp_path
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text(encoding="utf-8")
    assert "KeyError" in text
    assert "failing" in text
    assert "s3cr3t-4711" not in text
    assert "\x1b" not in text


def test_a_folder_that_is_not_there_is_no_second_crash(tmp_path: Path) -> None:
    assert write_crash_file(ValueError("x"), tmp_path / "missing") is None


class Quiet(App[None]):
    """Ends by itself."""

    def on_mount(self) -> None:
        self.set_timer(0.05, self.exit)


class Failing(App[None]):
    def on_mount(self) -> None:
        token = "t0ken" + "-4711"
        raise ValueError(len(token))


async def headless(app: App[None], folder: Path) -> int:
    """`run_app`, without a terminal."""
    run = app.run_async
    app.run_async = lambda: run(headless=True, size=(80, 24))  # type: ignore[assignment,method-assign,misc]
    return await run_app(app, folder)


async def test_an_app_that_ends_well(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert await headless(Quiet(), tmp_path) == 0
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == ""


async def test_an_app_that_fails_says_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert await headless(Failing(), tmp_path) == 1
    files = list(tmp_path.iterdir())
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert "ValueError" in told.err
    assert str(files[0]) in told.err
    assert "4711" not in told.err


async def test_signal_handlers_are_put_back(tmp_path: Path) -> None:
    import signal

    before = {number: signal.getsignal(number) for number in hygiene._signals()}
    await headless(Quiet(), tmp_path)
    assert {number: signal.getsignal(number) for number in hygiene._signals()} == before


def test_only_the_first_failure_is_told(tmp_path: Path) -> None:
    reporter = CrashReporter(App(), tmp_path)
    reporter.note(KeyError("first"))
    reporter.note(ValueError("consequence"))
    assert "KeyError" in reporter.line
    assert len(list(tmp_path.iterdir())) == 1


def test_a_guard_that_is_not_needed_writes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    guard = TerminalGuard()
    guard.restore()
    guard.begin()
    guard.done()
    guard.restore()
    assert capfd.readouterr().err == ""


async def test_stalls_are_counted_and_reported() -> None:
    stalls: list[float] = []
    watch = LoopWatch(stalls.append, lambda: 0.0)
    watch.start()
    await asyncio.sleep(0.12)
    time.sleep(0.45)
    await asyncio.sleep(0.12)
    watch.stop()
    looks = watch.lag.looks
    assert max(stalls) > 380  # other stalls there may be, on a busy machine
    assert watch.lag.over_250_ms == len(stalls)
    assert watch.lag.over_16_ms >= len(stalls)
    assert watch.lag.worst_ms >= max(stalls)
    await asyncio.sleep(0.12)
    assert watch.lag.looks == looks  # it has stopped


def test_small_lags_are_counted_in_their_place() -> None:
    watch = LoopWatch(lambda _: None, lambda: 0.0)
    for late in (0.001, 0.02, 0.1, 0.3):
        watch.note(late)
    assert (watch.lag.looks, watch.lag.over_16_ms, watch.lag.over_250_ms) == (4, 3, 1)


async def test_a_stall_reaches_the_screen_in_front(tmp_path: Path) -> None:
    told: list[float] = []

    class Front(Screen[None]):
        def stalled(self, milliseconds: float) -> None:
            told.append(milliseconds)

    class Stalling(App[None]):
        def on_mount(self) -> None:
            self.push_screen(Front())
            self.set_timer(0.2, lambda: time.sleep(0.5))
            self.set_timer(0.9, self.exit)

    assert await headless(Stalling(), tmp_path) == 0
    assert told
    assert max(told) > 250


def test_the_collector_is_calmed() -> None:
    before = gc.get_threshold()
    try:
        calm_collector()
        assert gc.get_threshold()[0] >= 10_000
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
