"""From whatever the file is to the tables of this program, or a refusal that says why not.

All missing steps are taken in one IMMEDIATE transaction, and everything is read again inside it: of
several processes that start at once, one climbs and the others find it done. Before an older file is
changed, a copy of it is made and checked. At every start the whole schema is compared with what the
steps make of an empty file, so a dropped trigger, or one that somebody added, is noticed.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

import apsw

from ibgw_tui.core.errors import OrderStoreError, SettingsError
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


def migrate(connection: apsw.Connection, path: Path, *, read_only: bool) -> None:
    """Take all missing steps, then compare the schema."""
    if check_ours(connection, path) < VERSION:
        if read_only:
            raise OrderStoreError(
                "the database has to be upgraded", user_action="open it once for writing", retryable=False
            )
        _climb(connection, path)
    _compare(connection)


def _climb(connection: apsw.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = check_ours(connection, path)
        if 0 < version < VERSION:
            _keep_copy(path, version)
        for _, statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement).fetchall()
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        _compare(connection)
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _keep_copy(path: Path, version: int) -> None:
    """A verified copy of the file as it is. The caller holds the write lock, so nothing moves meanwhile."""
    # Looking into a file needs the schema that this module knows.
    from ibgw_tui.store.backup import back_up

    try:
        back_up(path, _unused(path, version))
    except OrderStoreError as error:
        raise OrderStoreError(
            f"{error.message} (while {path.name} was copied before its upgrade; it was not changed)",
            code=error.code,
            user_action=error.user_action,
            retryable=error.retryable,
        ) from error


def _unused(path: Path, version: int) -> Path:
    """A new name: an earlier copy is never overwritten."""
    number = 1
    while True:
        target = path.with_name(f"{path.name}.version-{version}.copy-{number}")
        if not os.path.lexists(target):
            return target
        number += 1


def _compare(connection: apsw.Connection) -> None:
    problems = schema_problems(connection, VERSION)
    if problems:
        raise OrderStoreError(
            f"the database is not as this program made it; {'; '.join(problems)}",
            user_action="stop, keep the file, and restore a verified backup",
            retryable=False,
        )


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
