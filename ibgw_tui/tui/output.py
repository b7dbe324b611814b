"""What the screen writes, and a terminal that takes nothing: a closed laptop, a connection that hangs.

Textual waits for the terminal when thirty writes are on their way, and the loop with it; but the router may live in
that loop, and fills, cancels and heartbeats must not wait for somebody's laptop. So writing is done by a thread of
our own that never keeps the loop waiting: what a standing terminal does not take is dropped, frame by frame, and when it
takes again everything is drawn anew. How long it has been standing still is told, so that nothing can be approved on a
picture that did not come.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO, Any

from ibgw_tui.tui.thrift import thrifty

MOST_CHARACTERS = 1_000_000
"""So much may wait to be written: many full screens. What comes on top of it is dropped."""
STALE_SECONDS = 1.0
"""A write that took longer: what waits behind it is a picture of then, and is dropped for one of now."""
LEAVING_SECONDS = 1.0
"""So long the last sequences may take. After that the terminal is left as it is: there is nobody to see it."""


class Output(threading.Thread):
    """Writes to the terminal, in order. Ends with the process at the latest."""

    def __init__(
        self, file: IO[str], *, on_back: Callable[[], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`on_back` is called in this thread when the terminal takes output again after some was dropped."""
        super().__init__(daemon=True, name="terminal-output")
        self._on_back = on_back
        self._file = file
        self._monotonic = monotonic
        self._waiting: deque[str] = deque()
        self._size = 0
        self._changed = threading.Condition()
        self._since: float | None = None
        """When the write began that has not come back."""
        self._dropped = False
        self._ending = False

    def put(self, text: str) -> None:
        """Never waits for the terminal."""
        with self._changed:
            if self._size + len(text) > MOST_CHARACTERS and not self._ending:
                self._dropped = True
                return
            self._waiting.append(text)
            self._size += len(text)
            self._changed.notify_all()

    @property
    def behind(self) -> float:
        """Seconds for which the terminal has not taken what it was given; 0 while it keeps up."""
        since = self._since
        return self._monotonic() - since if since is not None else 0.0

    def end(self, seconds: float = LEAVING_SECONDS) -> None:
        """Write what is left, if the terminal takes it within that time."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self.join(seconds)

    def run(self) -> None:
        while (texts := self._take()) is not None:
            self._since = self._monotonic()
            try:
                for text in texts:
                    self._file.write(text)
                self._file.flush()
            except (OSError, ValueError):
                return  # the terminal is gone; the signal that says so ends the program
            took, self._since = self.behind, None
            if self._is_back(took):
                self._on_back()

    def _take(self) -> list[str] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ending)
            texts = list(self._waiting)
            self._waiting.clear()
            self._size = 0
            return texts or None

    def _is_back(self, took: float) -> bool:
        """Whether something was dropped, and the terminal has all of the rest."""
        with self._changed:
            if took > STALE_SECONDS and not self._ending and self._waiting:
                self._dropped = True
                self._waiting.clear()
                self._size = 0
            back = self._dropped and not self._waiting
            self._dropped = self._dropped and not back
            return back


class Outlet:
    """Makes drivers of Textual write thriftily and without waiting, and knows how far behind the terminal is."""

    def __init__(self, on_back: Callable[[], None]) -> None:
        """`on_back` is called in another thread: everything has to be drawn anew."""
        self._on_back = on_back
        self._output: Output | None = None

    def behind(self) -> float:
        return self._output.behind if self._output is not None else 0.0

    def driver(self, driver: type[Any]) -> type[Any]:
        """The same driver, but for how it writes. One that writes nowhere (without a screen) stays as it is."""
        outlet = self

        class Patient(driver):  # type: ignore[misc]
            def start_application_mode(self) -> None:
                if hasattr(self, "_file"):
                    outlet._output = Output(self._file, on_back=outlet._on_back)
                    outlet._output.start()
                super().start_application_mode()

            def write(self, data: str) -> None:
                if outlet._output is None:
                    super().write(thrifty(data))
                else:
                    outlet._output.put(thrifty(data))

            def close(self) -> None:
                output, outlet._output = outlet._output, None
                if output is not None:
                    output.end()
                super().close()

        return Patient
