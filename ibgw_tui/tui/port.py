"""What the terminal is given: view values to show and the operator's verbs, all awaitable.

The screen never holds a role or a store. It holds this, which the operator's composition root
implements on the store's own thread, so that nothing here can block the loop and a read-only terminal
is one whose port refuses to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ibgw_tui.core.decision import Decision
from ibgw_tui.core.orders import Approval
from ibgw_tui.core.pace import Pace
from ibgw_tui.core.records import AuditEntry, OrderRecord, SwitchState
from ibgw_tui.service.pages import AgentsPage, FoundEntries, PoliciesPage, PositionsPage, SettingsPage, SwitchPage
from ibgw_tui.service.standing import Standing
from ibgw_tui.service.views import Batch, DeskState, Edit, OrderRow, Shown, Swept, Ticket


class ApprovalVerdict(Protocol):
    """What came of an approval: `approval` is None when gates refused, and `decision` says why."""

    @property
    def record(self) -> OrderRecord: ...

    @property
    def decision(self) -> Decision: ...

    @property
    def approval(self) -> Approval | None: ...


class BatchAnswer(Protocol):
    """What came of one order of a batch: approved, or `problem` says why not."""

    @property
    def record(self) -> OrderRecord: ...

    @property
    def approval(self) -> Approval | None: ...

    @property
    def problem(self) -> str: ...


class DeskPort(Protocol):
    """The operator's desk as the terminal sees it. Every call may raise; a GatewayError explains itself."""

    @property
    def read_only(self) -> bool:
        """True: the verbs that decide raise NotPermitted, and the screen offers none."""
        ...

    @property
    def operator(self) -> str:
        """Who decides here."""
        ...

    @property
    def clock(self) -> Callable[[], datetime]:
        """The moment, in UTC: what ages and countdowns are measured with."""
        ...

    @property
    def is_router(self) -> bool:
        """Whether this very process is the one that talks to the broker."""
        ...

    @property
    def router_problem(self) -> str:
        """The newest failure of the router in this process; empty while all is well or it is elsewhere."""
        ...

    def listen(self, callback: Callable[[], None], /) -> Callable[[], None]:
        """Call `callback` in the loop whenever the store changed. Returns how to stop it."""
        ...

    async def desk(self) -> DeskState:
        """The header: mode, switch, link, router, audit, counts."""
        ...

    async def queue(self) -> Sequence[OrderRow]:
        """Orders that wait for the operator or for the hold-back, oldest first."""
        ...

    async def blotter(self) -> Sequence[OrderRow]:
        """Orders that were sent or have ended, newest first."""
        ...

    async def ticket(self, order_ref: str, /) -> Ticket:
        """One order, evaluated on the newest facts. Raises NotFound."""
        ...

    async def audit(self, *, after_seq: int = 0, limit: int = 200, newest: bool = True) -> Sequence[AuditEntry]:
        """Audit entries, oldest first; with `newest` the last ones."""
        ...

    async def audit_before(self, before_seq: int, /, *, text: str = "", limit: int = 200) -> FoundEntries:
        """Entries below a number that contain every word of `text`; one bounded look, which says how far it went."""
        ...

    async def positions_page(self) -> PositionsPage:
        """Positions per account with what works, and how much of the limits is used."""
        ...

    async def switch_page(self) -> SwitchPage:
        """The kill switch with its history, and what stands against opening it."""
        ...

    async def policies_page(self) -> PoliciesPage:
        """The limit policies and the paper-to-live checklist."""
        ...

    async def agents_page(self) -> AgentsPage:
        """Who stages what, and what becomes of it."""
        ...

    async def settings_page(self) -> SettingsPage:
        """The configuration in force, with the origin of each value."""
        ...

    async def pace(self) -> Pace:
        """How fast this operator has been approving, by what is recorded."""
        ...

    async def approve(self, shown: Shown, how: Mapping[str, str], /) -> ApprovalVerdict:
        """Approve exactly what was displayed. `how` goes to the audit log."""
        ...

    async def batch(self, order_refs: Sequence[str], /) -> Batch:
        """Several orders, decided one after another as if those before were sent. Raises NotFound."""
        ...

    async def approve_batch(self, batch: Sequence[Shown], how: Mapping[str, str], /) -> Sequence[BatchAnswer]:
        """Approve several that are alike, each as it was displayed and by itself."""
        ...

    async def recall_all(self) -> Sequence[OrderRecord]:
        """Take back every approval that was not spent yet; returns the orders."""
        ...

    async def reject(self, order_ref: str, reason: str, reason_code: str, /) -> OrderRecord:
        """Say no. The agent reads the reason."""
        ...

    async def ask_changes(self, order_ref: str, reason: str, reason_code: str, /) -> OrderRecord:
        """Give a pending order back: only a revision of it, or a no, goes on from there. The agent reads the reason."""
        ...

    async def edit(self, wanted: Edit, /) -> OrderRecord:
        """Put other numbers into an order that waits: a new revision, to be previewed and reviewed like any other."""
        ...

    async def recall(self, order_ref: str, /) -> OrderRecord:
        """Take back an approval that was not spent yet."""
        ...

    async def submit_now(self, order_ref: str, /) -> OrderRecord:
        """Send an approved order without waiting for the rest of its hold-back."""
        ...

    async def ask_cancel(self, order_ref: str, /) -> OrderRecord:
        """Ask the broker to cancel. Only a request: it may still fill."""
        ...

    async def ask_cancel_all(self) -> Sequence[OrderRecord]:
        """Ask for every order the broker has or may have; returns them, also those asked for before."""
        ...

    async def close_switch(self, reason: str, /) -> SwitchState:
        """Arm the kill switch: no new order leaves."""
        ...

    async def open_switch(self, reason: str, override: str = "", /) -> SwitchState:
        """Let approved orders pass again. Needs a reason, and an override when something stands against it."""
        ...

    async def what_came_of(self, order_refs: Sequence[str], /) -> Sequence[Swept]:
        """Orders whose cancel was asked for, each with its outcome as it is known now."""
        ...

    async def standing(self) -> Standing:
        """How we stand with the broker: what is in doubt, and what was done to find it."""
        ...

    async def write_off(self, order_ref: str, reason: str, override: str = "", /) -> OrderRecord:
        """Take an order in doubt as never placed."""
        ...
