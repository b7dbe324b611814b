"""Whether the link to TWS carries right now: asked of TWS itself, because a dead connection looks like a silent one."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

from ibgw_tui.brokers.ib_asking import Question
from ibgw_tui.brokers.ib_pace import Pace
from ibgw_tui.core.errors import NotConnected

FRESH_SECONDS = 0.2
"""An answer so lately proves that the link carries, both ways; a burst of orders shares it."""
PROOF_SECONDS = 0.5
"""How old the proof may be when the order goes out, after it waited for its turn."""


class Proof:
    """Of one session. `must_be_open` raises NotConnected."""

    def __init__(self, client: Any, pace: Pace, must_be_open: Callable[[], None]) -> None:
        self._client = client
        self._pace = pace
        self._must_be_open = must_be_open
        self._probing: asyncio.Future[None] | None = None
        self.question = Question()
        self.alive_at = -math.inf

    def begin(self) -> None:
        """A start that came to its end is proof enough."""
        self.alive_at = time.monotonic()

    @property
    def holds(self) -> bool:
        return time.monotonic() - self.alive_at < PROOF_SECONDS

    async def ask(self, seconds: float) -> None:
        """TWS answers, now. Raises NotConnected."""
        if time.monotonic() - self.alive_at < FRESH_SECONDS:
            return
        if self._probing is None or self._probing.done():
            self._must_be_open()
            self._pace.spent(1)
            self._probing = self.question.ask()
            self._client.reqCurrentTime()
        try:
            await asyncio.wait_for(asyncio.shield(self._probing), seconds)
        except TimeoutError:
            raise NotConnected(
                f"TWS does not answer within {seconds:g} s", user_action="look at TWS; nothing was sent"
            ) from None
        self.alive_at = time.monotonic()

    def told_time(self, at: int) -> None:
        """What time it is there does not matter; that it was said does."""
        self.question.answered()
