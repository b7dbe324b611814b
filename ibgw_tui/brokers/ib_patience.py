"""Between two attempts to connect: for ever, each time longer, and aloud when it has lasted."""

from __future__ import annotations

import logging
import time

from ibgw_tui.brokers.ib_settings import IbSettings
from ibgw_tui.core.errors import BrokerError

log = logging.getLogger(__name__)


class Patience:
    def __init__(self, settings: IbSettings) -> None:
        self._settings = settings
        self._failures = 0
        self._without_since: float | None = None

    def begins(self) -> float:
        """An attempt begins: the seconds to wait before it. None for the first and the next; then longer and longer."""
        if self._without_since is None:
            self._without_since = time.monotonic()
        if self._failures < 2:
            return 0.0
        return min(2.0 ** min(self._failures - 2, 10), self._settings.longest_wait_seconds)

    def succeeded(self) -> None:
        self._failures, self._without_since = 0, None

    def lost(self) -> None:
        """A session that stood is over."""
        self._without_since = time.monotonic()

    def failed(self, error: BrokerError) -> BrokerError:
        """The error, said loudly when nothing has stood for long."""
        self._failures += 1
        since = time.monotonic() - (self._without_since or time.monotonic())
        if since >= self._settings.alarm_seconds:
            log.error("no session with TWS for %.0f minutes: %s", since / 60, error.message)
            error.message = f"ALARM: no session with TWS for {since / 60:.0f} minutes: {error.message}"
        return error
