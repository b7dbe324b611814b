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
    """A checked copy of the file as it is. The caller holds the write lock, so nothing moves meanwhile."""
    target = _unused(path, version)
    source = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    copy = apsw.Connection(str(target))
    verdict = "not finished"
    try:
        # In one step: a stepped backup starts over whenever somebody commits.
        with copy.backup("main", source, "main") as backup:
            backup.step(-1)
        copy.execute("PRAGMA journal_mode = delete").fetchall()
        verdict = str(copy.execute("PRAGMA quick_check").fetchall()[0][0])
    finally:
        copy.close()
        source.close()
        if verdict != "ok":
            target.unlink()
    if verdict != "ok":
        raise OrderStoreError(
            f"the copy made before upgrading is not sound ({verdict})",
            user_action="stop, keep the file, and restore a verified backup; nothing was changed",
            retryable=False,
        )


def _unused(path: Path, version: int) -> Path:
    """An empty private file of a new name: an earlier copy is never overwritten."""
    number = 1
    while True:
        target = path.with_name(f"{path.name}.version-{version}.copy-{number}")
        try:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            number += 1
        else:
            return target


def _compare(connection: apsw.Connection) -> None:
    found, expected = _schema_of(connection), expected_schema()
    if found == expected:
        return
    lacks = sorted(f"{kind} {name}" for kind, name, _ in expected - found)
    extra = sorted(f"{kind} {name}" for kind, name, _ in found - expected if f"{kind} {name}" not in lacks)
    words = [f"it lacks what it was made with: {', '.join(lacks)}"] if lacks else []
    words += [f"something was added to it: {', '.join(extra)}"] if extra else []
    raise OrderStoreError(
        f"the database is not as this program made it; {'; '.join(words)}",
        user_action="stop, keep the file, and restore a verified backup",
        retryable=False,
    )


@functools.cache
def expected_schema() -> Schema:
    """What the steps make of an empty file."""
    blank = apsw.Connection(":memory:")
    try:
        for _, statements in MIGRATIONS:
            for statement in statements:
                blank.execute(statement).fetchall()
        return _schema_of(blank)
    finally:
        blank.close()


def _schema_of(connection: apsw.Connection) -> Schema:
    rows = connection.execute(_SCHEMA).fetchall()
    return frozenset((str(row[0]), str(row[1]), " ".join(str(row[2]).split())) for row in rows)
