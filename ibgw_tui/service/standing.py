"""How we stand with the broker: what is in doubt, what is not ours, what fits nothing, and since when we know.

Read only. What a person may do about it is in `recovery`; what the router does is in `reconciling`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ibgw_tui.core.broker import OrderReport
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.reconcile import against_opening, against_trust, against_writing_off
from ibgw_tui.core.records import Absence, ComparisonMade, Discrepancy, OrderRecord
from ibgw_tui.store import OrderStore

EXPLAINED_KIND = "discrepancies.explained"
"""The audit entry in which an operator says that discrepancies up to a number are understood."""
MOST = 1000


@dataclass(frozen=True, slots=True)
class Doubtful:
    """An order in doubt, and what was done to find it."""

    record: OrderRecord
    absence: Absence | None
    """None: this session's complete records did show it, or were not read yet."""
    against: tuple[str, ...]
    """What stands against writing it off; empty when a person may."""


@dataclass(frozen=True, slots=True)
class Standing:
    """As of one moment."""

    now: datetime
    comparison: ComparisonMade | None
    link: str | None
    in_doubt: tuple[Doubtful, ...]
    foreign: tuple[OrderReport, ...]
    """Open orders at the broker that are not ours."""
    discrepancies: tuple[Discrepancy, ...]
    """Those that nobody has explained yet, newest first."""
    against: tuple[str, ...]
    """What stands against opening the kill switch; empty when the reconciliation is clean."""


def standing(store: OrderStore, now: datetime) -> Standing:
    link = store.link()
    absences, doubted = store.absences(), untrusted(store, now)
    found = store.orders(statuses=[Status.IN_DOUBT], limit=MOST)
    return Standing(
        now=now,
        comparison=store.comparison(),
        link=link[0] if link else None,
        in_doubt=tuple(
            Doubtful(
                record,
                absences.get(record.order_ref),
                against_writing_off(record.status, absences.get(record.order_ref), doubted),
            )
            for record in found
        ),
        foreign=tuple(store.foreign_orders() or ()),
        discrepancies=tuple(unexplained(store)),
        against=obstacles(store, now),
    )


def obstacles(store: OrderStore, now: datetime) -> tuple[str, ...]:
    """What stands against opening the kill switch."""
    doubtful = [line.order_ref for line in store.lines(statuses=[Status.IN_DOUBT], limit=MOST)]
    return against_opening(untrusted(store, now), doubtful, len(unexplained(store)))


def untrusted(store: OrderStore, now: datetime) -> tuple[str, ...]:
    """Why the broker's records cannot be taken as known now."""
    link = store.link()
    return against_trust(store.comparison(), link[0] if link else None, now)


def unexplained(store: OrderStore) -> list[Discrepancy]:
    """Newest first."""
    return store.discrepancies(limit=MOST, after=explained_through(store))


def explained_through(store: OrderStore) -> int:
    """The number of the newest discrepancy that an operator has explained."""
    entry = store.latest_audit(EXPLAINED_KIND)
    through = entry.body.get("through") if entry else 0
    return through if isinstance(through, int) else 0
