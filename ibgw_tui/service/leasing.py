"""When a router may take the place of another: not by what the time is, but by how long nothing came.

A heartbeat that changes is a sign of life. Whoever waits for the lease watches it with a clock of its own that
nobody can set. So a wall clock that steps an hour back keeps no dead router's lease, and one that steps an
hour forward takes none from a living one; and a newcomer, who has seen nothing yet, waits the whole time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ibgw_tui.core.records import LeaseState

LEASE_SECONDS = 5.0
"""A lease that nobody has seen change for this long may be taken over."""


class LeaseWatch:
    """One waiter's memory of the lease as it was last seen, and since when it has looked like that."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: LeaseState | None = None
        self._since = 0.0

    def is_silent(self, lease: LeaseState) -> bool:
        """Look once. True when it has not changed for so long that its holder is gone."""
        now = self._monotonic()
        if lease != self._seen:
            self._seen, self._since = lease, now
        return now - self._since >= LEASE_SECONDS
