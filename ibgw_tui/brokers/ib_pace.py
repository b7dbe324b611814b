"""Our own limit of messages a second, kept before the library's: what waits here can still be taken back.

What waits in the library's queue looks sent and is dropped in silence when the link breaks.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

WINDOW_SECONDS = 1.0


class Pace:
    """A sliding window of one second, first come first served."""

    def __init__(self, messages_per_second: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._allowed = messages_per_second
        self._monotonic = monotonic
        self._times: deque[float] = deque()
        self._turn = asyncio.Lock()

    def spent(self, count: int) -> None:
        """So many messages went out without asking: the start-up of a session."""
        now = self._monotonic()
        self._times.extend([now] * count)

    def delay(self, count: int) -> float:
        """Seconds until so many messages may go out together; 0 is now."""
        now = self._monotonic()
        while self._times and now - self._times[0] >= WINDOW_SECONDS:
            self._times.popleft()
        over = len(self._times) + count - self._allowed
        return max(0.0, self._times[over - 1] + WINDOW_SECONDS - now) if over > 0 else 0.0

    async def take(self, count: int = 1) -> None:
        """Wait until so many messages may go out, and count them. `count` is at most the limit."""
        async with self._turn:
            while True:
                seconds = self.delay(count)
                if seconds <= 0:
                    break
                await asyncio.sleep(seconds)
            self.spent(count)
