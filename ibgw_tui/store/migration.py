"""From whatever the file is to the tables of this program, or a refusal that says why not.

All missing steps are taken in one IMMEDIATE transaction, and everything is read again inside it: of
several processes that start at once, one climbs and the others find it done. Before an older file is
changed, a copy of it is made and checked. At every start the whole schema is compared with what the
steps make of an empty file, so a dropped trigger, or one that somebody added, is noticed.
"""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from ibgw_tui.core.errors import OrderStoreError
from ibgw_tui.store.backup import back_up
from ibgw_tui.store.recognition import APPLICATION_ID, VERSION, check_ours, schema_problems
from ibgw_tui.store.schema import MIGRATIONS


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
