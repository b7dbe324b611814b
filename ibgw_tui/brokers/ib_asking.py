"""Questions whose answers carry no number, matched by order: each answer belongs to the oldest question.

The library keeps one slot a kind; a second question there orphans the first, and the late answer to a
question that timed out completes the next one too early. "Absent" would then be said of what is there.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Question:
    """One kind of question. A question that timed out stays in line until its answer has come."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    def ask(self) -> asyncio.Future[None]:
        """To be awaited with a deadline, after the request was sent."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    def answered(self) -> None:
        if self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)

    @property
    def is_behind(self) -> bool:
        """An answer is owed for a question that nobody waits for any more."""
        return bool(self._waiting) and self._waiting[0].done()

    def fail(self, error: Exception) -> None:
        """No answer will come."""
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(error)
                future.exception()  # seen, even if its owner has just given up
