"""Closing the kill switch: the one act that every principal may do, in one place.

Closing takes back every approval that was not spent yet, in the same transaction: an approval given
before cannot slip through after. The epoch in the approval guards the same thing a second time.
"""

from __future__ import annotations

from ibgw_tui.core.lifecycle import Actor, Signal, Status
from ibgw_tui.core.records import SwitchState
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.core.text import one_line
from ibgw_tui.store import OrderStore


def close_switch(store: OrderStore, *, actor: Actor, principal: str, reason: str) -> SwitchState:
    """No new order leaves from here on. Closing a closed switch only adds to the audit log."""
    words = one_line(reason, 400) or "no reason given"
    with store.write() as change:
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
