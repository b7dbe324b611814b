"""The agents' composition root with everything an agent may know: the staging role, advice, and what changed.

It is what MCP, the SDK and the CLI's reading commands open. It loads nothing that approves or sends.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from ibgw_tui.config import Loaded
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.records import AuditEntry, OrderRecord
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.service.advising import Advising
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.service.staging import Staging
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.agent_side import AgentSide, check_name
from ibgw_tui.wiring.clock import make_order_ref, utc_now
from ibgw_tui.wiring.paths import resolve_home
from ibgw_tui.wiring.rules import desk_rules

AT_ONCE = 500
"""Audit entries looked at in one step of waiting."""
LONGEST_WAIT = 25.0
"""Seconds that one call may wait: clients give up at 30 to 60."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What was recorded of own orders after a cursor."""

    entries: tuple[AuditEntry, ...]
    cursor: int
    """Ask with it next time: nothing is told twice and nothing is missed."""
    more: bool
    """There is more to look at right now."""


class AgentDesk(AgentSide):
    """What one principal may do and know. Use it in one thread; close it."""

    def __init__(self, store: OrderStore, staging: Staging, principal: str, rules: DeskRules) -> None:
        super().__init__(store, staging, principal)
        self.principal = principal
        self.rules = rules
        self._owners: dict[str, bool] = {}

    @cached_property
    def advising(self) -> Advising:
        health = AuditHealth(self._store)
        return Advising(self._store, rules=self.rules, clock=utc_now, health=health, principal=self.principal)

    def cursor(self) -> int:
        """Of this moment: only what is recorded later counts as a change."""
        return self._store.last_seq()

    def cursor_of(self, order_ref: str) -> int:
        """Of the newest entry of an order: what happens to it from there on is a change."""
        newest = self._store.audit_entries(order_ref=order_ref, limit=1, newest=True)
        return newest[0].seq if newest else self.cursor()

    def revised_by(self, order_ref: str) -> str | None:
        """Reference of the revision that replaced or follows an order."""
        return self._store.successor(order_ref)

    def now(self) -> datetime:
        return utc_now()

    def changes(self, after: int, order_ref: str | None = None) -> Changes:
        """Entries of own orders (or of one) recorded after the cursor, oldest first."""
        seen = self._store.audit_entries(after_seq=after, order_ref=order_ref, limit=AT_ONCE)
        own = tuple(entry for entry in seen if entry.order_ref is not None and self._is_own(entry.order_ref))
        return Changes(own, seen[-1].seq if seen else after, len(seen) == AT_ONCE)

    def wait(self, order_ref: str, *, while_in: frozenset[Status], seconds: float, poll: float = 0.2) -> OrderRecord:
        """Read an order until its status is another than these, or until the time is over."""
        deadline = time.monotonic() + seconds
        record = self.staging.look_up(order_ref)
        while record.status in while_in and time.monotonic() < deadline:
            time.sleep(min(poll, max(0.0, deadline - time.monotonic())))
            record = self.staging.look_up(record.order_ref)
        return record

    def _is_own(self, order_ref: str) -> bool:
        known = self._owners.get(order_ref)
        if known is None:
            record = self._store.order(order_ref)
            known = self._owners[order_ref] = record is not None and record.staged_by == self.principal
        return known


def open_agent_desk(loaded: Loaded, principal: str) -> AgentDesk:
    """Raises InvalidRequest (not a name), OrderStoreError, SettingsError."""
    check_name(principal)
    rules = desk_rules(loaded.config)
    store = OrderStore.open(resolve_home(loaded).database, clock=utc_now, automated=True)
    staging = Staging(
        store, principal=principal, make_ref=make_order_ref, max_pending=loaded.config.desk.max_pending_per_agent
    )
    return AgentDesk(store, staging, principal, rules)
