"""What only the operator may do after trouble: open the kill switch, write an order off, explain a discrepancy.

Each of the three says that all is well although something was not. So each needs words, each looks at what
stands against it inside its own transaction, and each can be done in spite of that only with other words that
say why. All of it is in the audit log, the refusals too.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ibgw_tui.core.errors import Conflict, InvalidRequest, NotPermitted
from ibgw_tui.core.lifecycle import Actor, Signal, Status
from ibgw_tui.core.reconcile import against_writing_off
from ibgw_tui.core.records import OrderRecord, SwitchState
from ibgw_tui.core.terms import KillSwitch, iso
from ibgw_tui.core.text import one_line
from ibgw_tui.service.standing import EXPLAINED_KIND, explained_through, obstacles, untrusted
from ibgw_tui.service.switch import heed_file
from ibgw_tui.store import OrderStore


def open_switch(store: OrderStore, *, operator: str, reason: str, override: str = "") -> SwitchState:
    """Let approved orders pass again. `override` says why in spite of what stands against it.

    Raises InvalidRequest (no reason), NotPermitted (the reconciliation is not clean, or the sentinel file is there).
    """
    words, why = require_reason(reason), one_line(override, 400)
    heed_file(store, operator)
    with store.write() as change:
        against = obstacles(store, change.now)
        refused = bool(against) and not why
        body: dict[str, Any] = {"reason": words, "against": list(against)}
        if refused:  # committed, not raised from inside: a refused attempt belongs in the audit log too
            change.append_audit("switch.refused", actor=Actor.OPERATOR, principal=operator, body=body)
        else:
            if against:
                body["override"] = why
                change.append_audit("switch.override", actor=Actor.OPERATOR, principal=operator, body=body)
            opened = change.set_switch(KillSwitch.OPEN, actor=Actor.OPERATOR, principal=operator, reason=words)
    if refused:
        raise NotPermitted(
            f"the kill switch stays closed: {'; '.join(against)}",
            user_action="see `ibgw reconcile`; when you know better, open it with an override, which is recorded",
        )
    return opened


def write_off(store: OrderStore, *, operator: str, order_ref: str, reason: str, override: str = "") -> OrderRecord:
    """Take an order in doubt as never placed. Nothing is sent; if the broker has it after all, its word wins.

    Raises InvalidRequest (no reason), Conflict (not in doubt), NotPermitted (not looked up well enough).
    """
    words, why = require_reason(reason), one_line(override, 400)
    with store.write() as change:
        record = change.order(order_ref)
        if record.status is not Status.IN_DOUBT:
            raise Conflict(
                f"order {order_ref} is {record.status.value}, not in doubt",
                user_action="only an order in doubt is written off",
            )
        absence = store.absences().get(order_ref)
        against = against_writing_off(record.status, absence, untrusted(store, change.now))
        refused = bool(against) and not why
        detail: dict[str, Any] = {"against": list(against), "override": why or None, "looked_up": None}
        if absence is not None:
            moments = {"first_at": iso(absence.first_at), "last_at": iso(absence.last_at)}
            detail["looked_up"] = asdict(absence) | moments
        if refused:
            change.append_audit(
                "write_off.refused",
                actor=Actor.OPERATOR,
                principal=operator,
                order_ref=order_ref,
                body={"reason": words, **detail},
            )
        else:
            record = change.move(
                record,
                Signal.WRITE_OFF,
                actor=Actor.OPERATOR,
                principal=operator,
                reason_code="WRITTEN_OFF",
                reason=words,
                detail=detail,
            )
    if refused:
        raise NotPermitted(
            f"order {order_ref} stays in doubt: {'; '.join(against)}",
            user_action="wait for the router's next looks, or give an override that says how you know; it is recorded",
        )
    return record


def explain(store: OrderStore, *, operator: str, through: int, reason: str) -> int:
    """All discrepancies up to this number are understood: no alarm any more. Returns how many they were.

    Raises InvalidRequest (no reason, no such number), Conflict (explained before).
    """
    words = require_reason(reason)
    with store.write() as change:
        newest = next((found.seq for found in store.discrepancies(limit=1)), 0)
        before = explained_through(store)
        if not 0 < through <= newest:
            raise InvalidRequest(f"there is no discrepancy number {through}", user_action="see `ibgw reconcile`")
        if through <= before:
            raise Conflict(f"discrepancies up to number {before} were explained before", user_action="nothing to do")
        change.append_audit(
            EXPLAINED_KIND,
            actor=Actor.OPERATOR,
            principal=operator,
            body={"after": before, "through": through, "reason": words},
        )
    return through - before


def require_reason(text: str) -> str:
    words = one_line(text, 400)
    if not words:
        raise InvalidRequest("a reason is required", user_action="say why in a few words; it is kept in the audit log")
    return words
