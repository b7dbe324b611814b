"""Looks into a database file without opening it as a store: nothing is made, migrated, repaired or made private.

`ibgw doctor` has to say what is wrong with a file that the store refuses, and a copy counts as a backup only
after it was read from end to end. Both read through here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import apsw

from ibgw_tui.core.audit import ChainVerdict
from ibgw_tui.core.errors import ErrorCode, OrderStoreError, SettingsError
from ibgw_tui.core.records import LeaseState
from ibgw_tui.core.terms import iso
from ibgw_tui.store.chain import Chain, Progress
from ibgw_tui.store.database import Waiter, check_library
from ibgw_tui.store.failures import reachable, translated
from ibgw_tui.store.recognition import APPLICATION_ID, VERSION, schema_problems
from ibgw_tui.store.rows import to_lease

PATIENCE_SECONDS = 1.0
_AUDIT_SINCE = 1
"""The first schema step that has an audit log."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds: enough to tell two copies of one desk apart."""

    version: int
    size_bytes: int
    orders: int
    audit_entries: int
    audit_head: str
    newest_at: datetime | None
    switch_epoch: int
    lease_token: int

    def as_json(self) -> dict[str, Any]:
        return {
            "schema_version_of_store": self.version,
            "size_bytes": self.size_bytes,
            "orders": self.orders,
            "audit_entries": self.audit_entries,
            "audit_head": self.audit_head,
            "newest_entry_at": iso(self.newest_at) if self.newest_at else None,
            "switch_epoch": self.switch_epoch,
        }


class Inspection:
    """One read-only connection to a file that need not be sound. For one thread; close it.

    Every method raises OrderStoreError where the file cannot be read.
    """

    def __init__(self, path: Path, *, patience: float = PATIENCE_SECONDS) -> None:
        check_library()
        self.path = path
        with reachable():
            self.size_bytes = path.stat().st_size
        with translated():
            self._raw = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
            self._raw.set_busy_handler(Waiter(patience))
            for setting in ("query_only = 1", "trusted_schema = 0"):
                self._raw.execute(f"PRAGMA {setting}").fetchall()
        self.chain = Chain(self.rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.close()

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with translated():
            return self._raw.execute(sql, tuple(parameters)).fetchall()

    def pragma(self, name: str) -> Any:
        return self.rows(f"PRAGMA {name}")[0][0]

    def is_ours(self) -> bool:
        return bool(self.pragma("application_id") == APPLICATION_ID)

    def version(self) -> int:
        return int(self.pragma("user_version"))

    def schema_problems(self) -> list[str]:
        with translated():
            return schema_problems(self._raw, self.version())

    def damage(self, *, full: bool) -> list[str]:
        """What SQLite finds wrong with the file; at most ten sentences. `full` reads every index as well."""
        found = [str(row[0]) for row in self.rows(f"PRAGMA {'integrity_check' if full else 'quick_check'}(10)")]
        dangling = [f"table {row[0]} refers to a missing row" for row in self.rows("PRAGMA foreign_key_check") if full]
        return [words for words in found if words != "ok"] + dangling[:10]

    def verify_chain(self, *, last: int | None = None, progress: Progress | None = None) -> ChainVerdict:
        """The whole audit log, or its newest entries."""
        return self.chain.verify(after_seq=max(0, self.chain.head()[0] - last) if last else 0, progress=progress)

    def newest_entry_at(self) -> datetime | None:
        found = self.rows("SELECT json_extract(entry, '$.at') FROM audit ORDER BY seq DESC LIMIT 1")
        return datetime.fromisoformat(found[0][0]) if found else None

    def lease(self) -> LeaseState | None:
        """As it stands, also when it was released (the holder is empty then)."""
        found = self.rows("SELECT holder, pid, token, heartbeat_us FROM lease WHERE id = 1")
        return to_lease(found[0]) if found else None

    def switch_row(self) -> tuple[str, int] | None:
        """(state, epoch)."""
        found = self.rows("SELECT state, epoch FROM kill_switch WHERE id = 1")
        return (str(found[0][0]), int(found[0][1])) if found else None

    def contents(self) -> Contents:
        seq, head = self.chain.head()
        switch, lease = self.switch_row(), self.lease()
        return Contents(
            version=self.version(),
            size_bytes=self.size_bytes,
            orders=int(self.rows("SELECT count(*) FROM orders")[0][0]),
            audit_entries=seq,
            audit_head=head.hex(),
            newest_at=self.newest_entry_at(),
            switch_epoch=switch[1] if switch else 0,
            lease_token=lease.token if lease else 0,
        )


def verified(path: Path, *, what: str, progress: Progress | None = None) -> Contents:
    """What the file holds, after all of it was read: identity, version, every page and index, schema, audit chain.

    Raises SettingsError (foreign or newer), OrderStoreError (not sound; AUDIT_CHAIN_INVALID for the chain).
    `what` names the file in the sentence: 'the copy', 'the file'.
    """
    with Inspection(path) as file:
        if not file.is_ours() or file.version() < _AUDIT_SINCE:
            raise SettingsError(
                f"{what} {path.name} is not a database of this program",
                user_action="name a file that `ibgw backup` made",
            )
        if file.version() > VERSION:
            raise SettingsError(
                f"{what} {path.name} was written by a newer version of this program",
                user_action="update this program; nothing was changed",
            )
        problems = file.damage(full=True) or file.schema_problems()
        if problems:
            raise OrderStoreError(
                f"{what} {path.name} is not sound: {problems[0]}",
                user_action="keep it, and use an older backup; `ibgw doctor --full` looks at the store itself",
                retryable=False,
            )
        verdict = file.verify_chain(progress=progress)
        if not verdict.ok:
            raise OrderStoreError(
                f"the audit log in {what} {path.name} is broken: {verdict.problem}",
                code=ErrorCode.AUDIT_CHAIN_INVALID,
                user_action="keep it as evidence, and use an older backup",
                retryable=False,
            )
        return file.contents()


def try_writing(path: Path) -> None:
    """Take the write lock and let it go again, changing nothing. Raises OrderStoreError where that is not possible."""
    with translated():
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.set_busy_handler(Waiter(PATIENCE_SECONDS))
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        finally:
            connection.close()


def library_version() -> str:
    return apsw.sqlite_lib_version()
