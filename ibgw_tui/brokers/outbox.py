"""Reports on their way out: in order, and as late as somebody asked for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from ibgw_tui.core.broker import LinkReport, Report


class Outbox:
    """A stream of reports that can be stalled, delayed, ended and begun anew. One consumer."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Report | None] = asyncio.Queue()
        self._held: deque[tuple[int, Report]] = deque()
        self._last_due = 0

    def begin(self) -> None:
        """A new stream; what an old one did not deliver is lost, as with a real connection."""
        self._queue = asyncio.Queue()
        self._held.clear()
        self._last_due = 0

    def end(self) -> None:
        """The consumer gets what was delivered, and then the end."""
        self._held.clear()
        self._queue.put_nowait(None)

    def say(self, report: LinkReport) -> None:
        """About the link itself: overtakes everything that is held."""
        self._queue.put_nowait(report)

    def post(self, report: Report, due_step: int) -> None:
        """Deliver at a step, and never before what was posted earlier."""
        self._last_due = max(self._last_due, due_step)
        self._held.append((self._last_due, report))

    def release(self, step: int) -> None:
        """Deliver what is due by now."""
        while self._held and self._held[0][0] <= step:
            self._queue.put_nowait(self._held.popleft()[1])

    async def stream(self) -> AsyncIterator[Report]:
        queue = self._queue
        while (report := await queue.get()) is not None:
            yield report
