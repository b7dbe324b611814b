"""Whether the audit log can be trusted: what gate 9 and the header show.

At start the log is compared with the newest checkpoint and walked from there; then what was added is
verified from time to time, from the very head that was verified last. Once broken, it stays broken
until a person has looked (and restarted).
"""

from __future__ import annotations

from ibgw_tui.core.context import AuditFacts
from ibgw_tui.core.errors import ErrorCode, GatewayError
from ibgw_tui.service.verifying import quick_look
from ibgw_tui.store import OrderStore
from ibgw_tui.store.checkpoints import Checkpoints


class AuditHealth:
    """Remembers the last verification of the audit chain."""

    def __init__(self, store: OrderStore, checkpoints: Checkpoints | None = None, *, every: int = 200) -> None:
        self._store = store
        self._checkpoints = checkpoints
        self._every = every
        self._verified: tuple[int, bytes] | None = None
        self._problem = ""

    def facts(self) -> AuditFacts:
        """The state of the log now; verifies what was added once it is `every` entries.

        Ask before a transaction appends its own entries: if they were rolled back, they would be missed.
        """
        seq = 0
        try:
            seq, _ = self._store.audit_head()
            if not self._problem and self._is_due(seq):
                self._verify()
        except GatewayError as error:
            if error.code is ErrorCode.AUDIT_CHAIN_INVALID:
                self._problem = error.message
            return AuditFacts(available=False, seq=seq, problem=error.message)
        verified = self._verified[0] if self._verified else None
        return AuditFacts(available=not self._problem, seq=seq, verified_seq=verified, problem=self._problem)

    def _is_due(self, seq: int) -> bool:
        return self._verified is None or not 0 <= seq - self._verified[0] < self._every

    def _verify(self) -> None:
        chain = self._store.chain
        if self._verified is None:
            found = quick_look(chain, self._checkpoints)
            if found.problem is not None:
                self._problem = f"the audit log does not verify: {found.problem.words}"
            else:
                self._verified = (found.size, found.head)
            return
        size, head = self._verified
        if size and chain.hash_at(size) != head:
            self._problem = (
                f"the audit log was changed while it was in use: entry {size} is not the one verified before"
            )
            return
        verdict = chain.verify(after_seq=size, start=head)
        if verdict.ok:
            self._verified = (size + verdict.entries, bytes.fromhex(verdict.head))
        else:
            self._problem = f"the audit chain is broken: {verdict.problem}"
