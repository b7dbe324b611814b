"""Our orders against the broker's own records: what each comparison means.

Nothing is ever concluded from absence alone except doubt: an order that the broker's complete
records do not show may still appear, so it stays in doubt until a person writes it off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ibgw_tui.core.broker import BrokerSnapshot, ExecutionReport, OrderReport
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.records import OrderRecord


@dataclass(frozen=True, slots=True)
class Comparison:
    """One order of ours beside what the broker says of it."""

    order_ref: str
    executions: tuple[ExecutionReport, ...]
    reports: tuple[OrderReport, ...]
    """Open first, then completed: later ones are more final."""
    doubtful: bool
    """The broker's complete records do not show it, though it may have been sent."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    comparisons: tuple[Comparison, ...]
    foreign: tuple[OrderReport, ...]
    """Open orders at the broker that are not ours."""
    complete: bool


def compare(
    sent: Iterable[OrderRecord], snapshot: BrokerSnapshot, known_refs: frozenset[str] = frozenset()
) -> Reconciliation:
    """Join by our order reference. `sent` are orders the broker has or may have."""
    ours = {record.order_ref: record for record in sent}
    comparisons = []
    for ref, record in ours.items():
        executions = tuple(e for e in snapshot.executions if e.order_ref == ref)
        reports = tuple(r for r in (*snapshot.open_orders, *snapshot.completed_orders) if r.order_ref == ref)
        absent = not executions and not reports
        comparisons.append(
            Comparison(ref, executions, reports, doubtful=absent and record.status is not Status.IN_DOUBT)
        )
    foreign = tuple(r for r in snapshot.open_orders if r.order_ref not in ours and r.order_ref not in known_refs)
    return Reconciliation(tuple(comparisons), foreign, snapshot.complete)
