"""What has to be true around the terminal: a clean environment before, a clean terminal after.

Textual takes orders from the environment (keys to press, a driver to load, files to write), prints
local variables when it fails, and leaves the terminal in pieces when it is told to stop by a signal.
None of that is acceptable where a key press is money. This module is imported before Textual, so it
must not import it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ibgw_tui.core.text import one_line, sanitise
from ibgw_tui.tui.output import Outlet

if TYPE_CHECKING:
    from textual.app import App

# ---- before: the environment

ALLOWED_VARIABLES = frozenset(
    {
        "TEXTUAL_ANIMATIONS",
        "TEXTUAL_COLOR_SYSTEM",
        "TEXTUAL_DIM_FACTOR",
        "TEXTUAL_DISABLE_KITTY_KEY",
        "TEXTUAL_FPS",
        "TEXTUAL_SMOOTH_SCROLL",
    }
)
"""They change how things look or which keyboard protocol is spoken, and nothing else."""


def scrub_environment(environment: MutableMapping[str, str] | None = None) -> list[str]:
    """Remove every TEXTUAL variable that is not allowed. Returns their names. Call before importing Textual.

    Raises RuntimeError when Textual was imported before and has already taken such an order: then it
    is too late, and starting would be dangerous.
    """
    environment = os.environ if environment is None else environment
    removed = sorted(
        name
        for name in environment
        if (name == "TEXTUAL" or name.startswith("TEXTUAL_")) and name not in ALLOWED_VARIABLES
    )
    for name in removed:
        del environment[name]
    constants: Any = sys.modules.get("textual.constants")
    if constants is not None and (
        constants.PRESS or constants.DRIVER or constants.LOG_FILE or constants.SCREENSHOT_DELAY >= 0
    ):
        raise RuntimeError("Textual was imported before its environment was cleaned; start again without TEXTUAL_*")
    return removed


# ---- after: the terminal

RESET_SEQUENCES = (
    "\x1b[?2026l"  # synchronised output
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"  # mouse
    "\x1b[?2004l\x1b[?1004l\x1b[?2048l"  # bracketed paste, focus reports, resize reports
    "\x1b[<u"  # keyboard protocol
    "\x1b[?7h\x1b[0m"  # line wrap, colours
    "\x1b[?1049l\x1b[?25h"  # normal screen, cursor
)
EXIT_SECONDS = 3.0
"""After a signal, the program has so long to leave by itself: a lost connection must not leave it hanging."""


class TerminalGuard:
    """Puts the terminal back, whatever happens: remembers its settings, and resets it at exit if need be."""

    def __init__(self) -> None:
        self._attributes: list[Any] | None = None
        self._needed = False

    def begin(self) -> None:
        self._needed = True
        with contextlib.suppress(Exception):  # not a terminal, or none of this kind
            import termios

            self._attributes = termios.tcgetattr(sys.__stdin__.fileno())  # type: ignore[union-attr]
        atexit.register(self.restore)

    def done(self) -> None:
        """Textual has restored everything itself."""
        self._needed = False
        atexit.unregister(self.restore)

    def restore(self) -> None:
        """Write the resets straight to the terminal, past every buffer and thread. Never raises."""
        if not self._needed:
            return
        self._needed = False
        with contextlib.suppress(Exception):
            import termios

            if self._attributes is not None:
                termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSANOW, self._attributes)  # type: ignore[union-attr]
        with contextlib.suppress(Exception):
            error = sys.__stderr__
            if error is not None and error.isatty():
                os.set_blocking(error.fileno(), False)  # a terminal nobody reads must not hold us
                os.write(error.fileno(), RESET_SEQUENCES.encode())
        with contextlib.suppress(Exception):
            os.set_blocking(sys.__stderr__.fileno(), True)  # type: ignore[union-attr]


def _signals() -> tuple[signal.Signals, ...]:
    names = ("SIGTERM", "SIGHUP", "SIGINT")
    return tuple(getattr(signal, name) for name in names if hasattr(signal, name))


@contextlib.contextmanager
def leaving_on_signals(app: App[Any], guard: TerminalGuard) -> Iterator[None]:
    """SIGTERM, SIGHUP and SIGINT end the app as `q` does; if it cannot, the terminal is reset and it ends anyway."""
    loop = asyncio.get_running_loop()
    overdue: list[threading.Timer] = []

    def give_up(number: int) -> None:
        guard.restore()
        os._exit(128 + number)

    def leave(number: int, _frame: FrameType | None) -> None:
        if overdue:
            return  # asked once; the timer runs
        timer = threading.Timer(EXIT_SECONDS, give_up, args=(number,))
        timer.daemon = True
        overdue.append(timer)
        timer.start()
        loop.call_soon_threadsafe(lambda: app.exit(return_code=128 + number))

    before = {number: signal.signal(number, leave) for number in _signals()}
    try:
        yield
    finally:
        for timer in overdue:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


# ---- failing


def write_crash_file(error: BaseException, folder: Path) -> Path | None:
    """What went wrong and where, without any local variable, in a private file; None when that fails too."""
    try:
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        handle, name = tempfile.mkstemp(prefix="crash-", suffix=".txt", dir=folder)  # mode 0600
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(sanitise("".join(lines)))
    except OSError:
        return None
    return Path(name)


class CrashReporter:
    """Stands in for Textual's own reports, which print local variables: one of them could be a secret.

    There is no public way to say so, hence the private names; the version of Textual is pinned.
    """

    def __init__(self, app: App[Any], folder: Path) -> None:
        self._app = app
        self._folder = folder
        self.line = ""
        """What to tell the operator once the terminal is back."""

    def install(self) -> None:
        self._app._handle_exception = self.failed  # type: ignore[method-assign]  # noqa: SLF001
        self._app.panic = self._panic  # type: ignore[method-assign]

    def failed(self, error: Exception) -> None:
        """An unhandled exception: write it down and leave. Later ones are consequences of the first."""
        app = self._app
        app._return_code = 1  # noqa: SLF001
        if app._exception is None:  # noqa: SLF001
            app._exception = error  # noqa: SLF001
            app._exception_event.set()  # noqa: SLF001
        self.note(error)
        app._close_messages_no_wait()  # noqa: SLF001

    def note(self, error: BaseException) -> None:
        if self.line:
            return
        path = write_crash_file(error, self._folder)
        where = f"details are in {path}" if path else "the details could not be written"
        self.line = one_line(f"ibgw: the terminal failed ({type(error).__name__}); {where}")

    def _panic(self, *_renderables: object) -> None:
        self.failed(RuntimeError("the terminal's input ended unexpectedly"))


# ---- staying smooth


def calm_collector() -> None:
    """Keep the collector away from what was loaded at start, and from the young most of the time.

    Its pauses were the slowest frames by far: with this, scrolling a long list has a 99th percentile of
    a third of what it was.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


