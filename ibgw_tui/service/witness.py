"""Writes checkpoints while a router works: at start, every few minutes or few hundred entries, when the kill switch
changes, at the end.

A checkpoint is never written over a log that does not fit the one before it: that would make the damage
look right. Then it says so, and the audit gate stays closed until a person has looked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from ibgw_tui.core.checkpoint import Checkpoint
from ibgw_tui.core.errors import ErrorCode, OrderStoreError
from ibgw_tui.core.lifecycle import Actor
from ibgw_tui.service.verifying import quick_look
from ibgw_tui.store import OrderStore
from ibgw_tui.store.checkpoints import Checkpoints

ENTRIES = 250
"""After so many entries it is time, too: what a start has to look at stays short, also after a crash."""


class Witness:
    """One per process that may sign. Used on the store's thread."""

    def __init__(self, checkpoints: Checkpoints, *, clock: Callable[[], datetime], minutes: int = 5) -> None:
        self.checkpoints = checkpoints
        self._clock = clock
        self._span = timedelta(minutes=minutes)
        self._next: datetime | None = None
        self._seen = 0
        self._switch: tuple[object, ...] | None = None

    def look(self, store: OrderStore) -> Checkpoint | None:
        """Write one if it is time, or if the kill switch changed since the last look. None: nothing to write."""
        state = store.switch()
        switch, now = (state.state, state.epoch, state.source), self._clock()
        before, self._switch = self._switch, switch
        if before is not None and before != switch:
            why = "kill switch"
        elif self._next is None:
            why = "start"
        elif (
            now >= self._next
            or self._next - now > self._span  # the clock stepped back
            or store.last_seq() - self._seen >= ENTRIES
        ):
            why = "interval"
        else:
            return None
        self._seen, self._next = store.last_seq(), now + self._span  # also when it fails: it is said often enough
        return self.write(store, why)

    def write(self, store: OrderStore, why: str) -> Checkpoint | None:
        """One of the log as it is now; None where the newest says the same, or the log is empty.

        Raises OrderStoreError (AUDIT_CHAIN_INVALID when the log does not fit), SettingsError.
        """
        with self.checkpoints.alone():
            found = quick_look(store.chain, self.checkpoints)
            if found.problem is not None:
                raise OrderStoreError(
                    f"no checkpoint was written: {found.problem.words}",
                    code=ErrorCode.AUDIT_CHAIN_INVALID,
                    user_action="close the kill switch and run `ibgw audit verify --full`",
                    retryable=False,
                )
            if found.size == 0 or (found.checkpoint is not None and found.checkpoint.size == found.size):
                return None
            return self.checkpoints.append(self._of(store, found.size, found.head, why))

    def accept(self, store: OrderStore, *, operator: str, reason: str) -> Checkpoint:
        """Go on from the log as it is: a person has looked and knows why it does not fit what was signed before.

        The chain itself must be whole. An entry says who accepted it. Raises OrderStoreError.
        """
        with self.checkpoints.alone():
            verdict = store.verify_audit()
            if not verdict.ok:
                raise OrderStoreError(
                    f"a broken chain cannot be accepted: {verdict.problem}",
                    code=ErrorCode.AUDIT_CHAIN_INVALID,
                    user_action="restore a verified backup; then accept that",
                    retryable=False,
                )
            with store.write() as change:
                entry = change.append_audit(
                    "audit.accepted", actor=Actor.OPERATOR, principal=operator, body={"reason": reason}
                )
            size, head = entry.seq, bytes.fromhex(entry.hash)
            return self.checkpoints.append(self._of(store, size, head, "accepted", accepts=reason))

    def _of(self, store: OrderStore, size: int, head: bytes, why: str, accepts: str | None = None) -> Checkpoint:
        origin = store.chain.hash_at(1)
        assert origin is not None, "the log has a first entry"
        return Checkpoint(origin.hex(), size, head.hex(), self._clock(), why, store.chain.marks(), accepts)
