"""What was handed to the broker: one row an order, for good, written before the wire."""

from __future__ import annotations

from datetime import datetime

from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.terms import Money
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.rows import to_micro, to_us


def insert(
    connection: Connection,
    record: OrderRecord,
    *,
    approval_id: str,
    idempotency_key: str,
    request_hash: str,
    notional: Money,
    now: datetime,
    legs: int,
) -> None:
    connection.execute(
        "INSERT INTO submissions (order_seq, approval_id, idempotency_key, request_hash, account, currency, "
        "notional_u, submitted_us, legs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.seq, approval_id, idempotency_key, request_hash, record.intent.account, notional.currency,
            to_micro(notional.amount), to_us(now), legs,
        ),
    )  # fmt: skip
