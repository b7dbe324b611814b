"""What the desk has proved so far: the newest order that went the whole way, the newest test of the switch."""

from __future__ import annotations

from ibgw_tui.core.records import CompletedCycle, SwitchTest
from ibgw_tui.core.terms import Mode
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.rows import from_us, to_entry

_CYCLE = """
    SELECT o.order_ref, json_extract(a.body, '$.operator'), s.submitted_us,
        coalesce((SELECT max(e.at_us) FROM executions e WHERE e.order_seq = o.seq), o.updated_us)
    FROM orders o
    JOIN submissions s ON s.order_seq = o.seq
    JOIN approvals a ON a.approval_id = s.approval_id AND a.status = 'consumed'
    WHERE o.status = 'filled' AND o.mode = ?
    ORDER BY o.seq DESC LIMIT 1
"""
# The newest closing that was followed by an opening; the opening after it; and the closing that began it,
# because closing what is closed only adds an entry.
_TEST = """
    WITH closed AS (
        SELECT max(seq) AS seq FROM audit WHERE kind = 'switch.closed'
        AND seq < (SELECT max(seq) FROM audit WHERE kind = 'switch.opened')
    ), before AS (
        SELECT coalesce(max(audit.seq), 0) AS seq FROM audit, closed
        WHERE audit.kind = 'switch.opened' AND audit.seq < closed.seq
    )
    SELECT (SELECT min(audit.seq) FROM audit, before WHERE kind = 'switch.closed' AND audit.seq > before.seq),
           (SELECT min(audit.seq) FROM audit, closed WHERE kind = 'switch.opened' AND audit.seq > closed.seq)
    FROM closed WHERE closed.seq IS NOT NULL
"""


def completed_cycle(connection: Connection, mode: Mode) -> CompletedCycle | None:
    row = connection.row(_CYCLE, (mode.value,))
    return CompletedCycle(row[0], row[1], from_us(row[2]), from_us(row[3])) if row else None


def switch_test(connection: Connection) -> SwitchTest | None:
    row = connection.row(_TEST)
    if row is None:
        return None
    closed, opened = (
        to_entry(connection.rows("SELECT seq, CAST(entry AS BLOB), hash FROM audit WHERE seq = ?", (seq,))[0])
        for seq in row
    )
    return SwitchTest(closed.at, closed.principal, opened.at, opened.principal)


def has_filled(connection: Connection, account: str, con_id: int) -> bool:
    """`filled` is text: what is left of '0', '0.0' without zeros and point is nothing."""
    sql = "SELECT 1 FROM orders WHERE account = ? AND con_id = ? AND trim(filled, '0.') <> '' LIMIT 1"
    return connection.row(sql, (account, con_id)) is not None
