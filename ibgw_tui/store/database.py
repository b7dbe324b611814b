"""One SQLite file through Peewee on the library that apsw brings, with every setting read back.

Why each setting is as it is (measured in design): WAL with synchronous=FULL is one fdatasync a commit
and lost nothing in simulated power cuts; the busy handler sleeps a fraction of a millisecond, because
SQLite's own lets one busy process keep another out for seconds; only IMMEDIATE transactions, because a
deferred one that reads first can fail at its first write for no fault of its own.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import apsw
from playhouse.apsw_ext import APSWDatabase

from ibgw_tui.core.errors import OrderStoreError, SettingsError

OLDEST_SAFE_LIBRARY = (3, 51, 3)
"""Older ones can corrupt a WAL that two processes checkpoint."""
BUSY_SECONDS = 5.0
_JOURNAL_LIMIT = 16 * 1024 * 1024


class DeskDatabase(APSWDatabase):  # type: ignore[misc]
    """A Peewee database with our pragmas and our way of waiting.

    It never connects by itself: a second thread, or a use after closing, would silently get a
    connection of its own.
    """

    def __init__(self, path: Path, *, read_only: bool, look_first: Callable[[apsw.Connection], object]) -> None:
        flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        self._read_only = read_only
        self._look_first = look_first
        super().__init__(str(path), timeout=None, lock_type="IMMEDIATE", autoconnect=False, flags=flags)

    def _add_conn_hooks(self, conn: apsw.Connection) -> None:
        super()._add_conn_hooks(conn)
        conn.set_busy_handler(Waiter())
        # Before the first setting: switching to WAL writes to the file, and the file may be somebody else's.
        self._look_first(conn)
        settings: list[tuple[str, object]] = [
            ("foreign_keys", 1),
            ("trusted_schema", 0),
            ("recursive_triggers", 1),  # else INSERT OR REPLACE deletes past the triggers that refuse deletion
            ("synchronous", 2),
        ]
        if self._read_only:
            settings.append(("query_only", 1))
        else:
            settings += [("journal_mode", "wal"), ("journal_size_limit", _JOURNAL_LIMIT)]
        if sys.platform == "darwin":
            settings += [("fullfsync", 1), ("checkpoint_fullfsync", 1)]
        for name, wanted in settings:
            _set(conn, name, wanted)
            found = conn.execute(f"PRAGMA {name}").fetchall()[0][0]
            if found != wanted:
                raise SettingsError(
                    f"the database refused {name}={wanted} (it is {found})",
                    user_action="put the database on a local disk that supports WAL",
                )


def _set(conn: apsw.Connection, name: str, wanted: object) -> None:
    """Switching a new file to WAL does not ask the busy handler when another process does the same: ask it here."""
    waiter, tries = Waiter(), 0
    while True:
        try:
            conn.execute(f"PRAGMA {name}={wanted}").fetchall()
            return
        except apsw.BusyError:
            if not waiter(tries):
                raise
            tries += 1


class Waiter:
    """Tries again every 0.1 to 0.3 ms for five seconds: short sleeps are fair, long ones starve."""

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = BUSY_SECONDS if seconds is None else seconds
        self._began = 0.0

    def __call__(self, tries: int) -> bool:
        now = time.monotonic()
        if tries == 0:
            self._began = now
        time.sleep(random.uniform(0.0001, 0.0003))  # noqa: S311 - only spreads the tries
        return now - self._began < self._seconds


def check_library() -> None:
    """Refuse a SQLite that can corrupt a shared WAL."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < OLDEST_SAFE_LIBRARY:
        raise OrderStoreError(
            f"SQLite {apsw.sqlite_lib_version()} is too old: below 3.51.3 it can corrupt a shared database",
            user_action="install apsw 3.51.3 or newer",
            retryable=False,
        )
