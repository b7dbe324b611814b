"""A program in a real pseudo terminal: what it writes is kept as bytes and drawn on a model screen.

Waits are for conditions with a deadline, never for a time, except where time itself is what is tested.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyte

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 20.0
"""Far more than anything here needs on a loaded machine."""


class Terminal:
    """One program, its keyboard, its screen, and the report it writes."""

    def __init__(
        self,
        report: Path,
        *arguments: str,
        columns: int = 100,
        rows: int = 32,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = (),
    ) -> None:
        """`command` instead of the driver app, which takes the report and the arguments."""
        self.report = report
        self.raw = b""
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        self._resize(columns, rows)
        base = {k: v for k, v in os.environ.items() if not k.startswith(("TEXTUAL", "COLUMNS", "LINES", "NO_COLOR"))}
        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "tests.pty.driver_app", str(report), *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env={**base, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(environment or {})},
            start_new_session=True,
        )
        self.attributes_before = termios.tcgetattr(slave)
        self._slave = slave  # kept open: the settings it is left with are read from it

    # ---- the keyboard

    def type(self, text: str | bytes) -> None:
        """One write: everything arrives at once, as from a type-ahead buffer."""
        os.write(self._master, text.encode() if isinstance(text, str) else text)

    def hold(self, key: str, seconds: float, *, rate: float = 30.0, delay: float = 0.0) -> None:
        """A key held down, as a keyboard repeats it: once, a pause, then `rate` times a second."""
        end = time.monotonic() + seconds
        self.type(key)
        if delay:
            self.listen(delay)
        while time.monotonic() < end:
            self.type(key)
            self.listen(1 / rate)

    def resize(self, columns: int, rows: int) -> None:
        self._resize(columns, rows)
        self.screen.resize(rows, columns)
        os.kill(self.process.pid, signal.SIGWINCH)

    def _resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    # ---- the screen

    def listen(self, seconds: float) -> None:
        """Read what comes for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            readable, _, _ = select.select([self._master], [], [], left)
            if readable and not self._read():
                return

    def _read(self) -> bool:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other side is gone
            return False
        self.raw += data
        # pyte does not know some of the private sequences, which do not draw anything.
        with contextlib.suppress(Exception):
            self._stream.feed(data)
        return bool(data)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    @property
    def events(self) -> list[str]:
        return self.report.read_text(encoding="utf-8").splitlines() if self.report.exists() else []

    def count(self, event: str) -> int:
        return sum(line.startswith(event) for line in self.events)

    def wait_for(self, what: str, condition: Callable[[], bool], deadline: float = DEADLINE) -> None:
        end = time.monotonic() + deadline
        while not condition():
            if time.monotonic() > end or (self.process.poll() is not None and not condition()):
                self.listen(0.1)
                if condition():
                    return
                raise AssertionError(f"waited for {what}; events {self.events}; screen:\n{self.text}")
            self.listen(0.02)

    def wait_event(self, event: str, times: int = 1) -> None:
        self.wait_for(event, lambda: self.count(event) >= times)

    def wait_ready(self) -> None:
        """The app runs, and a key typed now is a key."""
        self.wait_event("ready")
        self.wait_for("the desk", lambda: "the desk" in self.text)

    def wait_armed(self) -> None:
        self.wait_for("the review to be armed", lambda: bool(self.phases) and self.phases[-1] == "armed")

    @property
    def phases(self) -> list[str]:
        return [line.split()[1] for line in self.events if line.startswith("phase ")]

    # ---- the end

    def wait_exit(self, deadline: float = DEADLINE) -> int:
        end = time.monotonic() + deadline
        while self.process.poll() is None:
            if time.monotonic() > end:
                raise AssertionError(f"it did not end; events {self.events}; screen:\n{self.text}")
            self.listen(0.02)
        self.listen(0.1)
        return self.process.returncode

    @property
    def attributes_now(self) -> list[object]:
        return termios.tcgetattr(self._slave)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=10)
        os.close(self._slave)
        os.close(self._master)


@contextlib.contextmanager
def running(report: Path, *arguments: str, **options: object) -> Iterator[Terminal]:
    """A program that is ready for keys, and gone afterwards."""
    terminal = Terminal(report, *arguments, **options)  # type: ignore[arg-type]
    try:
        terminal.wait_ready()
        yield terminal
    finally:
        terminal.close()
