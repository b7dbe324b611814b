"""The router's lease: one row, a heartbeat, and a token that only rises.

Whether a holder is dead cannot be read off a row: the time in it was written by a clock that may have been
set since. Whoever wants the lease watches the row (`service/leasing`), and takes it over only as it was seen.
"""

from __future__ import annotations

from datetime import datetime

from ibgw_tui.core.errors import LeaseLost
from ibgw_tui.core.records import LeaseState
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.rows import to_lease, to_us


def require_lease(connection: Connection, token: int) -> None:
    """A stale router must not write: somebody else may be acting on the same orders."""
    if connection.row("SELECT 1 FROM lease WHERE id = 1 AND holder <> '' AND token = ?", (token,)) is None:
        raise LeaseLost


def take_lease(
    connection: Connection, holder: str, pid: int, now: datetime, over: LeaseState | None
) -> LeaseState | None:
    row = connection.row("SELECT holder, pid, token, heartbeat_us FROM lease WHERE id = 1")
    token = 1
    if row is not None:
        current = to_lease(row)
        if current.holder and current != over:
            return None  # somebody's, and it gave a sign of life since it was looked at, if it ever was
        token = current.token + 1
    connection.execute(
        "INSERT INTO lease (id, holder, pid, token, heartbeat_us) VALUES (1, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
        "holder = excluded.holder, pid = excluded.pid, token = excluded.token, heartbeat_us = excluded.heartbeat_us",
        (holder, pid, token, to_us(now)),
    )
    return LeaseState(holder, pid, token, now)


def beat(connection: Connection, token: int, now: datetime) -> bool:
    """Every beat changes the row, also under a clock that stands: a change is the sign of life."""
    at = to_us(now)
    return (
        connection.execute(
            "UPDATE lease SET heartbeat_us = CASE heartbeat_us WHEN ? THEN ? + 1 ELSE ? END "
            "WHERE id = 1 AND holder <> '' AND token = ?",
            (at, at, at, token),
        )
        == 1
    )


def release(connection: Connection, token: int) -> None:
    """The row stays: the next token must be higher than every one before."""
    connection.execute("UPDATE lease SET holder = '' WHERE id = 1 AND token = ?", (token,))