SETTLED_SECONDS = 1.5
"""After so long everything that will be loaded at start is loaded."""
TIDY_SECONDS = 300.0


class Tidier:
    """Collects what piles up behind the calm collector, once in a while; after the freeze that is quick."""

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._handle = asyncio.get_running_loop().call_later(SETTLED_SECONDS, self._settle)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _settle(self) -> None:
        calm_collector()
        self._plan()

    def _tidy(self) -> None:
        gc.collect()
        self._plan()

    def _plan(self) -> None:
        self._handle = asyncio.get_running_loop().call_later(TIDY_SECONDS, self._tidy)


WATCH_SECONDS = 0.05
FRAME_SECONDS = 0.016
STALL_SECONDS = 0.25
"""From here on keys may have been typed blindly: confirmations start anew."""


@dataclass(slots=True)
class LoopLag:
    """How late the loop was, counted since the start."""

    looks: int = 0
    over_16_ms: int = 0
    over_250_ms: int = 0
    worst_ms: float = 0.0
    last_ms: float = 0.0


class LoopWatch:
    """Looks at its watch twenty times a second; when it comes late, so did everything else."""

    def __init__(self, on_stall: Callable[[float], None], behind: Callable[[], float]) -> None:
        """`behind` tells for how many seconds the terminal has taken nothing: the picture is as old as that."""
        self.lag = LoopLag()
        self._on_stall = on_stall
        self._behind = behind
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(self) -> None:
        self._plan()

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _plan(self) -> None:
        loop = asyncio.get_running_loop()
        self._due = loop.time() + WATCH_SECONDS
        self._handle = loop.call_at(self._due, self._look)

    def _look(self) -> None:
        late = asyncio.get_running_loop().time() - self._due
        self.note(late)
        if (behind := self._behind()) > STALL_SECONDS:
            self._on_stall(behind * 1000)
        self._plan()

    def note(self, late: float) -> None:
        """Count one look that came `late` seconds after its time."""
        lag = self.lag
        lag.looks += 1
        lag.last_ms = late * 1000
        lag.worst_ms = max(lag.worst_ms, lag.last_ms)
        lag.over_16_ms += late > FRAME_SECONDS
        if late > STALL_SECONDS:
            lag.over_250_ms += 1
            self._on_stall(late * 1000)


# ---- all of it


async def run_app(app: App[Any], folder: Path) -> int:
    """Run the app with all of the above. `folder` takes the crash file. Returns the exit code."""

    def stalled(milliseconds: float) -> None:
        for told in (lambda: app, lambda: app.screen):
            with contextlib.suppress(Exception):  # no screen yet, or none any more
                tell = getattr(told(), "stalled", None)
                if callable(tell):
                    tell(milliseconds)

    guard, reporter = TerminalGuard(), CrashReporter(app, folder)
    loop = asyncio.get_running_loop()

    def draw_anew() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(app.refresh)

    outlet = Outlet(draw_anew)
    watch, tidier = LoopWatch(stalled, outlet.behind), Tidier()
    reporter.install()
    app.driver_class = outlet.driver(app.driver_class)
    app.loop_lag = watch.lag  # type: ignore[attr-defined]  # for a screen that shows it
    tidier.start()
    watch.start()
    guard.begin()
    try:
        with leaving_on_signals(app, guard):
            await app.run_async()
        if not reporter.line:
            guard.done()
    except Exception as error:  # noqa: BLE001  whatever it was, the terminal comes first
        reporter.note(error)
    finally:
        tidier.stop()
        watch.stop()
        guard.restore()
    if reporter.line:
        print(reporter.line, file=sys.stderr)
        return 1
    return app.return_code or 0
