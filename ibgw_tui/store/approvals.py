"""An operator's yes: at most one alive per order, and spent at most once.

Both are kept by the tables (a partial unique index, and triggers that let no ended approval live
again); here are the few statements that use them.
"""

from __future__ import annotations

from datetime import datetime

from ibgw_tui.core.orders import Approval, ApprovalStatus
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.terms import iso
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.failures import undamaged
from ibgw_tui.store.rows import to_us


def find(connection: Connection, approval_id: str) -> tuple[Approval, str] | None:
    """The approval with the status it has now, and the reference of its order."""
    row = connection.row(
        "SELECT a.body, a.status, o.order_ref FROM approvals a JOIN orders o ON o.seq = a.order_seq "
        "WHERE a.approval_id = ?",
        (approval_id,),
    )
    if row is None:
        return None
    with undamaged("an approval"):
        return Approval.model_validate_json(row[0]).replaced(status=ApprovalStatus(row[1])), row[2]


def insert(connection: Connection, record: OrderRecord, approval: Approval) -> None:
    connection.execute(
        "INSERT INTO approvals (approval_id, order_seq, status, expires_us, body) VALUES (?, ?, ?, ?, ?)",
        (
            approval.approval_id, record.seq, approval.status.value, to_us(approval.expires_at), approval.model_dump_json(),
        ),
    )  # fmt: skip
    connection.execute(
        "UPDATE orders SET approval_expires_us = ?, submit_asked = 0 WHERE seq = ?",
        (to_us(approval.expires_at), record.seq),
    )


def spend(connection: Connection, approval_id: str, now: datetime) -> None:
    """One that was given in the future is not spent either: a clock that stepped back would revive it."""
    connection.execute_one(
        "UPDATE approvals SET status = 'consumed' WHERE approval_id = ? AND status = 'approved' AND expires_us > ? "
        "AND json_extract(body, '$.approved_at') <= ?",
        (approval_id, to_us(now), iso(now)),
        "the approval was spent, revoked or has expired",
        "approve the order again",
    )
    connection.execute(
        "UPDATE orders SET approval_expires_us = NULL WHERE seq = (SELECT order_seq FROM approvals WHERE approval_id = ?)",
        (approval_id,),
    )


def end(connection: Connection, record: OrderRecord, status: ApprovalStatus) -> None:
    """Revoke or expire the live one, if there is one."""
    connection.execute(
        "UPDATE approvals SET status = ? WHERE order_seq = ? AND status = 'approved'", (status.value, record.seq)
    )
    connection.execute("UPDATE orders SET approval_expires_us = NULL, submit_asked = 0 WHERE seq = ?", (record.seq,))
