"""Idempotency keys: the caller's name for one write, remembered for ever once it did something.

A key is claimed in the transaction of its effect: whoever asks again, after a crash or a lost answer,
finds either both or neither.
"""

from __future__ import annotations

import json
from typing import Any

from ibgw_tui.core.records import ClaimedKey
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.failures import undamaged


def claim(connection: Connection, principal: str, key: str, operation: str, request_hash: str) -> ClaimedKey:
    row = connection.row(
        "SELECT request_hash, state, order_ref, result FROM idempotency WHERE principal = ? AND key = ?",
        (principal, key),
    )
    if row is not None:
        with undamaged(f"idempotency key {key!r}"):
            return ClaimedKey(False, row[0], row[1], row[2], json.loads(row[3]) if row[3] else None)
    connection.execute(
        "INSERT INTO idempotency (principal, key, operation, request_hash, state) VALUES (?, ?, ?, ?, 'pending')",
        (principal, key, operation, request_hash),
    )
    return ClaimedKey(True, request_hash, "pending", None, None)


def finish(
    connection: Connection, principal: str, key: str, state: str, order_ref: str | None, result: dict[str, Any] | None
) -> None:
    connection.execute_one(
        "UPDATE idempotency SET state = ?, order_ref = ?, result = ? "
        "WHERE principal = ? AND key = ? AND state = 'pending'",
        (
            state, order_ref, None if result is None else json.dumps(result, separators=(",", ":"), ensure_ascii=False),
            principal, key,
        ),
        f"idempotency key {key!r} is not pending",
    )  # fmt: skip


def release(connection: Connection, principal: str, key: str) -> None:
    connection.execute(
        "DELETE FROM idempotency WHERE principal = ? AND key = ? AND state = 'pending'", (principal, key)
    )
