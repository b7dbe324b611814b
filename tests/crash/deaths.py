"""Dying at a chosen statement: SIGKILL sent by the process to itself, from SQLite's own trace.

*before n* dies with n-1 statements done; *after n* as soon as the n-th has ended, before a line of
Python runs. The two differ in whatever is done between statements: the wire, the doorbell, a file.
"""

from __future__ import annotations

import os
import signal

import apsw

BEFORE, AFTER = "before", "after"
_trace: Trace | None = None


class Trace:
    """Counts the statements of every connection that is opened after it; dies at one of them when armed."""

    def __init__(self) -> None:
        self.count = 0
        self.commits: list[int] = []
        self.armed = False
        self._at: tuple[str, int] | None = None
        apsw.connection_hooks.append(self._watch)

    def arm(self, side: str = BEFORE, number: int = 0) -> None:
        """Count from here on; `number` 0 only counts."""
        self.count, self.commits = 0, []
        self.armed = True
        self._at = (side, number)

    def disarm(self) -> None:
        """`count` is how many statements ran since it was armed, `commits` which of them committed."""
        self.armed = False

    def _watch(self, connection: apsw.Connection) -> None:
        connection.exec_trace = self._begins
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, self._ended)

    def _begins(self, cursor: object, sql: str, bindings: object) -> bool:
        if self.armed:
            self.count += 1
            if sql.upper().startswith("COMMIT"):
                self.commits.append(self.count)
            self._die_at(BEFORE)
        return True

    def _ended(self, event: object) -> None:
        if self.armed:
            self._die_at(AFTER)

    def _die_at(self, side: str) -> None:
        if self._at == (side, self.count):
            os.kill(os.getpid(), signal.SIGKILL)


def trace() -> Trace:
    """The one of this process; made before the first store is opened."""
    global _trace
    if _trace is None:
        _trace = Trace()
    return _trace
