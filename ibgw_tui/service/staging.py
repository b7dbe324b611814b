"""The agent's role: stage, withdraw, look up, ask to cancel, arm the kill switch. Nothing more.

There is no approve and no submit here, and this module cannot even import the ones that have them:
capability is possession.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ibgw_tui.core.errors import Conflict, ErrorCode, InvalidRequest, NotPermitted
from ibgw_tui.core.lifecycle import (
    AT_BROKER,
    OPEN,
    Actor,
    IllegalTransition,
    Signal,
    Status,
)
from ibgw_tui.core.orders import EXIT_FIELDS, OrderIntent, digest_of, parse_intent
from ibgw_tui.core.records import OrderRecord, SwitchState
from ibgw_tui.core.text import one_line
from ibgw_tui.service.keys import check_key
from ibgw_tui.service.revisions import CHANGEABLE_FIELDS, check_good_till, check_is_newest, check_modify
from ibgw_tui.service.switch import close_switch
from ibgw_tui.store import Change, OrderStore


@dataclass(frozen=True, slots=True)
class Staged:
    record: OrderRecord
    replayed: bool
    """True: this key was used before for the same request, and nothing new was recorded."""


class Staging:
    """What an agent, a script or a colleague may do. Every call is one transaction."""

    def __init__(self, store: OrderStore, *, principal: str, make_ref: Callable[[], str], max_pending: int) -> None:
        self._store = store
        self._principal = principal
        self._make_ref = make_ref
        self._max_pending = max_pending

    def stage(self, data: Mapping[str, Any], *, key: str | None = None) -> Staged:
        """Put an intent before the operator.

        With `key`, asking again with the same data returns the order that was staged the first time.
        Raises InvalidRequest (everything that is wrong with the data), Conflict (the key was used
        for something else), NotPermitted (too many orders of this agent wait already).
        """
        return self._stage(parse_intent(data), key)

    def stage_modify(self, order_ref: str, changes: Mapping[str, Any], *, key: str | None = None) -> Staged:
        """Ask to change an own working order: what results goes before the operator as a new revision.

        `changes` names quantity, prices or trail, and a rationale; everything else stays. Raises
        InvalidRequest (not a field that can change, or nothing changes), Conflict (it is not working).
        """
        target = self.own(order_ref)
        unknown = sorted(set(changes) - CHANGEABLE_FIELDS - {"rationale"})
        if unknown:
            raise InvalidRequest(
                "; ".join(f"{name}: cannot be changed in a working order" for name in unknown),
                user_action=f"change {', '.join(sorted(CHANGEABLE_FIELDS))}; for anything else stage a new order",
            )
        kept = target.intent.model_dump(mode="json", exclude_none=True, exclude=set(EXIT_FIELDS) | {"rationale"})
        return self._stage(parse_intent({**kept, **changes, "modifies": target.on_wire}), key)

    def revise(self, order_ref: str, changes: Mapping[str, Any], *, key: str | None = None) -> Staged:
        """Replace an own order by a revision of it: `changes` over what was asked for before; None takes a field out.

        An order that waits is superseded; one that was refused, rejected or expired stays what it is, and the
        revision names it. Raises InvalidRequest, Conflict (it was sent or withdrawn, or was revised before).
        """
        former = self.own(order_ref)
        merged = {**former.intent.model_dump(mode="json", exclude_none=True), **changes}
        intent = parse_intent({name: value for name, value in merged.items() if value is not None})
        return self._stage(intent, key, revises=former.order_ref)

    def _stage(self, intent: OrderIntent, key: str | None, revises: str | None = None) -> Staged:
        check_key(key)
        asked = {"revises": revises, "intent": intent.model_dump(mode="json")}
        request_hash = digest_of("revise", asked) if revises else digest_of("stage", asked["intent"])
        with self._store.write() as change:
            # Before any other question: what was done under a key is told, also when it could not be done any more.
            known = self._claimed(change, key, "revise" if revises else "stage", request_hash)
            if known is not None:
                return Staged(known, replayed=True)
            check_good_till(intent, change.now)
            if revises is not None:
                self._supersede(change, revises, intent)
            if intent.modifies is not None:
                intent = check_modify(change, intent, self._principal)
            waiting = change.count_open(self._principal)
            if waiting >= self._max_pending:
                raise NotPermitted(
                    f"{waiting} orders of {self._principal} wait for review already; {self._max_pending} are allowed",
                    user_action="withdraw orders that are no longer wanted, or wait for the operator",
                )
            record = change.insert_order(self._make_ref(), intent, staged_by=self._principal, revises=revises)
            if key is not None:
                change.finish_key(self._principal, key, state="completed", order_ref=record.order_ref, result=None)
        return Staged(record, replayed=False)

    def _claimed(self, change: Change, key: str | None, operation: str, request_hash: str) -> OrderRecord | None:
        """The order that came of an earlier call with this key; None when it is new. Raises Conflict."""
        if key is None:
            return None
        claimed = change.claim_key(self._principal, key, operation=operation, request_hash=request_hash)
        if claimed.is_new:
            return None
        if claimed.request_hash != request_hash or claimed.order_ref is None:
            raise Conflict(
                f"idempotency key {key!r} was used before for another request ({claimed.order_ref})",
                code=ErrorCode.PAPER_IDEMPOTENCY_CONFLICT,
                user_action="use a new key for a new request, or repeat the same request to read its result again",
            )
        return change.order(claimed.order_ref)

    def _supersede(self, change: Change, order_ref: str, intent: OrderIntent) -> None:
        record = change.order(order_ref)
        check_is_newest(change, record)
        if record.status not in REVISABLE:
            raise Conflict(
                f"order {order_ref} is {record.status.value.replace('_', ' ')} and cannot be revised",
                user_action="change it while it works at the broker (stage_modify), or stage a new order"
                if record.status in AT_BROKER
                else "stage a new order",
            )
        if intent == record.intent and record.status in OPEN:
            raise InvalidRequest("the revision changes nothing", user_action="give at least one other field")
        if record.status in OPEN:
            change.revoke_approval(record)
            change.move(
                record,
                Signal.REVISE,
                actor=Actor.AGENT,
                principal=self._principal,
                reason_code="REVISED_BY_STAGER",
                reason="replaced by a revision",
            )

    def withdraw(self, order_ref: str, *, reason: str = "") -> OrderRecord:
        """Take back an own order that was not sent yet. Withdrawing twice is one withdrawal."""
        record = self.own(order_ref)
        with self._store.write() as change:
            record = change.order(record.order_ref)
            if record.status is Status.WITHDRAWN:
                return record
            if record.status not in OPEN:
                raise Conflict(
                    f"order {record.order_ref} is {record.status.value} and cannot be withdrawn",
                    user_action="ask to cancel it instead"
                    if record.status in AT_BROKER
                    else "nothing to do: it has ended",
                )
            change.revoke_approval(record)
            return change.move(
                record,
                Signal.WITHDRAW,
                actor=Actor.AGENT,
                principal=self._principal,
                reason_code="WITHDRAWN_BY_STAGER",
                reason=one_line(reason, 400) or "withdrawn by the one who staged it",
            )

    def own(self, order_ref: str) -> OrderRecord:
        """An order this principal staged. Raises NotFound, NotPermitted."""
        record = self._store.find_order(order_ref)
        if record.staged_by != self._principal:
            raise NotPermitted(
                f"order {record.order_ref} was staged by {record.staged_by}, not by {self._principal}",
                user_action="only the one who staged an order may change it; pass --agent NAME if that is you",
            )
        return record

    def look_up(self, order_ref: str) -> OrderRecord:
        """Any order, by reference or by an unambiguous part of it. Raises NotFound."""
        return self._store.find_order(order_ref)

    def ask_cancel(self, order_ref: str, *, key: str | None = None) -> Staged:
        """Ask the broker to cancel an own order. Only a request: it may still fill."""
        check_key(key)
        record = self.own(order_ref)
        with self._store.write() as change:
            known = self._claimed(change, key, "cancel", digest_of("cancel", {"order_ref": record.order_ref}))
            if known is not None:
                return Staged(known, replayed=True)
            record = change.order(record.order_ref)
            try:
                moved = change.move(record, Signal.ASK_CANCEL, actor=Actor.AGENT, principal=self._principal)
            except IllegalTransition as error:
                raise Conflict(
                    f"order {record.order_ref} is {record.status.value}; there is nothing at the broker to cancel",
                    user_action="withdraw it instead" if record.status in OPEN else "nothing to do: it has ended",
                ) from error
            change.note(moved, cancel_asked_by=self._principal, cancel_sent_at=None)
            if key is not None:
                change.finish_key(self._principal, key, state="completed", order_ref=record.order_ref, result=None)
            return Staged(change.order(record.order_ref), replayed=False)

    def arm_kill_switch(self, reason: str) -> SwitchState:
        """Close the kill switch: no new order leaves. Anyone may stop."""
        return close_switch(self._store, actor=Actor.AGENT, principal=self._principal, reason=reason)

    def switch(self) -> SwitchState:
        return self._store.switch()


REVISABLE = OPEN | {Status.REFUSED, Status.REJECTED, Status.EXPIRED}
"""What a revision may follow: an order that waits, and one that ended without being sent or taken back."""
