"""The row an order begins with. What it says of the order never changes afterwards; the schema sees to that."""

from __future__ import annotations

from datetime import datetime

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import OrderIntent
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.rows import intent_columns, to_us


def insert(
    connection: Connection,
    now: datetime,
    order_ref: str,
    intent: OrderIntent,
    revision: int,
    revises: str | None,
    staged_by: str,
    *,
    edited_by: str | None,
) -> None:
    """Raises Conflict if the reference exists."""
    connection.execute(
        "INSERT INTO orders (order_ref, revision, revises, status, staged_by, edited_by, account, symbol, side, "
        "order_type, quantity, limit_price, stop_price, staged_us, updated_us, currency, intent, modifies) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            order_ref, revision, revises, Status.STAGED.value, staged_by, edited_by, *intent_columns(intent),
            to_us(now), to_us(now), intent.currency, intent.model_dump_json(), intent.modifies,
        ),
    )  # fmt: skip
