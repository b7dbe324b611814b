"""A database opened for verification alone: read-only, as it is, also when it is not as it should be.

The store refuses a file whose tables or triggers were changed. Whoever has to find out what was changed
needs to open exactly that file. Nothing here writes, migrates or repairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import apsw

from ibgw_tui.core.errors import NotFound
from ibgw_tui.store.chain import Chain
from ibgw_tui.store.database import check_library
from ibgw_tui.store.failures import reachable, translated
from ibgw_tui.store.recognition import VERSION, check_ours, expected_schema

_BUSY_MS = 5000
_SCHEMA = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"


class AuditFile:
    """One read-only connection. For one thread; close it."""

    def __init__(self, path: Path) -> None:
        check_library()
        with reachable():
            if not path.is_file():
                raise NotFound(f"there is no order store at {path}", user_action="name its folder with --home")
        self.path = path
        with translated():
            self._raw = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
            try:
                self._raw.set_busy_timeout(_BUSY_MS)
                for setting in ("query_only = 1", "trusted_schema = 0"):
                    self._raw.execute(f"PRAGMA {setting}").fetchall()
                self.version = check_ours(self._raw, path)
            except BaseException:
                self._raw.close()
                raise
        self.chain = Chain(self.rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.close()

    @property
    def is_current(self) -> bool:
        """Whether the tables are those of this program, and not of an older one."""
        return self.version == VERSION

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with translated():
            return self._raw.execute(sql, tuple(parameters)).fetchall()

    @contextmanager
    def one_state(self) -> Iterator[None]:
        """All reads inside see one and the same state of the file."""
        with translated():
            self._raw.execute("BEGIN")
        try:
            yield
        finally:
            self._raw.execute("ROLLBACK")

    def changed_guards(self) -> list[str]:
        """What of the schema is missing, changed or added: 'trigger audit_no_update is missing'."""
        if not self.is_current:
            return []
        with translated():
            rows = self._raw.execute(_SCHEMA).fetchall()
        found = {(str(row[0]), str(row[1])): " ".join(str(row[2]).split()) for row in rows}
        expected = {(kind, name): text for kind, name, text in expected_schema()}
        words = [(name, f"{name[0]} {name[1]} is missing") for name in expected.keys() - found.keys()]
        words += [(name, f"{name[0]} {name[1]} was added") for name in found.keys() - expected.keys()]
        words += [
            (name, f"{name[0]} {name[1]} was changed")
            for name in expected.keys() & found.keys()
            if expected[name] != found[name]
        ]
        return [text for _, text in sorted(words)]
