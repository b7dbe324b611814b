"""The operator's role: approve, reject, recall, send now, cancel, write off, open and close the kill switch.

Every call is one durable transaction. What it means to approve is in `approving`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from ibgw_tui.core.context import Checklist
from ibgw_tui.core.errors import (
    Conflict,
    InvalidRequest,
    NotPermitted,
)
from ibgw_tui.core.lifecycle import AT_BROKER, Actor, IllegalTransition, Signal, Status
from ibgw_tui.core.passing import what_passes
from ibgw_tui.core.records import OrderRecord, SwitchState
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.service.approving import Approving, Verdict
from ibgw_tui.service.assessment import (
    CHECKLIST_KIND,
    read_checklist,
)
from ibgw_tui.service.batching import Answered
from ibgw_tui.service.checklist import ITEMS, acknowledged, evidence_of, lacking
from ibgw_tui.service.editing import edit
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.service.recovery import explain, open_switch, require_reason, write_off
from ibgw_tui.service.suggesting import PASSING
from ibgw_tui.service.switch import cancel_working, close_switch
from ibgw_tui.service.views import Edit, Shown
from ibgw_tui.store import Change, OrderStore


class Review:
    """What the operator may do. Every call is one transaction."""

    def __init__(
        self,
        store: OrderStore,
        *,
        rules: DeskRules,
        make_id: Callable[[], str],
        make_ref: Callable[[], str],
        health: AuditHealth,
    ) -> None:
        self._store = store
        self._rules = rules
        self._make_ref = make_ref
        self._approving = Approving(store, rules=rules, make_id=make_id, health=health)

    def approve(self, shown: Shown, *, how: Mapping[str, str] | None = None) -> Verdict:
        """Approve exactly what was displayed: see `approving.Approving.approve`. Raises Conflict, NotPermitted."""
        return self._approving.approve(shown, how=how)

    def approve_batch(self, batch: Sequence[Shown], *, how: Mapping[str, str] | None = None) -> list[Answered]:
        """Approve several that are alike: see `approving.Approving.approve_batch`. Raises InvalidRequest."""
        return self._approving.approve_batch(batch, how=how)

    def recall_all(self) -> list[OrderRecord]:
        """Take back every approval that was not spent yet, whoever gave it. Returns the orders; they wait again."""
        with self._store.write() as change:
            held = change.orders_in(Status.APPROVED)
            for record in held:
                change.revoke_approval(record)
                change.move(
                    record,
                    Signal.RECALL,
                    actor=Actor.OPERATOR,
                    principal=self._rules.operator,
                    reason_code="APPROVAL_RECALLED",
                    reason="the approval was taken back with all others",
                )
        return [self._read(record.order_ref) for record in held]

    def reject(self, order_ref: str, *, reason: str, reason_code: str = "OPERATOR_REJECTED") -> OrderRecord:
        """Say no. Needs a reason: the agent reads it. Raises InvalidRequest, Conflict."""
        words = require_reason(reason)
        return self._move(
            order_ref, Signal.REJECT, reason_code=reason_code, reason=words, void_approval=True, suggests=True
        )

    def ask_changes(self, order_ref: str, *, reason: str, reason_code: str = "OPERATOR_ASKED_CHANGES") -> OrderRecord:
        """Give a pending order back to the one who staged it: only a revision of it, or a no, goes on from there.

        Needs a reason: the agent reads it. Raises InvalidRequest, Conflict.
        """
        words = require_reason(reason)
        return self._move(
            order_ref, Signal.ASK_CHANGES, reason_code=reason_code, reason=words, void_approval=False, suggests=True
        )

    def edit(self, wanted: Edit) -> OrderRecord:
        """Put other numbers into an order that waits: see `editing.edit`. Raises InvalidRequest, Conflict."""
        return edit(self._store, operator=self._rules.operator, make_ref=self._make_ref, wanted=wanted)

    def recall(self, order_ref: str) -> OrderRecord:
        """Take back an approval that was not spent yet. Raises Conflict."""
        return self._move(
            order_ref,
            Signal.RECALL,
            reason_code="APPROVAL_RECALLED",
            reason="the approval was taken back",
            void_approval=True,
        )

    def submit_now(self, order_ref: str) -> OrderRecord:
        """Send an approved order without waiting for the hold-back: the router does, through every gate.

        Raises Conflict when the order is not approved.
        """
        with self._store.write() as change:
            record = change.order(order_ref)
            if record.status is not Status.APPROVED:
                raise Conflict(
                    f"order {order_ref} is {record.status.value}, not approved",
                    user_action="approve it first" if record.status is Status.PENDING else "",
                )
            change.note(record, submit_asked=True)
            change.append_audit(
                "submit.asked", actor=Actor.OPERATOR, principal=self._rules.operator, order_ref=order_ref
            )
        return self._read(order_ref)

    def ask_cancel(self, order_ref: str) -> OrderRecord:
        """Ask the broker to cancel. Never blocked by the kill switch. Raises Conflict (nothing at the broker)."""
        with self._store.write() as change:
            record = change.order(order_ref)
            try:
                moved = change.move(record, Signal.ASK_CANCEL, actor=Actor.OPERATOR, principal=self._rules.operator)
            except IllegalTransition as error:
                raise Conflict(
                    f"order {order_ref} is {record.status.value}; there is nothing at the broker to cancel",
                    user_action="reject it, or recall the approval"
                    if record.status in (Status.PENDING, Status.APPROVED)
                    else "nothing to do: it has ended",
                ) from error
            change.note(moved, cancel_asked_by=self._rules.operator, cancel_sent_at=None)
        return self._read(order_ref)

    def ask_cancel_all(self) -> list[OrderRecord]:
        """Ask for every order the broker has or may have; returns them, also those asked for before."""
        asked = cancel_working(self._store, actor=Actor.OPERATOR, principal=self._rules.operator)
        return [self._read(order_ref) for order_ref in asked]

    def close_switch(self, reason: str) -> SwitchState:
        """Arm the kill switch: no new order leaves, and approvals not yet spent are taken back."""
        return close_switch(self._store, actor=Actor.OPERATOR, principal=self._rules.operator, reason=reason)

    def open_switch(self, reason: str, *, override: str = "") -> SwitchState:
        """Let approved orders pass again: see `recovery.open_switch`. Raises InvalidRequest, NotPermitted."""
        return open_switch(self._store, operator=self._rules.operator, reason=reason, override=override)

    def write_off(self, order_ref: str, *, reason: str, override: str = "") -> OrderRecord:
        """Take an order in doubt as never placed. Raises InvalidRequest, Conflict, NotPermitted."""
        return write_off(
            self._store, operator=self._rules.operator, order_ref=order_ref, reason=reason, override=override
        )

    def explain(self, through: int, *, reason: str) -> int:
        """Discrepancies up to this number are understood. Raises InvalidRequest, Conflict."""
        return explain(self._store, operator=self._rules.operator, through=through, reason=reason)

    def acknowledge(self, items: Collection[str]) -> Checklist:
        """Record these items of the paper-to-live checklist as this operator's word, with the evidence for them.

        Raises InvalidRequest (no such item), NotPermitted (an item that needs evidence has none).
        """
        unknown = sorted(set(items) - set(ITEMS))
        if unknown or not items:
            raise InvalidRequest(
                f"no such item: {', '.join(unknown)}" if unknown else "no item was named",
                user_action=f"the items are {', '.join(ITEMS)}",
            )
        with self._store.write() as change:
            evidence = evidence_of(self._store, self._rules)
            gaps = lacking(items, evidence)
            if gaps:
                raise NotPermitted(
                    "; ".join(f"{name}: {why}" for name, why in gaps.items()),
                    user_action="; ".join(ITEMS[name][1] for name in gaps),
                )
            return self._sign(change, acknowledged(read_checklist(self._store) or Checklist(), items, evidence))

    def _sign(self, change: Change, checklist: Checklist) -> Checklist:
        signed = checklist.replaced(acknowledged_by=self._rules.operator, acknowledged_at=change.now)
        change.append_audit(
            CHECKLIST_KIND, actor=Actor.OPERATOR, principal=self._rules.operator, body=signed.model_dump(mode="json")
        )
        return signed

    def acknowledge_checklist(self, checklist: Checklist) -> Checklist:
        """The whole checklist as it is given, without evidence: for a pretended market only.

        Raises InvalidRequest when an item is missing, NotPermitted where the market is a real one.
        """
        if self._rules.backend != "simulated":
            raise NotPermitted(
                "a checklist without evidence is for the simulated market",
                user_action="use `ibgw checklist acknowledge`",
            )
        with self._store.write() as change:
            signed = checklist.replaced(acknowledged_by=self._rules.operator, acknowledged_at=change.now)
            if signed.missing():
                raise InvalidRequest(
                    f"not acknowledged: {', '.join(signed.missing())}", user_action="acknowledge every item"
                )
            return self._sign(change, checklist)

    def _move(
        self,
        order_ref: str,
        signal: Signal,
        *,
        reason_code: str,
        reason: str,
        void_approval: bool,
        suggests: bool = False,
    ) -> OrderRecord:
        with self._store.write() as change:
            record = change.order(order_ref)
            helps = what_passes(self._approving.case(change, record.preview)) if suggests and record.preview else None
            try:
                change.move(
                    record,
                    signal,
                    actor=Actor.OPERATOR,
                    principal=self._rules.operator,
                    reason_code=reason_code,
                    reason=reason,
                    detail={PASSING: helps.as_json()} if helps else None,
                )
            except IllegalTransition as error:
                raise Conflict(
                    f"order {order_ref} is {record.status.value}: it can no longer be {_PAST[signal]}",
                    user_action="cancel it instead"
                    if record.status in AT_BROKER
                    else "look at it again: it was decided or has ended",
                ) from error
            if void_approval:
                change.revoke_approval(record)
        return self._read(order_ref)

    def _read(self, order_ref: str) -> OrderRecord:
        record = self._store.order(order_ref)
        assert record is not None, "orders are never deleted"
        return record


_PAST = {Signal.REJECT: "rejected", Signal.RECALL: "recalled", Signal.ASK_CHANGES: "given back for changes"}
