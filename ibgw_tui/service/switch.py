"""Closing the kill switch and cancelling what works: the acts that every principal may do, in one place.

Closing takes back every approval that was not spent yet, in the same transaction: an approval given
before cannot slip through after. The epoch in the approval guards the same thing a second time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from ibgw_tui.core.lifecycle import AT_BROKER, Actor, IllegalTransition, Signal, Status
from ibgw_tui.core.records import OrderRecord, SwitchState
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.core.text import one_line
from ibgw_tui.store import Change, OrderStore


def close_switch(store: OrderStore, *, actor: Actor, principal: str, reason: str) -> SwitchState:
    """No new order leaves from here on. Closing a closed switch only adds to the audit log."""
    words = one_line(reason, 400) or "no reason given"
    with store.write() as change:
        return _close(change, actor, principal, words)


def heed_file(store: OrderStore, principal: str) -> bool:
    """Make a closing by the sentinel file one that lasts: taking the file away must open nothing by itself.

    The router does this as soon as it sees the file, with the epoch risen and the approvals taken back.
    """
    if not store.switch().by_file_alone:
        return False
    with store.write() as change:
        found = change.switch()
        if found.by_file_alone:
            _close(change, Actor.ROUTER, principal, found.reason)
    return True


def _close(change: Change, actor: Actor, principal: str, words: str) -> SwitchState:
    state = change.set_switch(KillSwitch.CLOSED, actor=actor, principal=principal, reason=words)
    for record in change.orders_in(Status.APPROVED):
        change.revoke_approval(record)
        change.move(
            record,
            Signal.VOID,
            actor=actor,
            principal=principal,
            reason_code="LIVE_KILL_SWITCH_CLOSED",
            reason=f"approval taken back: {principal} closed the kill switch ({words})",
        )
    return state


# ---- cancelling what works, and what came of it

TOGETHER = 100
"""So many cancels are asked for in one transaction."""

class Outcome(StrEnum):
    """What is known of an order after its cancel was asked for. Only the broker's word makes it certain."""

    CANCELLED = "cancelled"
    FILLED = "filled"
    """In the race: the fill was faster."""
    NOT_AT_BROKER = "not_at_broker"
    """It never was there, or the broker had rejected it."""
    UNCONFIRMED = "unconfirmed"
    """The broker has not said; it may work still."""


_OUTCOMES = {
    Status.CANCELLED: Outcome.CANCELLED,
    Status.FILLED: Outcome.FILLED,
    Status.NOT_PLACED: Outcome.NOT_AT_BROKER,
    Status.REJECTED_BY_BROKER: Outcome.NOT_AT_BROKER,
}


@dataclass(frozen=True, slots=True)
class Swept:
    """One order whose cancel was asked for, and what came of it so far."""

    record: OrderRecord
    outcome: Outcome

    @property
    def is_certain(self) -> bool:
        return self.outcome is not Outcome.UNCONFIRMED

    @property
    def filled(self) -> Decimal:
        return self.record.filled


def cancel_working(store: OrderStore, *, actor: Actor, principal: str) -> list[str]:
    """Ask for the cancel of every order that the broker has or may have. Never blocked. Returns their references.

    Those whose cancel was asked for before are among them: whoever stops wants to know of every order.
    """
    refs = [line.order_ref for line in store.lines(statuses=sorted(AT_BROKER), limit=100_000)]
    asked: list[str] = []
    for start in range(0, len(refs), TOGETHER):
        with store.write() as change:
            asked += [ref for ref in refs[start : start + TOGETHER] if _ask(change, ref, actor, principal)]
    return asked


def _ask(change: Change, order_ref: str, actor: Actor, principal: str) -> bool:
    """False when it ended between the listing and the asking: then there is nothing left to cancel."""
    record = change.order(order_ref)
    if record.status is Status.CANCEL_REQUESTED:
        return True
    try:
        change.move(record, Signal.ASK_CANCEL, actor=actor, principal=principal)
    except IllegalTransition:
        return False
    # Asked anew it is sent anew: an earlier request may have been refused, or lost.
    change.note(record, cancel_asked_by=principal, cancel_sent_at=None)
    return True


def what_came_of(store: OrderStore, order_refs: Iterable[str]) -> list[Swept]:
    """Each order with its outcome as it is known now."""
    found = (store.order(order_ref) for order_ref in order_refs)
    return [Swept(record, _OUTCOMES.get(record.status, Outcome.UNCONFIRMED)) for record in found if record is not None]
