"""One write transaction: everything that can be changed, and nothing outside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ibgw_tui.core.broker import ExecutionReport
from ibgw_tui.core.cases import Case
from ibgw_tui.core.decision import Decision, worst_status
from ibgw_tui.core.errors import NotFound
from ibgw_tui.core.lifecycle import Actor, Signal, Status, advance
from ibgw_tui.core.orders import Approval, ApprovalStatus, OrderIntent, Preview
from ibgw_tui.core.records import (
    AuditEntry,
    ClaimedKey,
    LeaseState,
    OrderRecord,
    SwitchState,
)
from ibgw_tui.core.terms import KillSwitch, Money
from ibgw_tui.store import approvals, decisions, fills, keys, lease, notes, staged, submissions
from ibgw_tui.store.audit_log import AuditLog
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.groups import Groups
from ibgw_tui.store.reads import Reads
from ibgw_tui.store.rows import RECORD_SQL, to_micro, to_record, to_us
from ibgw_tui.store.switch_row import write_switch


class Change(Reads):
    """Handed out by OrderStore.write(); valid inside that `with` only. Reads here see its own writes."""

    def __init__(self, connection: Connection, audit: AuditLog, clock: Callable[[], datetime]) -> None:
        self._open: tuple[Connection, AuditLog] | None = (connection, audit)
        self.now = clock()
        """Time of the transaction: the store's clock, read once."""

    def end(self) -> None:
        """The transaction is over: a later use would be a write of its own that nothing holds together."""
        self._open = None

    @property
    def _connection(self) -> Connection:
        return self._parts()[0]

    @property
    def _audit(self) -> AuditLog:
        return self._parts()[1]

    def _parts(self) -> tuple[Connection, AuditLog]:
        if self._open is None:
            raise RuntimeError("a change was used after its transaction")
        return self._open

    # ---- reads inside the transaction

    def order(self, order_ref: str) -> OrderRecord:
        """Raises NotFound."""
        record = self._record(order_ref)
        if record is None:
            raise NotFound(f"there is no order {order_ref}", user_action="see `ibgw list --all`")
        return record

    def orders_in(self, status: Status) -> list[OrderRecord]:
        rows = self._connection.rows(f"{RECORD_SQL} WHERE o.status = ? ORDER BY o.seq", (status.value,))
        return [to_record(row) for row in rows]

    def _reading(self) -> Connection:
        return self._connection

    # ---- audit

    def append_audit(
        self,
        kind: str,
        *,
        actor: Actor,
        principal: str,
        order_ref: str | None = None,
        body: dict[str, Any] | None = None,
    ) -> AuditEntry:
        """Raises OrderStoreError (AUDIT_WRITE_FAILED) when it cannot be read back as written."""
        return self._audit.append(
            kind, at=self.now, actor=actor, principal=principal, order_ref=order_ref, body=body or {}
        )

    # ---- orders

    def insert_order(
        self, order_ref: str, intent: OrderIntent, *, staged_by: str, revises: str | None = None
    ) -> OrderRecord:
        """Status staged. Raises Conflict if the reference exists."""
        former = revises or intent.modifies
        revision = self.order(former).revision + 1 if former else 1
        staged.insert(self._connection, self.now, order_ref, intent, revision, revises, staged_by, edited_by=None)
        self.append_audit(
            "order.staged",
            actor=Actor.AGENT,
            principal=staged_by,
            order_ref=order_ref,
            body={"intent": intent.model_dump(mode="json"), "revision": revision, "revises": revises},
        )
        return self.order(order_ref)

    def insert_edit(
        self, order_ref: str, intent: OrderIntent, *, of: OrderRecord, edited_by: str, detail: dict[str, Any]
    ) -> OrderRecord:
        """A revision by the operator's hand, of the same stager. Status staged."""
        revision = of.revision + 1
        staged.insert(
            self._connection, self.now, order_ref, intent, revision, of.order_ref, of.staged_by, edited_by=edited_by
        )
        self.append_audit(
            "order.edited",
            actor=Actor.OPERATOR,
            principal=edited_by,
            order_ref=order_ref,
            body={
                "intent": intent.model_dump(mode="json"),
                "revision": revision,
                "revises": of.order_ref,
                "staged_by": of.staged_by,
                **detail,
            },
        )
        return self.order(order_ref)

    def move(
        self,
        record: OrderRecord,
        signal: Signal,
        *,
        actor: Actor,
        principal: str,
        reason_code: str | None = None,
        reason: str | None = None,
        detail: dict[str, Any] | None = None,
    ) -> OrderRecord:
        """`signal`, and the order read again."""
        said: dict[str, Any] = {"reason_code": reason_code, "reason": reason, "detail": detail}
        self.signal(record, signal, actor=actor, principal=principal, **said)
        return self.order(record.order_ref)

    def signal(
        self,
        record: OrderRecord,
        signal: Signal,
        *,
        actor: Actor,
        principal: str,
        reason_code: str | None = None,
        reason: str | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """The only way to change a status: table, compare-and-set of exactly one row, audit entry.

        Raises Conflict when the row is no longer as `record` says, IllegalTransition from the table.
        """
        follower = advance(record.status, signal, actor)
        self._connection.execute_one(
            "UPDATE orders SET status = ?, updated_us = ?, reason_code = ?, reason = ? WHERE seq = ? AND status = ?",
            (follower.value, to_us(self.now), reason_code, reason or "", record.seq, record.status.value),
            f"order {record.order_ref} is no longer {record.status.value}",
        )
        self.append_audit(
            f"order.{signal.value}",
            actor=actor,
            principal=principal,
            order_ref=record.order_ref,
            body={
                "from": record.status.value,
                "to": follower.value,
                "reason_code": reason_code,
                "reason": reason or "",
                **(detail or {}),
            },
        )

    def record_preview(self, record: OrderRecord, preview: Preview, case: Case, decision: Decision) -> dict[str, Any]:
        """The newest preview of an order is the one in force. Returns what the audit entry says of its decision."""
        self._connection.execute(
            "INSERT INTO previews (order_seq, preview_id, digest, body) VALUES (?, ?, ?, ?)",
            (record.seq, preview.preview_id, preview.digest, preview.model_dump_json()),
        )
        notional = preview.estimate.notional
        self._connection.execute(
            "UPDATE orders SET mode = ?, con_id = ?, currency = ?, notional_u = ?, preview_expires_us = ? WHERE seq = ?",
            (
                preview.mode.value, preview.contract.con_id, preview.contract.currency,
                to_micro(notional.amount) if notional else None, to_us(preview.expires_at), record.seq,
            ),
        )  # fmt: skip
        return self.record_decision(record, "preview", case, decision)

    def record_decision(self, record: OrderRecord, step: str, case: Case, decision: Decision) -> dict[str, Any]:
        """`step` is 'preview', 'approve' or 'submit'. Returns what the audit entry of the act says of it."""
        noted = decisions.insert(self._connection, record.seq, self.now, step, case, decision)
        self._connection.execute(
            "UPDATE orders SET worst = ?, refusal_code = ? WHERE seq = ?",
            (worst_status(decision.findings).value, decision.refusal_code, record.seq),
        )
        return noted

    def note(self, record: OrderRecord, **columns: Any) -> None:
        """Set columns that are not status: perm_id, submit_asked, cancel_asked_by, cancel_sent_at, reason_code, reason."""
        notes.write(self._connection, record, columns)

    # ---- approvals

    def approval(self, approval_id: str) -> tuple[Approval, str] | None:
        """An approval by its own name, and the reference of its order."""
        return approvals.find(self._connection, approval_id)

    def insert_approval(self, record: OrderRecord, approval: Approval) -> None:
        """Raises Conflict when a live one exists."""
        approvals.insert(self._connection, record, approval)

    def spend_approval(self, approval_id: str) -> None:
        """approved -> consumed: exactly one row that has begun and not expired, else Conflict."""
        approvals.spend(self._connection, approval_id, self.now)

    def revoke_approval(self, record: OrderRecord) -> None:
        approvals.end(self._connection, record, ApprovalStatus.REVOKED)

    def expire_approval(self, record: OrderRecord) -> None:
        approvals.end(self._connection, record, ApprovalStatus.EXPIRED)

    # ---- idempotency keys: never forgotten

    def claim_key(self, principal: str, key: str, *, operation: str, request_hash: str) -> ClaimedKey:
        return keys.claim(self._connection, principal, key, operation, request_hash)

    def finish_key(
        self, principal: str, key: str, *, state: str, order_ref: str | None, result: dict[str, Any] | None
    ) -> None:
        """What came of a pending key: said once. Raises Conflict for any other."""
        keys.finish(self._connection, principal, key, state, order_ref, result)

    def release_key(self, principal: str, key: str) -> None:
        """After a refusal: nothing was done under it, and it may be used again."""
        keys.release(self._connection, principal, key)

    # ---- submits and fills

    def insert_submission(
        self,
        record: OrderRecord,
        *,
        approval_id: str,
        idempotency_key: str,
        request_hash: str,
        notional: Money,
        legs: int = 1,
    ) -> None:
        """Unique on order, approval and key: the guarantee that nothing is sent twice.

        `legs` counts the entry and the exits of a bracket; `notional` is that of all of them.
        """
        submissions.insert(
            self._connection, record, approval_id=approval_id, idempotency_key=idempotency_key,
            request_hash=request_hash, notional=notional, now=self.now, legs=legs,
        )  # fmt: skip

    # ---- brackets and modifies

    @property
    def groups(self) -> Groups:
        """Orders that belong together."""
        return Groups(self._connection, self._audit, self.now, self.order)

    def add_execution(self, record: OrderRecord, execution: ExecutionReport) -> bool:
        """False when it is known. A correction replaces what it corrects. Recomputes the order's totals.

        A report that contradicts what is known becomes a discrepancy, once.
        """
        contradiction = fills.contradiction(self._connection, record, execution)
        if contradiction is not None and not fills.is_said(self._connection, contradiction, record.order_ref):
            self.add_discrepancy(contradiction, order_ref=record.order_ref)
        return fills.add(self._connection, record, execution)

    def add_commission(self, exec_id: str, commission: Money) -> None:
        fills.add_commission(self._connection, exec_id, commission)

    def add_discrepancy(
        self, text: str, *, order_ref: str | None = None, detail: Mapping[str, Any] | None = None
    ) -> None:
        """`detail` goes to the audit log: an execution that fits no status is recorded there all the same."""
        self._connection.execute(
            "INSERT INTO discrepancies (at_us, order_ref, text) VALUES (?, ?, ?)", (to_us(self.now), order_ref, text)
        )
        body = {"text": text, **(detail or {})}
        self.append_audit("discrepancy", actor=Actor.ROUTER, principal="router", order_ref=order_ref, body=body)

    def say_discrepancy(
        self, text: str, *, order_ref: str | None = None, detail: Mapping[str, Any] | None = None
    ) -> bool:
        """`add_discrepancy`, unless the same was said before: records that are read again tell the same again."""
        if fills.is_said(self._connection, text, order_ref):
            return False
        self.add_discrepancy(text, order_ref=order_ref, detail=detail)
        return True

    # ---- kill switch and lease

    def set_switch(self, state: KillSwitch, *, actor: Actor, principal: str, reason: str) -> SwitchState:
        """Closing raises the epoch; closing when closed only adds an audit entry.

        Raises NotPermitted when opening while the sentinel file is there.
        """
        epoch = write_switch(self._connection, state, principal, reason, self.now)
        kind = "switch.opened" if state is KillSwitch.OPEN else "switch.closed"
        self.append_audit(kind, actor=actor, principal=principal, body={"reason": reason, "epoch": epoch})
        return self.switch()

    def take_lease(self, holder: str, pid: int, *, over: LeaseState | None = None) -> LeaseState | None:
        """The lease with a new, higher token; None while it is somebody's.

        `over` is a lease that was watched and gave no sign of life: it is taken if it still looks like that.
        """
        return lease.take_lease(self._connection, holder, pid, self.now, over)

    def beat(self, token: int) -> bool:
        return lease.beat(self._connection, token, self.now)

    def release_lease(self, token: int) -> None:
        lease.release(self._connection, token)
