"""When new orders make a noise: many of them are one ring, and a flood of them does not ring for ever. Pure.

Whoever is called away from the screen too often stops coming, and that is how a bad order gets past a
person. So rings have a gap between them that grows while orders keep coming, and shrinks again when it
was quiet. Nothing is forgotten: what came in the gap is counted in the next ring. What a ring says is
fixed words and counts; no letter of it comes from an agent.

Moments are seconds of a clock that never goes back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

MOST_GROWTH = 8
"""The gap grows to at most so many times its first length."""
MOST_REMEMBERED = 50_000
"""References that are known to have waited. An order that waits again (it was recalled) is not new."""
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Ring:
    """One noise: how many orders came to wait, how many things went wrong, since the last one."""

    orders: int = 0
    alarms: int = 0

    @property
    def text(self) -> str:
        """Fixed words and counts: it goes to desktops and telephones."""
        told = []
        if self.alarms:
            told.append(
                "an alarm stands on the desk" if self.alarms == 1 else f"{self.alarms} alarms stand on the desk"
            )
        if self.orders:
            told.append("1 new order waits" if self.orders == 1 else f"{self.orders:,} new orders wait")
        return ", ".join(told)


class Bell:
    """Decides when what was heard becomes a ring."""

    def __init__(self, gap: float) -> None:
        """`gap`: seconds between two rings at least."""
        self._first = self._gap = gap
        self._last: float | None = None
        self._orders = self._alarms = 0

    def hear(self, now: float, *, orders: int = 0, alarms: int = 0) -> Ring | None:
        """Take note, and ring if it is time. To be called now and then also when nothing came."""
        self._orders += orders
        self._alarms += alarms
        if not (self._orders or self._alarms):
            return None
        since = None if self._last is None else now - self._last
        # An alarm never waits for the longer gap of a flood.
        if since is not None and since < (self._first if self._alarms else self._gap):
            return None
        if since is None or since >= 2 * self._gap:
            self._gap = self._first
        elif self._orders:  # only orders make it longer: an alarm that comes and goes must not hold them back
            self._gap = min(self._gap * 2, self._first * MOST_GROWTH)
        self._last = now
        ring = Ring(self._orders, self._alarms)
        self._orders = self._alarms = 0
        return ring


class Arrivals:
    """Counts orders that wait for the first time."""

    def __init__(self) -> None:
        self._known: dict[str, None] | None = None

    def new(self, waiting: Iterable[str]) -> int:
        """How many of these were never seen to wait. What waits at the first look is not new."""
        refs = dict.fromkeys(waiting)
        if self._known is None:
            self._known = refs
            return 0
        fresh = [ref for ref in refs if ref not in self._known]
        self._known |= dict.fromkeys(fresh)
        spare = len(self._known) - MOST_REMEMBERED
        if spare > 0:  # what still waits is never forgotten: it would be new again
            for ref in list(islice((ref for ref in self._known if ref not in refs), spare)):
                del self._known[ref]
        return len(fresh)


@dataclass(frozen=True, slots=True)
class Flood:
    """An agent that stages faster than a person can read."""

    agent: str
    staged: int
    """Orders in the last minute."""


def lately(staged: Iterable[tuple[str, datetime]], now: datetime) -> list[tuple[str, datetime]]:
    """What was staged in the last minute: of a long list all that `floods` has to look at until a new one comes."""
    return [(agent, at) for agent, at in staged if now - at < MINUTE]


def floods(staged: Iterable[tuple[str, datetime]], now: datetime, per_minute: int) -> tuple[Flood, ...]:
    """Agents that staged `per_minute` orders or more in the last minute, the busiest first; 0 never asks."""
    if not per_minute:
        return ()
    counts = Counter(agent for agent, _ in lately(staged, now))
    busy = [Flood(agent, count) for agent, count in counts.items() if count >= per_minute]
    return tuple(sorted(busy, key=lambda flood: (-flood.staged, flood.agent)))
