"""Why an order may go, or may not: what was decided of it last, and what would be decided now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ibgw_tui.core.cases import Case
from ibgw_tui.core.lifecycle import OPEN
from ibgw_tui.core.records import OrderRecord, RecordedDecision
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.service.assessment import case_of, read_checklist, stored_facts
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.store import OrderStore


@dataclass(frozen=True, slots=True)
class Explained:
    """One order and the questions behind its decisions."""

    record: OrderRecord
    recorded: RecordedDecision | None
    """The newest decision that was acted on; None while the router has not previewed it."""
    now: Case | None
    """As of this moment, from stored facts, as the ticket asks it; None when nothing is to be decided any more."""


class Explaining:
    """Reads one order's decisions. Writes nothing."""

    def __init__(
        self, store: OrderStore, *, rules: DeskRules, clock: Callable[[], datetime], health: AuditHealth
    ) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock
        self._health = health

    def explain(self, prefix_or_ref: str) -> Explained:
        """Raises NotFound, InvalidRequest (it could be several)."""
        record = self._store.find_order(prefix_or_ref)
        newest = None
        for newest in self._store.decisions(order_ref=record.order_ref):  # noqa: B007 - the last one is meant
            pass
        return Explained(record, newest, self._case(record))

    def _case(self, record: OrderRecord) -> Case | None:
        if record.preview is None or record.status not in OPEN:
            return None
        now = self._clock()
        return case_of(
            record.preview,
            rules=self._rules,
            now=now,
            known=self._store,
            facts=stored_facts(self._store, record.preview, self._rules, now),
            audit=self._health.facts(),
            checklist=read_checklist(self._store),
        )
