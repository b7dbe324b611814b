"""One connection, and the three ways to use it: read, write in a transaction, and translate what goes wrong.

Errors are told apart by SQLite's result codes, never by their text. Before each write the file on disk
is compared with the one that was opened: a database that was moved or replaced is not written to.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import peewee

from ibgw_tui.core.errors import Conflict, ErrorCode, OrderStoreError, SettingsError
from ibgw_tui.store.database import APPLICATION_ID, DeskDatabase, check_library
from ibgw_tui.store.schema import MIGRATIONS

Row = tuple[Any, ...]
_REMOTE = ("nfs", "cifs", "smb", "9p", "fuse.")

_MESSAGES: dict[int, tuple[str, str]] = {
    apsw.SQLITE_BUSY: ("the database is busy", "another process holds it for long; try again"),
    apsw.SQLITE_LOCKED: ("the database is locked", "another process holds it for long; try again"),
    apsw.SQLITE_FULL: (
        "the disk is full",
        "make room; nothing was recorded, and the kill switch still works by its file",
    ),
    apsw.SQLITE_READONLY: ("the database cannot be written", "check the owner and mode of the file and its folder"),
    apsw.SQLITE_IOERR: ("the disk gave an error", "check the disk; nothing was recorded"),
    apsw.SQLITE_CORRUPT: ("the database is damaged", "stop, keep the file, and restore a verified backup"),
    apsw.SQLITE_NOTADB: ("the file is not a database of this program", "name another file, or restore a backup"),
    apsw.SQLITE_CANTOPEN: ("the database cannot be opened", "check that its folder exists and is yours"),
}


class Connection:
    """A Peewee database on one file, opened, checked and migrated."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        check_library()
        self.path = path
        self._read_only = read_only
        with translated():
            _prepare(path, read_only=read_only)
            self._db = DeskDatabase(path, read_only=read_only)
            self._db.connect()
            try:
                self._migrate()
            except BaseException:
                self._db.close()
                raise
        self._identity = _identity(path)

    def close(self) -> None:
        if not self._db.is_closed():
            self._db.close()

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """All rows at once: an unfinished cursor would pin an old state and fail the next write."""
        with translated():
            return list(self._db.execute_sql(sql, tuple(parameters)).fetchall())

    def row(self, sql: str, parameters: Sequence[object] = ()) -> Row | None:
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run a write and return how many rows it touched."""
        with translated():
            cursor = self._db.execute_sql(sql, tuple(parameters))
            cursor.fetchall()
            return int(self._db.connection().changes())

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One durable BEGIN IMMEDIATE transaction. Never nested: an inner one would be a mere savepoint."""
        if self._db.transaction_depth() != 0:
            raise RuntimeError("a store transaction was opened inside another")
        if self._read_only:
            raise OrderStoreError(
                "this store was opened for reading", user_action="open it for writing", retryable=False
            )
        self._check_identity()
        with translated(), self._db.atomic():
            yield

    def _check_identity(self) -> None:
        if _identity(self.path) != self._identity:
            raise OrderStoreError(
                f"{self.path.name} was replaced or moved while it was open",
                user_action="stop all processes of this desk, put the right file back, and start again",
                retryable=False,
            )

    def _migrate(self) -> None:
        application, version = self._pragma("application_id"), self._pragma("user_version")
        tables = self.rows("SELECT count(*) FROM sqlite_schema")[0][0]
        if application != APPLICATION_ID and (application or tables):
            raise SettingsError(f"{self.path.name} belongs to another program", user_action="name another file")
        if version > len(MIGRATIONS):
            raise SettingsError(
                f"{self.path.name} was written by a newer version of this program",
                user_action="update this program; the file was not touched",
            )
        if version < len(MIGRATIONS):
            if self._read_only:
                raise OrderStoreError(
                    "the database has to be upgraded", user_action="open it once for writing", retryable=False
                )
            self._climb()
        self._check_schema()

    def _climb(self) -> None:
        """All missing steps in one transaction; a second process finds them done."""
        with self._db.atomic():
            for step in range(self._pragma("user_version"), len(MIGRATIONS)):
                for statement in MIGRATIONS[step][1]:
                    self._db.execute_sql(statement)
            self._db.execute_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            self._db.execute_sql(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _check_schema(self) -> None:
        """A dropped trigger or index is noticed at the next start."""
        found = {
            " ".join(str(row[0]).split()) for row in self.rows("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
        }
        expected = {" ".join(statement.split()) for _, statements in MIGRATIONS for statement in statements}
        missing = sorted(text[:60] for text in expected - found)
        if missing:
            raise OrderStoreError(
                f"the database lacks what it was made with: {'; '.join(missing)}",
                user_action="stop, keep the file, and restore a verified backup",
                retryable=False,
            )

    def _pragma(self, name: str) -> int:
        return int(self.rows(f"PRAGMA {name}")[0][0])


def _identity(path: Path) -> tuple[int, int]:
    with translated():
        found = path.stat()
    if found.st_nlink != 1:
        raise OrderStoreError(
            f"{path.name} has {found.st_nlink} names (hard links): two processes could write past each other",
            user_action="remove the other link",
            retryable=False,
        )
    return found.st_dev, found.st_ino


def _prepare(path: Path, *, read_only: bool) -> None:
    """Folder 0700, file 0600, on a local disk."""
    if read_only:
        return
    folder = path.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kind = _filesystem(folder)
    if kind.startswith(_REMOTE):
        raise SettingsError(
            f"{folder} is on {kind}, which cannot be shared safely by several processes",
            user_action="set desk.home to a folder on a local disk",
        )
    if stat.S_IMODE(folder.stat().st_mode) & 0o077 and folder.stat().st_uid == os.getuid():
        folder.chmod(0o700)
    if not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    if path.stat().st_uid == os.getuid() and stat.S_IMODE(path.stat().st_mode) != 0o600:
        path.chmod(0o600)


def _filesystem(folder: Path) -> str:
    """Type of the file system, from the mount table; empty where there is none."""
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    target, best, kind = str(folder.resolve()) + "/", "", ""
    for line in lines:
        point, found = line.split()[1:3]
        prefix = point.replace("\\040", " ").rstrip("/") + "/"
        if target.startswith(prefix) and len(prefix) >= len(best):
            best, kind = prefix, found
    return kind


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the library and the system become ours."""
    try:
        yield
    except peewee.IntegrityError as error:
        raise Conflict(
            "the store holds something that contradicts this change",
            user_action="read the order again; nothing was recorded",
        ) from error
    except (peewee.PeeweeException, apsw.Error) as error:
        raise _store_error(error) from error
    except OSError as error:
        raise OrderStoreError(
            f"the store cannot be reached: {error.strerror}", user_action="check the folder, its owner and the disk"
        ) from error


def _store_error(error: Exception) -> OrderStoreError:
    original = getattr(error, "orig", None) or error
    code = getattr(original, "result", None)
    message, action = _MESSAGES.get(
        code or 0, (f"the store failed ({type(original).__name__})", "run `ibgw audit verify`")
    )
    return OrderStoreError(message, user_action=action, code=ErrorCode.ORDER_STORE_UNAVAILABLE)
