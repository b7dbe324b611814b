"""Every decision that was acted on, with all its inputs, so that it can be decided again.

Append-only, and the one place where a decision is kept whole. The audit entry of the act carries the SHA-256
of the inputs and of the outcome: who changes one here without the other is found out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ibgw_tui.core.cases import Case
from ibgw_tui.core.decision import Decision
from ibgw_tui.core.records import RecordedDecision
from ibgw_tui.core.written import canonical_json
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.rows import from_us, to_us

PAGE = 500
STEP_OF: dict[str, str] = {
    "order.previewed": "preview",
    "order.refresh": "preview",
    "order.refuse": "preview",
    "order.approve": "approve",
    "order.send": "submit",
    "submit.refused": "submit",
}
"""Kinds of audit entries whose act rests on a recorded decision, and its step. (A refused approval records none.)"""


def insert(
    connection: Connection, order_seq: int, at: datetime, step: str, case: Case, decision: Decision
) -> dict[str, Any]:
    """Returns what the audit entry of the act says of it: the headline, and the digests of outcome and inputs."""
    inputs, outcome = canonical_json(case.as_json()), canonical_json(decision.as_json())
    connection.execute(
        "INSERT INTO decisions (order_seq, made_us, step, inputs, outcome) VALUES (?, ?, ?, ?, ?)",
        (order_seq, to_us(at), step, inputs.decode(), outcome.decode()),
    )
    return {
        "decision": {**decision.told(), "digest": hashlib.sha256(outcome).hexdigest()},
        "inputs": hashlib.sha256(inputs).hexdigest(),
    }


def walk(
    connection: Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    order_ref: str | None = None,
) -> Iterator[RecordedDecision]:
    """Oldest first, read in pages, so that a long history never stands in memory."""
    sql = (
        "SELECT d.seq, o.order_ref, d.made_us, d.step, d.inputs, d.outcome FROM decisions d "
        "JOIN orders o ON o.seq = d.order_seq WHERE d.seq > ? AND d.made_us >= ? AND d.made_us < ? "
        + ("AND o.order_ref = ? " if order_ref else "")
        + f"ORDER BY d.seq LIMIT {PAGE}"
    )
    start, end = to_us(since) if since else 0, to_us(until) if until else 1 << 62
    after = 0
    while True:
        rows = connection.rows(sql, (after, start, end, *([order_ref] if order_ref else [])))
        for seq, ref, made_us, step, inputs, outcome in rows:
            yield RecordedDecision(seq, ref, from_us(made_us), step, inputs, outcome)
            after = seq
        if len(rows) < PAGE:
            return


def count(connection: Connection, *, since: datetime | None = None) -> int:
    row = connection.row("SELECT count(*) FROM decisions WHERE made_us >= ?", (to_us(since) if since else 0,))
    return int(row[0]) if row else 0
