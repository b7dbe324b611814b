"""A program in a real pseudo terminal, watched without disturbing it: bytes with the moment they came.

Nothing is drawn while something is measured; the model screen is fed afterwards, from what was kept.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import random
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

ROOT = Path(__file__).resolve().parents[1]
ALTERNATE = b"\x1b[?1049h"
TICKS = os.sysconf("SC_CLK_TCK")
COLUMNS, ROWS = 120, 40
PAINTED_CELLS = 20
"""So many cells that are not blank are a picture."""


@dataclass(frozen=True)
class Chunk:
    at: float
    data: bytes


@dataclass(frozen=True)
class Usage:
    """What a program used over a span."""

    seconds: float
    cpu_seconds: float
    bytes: int

    @property
    def core(self) -> float:
        """Per cent of one core."""
        return 100 * self.cpu_seconds / self.seconds

    @property
    def rate(self) -> float:
        """KiB a second."""
        return self.bytes / self.seconds / 1024


class Probe:
    """Starts a program; reads what it writes; ends it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        columns: int = COLUMNS,
        rows: int = ROWS,
    ) -> None:
        self.columns, self.rows = columns, rows
        self.chunks: list[Chunk] = []
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        base = {k: v for k, v in os.environ.items() if not k.startswith(("TEXTUAL", "COLUMNS", "LINES", "NO_COLOR"))}
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env={**base, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(environment or {})},
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)
        os.close(self._master)

    # ---- reading

    def read(self, until: float) -> Chunk | None:
        """The next bytes, or None when the moment came first."""
        left = until - time.monotonic()
        readable, _, _ = select.select([self._master], [], [], max(0.0, left))
        if not readable:
            return None
        try:
            data = os.read(self._master, 1 << 16)
        except OSError as error:
            raise RuntimeError(f"the program ended with {self.process.wait(timeout=5)}:\n{self.text()}") from error
        chunk = Chunk(time.monotonic(), data)
        self.chunks.append(chunk)
        return chunk

    def listen(self, seconds: float) -> int:
        """Read for so long. Returns the bytes that came."""
        end, count = time.monotonic() + seconds, 0
        while (chunk := self.read(end)) is not None or time.monotonic() < end:
            count += len(chunk.data) if chunk else 0
        return count

    def settle(self, quiet: float = 0.7, most: float = 30.0) -> None:
        """Until nothing big has come for a while: clocks may tick."""
        end = time.monotonic() + most
        while time.monotonic() < end and self.listen(quiet) > 1500 * quiet:
            pass

    def listen_until(self, condition: Callable[[bytes], bool], most: float) -> float:
        """Read until `condition` holds for everything that came since the call. Returns the moment."""
        end, seen = time.monotonic() + most, b""
        while time.monotonic() < end:
            chunk = self.read(end)
            if chunk is not None:
                seen += chunk.data
                if condition(seen):
                    return chunk.at
        raise TimeoutError(f"it never came:\n{self.text()}")

    def write(self, data: bytes) -> float:
        at = time.monotonic()
        os.write(self._master, data)
        return at

    # ---- measuring

    def moves(self, keys: Sequence[bytes], draw: random.Random) -> tuple[list[float], float]:
        """Press keys at gaps that follow no frame. Returns milliseconds to the first byte of each, and bytes a key."""
        times, count = [], 0
        for key in keys:
            at = self.write(key)
            first = self.read(at + 5.0)
            if first is None:
                raise TimeoutError(f"a key drew nothing:\n{self.text()}")
            times.append((first.at - at) * 1000)
            count += len(first.data) + self.listen(draw.uniform(0.05, 0.12))
        return times, count / len(keys)

    def usage(self, seconds: float) -> Usage:
        before, began = self.cpu_seconds, time.monotonic()
        count = self.listen(seconds)
        return Usage(time.monotonic() - began, self.cpu_seconds - before, count)

    @property
    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def memory_mib(self) -> float:
        """Resident."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("no VmRSS")

    # ---- looking, afterwards

    def painted(self, shows: Callable[[Sequence[str]], bool]) -> float:
        """Milliseconds from the start to the first picture on the alternate screen that `shows`."""
        screen = pyte.Screen(self.columns, self.rows)
        stream = pyte.ByteStream(screen)
        is_alternate, seen = False, b""
        for chunk in self.chunks:
            seen = seen[-16:] + chunk.data
            if not is_alternate and ALTERNATE in seen:
                is_alternate = True
                screen.reset()
            with contextlib.suppress(Exception):  # sequences it does not know draw nothing
                stream.feed(chunk.data)
            if is_alternate and shows(screen.display):
                return (chunk.at - self.began) * 1000
        raise TimeoutError("it was never painted:\n" + "\n".join(screen.display))

    def text(self) -> str:
        """The screen now."""
        screen = pyte.Screen(self.columns, self.rows)
        stream = pyte.ByteStream(screen)
        for chunk in self.chunks:
            with contextlib.suppress(Exception):
                stream.feed(chunk.data)
        return "\n".join(line.rstrip() for line in screen.display)


def a_picture(lines: Sequence[str]) -> bool:
    return sum(not cell.isspace() for line in lines for cell in line) >= PAINTED_CELLS


def with_text(text: str) -> Callable[[Sequence[str]], bool]:
    return lambda lines: any(text in line for line in lines)


def percentile(values: Sequence[float], share: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]
