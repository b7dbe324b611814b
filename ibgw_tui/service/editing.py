"""The operator puts other numbers into an order that waits: a new revision, by the operator's hand.

Nothing is approved by it and nothing is widened. The revision is staged, previewed and decided like any other,
and the operator approves it (or not) through the same review. It stays the order of the agent who asked for
the first one: who finds it superseded by a revision that names its author, and may withdraw or revise it.
So an edit is not a way around four eyes: what the operator staged, the operator still cannot approve.
"""

from __future__ import annotations

from collections.abc import Callable

from ibgw_tui.core.edits import differences, edited
from ibgw_tui.core.errors import Conflict, ErrorCode
from ibgw_tui.core.lifecycle import Actor, Signal, Status
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.text import one_line
from ibgw_tui.service.revisions import check_good_till, check_is_newest, check_modify
from ibgw_tui.service.views import Edit
from ibgw_tui.store import Change, OrderStore

EDITABLE_IN = frozenset({Status.PENDING, Status.CHANGES_REQUESTED})
"""What waits for the operator, or was given back and not answered yet. What is approved is recalled first."""
REASON_CODE = "EDITED_BY_OPERATOR"
MAX_REASON = 400


def edit(store: OrderStore, *, operator: str, make_ref: Callable[[], str], wanted: Edit) -> OrderRecord:
    """Supersede an order by a revision with other numbers, in one transaction. Returns the revision.

    Raises InvalidRequest (everything that is wrong with what was typed), Conflict (it is not what was displayed).
    """
    with store.write() as change:
        former = change.order(wanted.order_ref)
        _check_displayed(change, former, wanted)
        intent = edited(former.intent, wanted.changes)
        check_good_till(intent, change.now)
        if intent.modifies is not None:
            intent = check_modify(change, intent, former.staged_by)
        told = {found.name: [found.before, found.after] for found in differences(former.intent, intent)}
        words = "; ".join(found.words for found in differences(former.intent, intent))
        reason = one_line(": ".join(filter(None, (words, one_line(wanted.reason, MAX_REASON)))), 2 * MAX_REASON)
        order_ref = make_ref()
        change.move(
            former,
            Signal.REVISE,
            actor=Actor.OPERATOR,
            principal=operator,
            reason_code=REASON_CODE,
            reason=reason,
            detail={"revised_by": order_ref, "changes": told},
        )
        return change.insert_edit(
            order_ref, intent, of=former, edited_by=operator, detail={"changes": told, "reason": reason}
        )


def _check_displayed(change: Change, former: OrderRecord, wanted: Edit) -> None:
    check_is_newest(change, former)
    if former.status not in EDITABLE_IN or former.preview is None:
        raise Conflict(
            f"order {former.order_ref} is {former.status.value.replace('_', ' ')} and cannot be edited",
            user_action="recall the approval first" if former.status is Status.APPROVED else "look at it again",
        )
    if former.preview.digest != wanted.preview_digest:
        raise Conflict(
            "the order differs from what was displayed",
            code=ErrorCode.APPROVAL_PREVIEW_MISMATCH,
            user_action="nothing was changed; close this, look at it again, and edit what is there now",
        )
