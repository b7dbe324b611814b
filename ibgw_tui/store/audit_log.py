"""The append-only chained log: append inside a transaction, read, verify."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ibgw_tui.core.audit import ChainVerdict, chain_hash, entry_bytes
from ibgw_tui.core.errors import ErrorCode, OrderStoreError
from ibgw_tui.core.lifecycle import Actor
from ibgw_tui.core.records import AuditEntry
from ibgw_tui.core.terms import iso
from ibgw_tui.store.chain import Chain
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.rows import to_entry

# As bytes: an entry that is damaged may not be text any more, and must still be compared with its hash.
_ENTRY = "SELECT seq, CAST(entry AS BLOB), hash FROM audit"


class AuditLog:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.chain = Chain(connection.rows)

    def head(self) -> tuple[int, bytes]:
        return self.chain.head()

    def append(
        self, kind: str, *, at: datetime, actor: Actor, principal: str, order_ref: str | None, body: dict[str, Any]
    ) -> AuditEntry:
        """Append, then read the row back and hash it again: what is in the file is what was meant.

        An entry is never dated before the one it follows; where the clock stepped back, it tells what
        the clock said. Nothing of the transaction is committed without its entry.
        """
        try:
            return self._append(kind, at, actor, principal, order_ref, body)
        except BaseException:
            self._connection.doom()
            raise

    def _append(
        self, kind: str, at: datetime, actor: Actor, principal: str, order_ref: str | None, body: dict[str, Any]
    ) -> AuditEntry:
        seq, previous = self.head()
        seq += 1
        dated = max(at, self._newest_at() or at)
        if dated != at:
            body = {**body, "clock_said": iso(at)}
        entry = entry_bytes(
            seq=seq, at=dated, kind=kind, actor=actor.value, principal=principal, order_ref=order_ref, body=body
        )
        digest = chain_hash(seq, previous, entry)
        self._connection.execute("INSERT INTO audit (seq, entry, hash) VALUES (?, ?, ?)", (seq, entry.decode(), digest))
        row = self._connection.row(f"{_ENTRY} WHERE seq = ?", (seq,))
        if row is None or bytes(row[1]) != entry or bytes(row[2]) != chain_hash(seq, previous, bytes(row[1])):
            raise OrderStoreError(
                "the audit entry could not be read back as it was written",
                code=ErrorCode.AUDIT_WRITE_FAILED,
                user_action="check the disk; nothing was recorded",
            )
        return AuditEntry(seq, dated, kind, actor.value, principal, order_ref, body, digest.hex())

    def _newest_at(self) -> datetime | None:
        """None also where the newest entry is damaged: verification tells that, and the switch must still close."""
        row = self._connection.row(
            "SELECT CASE WHEN json_valid(entry) THEN json_extract(entry, '$.at') END FROM audit ORDER BY seq DESC LIMIT 1"
        )
        try:
            return datetime.fromisoformat(row[0]).astimezone(UTC) if row else None
        except (ValueError, TypeError):
            return None

    def entries(self, *, after_seq: int, order_ref: str | None, limit: int, newest: bool) -> list[AuditEntry]:
        where, parameters = "seq > ?", [after_seq]  # type: tuple[str, list[object]]
        if order_ref is not None:
            where += " AND order_ref = ?"
            parameters.append(order_ref)
        order = "DESC" if newest else "ASC"
        rows = self._connection.rows(f"{_ENTRY} WHERE {where} ORDER BY seq {order} LIMIT ?", [*parameters, limit])
        return [to_entry(row) for row in (reversed(rows) if newest else rows)]

    def latest(self, kind: str) -> AuditEntry | None:
        row = self._connection.row(f"{_ENTRY} WHERE kind = ? ORDER BY seq DESC LIMIT 1", (kind,))
        return to_entry(row) if row else None

    def verify(self, *, after_seq: int = 0, progress: Callable[[int, int], None] | None = None) -> ChainVerdict:
        """The chain from the entry after `after_seq` (whose own hash is taken as given) to the end."""
        return self.chain.verify(after_seq=after_seq, progress=progress)
