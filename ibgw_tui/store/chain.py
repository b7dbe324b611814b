"""The audit table as a chain: read in pages of its stored bytes, walked, and compared.

Nothing here writes, parses an entry or trusts an index on what an entry says. A page is one short read,
so that verifying a long log never holds up the ones who write. The two ways to read (the store's own
connection, and a file opened for verification alone) share this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ibgw_tui.core.audit import GENESIS, AuditProblem, AuditRow, AuditVerdict, ChainVerdict, chain_verdict, follow

PAGE = 1000
"""Rows per short read: a long one would pin the write-ahead log."""
BEFORE_ALL = -(1 << 63)

Rows = Callable[[str, Sequence[object]], Sequence[Sequence[Any]]]
"""Runs a query and returns all its rows."""
Progress = Callable[[int, int], None]

# As bytes: an entry that is damaged may not be text any more, and must still be compared with its hash.
PAGE_SQL = f"SELECT seq, CAST(entry AS BLOB), hash FROM audit WHERE seq > ? ORDER BY seq LIMIT {PAGE}"
_MARKS = """
    SELECT (SELECT max(seq) FROM orders), (SELECT max(seq) FROM approvals), (SELECT max(order_seq) FROM submissions),
           (SELECT max(rowid) FROM executions), (SELECT max(seq) FROM discrepancies),
           (SELECT max(epoch) FROM kill_switch), (SELECT max(token) FROM lease), (SELECT max(heartbeat_us) FROM lease)
"""
_MARK_NAMES = (
    "orders", "approvals", "submissions", "executions", "discrepancies", "switch_epoch", "lease_token",
    "lease_heartbeat_us",
)  # fmt: skip


class Chain:
    """The log of one open database."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def head(self) -> tuple[int, bytes]:
        found = self._rows("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", ())
        return (int(found[0][0]), bytes(found[0][1])) if found else (0, GENESIS)

    def hash_at(self, seq: int) -> bytes | None:
        found = self._rows("SELECT hash FROM audit WHERE seq = ?", (seq,))
        return bytes(found[0][0]) if found else None

    def marks(self) -> dict[str, int]:
        """Numbers of the other tables that only rise."""
        return dict(zip(_MARK_NAMES, (int(value or 0) for value in self._rows(_MARKS, ())[0]), strict=True))

    def pages(self, after: int) -> Iterator[list[AuditRow]]:
        """The rows after `after`, page by page."""
        while True:
            page = self._rows(PAGE_SQL, (after,))
            if not page:
                return
            yield page  # type: ignore[misc]
            after = int(page[-1][0])

    def verify(
        self, *, after_seq: int = 0, start: bytes | None = None, progress: Progress | None = None
    ) -> ChainVerdict:
        """From the entry after `after_seq` to the end. `start` is its hash, else the stored one is taken as given."""
        if start is None:
            start = GENESIS if after_seq == 0 else self.hash_at(after_seq)
        if start is None:
            return chain_verdict(0, GENESIS, _missing(after_seq))
        total = self.head()[0] if progress else 0
        seq, head = after_seq, start
        for page in self.pages(after_seq or BEFORE_ALL):
            seq, head, problem = follow(page, seq, head)
            if problem is not None:
                return chain_verdict(seq - after_seq, head, problem)
            if progress is not None:
                progress(seq, max(seq, total))
        return chain_verdict(seq - after_seq, head, None)


def _missing(seq: int) -> AuditProblem:
    return AuditProblem(AuditVerdict.GAP, seq, f"entry {seq} is missing")
