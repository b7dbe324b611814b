"""A submit asked for by the name of its approval, with an idempotency key: what a script may do with a person's yes.

Only the request is recorded here; the router sends, through every gate, in the one transaction that spends the
approval. So the answer is never more than *recorded*, and asking again with the key is *replayed*.
"""

from __future__ import annotations

from dataclasses import dataclass

from ibgw_tui.core.errors import Conflict, ErrorCode, InvalidRequest, NotFound, NotPermitted
from ibgw_tui.core.lifecycle import Actor, Status
from ibgw_tui.core.orders import Approval, ApprovalStatus, digest_of
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.core.terms import Mode
from ibgw_tui.service.keys import check_key
from ibgw_tui.store import Change, OrderStore


@dataclass(frozen=True, slots=True)
class Requested:
    record: OrderRecord
    replayed: bool
    """The key was used for this very request before; nothing new was recorded."""
    held_back: bool
    """The operator may still take the approval back: it goes when that time is over."""


def request_submit(store: OrderStore, rules: DeskRules, *, account: str, approval_id: str, key: str) -> Requested:
    """Ask the router to send what was approved. Order of the questions: decisions, section 7.

    Raises NotFound (PAPER_APPROVAL_REQUIRED), InvalidRequest (a blank key, another account), Conflict (the key was
    used for another request; APPROVAL_CONSUMED; APPROVAL_PREVIEW_MISMATCH), NotPermitted (LIVE_TRADING_DISABLED: not
    enabled for this invocation; LIVE_GATE_MISSING: revoked or expired).
    """
    with store.write() as change:
        found = change.approval(approval_id)
        if found is None:
            raise NotFound(
                f"there is no approval {approval_id}",
                code=ErrorCode.PAPER_APPROVAL_REQUIRED,
                user_action="the operator approves in `ibgw tui`; `ibgw show REF` tells the approval's id",
            )
        approval, order_ref = found
        record = change.order(order_ref)
        check_key(key)
        asked = {"account": account, "approval_id": approval_id, "live": rules.live.invocation_enabled}
        known = change.claim_key(rules.operator, key, operation="submit", request_hash=digest_of("cli.submit", asked))
        if not known.is_new:
            if known.request_hash != digest_of("cli.submit", asked):
                raise Conflict(
                    f"idempotency key {key!r} was used before for another request ({known.order_ref})",
                    code=ErrorCode.PAPER_IDEMPOTENCY_CONFLICT,
                    user_action="use a new key for a new request",
                )
            return Requested(record, replayed=True, held_back=False)
        _check(change, record, approval, account, rules)
        held_back = approval.release_at > change.now
        if not held_back:
            change.note(record, submit_asked=True)
        change.append_audit(
            "submit.asked",
            actor=Actor.OPERATOR,
            principal=rules.operator,
            order_ref=order_ref,
            body={"approval_id": approval_id, "key": key, "held_back": held_back},
        )
        change.finish_key(rules.operator, key, state="completed", order_ref=order_ref, result=None)
        return Requested(change.order(order_ref), replayed=False, held_back=held_back)


def _check(change: Change, record: OrderRecord, approval: Approval, account: str, rules: DeskRules) -> None:
    """First hit wins: decisions, section 6."""
    preview = record.preview
    if approval.account != account:
        raise InvalidRequest(
            f"approval {approval.approval_id} is for {approval.account}, not for {account}",
            code=ErrorCode.INPUT_UNAUTHORIZED_ACCOUNT,
            user_action=f"name the account of the order: --account {approval.account}",
        )
    if preview is not None and preview.mode is Mode.LIVE and not rules.live.invocation_enabled:
        raise NotPermitted(
            "live orders are not enabled for this invocation",
            code=ErrorCode.LIVE_TRADING_DISABLED,
            user_action="ask with --enable-live; the router has to run with it, too",
        )
    if approval.status is ApprovalStatus.CONSUMED:
        raise Conflict(
            f"approval {approval.approval_id} was spent already",
            code=ErrorCode.APPROVAL_CONSUMED,
            user_action=f"read what came of it: ibgw show {record.order_ref}",
        )
    if approval.status is not ApprovalStatus.APPROVED or approval.expires_at <= change.now:
        raise NotPermitted(
            f"approval {approval.approval_id} is {approval.status.value}"
            if approval.status is not ApprovalStatus.APPROVED
            else f"approval {approval.approval_id} has expired",
            code=ErrorCode.LIVE_GATE_MISSING,
            user_action="the operator has to approve the order again",
        )
    if preview is None or preview.digest != approval.preview_digest or record.status is not Status.APPROVED:
        raise Conflict(
            f"what was approved is not what order {record.order_ref} is now",
            code=ErrorCode.APPROVAL_PREVIEW_MISMATCH,
            user_action="the operator looks again and decides again",
        )
