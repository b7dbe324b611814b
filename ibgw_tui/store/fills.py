"""Executions, each counted once, and an order's totals made from them.

The broker's facts come in any order and more than once: a commission before its execution, a
correction before what it corrects. Each is kept when it comes, and the totals are made anew.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ibgw_tui.core.broker import ExecutionReport
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.terms import EXACT, Money, canonical
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.failures import undamaged
from ibgw_tui.store.rows import from_text, from_us, to_text, to_us

_PRICE_PLACES = Decimal("0.00000001")


def contradiction(connection: Connection, record: OrderRecord, execution: ExecutionReport) -> str | None:
    """How a report disagrees with what was recorded under the same names before."""
    known = connection.row("SELECT order_seq, quantity, price FROM executions WHERE exec_id = ?", (execution.exec_id,))
    if known is not None:
        if known[0] != record.seq:
            return f"execution {execution.exec_id} was counted for another order before"
        if (Decimal(known[1]), Decimal(known[2])) != (execution.quantity, execution.price):
            return (
                f"execution {execution.exec_id} is reported as {execution.quantity:f} at {execution.price:f}, "
                f"but was recorded as {known[1]} at {known[2]}"
            )
    if execution.corrects is not None:
        corrected = connection.row("SELECT order_seq FROM executions WHERE exec_id = ?", (execution.corrects,))
        if corrected is not None and corrected[0] != record.seq:
            return f"execution {execution.exec_id} corrects {execution.corrects}, which is of another order"
    return None


def is_said(connection: Connection, contradiction: str, order_ref: str | None) -> bool:
    """Whether it was recorded before: a report that comes again is no second discrepancy."""
    sql = "SELECT 1 FROM discrepancies WHERE text = ? AND order_ref IS ?"
    return connection.row(sql, (contradiction, order_ref)) is not None


def is_known(connection: Connection, exec_id: str) -> bool:
    return connection.row("SELECT 1 FROM executions WHERE exec_id = ?", (exec_id,)) is not None


def add(connection: Connection, record: OrderRecord, execution: ExecutionReport) -> bool:
    """False when this execution is known already."""
    if is_known(connection, execution.exec_id):
        return False
    if execution.corrects is not None:
        connection.execute(
            "UPDATE executions SET replaced_by = ? WHERE exec_id = ? AND order_seq = ?",
            (execution.exec_id, execution.corrects, record.seq),
        )
    corrected_by = connection.row(
        "SELECT exec_id FROM executions WHERE corrects = ? AND order_seq = ?", (execution.exec_id, record.seq)
    )
    connection.execute(
        "INSERT INTO executions (exec_id, order_seq, quantity, price, at_us, corrects, replaced_by) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            execution.exec_id, record.seq, to_text(execution.quantity), to_text(execution.price),
            to_us(execution.at), execution.corrects, corrected_by[0] if corrected_by else None,
        ),
    )  # fmt: skip
    _total(connection, record.seq)
    return True


def add_commission(connection: Connection, exec_id: str, commission: Money) -> None:
    """Kept also while its execution is not known yet."""
    connection.execute(
        "INSERT INTO commissions (exec_id, amount, currency) VALUES (?, ?, ?) "
        "ON CONFLICT (exec_id) DO UPDATE SET amount = excluded.amount, currency = excluded.currency",
        (exec_id, to_text(commission.amount), commission.currency),
    )
    row = connection.row("SELECT order_seq FROM executions WHERE exec_id = ?", (exec_id,))
    if row is not None:
        _total(connection, row[0])


def of_order(connection: Connection, order_ref: str) -> list[dict[str, Any]]:
    """Fills that count, oldest first."""
    rows = connection.rows(
        "SELECT e.exec_id, e.quantity, e.price, e.at_us, c.amount FROM executions e JOIN orders o ON o.seq = e.order_seq "
        "LEFT JOIN commissions c ON c.exec_id = e.exec_id "
        "WHERE o.order_ref = ? AND e.replaced_by IS NULL ORDER BY e.at_us, e.exec_id",
        (order_ref,),
    )
    with undamaged(f"an execution of order {order_ref}"):
        return [
            {
                "exec_id": row[0],
                "quantity": Decimal(row[1]),
                "price": Decimal(row[2]),
                "at": from_us(row[3]),
                "commission": from_text(row[4]),
            }
            for row in rows
        ]


def _total(connection: Connection, order_seq: int) -> None:
    rows = connection.rows(
        "SELECT e.quantity, e.price, c.amount, c.currency FROM executions e "
        "LEFT JOIN commissions c ON c.exec_id = e.exec_id WHERE e.order_seq = ? AND e.replaced_by IS NULL",
        (order_seq,),
    )
    with undamaged("an execution"):
        own = sum((Decimal(row[0]) for row in rows), Decimal(0))
        before = connection.row("SELECT filled_before FROM orders WHERE seq = ?", (order_seq,))
        filled = own + (Decimal(before[0]) if before else Decimal(0))
        value = sum((EXACT.multiply(Decimal(row[0]), Decimal(row[1])) for row in rows), Decimal(0))
        average = canonical(EXACT.divide(value, own).quantize(_PRICE_PLACES, context=EXACT)) if own else None
        paid = [Decimal(row[2]) for row in rows if row[2] is not None]
    # A sum of dollars and yen is no number at all: then none is told, and the single fills tell theirs.
    one_currency = len({row[3] for row in rows if row[3] is not None}) == 1
    connection.execute(
        "UPDATE orders SET filled = ?, average_price = ?, commission = ? WHERE seq = ?",
        (
            to_text(canonical(filled)), to_text(average),
            to_text(canonical(sum(paid, Decimal(0)))) if one_currency else None, order_seq,
        ),
    )  # fmt: skip
