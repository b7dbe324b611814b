"""Whether a file is a store of this program, of which version, and whether its tables are as the steps make them.

Reads only; what to do about it is for `migration` (climb), `inspection` (say) and whoever opens a file.
"""

from __future__ import annotations

import functools
from pathlib import Path

import apsw

from ibgw_tui.core.errors import SettingsError
from ibgw_tui.store.schema import MIGRATIONS

APPLICATION_ID = 0x49424757  # "IBGW"
VERSION = len(MIGRATIONS)

Schema = frozenset[tuple[str, str, str]]
_SCHEMA = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"


def check_ours(connection: apsw.Connection, path: Path) -> int:
    """The file's version, 0 for an empty one. Raises SettingsError for a foreign or newer file; writes nothing."""
    # One statement, one state of the file: another process may be making the tables right now.
    found = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) "
        "FROM pragma_application_id, pragma_user_version"
    ).fetchall()[0]
    application, version, tables = (int(str(value)) for value in found)
    if application != APPLICATION_ID and (application or tables or version):
        raise SettingsError(f"{path.name} belongs to another program", user_action="name another file")
    if version > VERSION:
        raise SettingsError(
            f"{path.name} was written by a newer version of this program",
            user_action="update this program; the file was not touched",
        )
    return version


def schema_problems(connection: apsw.Connection, version: int) -> list[str]:
    """What is missing from, or was added to, a file of that version. Empty when it is as this program made it."""
    found, expected = _schema_of(connection), expected_schema(version)
    lacks = sorted(f"{kind} {name}" for kind, name, _ in expected - found)
    extra = sorted(f"{kind} {name}" for kind, name, _ in found - expected if f"{kind} {name}" not in lacks)
    words = [f"it lacks what it was made with: {', '.join(lacks)}"] if lacks else []
    return words + ([f"something was added to it: {', '.join(extra)}"] if extra else [])


@functools.cache
def expected_schema(version: int = VERSION) -> Schema:
    """What the steps up to that version make of an empty file."""
    blank = apsw.Connection(":memory:")
    try:
        for _, statements in MIGRATIONS[:version]:
            for statement in statements:
                blank.execute(statement).fetchall()
        return _schema_of(blank)
    finally:
        blank.close()


def _schema_of(connection: apsw.Connection) -> Schema:
    rows = connection.execute(_SCHEMA).fetchall()
    return frozenset((str(row[0]), str(row[1]), " ".join(str(row[2]).split())) for row in rows)
