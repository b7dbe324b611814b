"""The operator's role: approve, reject, recall, send now, cancel, open and close the kill switch.

Approving is one durable transaction that compares what was displayed with what is there. If one byte
differs, if the policy changed, if somebody else was faster, nothing is approved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ibgw_tui.core.decision import Decision
from ibgw_tui.core.orders import Approval
from ibgw_tui.core.records import OrderRecord, SwitchState
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.service.views import Shown
from ibgw_tui.store import OrderStore


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of an approval: `approval` is None when gates refused, and `decision` says why."""

    record: OrderRecord
    decision: Decision
    approval: Approval | None


class Review:
    """What the operator may do. Every call is one transaction."""

    def __init__(self, store: OrderStore, *, rules: DeskRules, make_id: Callable[[], str]) -> None: ...

    def approve(self, shown: Shown, *, how: dict[str, str] | None = None) -> Verdict:
        """Approve exactly what was displayed. `how` goes to the audit log (key, painted and pressed times).

        Raises Conflict (APPROVAL_PREVIEW_MISMATCH or ORDER_STATUS_CONFLICT: it changed, ended, or somebody else decided)
        and NotPermitted (AUTH_SELF_APPROVAL).
        """
        raise NotImplementedError

    def reject(self, order_ref: str, *, reason: str, reason_code: str = "OPERATOR_REJECTED") -> OrderRecord:
        """Needs a reason: the agent reads it. Raises InvalidRequest, Conflict."""
        raise NotImplementedError

    def recall(self, order_ref: str) -> OrderRecord:
        """Take back an approval that was not spent yet. Raises Conflict."""
        raise NotImplementedError

    def submit_now(self, order_ref: str) -> OrderRecord:
        """Send an approved order without waiting for the hold-back (the router does, through every gate). Raises Conflict."""
        raise NotImplementedError

    def ask_cancel(self, order_ref: str) -> OrderRecord:
        """Ask the broker to cancel. Never blocked by the kill switch. Raises Conflict (nothing at the broker)."""
        raise NotImplementedError

    def ask_cancel_all(self) -> list[OrderRecord]:
        """Ask for every order the broker has or may have; returns those it asked for."""
        raise NotImplementedError

    def close_switch(self, reason: str) -> SwitchState: raise NotImplementedError

    def open_switch(self, reason: str) -> SwitchState:
        """Needs a reason. Raises InvalidRequest, NotPermitted (sentinel file still there, orders in doubt)."""
        raise NotImplementedError
