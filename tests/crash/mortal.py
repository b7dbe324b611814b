"""A death inside the test's own process: after the n-th statement nothing can be done any more.

Every later statement raises, also the one that would roll back or record that something went wrong; the
connections are then closed as the kernel would. What was committed is there, and nothing else.
"""

from __future__ import annotations

import apsw


class Died(BaseException):
    """Not an Exception: nobody may handle it."""


class Mortality:
    """Watches every connection that is opened while it is in force."""

    def __init__(self) -> None:
        self._connections: list[apsw.Connection] = []
        self._left: int | None = None
        self.dead = False
        apsw.connection_hooks.append(self._watch)

    def end(self) -> None:
        apsw.connection_hooks.remove(self._watch)

    def die_after(self, statements: int) -> None:
        self._left = statements

    def live_on(self) -> None:
        self._left = None

    def bury(self) -> None:
        """Close what the dead one held open; locks and half transactions go with it."""
        for connection in self._connections:
            connection.exec_trace = None
            connection.close(force=True)
        self._connections.clear()
        self._left, self.dead = None, False

    def _watch(self, connection: apsw.Connection) -> None:
        self._connections.append(connection)
        connection.exec_trace = self._begins

    def _begins(self, cursor: object, sql: str, bindings: object) -> bool:
        if self.dead or self._left == 0:
            self.dead = True
            raise Died
        if self._left is not None:
            self._left -= 1
        return True
