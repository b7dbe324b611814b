"""Columns of an order that are not its status: what the router and the operator note on the way."""

from __future__ import annotations

from typing import Any

from ibgw_tui.core.records import OrderRecord
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.rows import to_us

NOTES = frozenset({"perm_id", "submit_asked", "cancel_asked_by", "cancel_sent_us", "reason_code", "reason"})


def write(connection: Connection, record: OrderRecord, columns: dict[str, Any]) -> None:
    """Raises TypeError for anything that is not a note, Conflict when the order is gone."""
    if "cancel_sent_at" in columns:
        sent_at = columns.pop("cancel_sent_at")
        columns["cancel_sent_us"] = None if sent_at is None else to_us(sent_at)
    unknown = columns.keys() - NOTES
    if unknown or not columns:
        raise TypeError(f"not a note: {sorted(unknown)}")
    settings = ", ".join(f"{name} = ?" for name in columns)
    values = [int(value) if isinstance(value, bool) else value for value in columns.values()]
    connection.execute_one(
        f"UPDATE orders SET {settings} WHERE seq = ?", [*values, record.seq], f"there is no order {record.order_ref}"
    )
