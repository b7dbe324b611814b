"""What goes wrong below, told in our words.

Failures are told apart by SQLite's result codes, never by their text. Only a broken uniqueness is a
conflict (somebody was faster); any other broken constraint is a mistake or damage, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import apsw
import peewee

from ibgw_tui.core.errors import Conflict, ErrorCode, GatewayError, OrderStoreError


class StoreFault(OrderStoreError):
    """The disk, the file or another process stands in the way: nothing can be recorded, so nothing may be sent."""

    damage = False
    """What was read before may be wrong, too, and stays so until a person has looked."""


class StoreDamaged(StoreFault):
    damage = True


@dataclass(frozen=True, slots=True)
class _Failure:
    message: str
    user_action: str
    retryable: bool = False
    kind: type[OrderStoreError] = StoreFault

    def error(self) -> OrderStoreError:
        return self.kind(self.message, user_action=self.user_action, retryable=self.retryable)


_RESTORE = "stop, keep the file, and restore a verified backup (`ibgw restore FILE`)"
_DAMAGED = _Failure("the database is damaged", _RESTORE, kind=StoreDamaged)
_MOVED = _Failure(
    "the database was replaced or moved while it was open",
    "stop all processes of this desk, put the right file back, and start again",
)
_BUSY = "another process holds it for long; try again"

_CONFLICTS = (apsw.SQLITE_CONSTRAINT_UNIQUE, apsw.SQLITE_CONSTRAINT_PRIMARYKEY, apsw.SQLITE_CONSTRAINT_ROWID)

_BY_CODE: dict[int, _Failure] = {
    # extended codes first looked up, then primary ones
    apsw.SQLITE_READONLY_DBMOVED: _MOVED,
    apsw.SQLITE_CONSTRAINT_TRIGGER: _Failure(
        "the store refused to change what is kept for good",
        "this is a defect: report it; nothing was recorded",
        kind=OrderStoreError,
    ),
    apsw.SQLITE_IOERR_SHORT_READ: _Failure("a file of the database was cut short", _RESTORE, kind=StoreDamaged),
    apsw.SQLITE_BUSY: _Failure("the database is busy", _BUSY, retryable=True),
    apsw.SQLITE_LOCKED: _Failure("the database is locked", _BUSY, retryable=True),
    apsw.SQLITE_PROTOCOL: _Failure("the database is busy", _BUSY, retryable=True),
    apsw.SQLITE_FULL: _Failure(
        "the disk is full",
        "make room; nothing was recorded, and the kill switch still works by its file",
        retryable=True,
    ),
    apsw.SQLITE_READONLY: _Failure(
        "the database cannot be written", "check the owner and mode of the file and its folder"
    ),
    apsw.SQLITE_PERM: _Failure("the database cannot be written", "check the owner and mode of the file and its folder"),
    apsw.SQLITE_IOERR: _Failure("the disk gave an error", "check the disk; nothing was recorded", retryable=True),
    apsw.SQLITE_CORRUPT: _DAMAGED,
    apsw.SQLITE_NOTADB: _Failure(
        "the file is not a database of this program", "name another file, or restore a backup", kind=StoreDamaged
    ),
    apsw.SQLITE_CANTOPEN: _Failure("the database cannot be opened", "check that its folder exists and is yours"),
    apsw.SQLITE_NOMEM: _Failure("there is not enough memory", "close other programs and try again", retryable=True),
    apsw.SQLITE_CONSTRAINT: _Failure(
        "the store refused a value that breaks its rules",
        "this is a defect: report it; nothing was recorded",
        kind=OrderStoreError,
    ),
}


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the library become ours; all others pass."""
    try:
        yield
    except (peewee.PeeweeException, apsw.Error) as error:
        raise _ours(error) from error


@contextmanager
def reachable() -> Iterator[None]:
    """Errors of the system about our files become ours. Not around code of others: their OSError is theirs."""
    try:
        yield
    except OSError as error:
        raise StoreFault(
            f"the store cannot be reached: {error.strerror or error}",
            user_action="check the folder, its owner and the disk",
        ) from error


@contextmanager
def undamaged(what: str) -> Iterator[None]:
    """A stored value that no longer reads as what was written is damage, and never shown."""
    try:
        yield
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError) as error:
        raise altered(what, type(error).__name__) from error


def closed() -> OrderStoreError:
    return OrderStoreError(
        "the store is closed, or is used from another thread than its own",
        user_action="this is a defect: report it; nothing was recorded",
        retryable=False,
    )


def altered(what: str, how: str) -> OrderStoreError:
    return OrderStoreError(
        f"{what} was altered in the store: {how}",
        code=ErrorCode.AUDIT_CHAIN_INVALID,
        user_action="close the kill switch and run `ibgw audit verify`",
        retryable=False,
    )


def _ours(error: Exception) -> GatewayError:
    if isinstance(error, peewee.InterfaceError):
        return closed()
    original = getattr(error, "orig", None) or error
    extended = getattr(original, "extendedresult", None) or 0
    if extended in _CONFLICTS:
        return Conflict(
            "the store holds something that contradicts this change",
            user_action="read the order again; nothing was recorded",
        )
    failure = _BY_CODE.get(extended) or _BY_CODE.get(extended & 0xFF)
    if failure is None:
        failure = _Failure(f"the store failed ({type(original).__name__}: {original})", "run `ibgw audit verify`")
    return failure.error()
