"""Notices what a person has to be called for: new orders that wait, new alarms. `core.ringing` decides when to ring."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.ringing import Arrivals, Bell, Ring, floods, lately
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.session import Session, Snapshot


class Ringing:
    """Looks at the session whenever something was read, and once a second."""

    def __init__(
        self,
        session: Session,
        *,
        every: float,
        flood_per_minute: int,
        ring: Callable[[Ring], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._per_minute = flood_per_minute
        self._ring = ring
        self._monotonic = monotonic
        self._bell = Bell(every)
        self._arrivals = Arrivals()
        self._lists: Snapshot | None = None
        self._lately: list[tuple[str, datetime]] = []
        """Who staged when, of those lists, in the minute before they were read."""
        self._alarms: int | None = None

    def look(self, *, tick: bool = False) -> None:
        session, orders = self._session, 0
        if session.lists is not None and session.lists is not self._lists:
            self._lists = session.lists
            orders = self._arrivals.new(row.order_ref for row in session.lists.queue if row.status is Status.PENDING)
            self._lately = self._staged_lately(session.lists)
            tick = True
        if tick:
            session.floods = floods(self._lately, session.now, self._per_minute)
        ring = self._bell.hear(self._monotonic(), orders=orders, alarms=self._new_alarms())
        if ring is not None:
            self._ring(ring)

    def _staged_lately(self, lists: Snapshot) -> list[tuple[str, datetime]]:
        rows = (*lists.queue, *lists.blotter)
        return lately(((row.staged_by, row.staged_at) for row in rows), self._session.now)

    def _new_alarms(self) -> int:
        """How many more loud things there are than at the last look. Those of the start are not new."""
        session = self._session
        if session.desk is None and session.health.down_since is None:
            return 0
        count = sum(alarm.tone is Tone.ALARM for alarm in session.alarms())
        before, self._alarms = self._alarms, count
        return max(0, count - before) if before is not None else 0
