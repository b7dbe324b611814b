"""Executions, each counted once, and an order's totals made from them."""

from __future__ import annotations

from decimal import Decimal

from ibgw_tui.core.broker import ExecutionReport
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.terms import EXACT, Money, canonical
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.rows import to_text, to_us

_PRICE_PLACES = Decimal("0.00000001")


def add(connection: Connection, record: OrderRecord, execution: ExecutionReport) -> bool:
    """False when this execution is known already."""
    if connection.row("SELECT 1 FROM executions WHERE exec_id = ?", (execution.exec_id,)) is not None:
        return False
    if execution.corrects is not None:
        connection.execute(
            "UPDATE executions SET replaced_by = ? WHERE exec_id = ? AND order_seq = ?",
            (execution.exec_id, execution.corrects, record.seq),
        )
    connection.execute(
        "INSERT INTO executions (exec_id, order_seq, quantity, price, at_us) VALUES (?, ?, ?, ?, ?)",
        (execution.exec_id, record.seq, to_text(execution.quantity), to_text(execution.price), to_us(execution.at)),
    )
    _total(connection, record.seq)
    return True


def add_commission(connection: Connection, exec_id: str, commission: Money) -> None:
    connection.execute(
        "UPDATE executions SET commission = ?, commission_currency = ? WHERE exec_id = ?",
        (to_text(commission.amount), commission.currency, exec_id),
    )
    row = connection.row("SELECT order_seq FROM executions WHERE exec_id = ?", (exec_id,))
    if row is not None:
        _total(connection, row[0])


def _total(connection: Connection, order_seq: int) -> None:
    rows = connection.rows(
        "SELECT quantity, price, commission FROM executions WHERE order_seq = ? AND replaced_by IS NULL", (order_seq,)
    )
    filled = sum((Decimal(row[0]) for row in rows), Decimal(0))
    value = sum((EXACT.multiply(Decimal(row[0]), Decimal(row[1])) for row in rows), Decimal(0))
    average = canonical(EXACT.divide(value, filled).quantize(_PRICE_PLACES, context=EXACT)) if filled else None
    paid = [Decimal(row[2]) for row in rows if row[2] is not None]
    connection.execute(
        "UPDATE orders SET filled = ?, average_price = ?, commission = ? WHERE seq = ?",
        (to_text(canonical(filled)), to_text(average), to_text(sum(paid, Decimal(0))) if paid else None, order_seq),
    )
