"""The operator's yes, as one durable transaction that compares what was displayed with what is there.

If one byte differs, if the policy changed, if somebody else was faster, nothing is approved, and the
attempt is in the audit log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from ibgw_tui.core.batches import MOST
from ibgw_tui.core.cases import Case
from ibgw_tui.core.context import Market
from ibgw_tui.core.decision import Decision
from ibgw_tui.core.errors import Conflict, ErrorCode, GatewayError, InvalidRequest, NotPermitted
from ibgw_tui.core.lifecycle import Actor, Signal, Status
from ibgw_tui.core.orders import Approval, ApprovalStatus, ApprovedMarket, Preview
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.service.assessment import case_of, read_checklist, stored_facts
from ibgw_tui.service.batching import Answered, Weighing
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.service.reserving import Reserving
from ibgw_tui.service.views import Shown
from ibgw_tui.store import Change, OrderStore


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of an approval: `approval` is None when gates refused, and `decision` says why."""

    record: OrderRecord
    decision: Decision
    approval: Approval | None


class Approving:
    """Says yes to what was displayed, or records why not."""

    def __init__(self, store: OrderStore, *, rules: DeskRules, make_id: Callable[[], str], health: AuditHealth) -> None:
        self._store = store
        self._rules = rules
        self._make_id = make_id
        self._health = health

    def approve(self, shown: Shown, *, how: Mapping[str, str] | None = None) -> Verdict:
        """Approve exactly what was displayed. `how` goes to the audit log (key, painted and pressed times).

        Raises Conflict (APPROVAL_PREVIEW_MISMATCH or ORDER_STATUS_CONFLICT: it changed, ended, or
        somebody else decided) and NotPermitted (AUTH_SELF_APPROVAL).
        """
        with self._store.write() as change:
            record = change.order(shown.order_ref)
            problem = self._not_what_was_shown(change, record, shown)
            case = decision = None
            if problem is None:
                assert record.preview is not None
                case = self.case(change, record.preview)
                decision = case.decide()
            if decision is None or not decision.allowed:
                why = {
                    "decision": _whole(decision) if decision else None,
                    "inputs": case.digest if case else None,
                }
                self._record_refusal(change, record, shown, how, {"error": problem.message} if problem else why)
            else:
                assert case is not None
                approved = self._grant(change, record, case, decision, shown, how)
        if problem is not None:
            raise problem
        assert decision is not None
        return Verdict(approved, decision, approved.approval) if decision.allowed else Verdict(record, decision, None)

    def approve_batch(self, batch: Sequence[Shown], *, how: Mapping[str, str] | None = None) -> list[Answered]:
        """Approve several orders that are alike, in one transaction, each as it was displayed and by itself.

        They are decided one after another as if those before were sent. What differs, or does not pass, is left
        out and recorded as refused; the others are approved. Raises InvalidRequest (too many, or one twice).
        """
        refs = [shown.order_ref for shown in batch]
        if not 1 <= len(refs) <= MOST or len(set(refs)) < len(refs):
            raise InvalidRequest(
                f"{len(refs)} orders, each once and {MOST} at most, are approved together",
                user_action="mark fewer orders",
            )
        with self._store.write() as change:
            weighing = Weighing(change, partial(self.case, change), change.orders_in(Status.APPROVED))
            return [
                self._answered(change, weighing, shown, {**(how or {}), "batch": f"{at} of {len(refs)}"})
                for at, shown in enumerate(batch, start=1)
            ]

    def _answered(self, change: Change, weighing: Weighing, shown: Shown, how: Mapping[str, str]) -> Answered:
        record = change.order(shown.order_ref)
        problem = self._not_what_was_shown(change, record, shown)
        if problem is not None:
            words = f"{problem.message}: {problem.user_action}" if problem.user_action else problem.message
            self._record_refusal(change, record, shown, how, {"error": words})
            return Answered(record, None, words)
        found = weighing.weigh(record)
        if found.problem:
            body = {"error": found.problem, "decision": _whole(found.decision), "inputs": found.case.digest}
            self._record_refusal(change, record, shown, how, body)
            return Answered(record, None, found.problem)
        approved = self._grant(change, record, found.case, found.decision, shown, how)
        return Answered(approved, approved.approval, "")

    def _record_refusal(
        self,
        change: Change,
        record: OrderRecord,
        shown: Shown,
        how: Mapping[str, str] | None,
        why: Mapping[str, object],
    ) -> None:
        """Committed, not raised from inside a transaction: a refused attempt belongs in the audit log too."""
        change.append_audit(
            "approval.refused",
            actor=Actor.OPERATOR,
            principal=self._rules.operator,
            order_ref=record.order_ref,
            body={**_attempt(shown, how), **why},
        )

    def _not_what_was_shown(self, change: Change, record: OrderRecord, shown: Shown) -> GatewayError | None:
        if record.staged_by == self._rules.operator:
            return NotPermitted(
                f"{record.staged_by} staged order {record.order_ref} and cannot approve it",
                code=ErrorCode.AUTH_SELF_APPROVAL,
                user_action="another operator has to approve it",
            )
        if record.status is not Status.PENDING or record.preview is None:
            return Conflict(
                f"order {record.order_ref} is {record.status.value}, not pending",
                user_action="look at it again: it was decided or has ended",
            )
        successor = change.successor(record.order_ref)
        differences = [
            (
                record.preview.preview_id != shown.preview_id or record.preview.digest != shown.preview_digest,
                "the order differs from what was displayed",
            ),
            (successor is not None, f"the order was replaced by {successor}"),
            (
                not (self._rules.policy_digest == shown.policy_digest == record.preview.policy_digest),
                "the limit policy changed",
            ),
            (change.switch().epoch != shown.switch_epoch, "the kill switch was closed in the meantime"),
        ]
        for differs, sentence in differences:
            if differs:
                return Conflict(
                    sentence,
                    code=ErrorCode.APPROVAL_PREVIEW_MISMATCH,
                    user_action="nothing was approved; review the order again",
                )
        return None

    def case(self, change: Change, preview: Preview, reserving: Reserving | None = None) -> Case:
        """What is decided inside a transaction; with `reserving` as if other orders had been sent before."""
        facts = stored_facts(self._store, preview, self._rules, change.now)
        return case_of(
            preview,
            rules=self._rules,
            now=change.now,
            known=reserving or change,
            facts=reserving.facts(facts, preview.intent.account) if reserving else facts,
            audit=self._health.facts(),
            checklist=read_checklist(self._store),
        )

    def _grant(
        self,
        change: Change,
        record: OrderRecord,
        case: Case,
        decision: Decision,
        shown: Shown,
        how: Mapping[str, str] | None,
    ) -> OrderRecord:
        """The order as it is approved now."""
        preview = record.preview
        assert preview is not None
        approval = Approval(
            approval_id=self._make_id(),
            preview_id=preview.preview_id,
            preview_digest=preview.digest,
            policy_digest=preview.policy_digest,
            account=preview.intent.account,
            operator=self._rules.operator,
            status=ApprovalStatus.APPROVED,
            approved_at=change.now,
            release_at=change.now + timedelta(seconds=self._rules.hold_back_seconds),
            expires_at=change.now + timedelta(seconds=self._rules.approval_ttl_seconds),
            switch_epoch=shown.switch_epoch,  # compared above, in this transaction
            market=_market(case.limits.market),
        )
        change.insert_approval(record, approval)
        noted = change.record_decision(record, "approve", case, decision)
        change.signal(
            record,
            Signal.APPROVE,
            actor=Actor.OPERATOR,
            principal=self._rules.operator,
            detail=_attempt(shown, how) | noted | {"approval": approval.model_dump(mode="json")},
        )
        return replace(
            record,
            status=Status.APPROVED,
            updated_at=change.now,
            reason_code=None,
            reason="",
            decision=decision,
            approval=approval,
            submit_asked=False,
        )


def _market(market: Market | None) -> ApprovedMarket | None:
    """What the operator had before the eyes: a later move against the order is measured from here."""
    if market is None or market.as_of is None:
        return None
    sides = {"bid": market.bid, "ask": market.ask, "last": market.last}
    prices = {name: side.amount for name, side in sides.items() if side and side.currency == market.currency}
    return ApprovedMarket(currency=market.currency, as_of=market.as_of, **prices)


def _whole(decision: Decision) -> dict[str, object]:
    """A refused approval changes nothing, so no row keeps this decision: the entry does."""
    return {**decision.told(), "findings": [finding.as_json() for finding in decision.findings]}


def _attempt(shown: Shown, how: Mapping[str, str] | None) -> dict[str, object]:
    return {
        "shown": {
            "preview_id": shown.preview_id,
            "preview_digest": shown.preview_digest,
            "policy_digest": shown.policy_digest,
            "switch_epoch": shown.switch_epoch,
        },
        "how": dict(how or {}),
    }
