"""Whether the audit log can be trusted: what gate 9 and the header show.

The newest entries are verified at start and then from time to time; once broken, it stays broken
until a person has looked (and restarted).
"""

from __future__ import annotations

from ibgw_tui.core.context import AuditFacts
from ibgw_tui.core.errors import GatewayError
from ibgw_tui.store import OrderStore


class AuditHealth:
    """Remembers the last verification of the audit chain's tail."""

    def __init__(self, store: OrderStore, *, tail: int = 1000, every: int = 200) -> None:
        self._store = store
        self._tail = tail
        self._every = every
        self._verified_seq: int | None = None
        self._problem = ""

    def facts(self) -> AuditFacts:
        """The state of the log now; verifies the tail again once `every` entries were added."""
        try:
            seq, _ = self._store.audit_head()
            if not self._problem and (self._verified_seq is None or not 0 <= seq - self._verified_seq < self._every):
                self._verify(seq)
        except GatewayError as error:
            return AuditFacts(available=False, seq=0, problem=error.message)
        return AuditFacts(available=not self._problem, seq=seq, verified_seq=self._verified_seq, problem=self._problem)

    def _verify(self, seq: int) -> None:
        verdict = self._store.verify_audit_tail(self._tail)
        if verdict.ok:
            self._verified_seq = seq
        else:
            self._problem = f"the audit chain is broken: {verdict.problem}"
