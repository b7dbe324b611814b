"""What the broker's lists say, read before anybody is in a hurry.

A submit needs two things of them: the open orders of all clients, and whether the order's reference was ever
seen at the broker. Reading them costs a round trip for every list and grows with the orders of the day, so the
router reads ahead while orders wait for a decision, and a submit takes what is young enough.

The two age differently. Other clients open orders at any time, so that list is good for seconds. That a
reference is unknown stays true until this desk itself sends it, and only the one router sends: what that look
is for is a store that was put back to an older state, and such a store starts with a new look.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from ibgw_tui.core.broker import Broker, BrokerSnapshot, OrderReport
from ibgw_tui.core.errors import BrokerError, NotConnected

OPEN_ORDERS_SECONDS = 2.5
"""How old the list of open orders may be for a submit; the router's pulse renews it every second."""
REFERENCES_SECONDS = 60.0
SNAPSHOT_SECONDS = 4.0

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the lists said."""

    open_orders: tuple[OrderReport, ...]
    references: frozenset[str]
    at: datetime
    """When the open orders were read."""

    @classmethod
    def of(cls, snapshot: BrokerSnapshot) -> Seen:
        parts = (snapshot.open_orders, snapshot.completed_orders, snapshot.executions)
        known = frozenset(report.order_ref for part in parts for report in part)
        return cls(snapshot.open_orders, known, snapshot.at)


class Lookahead:
    """Of one router and its broker. Never older than the session: the router forgets it when the link changes."""

    def __init__(
        self, broker: Broker, *, clock: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._broker = broker
        self._clock = clock
        self._monotonic = monotonic
        self._seen: Seen | None = None
        self._open_at = self._all_at = 0.0
        self._life = 0
        """Answers to questions of an earlier life are dropped."""

    def forget(self) -> None:
        self._seen = None
        self._life += 1

    @property
    def young(self) -> Seen | None:
        """What may be used instead of asking; None when it is too old, or nothing was read."""
        now = self._monotonic()
        if now - self._open_at > OPEN_ORDERS_SECONDS or now - self._all_at > REFERENCES_SECONDS:
            return None
        return self._seen

    async def renew(self) -> None:
        """Read what will be needed. What does not answer in time leaves things as they are: they grow old."""
        life, asked = self._life, self._monotonic()
        if self._seen is None or asked - self._all_at > REFERENCES_SECONDS / 2:
            snapshot = await in_time(self._broker.snapshot(), SNAPSHOT_SECONDS)
            if snapshot is not None and snapshot.complete and life == self._life:
                self._seen, self._open_at, self._all_at = Seen.of(snapshot), asked, asked
            return
        at = self._clock()
        open_orders = await in_time(self._broker.open_orders(), SNAPSHOT_SECONDS)
        if open_orders is not None and life == self._life and self._seen is not None:
            known = self._seen.references | {report.order_ref for report in open_orders}
            self._seen, self._open_at = Seen(open_orders, known, at), asked


async def in_time(answer: Awaitable[Answer], seconds: float) -> Answer | None:
    """None when it does not come, or the broker cannot say. Raises NotConnected."""
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except NotConnected:
        raise
    except (BrokerError, TimeoutError):
        return None
