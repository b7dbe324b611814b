"""A terminal that takes nothing keeps nobody waiting; what it did not take is dropped, and everything drawn anew."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from ibgw_tui.tui.output import LEAVING_SECONDS, MOST_CHARACTERS, STALE_SECONDS, Outlet, Output

FRAME = "x" * 10_000
DEADLINE = 20.0


@dataclass
class Pipe:
    """A terminal as a pipe: it takes 64 KiB, and more only when somebody reads."""

    back: threading.Event = field(default_factory=threading.Event)
    backs: int = 0
    ahead: float = 0.0
    """How far the clock of the output was put forward."""

    def __post_init__(self) -> None:
        self.reading, writing = os.pipe()
        os.set_blocking(self.reading, False)
        self.file = os.fdopen(writing, "w", encoding="utf-8")
        self.output = Output(self.file, on_back=self._came_back, monotonic=lambda: time.monotonic() + self.ahead)
        self.output.start()

    def _came_back(self) -> None:
        self.backs += 1
        self.back.set()

    def read(self) -> str:
        """What is there."""
        try:
            return os.read(self.reading, 10_000_000).decode()
        except BlockingIOError:
            return ""

    def read_until(self, holds: Callable[[str], bool]) -> str:
        text, end = "", time.monotonic() + DEADLINE
        while not holds(text):
            assert time.monotonic() < end, f"{len(text)} characters came, ending with {text[-20:]!r}"
            text += self.read()
            time.sleep(0.001)
        return text

    def stands_still(self) -> None:
        end = time.monotonic() + DEADLINE
        while self.output.behind < 0.05:
            assert time.monotonic() < end
            self.output.put(FRAME)
            time.sleep(0.001)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    os.close(made.reading)
    made.output.end()


def test_what_is_taken_is_written_in_order(pipe: Pipe) -> None:
    for number in range(500):
        pipe.output.put(f"{number} ")
    text = pipe.read_until(lambda seen: seen.endswith("499 "))
    assert text.split() == [str(number) for number in range(500)]
    assert pipe.backs == 0 and pipe.output.behind < 1


def test_a_terminal_that_stands_still_keeps_nobody_waiting_and_costs_little_memory(pipe: Pipe) -> None:
    pipe.stands_still()
    began = time.monotonic()
    for _ in range(10_000):
        pipe.output.put(FRAME)  # a hundred million characters
    assert time.monotonic() - began < 5
    assert pipe.output._size <= MOST_CHARACTERS
    assert pipe.output.behind > 0


def test_what_was_dropped_is_drawn_anew(pipe: Pipe) -> None:
    pipe.stands_still()
    for _ in range(MOST_CHARACTERS // len(FRAME) + 5):
        pipe.output.put(FRAME)
    assert not pipe.back.is_set()
    pipe.read_until(lambda _: pipe.back.is_set())
    pipe.output.put("anew")
    assert pipe.read_until(lambda seen: seen.endswith("anew"))
    assert pipe.backs == 1


def test_after_a_long_while_old_pictures_are_not_played(pipe: Pipe) -> None:
    pipe.stands_still()
    pipe.output.put("an old picture")
    pipe.ahead = STALE_SECONDS + 1
    text = pipe.read_until(lambda _: pipe.back.is_set())
    pipe.output.put("a new one")
    text += pipe.read_until(lambda seen: seen.endswith("a new one"))
    assert "old" not in text


def test_a_short_wait_drops_nothing(pipe: Pipe) -> None:
    pipe.stands_still()
    pipe.output.put("the last")
    pipe.read_until(lambda seen: seen.endswith("the last"))
    assert not pipe.back.is_set()


def test_leaving_writes_what_is_left_or_gives_up(pipe: Pipe) -> None:
    pipe.output.put("farewell")
    pipe.output.end()
    assert pipe.read() == "farewell" and not pipe.output.is_alive()


def test_leaving_a_terminal_that_stands_still_takes_a_second(pipe: Pipe) -> None:
    pipe.stands_still()
    began = time.monotonic()
    pipe.output.end()
    assert LEAVING_SECONDS <= time.monotonic() - began < LEAVING_SECONDS + 5


def test_a_terminal_that_is_gone_ends_the_writing(pipe: Pipe) -> None:
    other = Pipe()
    os.close(other.reading)
    other.output.put("into nothing")
    other.output.join(DEADLINE)
    assert not other.output.is_alive()
    other.output.put("more")  # still nobody waits
    with pytest.raises(OSError, match="pipe"):
        other.file.close()


def test_a_driver_writes_through_it_and_thriftily() -> None:
    reading, writing = os.pipe()

    class Plain:
        def __init__(self) -> None:
            self._file = os.fdopen(writing, "w", encoding="utf-8")
            self.closed = False

        def start_application_mode(self) -> None:
            self.write("begin ")

        def write(self, data: str) -> None:
            raise AssertionError("past the output")

        def close(self) -> None:
            self.closed = True
            self._file.close()

    outlet = Outlet(lambda: None)
    driver = outlet.driver(Plain)()
    assert outlet.behind() == 0
    driver.start_application_mode()
    driver.write("\x1b[1ma\x1b[0m\x1b[1mb\x1b[0m")
    driver.close()
    assert os.read(reading, 1000).decode() == "begin \x1b[1mab\x1b[0m" and driver.closed
    os.close(reading)


def test_a_driver_without_a_terminal_is_left_alone() -> None:
    class Headless:
        written = ""

        def start_application_mode(self) -> None:
            self.write("begin ")

        def write(self, data: str) -> None:
            self.written += data

        def close(self) -> None:
            self.written += " end"

    driver = Outlet(lambda: None).driver(Headless)()
    driver.start_application_mode()
    driver.close()
    assert driver.written == "begin  end"
