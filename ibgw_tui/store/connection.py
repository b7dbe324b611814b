"""One connection, and the three ways to use it: read, write in a transaction, and nothing else.

A transaction is whole or nothing, also when the code in it looks away: after an error of the library no
further statement runs and nothing is committed. (SQLite may roll back by itself, on a full disk for
one, and Peewee's commit then passes in silence: without this, what follows would be committed
statement by statement, and the caller told that all went well.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from ibgw_tui.core.errors import Conflict, GatewayError, OrderStoreError
from ibgw_tui.store.database import DeskDatabase, check_library
from ibgw_tui.store.failures import StoreFault, altered, closed, reachable, translated
from ibgw_tui.store.files import identity, prepare
from ibgw_tui.store.migration import migrate
from ibgw_tui.store.recognition import VERSION, check_ours

Row = tuple[Any, ...]


class Connection:
    """A Peewee database on one file, opened, checked and migrated. For one thread."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        check_library()
        self.path = path
        self._read_only = read_only
        self._doomed = False
        self._failed = ""
        self._damaged = ""
        with reachable():
            prepare(path, read_only=read_only)
            before = identity(path) if path.exists() else None

        def look_first(found: apsw.Connection) -> None:
            # The first read may have waited for a restore that put another file here. The one that was opened then
            # has lost its name, and switching it to WAL would make a log that the new file takes for its own.
            check_ours(found, path)
            with reachable():
                if before is None or before[0] != identity(path)[0]:
                    raise self._replaced()

        self._db = DeskDatabase(path, read_only=read_only, look_first=look_first)
        with translated():
            self._db.connect()
        try:
            with reachable(), translated():
                migrate(self._raw, path, read_only=read_only)
                self._identity = identity(path)
            if before is None or before[0] != self._identity[0]:
                raise self._replaced()
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Closing twice is closing once."""
        if not self._db.is_closed():
            with translated():
                self._db.close()

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """All rows at once: an unfinished cursor would pin an old state and fail the next write."""
        return self._run(sql, parameters)

    def row(self, sql: str, parameters: Sequence[object] = ()) -> Row | None:
        rows = self._run(sql, parameters)
        return rows[0] if rows else None

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run a write and return how many rows it touched."""
        self._run(sql, parameters)
        return int(self._raw.changes())

    def execute_one(
        self, sql: str, parameters: Sequence[object], words: str, user_action: str = "look at it again"
    ) -> None:
        """Run a write that must touch exactly one row; otherwise somebody was faster, and `words` say what."""
        if self.execute(sql, parameters) != 1:
            raise Conflict(words, user_action=user_action)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One durable BEGIN IMMEDIATE transaction. Never nested: an inner one would be a mere savepoint."""
        if self._db.transaction_depth() != 0:
            raise RuntimeError("a store transaction was opened inside another")
        if self._read_only:
            raise OrderStoreError(
                "this store was opened for reading", user_action="open it for writing", retryable=False
            )
        if self._db.is_closed():  # its files may be gone for good reason
            raise closed()
        self._doomed = False
        try:
            self._check_files()
            with translated(), self._db.atomic():
                self._check_version()
                yield
                self._check_whole()
                # The lock may have been waited for, and the work may have taken long: look again before it counts.
                self._check_files()
        except StoreFault as error:
            self._failed = error.message
            raise
        self._failed = ""

    @property
    def trouble(self) -> str:
        """Why what is read here must not be acted on; empty while all is well.

        The last transaction could not be committed, so neither could the next one that sends. (Inside a
        transaction that is no argument: either it commits, or nothing of it happened.) After damage
        nothing that is read counts any more, until somebody has looked and started again.
        """
        if self._damaged or self._db.transaction_depth() > 0:
            return self._damaged
        try:
            self._check_files()
        except GatewayError as error:
            return error.message
        return self._failed

    def doom(self) -> None:
        """Nothing of the transaction that is open may be committed any more."""
        self._doomed = True

    @property
    def _raw(self) -> apsw.Connection:
        if self._db.is_closed():
            raise closed()  # asking for the connection would open a new one
        raw: apsw.Connection = self._db.connection()
        return raw

    def _run(self, sql: str, parameters: Sequence[object]) -> list[Row]:
        inside = self._db.transaction_depth() > 0
        if inside:
            self._check_whole()
        try:
            with translated():
                return list(self._db.execute_sql(sql, tuple(parameters)).fetchall())
        except Conflict:
            raise  # SQLite undid that one statement; the transaction stands, and the caller may go on
        except BaseException as error:
            self._doomed = inside
            if isinstance(error, StoreFault) and error.damage:
                self._damaged = error.message
            if isinstance(error, UnicodeDecodeError):
                raise altered("text", type(error).__name__) from error
            if isinstance(error, OverflowError):
                raise OrderStoreError(
                    "a number is too large for the store", user_action="use smaller amounts", retryable=False
                ) from error
            raise

    def _check_whole(self) -> None:
        if self._doomed or not self._raw.in_transaction:
            raise OrderStoreError(
                "an error inside the transaction was passed over; nothing was recorded",
                user_action="look at the first error; this one only follows from it",
            )

    def _check_version(self) -> None:
        """Another process may have upgraded the tables since we opened them."""
        if self._run("PRAGMA user_version", ())[0][0] != VERSION:
            raise OrderStoreError(
                f"{self.path.name} was upgraded by a newer version of this program",
                user_action="update this program and start it again",
                retryable=False,
            )

    def _check_files(self) -> None:
        """A file that was moved, replaced or deleted takes every record to its grave: do not write to it."""
        with reachable():
            found = identity(self.path)
        if found != self._identity:
            raise self._replaced()

    def _replaced(self) -> GatewayError:
        return StoreFault(
            f"{self.path.name} or a file beside it was replaced, moved or deleted while it was open",
            user_action="stop all processes of this desk, put the right files back, and start again",
            retryable=False,
        )
