"""What a person looks at beside the orders themselves: each a short query that stays cheap in a large file.

Nothing here decides, and every query is bounded: by an index, by a count, or by how far back it looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from ibgw_tui.core.lifecycle import AT_BROKER, OPEN, Status
from ibgw_tui.core.records import AuditEntry
from ibgw_tui.store.counting import one_of
from ibgw_tui.store.reads import Reads
from ibgw_tui.store.rows import from_us, to_entry


class ExposedContract(NamedTuple):
    """A contract in which the broker has or may have an order of an account."""

    account: str
    con_id: int
    symbol: str


class StagerCount(NamedTuple):
    """Orders of one stager in one status."""

    staged_by: str
    status: Status
    orders: int
    approved: int
    """Of them, those with an approval that was given and not taken back."""
    newest_at: datetime


class SaidNo(NamedTuple):
    """An order that was not to be, and why."""

    staged_by: str
    order_ref: str
    symbol: str
    status: Status
    code: str
    reason: str
    at: datetime


NOES = frozenset(
    {Status.REFUSED, Status.REJECTED, Status.CHANGES_REQUESTED, Status.REJECTED_BY_BROKER, Status.NOT_PLACED}
)
"""Statuses that come with a reason an agent should learn from."""


class Looks(Reads):
    """One look at the file each."""

    def exposed_contracts(self, limit: int) -> list[ExposedContract]:
        """Contracts with orders at the broker, by account and symbol."""
        rows = self._reading().rows(
            "SELECT account, con_id, max(symbol) FROM orders INDEXED BY orders_exposed "
            f"WHERE {one_of(OPEN | AT_BROKER)} AND {one_of(AT_BROKER)} AND con_id IS NOT NULL "
            "GROUP BY account, con_id ORDER BY account, 3 LIMIT ?",
            (limit,),
        )
        return [ExposedContract(*row) for row in rows]

    def entries_of_kinds(self, kinds: Sequence[str], limit: int) -> list[AuditEntry]:
        """The newest audit entries of these kinds, oldest first."""
        found: list[AuditEntry] = []
        for kind in kinds:
            sql = "SELECT seq, CAST(entry AS BLOB), hash FROM audit WHERE kind = ? ORDER BY seq DESC LIMIT ?"
            found += [to_entry(row) for row in self._reading().rows(sql, (kind, limit))]
        return sorted(found, key=lambda entry: entry.seq)[-limit:]

    def entries_before(
        self, before_seq: int, *, words: Sequence[str] = (), limit: int, scan: int
    ) -> tuple[list[AuditEntry], int]:
        """Audit entries below a number, newest of them first looked at; returned oldest first.

        Of the `scan` entries below it those whose bytes or hash contain every word, at most `limit`; and the number
        down to which was looked, where the next look goes on (1: everything was).
        """
        lowest = max(1, before_seq - scan)
        text = "seq >= ? AND seq < ?"
        parameters: list[object] = [lowest, before_seq]
        for word in words:
            text += " AND (instr(lower(entry), ?) OR instr(lower(hex(hash)), ?))"
            parameters += [word, word]
        sql = f"SELECT seq, CAST(entry AS BLOB), hash FROM audit WHERE {text} ORDER BY seq DESC LIMIT ?"
        found = [to_entry(row) for row in self._reading().rows(sql, [*parameters, limit])]
        return found[::-1], found[-1].seq if len(found) == limit else lowest

    def stager_counts(self, newest: int) -> list[StagerCount]:
        """Of the newest orders: how many of each stager are in each status. Exits of brackets are not counted."""
        rows = self._reading().rows(
            "SELECT o.staged_by, o.status, count(*), sum(EXISTS (SELECT 1 FROM approvals a WHERE a.order_seq = o.seq "
            "AND a.status IN ('approved', 'consumed'))), max(o.staged_us) FROM orders o "
            f"WHERE {_NEWEST} AND o.parent IS NULL GROUP BY o.staged_by, o.status",
            (newest,),
        )
        return [StagerCount(row[0], Status(row[1]), row[2], row[3], from_us(row[4])) for row in rows]

    def open_by_stager(self) -> dict[str, int]:
        """Open orders of each stager, as the limit on them counts."""
        rows = self._reading().rows(f"SELECT staged_by, count(*) FROM orders WHERE {one_of(OPEN)} GROUP BY staged_by")
        return {row[0]: row[1] for row in rows}

    def said_no(self, newest: int, each: int) -> list[SaidNo]:
        """Of the newest orders: the last noes that each stager got, newest first."""
        rows = self._reading().rows(
            "SELECT staged_by, order_ref, symbol, status, code, reason, updated_us FROM ("
            "SELECT o.staged_by, o.order_ref, o.symbol, o.status, coalesce(o.reason_code, o.refusal_code, '') AS code, "
            "o.reason, o.updated_us, row_number() OVER (PARTITION BY o.staged_by ORDER BY o.updated_us DESC, o.seq DESC) "
            f"AS number FROM orders o WHERE {_NEWEST} AND o.{one_of(NOES)}) "
            "WHERE number <= ? ORDER BY updated_us DESC",
            (newest, each),
        )
        return [SaidNo(row[0], row[1], row[2], Status(row[3]), row[4], row[5], from_us(row[6])) for row in rows]


_NEWEST = "o.seq > (SELECT coalesce(max(seq), 0) FROM orders) - ?"
