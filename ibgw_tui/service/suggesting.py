"""What would pass, where it is told: on the ticket, with the operator's no, and to the agent that reads it.

With a rejection the numbers are recorded as they stood at that moment; of an order that the limits refused
at its preview they follow from the recorded inputs of that very decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from ibgw_tui.core.cases import Case, parse_case, read_json
from ibgw_tui.core.errors import GatewayError
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.passing import Passing, what_passes
from ibgw_tui.core.records import AuditEntry, OrderRecord, RecordedDecision

PASSING = "passing"
"""Name of the suggestion in the audit entry of a no."""


class Decided(Protocol):
    """Where decisions that were acted on are kept."""

    def decisions(self, *, order_ref: str | None = None) -> Iterator[RecordedDecision]: ...


def suggestion(store: Decided, record: OrderRecord, case: Case | None) -> Passing | None:
    """`case` is what would be decided now; without one, an order that was refused is asked by what was recorded."""
    if case is None:
        case = _recorded_case(store, record) if record.status is Status.REFUSED else None
    return what_passes(case) if case is not None else None


def told(store: Decided, record: OrderRecord, history: Iterable[AuditEntry]) -> dict[str, Any] | None:
    """The suggestion that came with the no, for the one who staged the order; None when there was none."""
    if record.status is Status.REFUSED:
        found = suggestion(store, record, None)
        return found.as_json() if found else None
    if record.status not in (Status.REJECTED, Status.CHANGES_REQUESTED):
        return None
    said = [entry.body.get(PASSING) for entry in history if entry.kind in ("order.reject", "order.ask_changes")]
    return said[-1] if said and isinstance(said[-1], dict) else None


def _recorded_case(store: Decided, record: OrderRecord) -> Case | None:
    newest = None
    for newest in store.decisions(order_ref=record.order_ref):  # noqa: B007 - the last one is meant
        pass
    if newest is None:
        return None
    try:
        return parse_case(read_json(newest.inputs))
    except GatewayError:  # inputs of another version: nothing is suggested, and `ibgw replay` tells why
        return None
