"""Our orders against the broker's own records: what each comparison means, and what a person may conclude.

Nothing is ever concluded from absence alone except doubt: an order that the broker's complete records do not
show may still appear, so it stays in doubt until a person writes it off. The person in turn may do so only
when complete records, asked twice in one healthy session, did not show it: that is `against_writing_off`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ibgw_tui.core.broker import BrokerSnapshot, BrokerState, ExecutionReport, LinkState, OrderReport, shows_terms
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.records import Absence, ComparisonMade, OrderRecord

LATELY = timedelta(minutes=2)
"""A comparison older than this says nothing of now. The router makes one far more often."""
WRITE_OFF_SECONDS = 30
"""Two looks that did not find an order are so far apart, or they count as one."""
WRITE_OFF_LOOKS = 2


@dataclass(frozen=True, slots=True)
class Comparison:
    """One order of ours beside what the broker says of it."""

    order_ref: str
    executions: tuple[ExecutionReport, ...]
    reports: tuple[OrderReport, ...]
    """Open first, then completed: later ones are more final."""

    @property
    def absent(self) -> bool:
        """Neither open, nor completed, nor executed. Means something only of complete records."""
        return not self.executions and not self.reports


@dataclass(frozen=True, slots=True)
class Reconciliation:
    comparisons: tuple[Comparison, ...]
    """Of the orders that were looked up, found or not."""
    others: tuple[OrderReport | ExecutionReport, ...]
    """What the broker's records say of orders that were not looked up: ended ones of ours, and strangers'."""
    complete: bool


def compare(sent: Iterable[OrderRecord], snapshot: BrokerSnapshot) -> Reconciliation:
    """Join by the reference the broker knows an order by. `sent` are orders the broker has or may have.

    Open orders, completed orders and executions are looked at together: an order may be in any of them.
    A change that is on its way is there only when its terms are: the order it changes proves nothing of it.
    """
    records = list(sent)
    refs = [record.on_wire for record in records]
    executions: dict[str, list[ExecutionReport]] = {ref: [] for ref in refs}
    reports: dict[str, list[OrderReport]] = {ref: [] for ref in refs}
    others: list[OrderReport | ExecutionReport] = []
    for execution in snapshot.executions:
        executions.get(execution.order_ref, others).append(execution)
    for report in (*snapshot.open_orders, *snapshot.completed_orders):
        reports.get(report.order_ref, others).append(report)
    comparisons = tuple(_beside(record, executions[record.on_wire], reports[record.on_wire]) for record in records)
    return Reconciliation(comparisons, tuple(others), snapshot.complete)


def _beside(record: OrderRecord, executions: list[ExecutionReport], reports: list[OrderReport]) -> Comparison:
    if is_change_underway(record) and record.preview is not None:
        wire = BrokerOrder.of(record.preview)
        return Comparison(record.order_ref, (), tuple(report for report in reports if shows_terms(report, wire)))
    return Comparison(record.order_ref, tuple(executions), tuple(reports))


def is_change_underway(record: OrderRecord) -> bool:
    """A modify that was sent and has not taken effect: the order it changes carries on."""
    return record.intent.modifies is not None and not record.took_over


def is_unanswered(record: OrderRecord) -> bool:
    """Handed to the wire, and the broker has not said a word of it."""
    if record.status is Status.SENDING:
        return True
    return record.status is Status.CANCEL_REQUESTED and record.perm_id is None and record.filled == 0


def is_cancel_lost(record: OrderRecord, found: Comparison, lately: datetime, now: datetime) -> bool:
    """Not sent between `lately` and now, and the broker has the order as alive as if no cancel had been asked for."""
    if record.status is not Status.CANCEL_REQUESTED or record.cancel_sent_at is None:
        return False
    alive = bool(found.reports) and found.reports[-1].state in (BrokerState.WORKING, BrokerState.HELD)
    # Sent in the future is sent before a clock stepped back: that is long ago, too.
    return alive and not lately <= record.cancel_sent_at <= now


def belongs(record: OrderRecord, report: OrderReport | ExecutionReport) -> str:
    """Empty when the report can be of this order; else what it contradicts. Our reference alone proves nothing."""
    differs = []
    if report.account != record.intent.account:
        differs.append(f"account {report.account}")
    if report.side is not record.intent.side:
        differs.append(f"side {report.side.value}")
    con_id = record.preview.contract.con_id if record.preview else 0
    if con_id and report.con_id and report.con_id != con_id:
        differs.append(f"contract {report.con_id}")
    return ", ".join(differs)


# ---- what stands against acting as if all were well


def against_trust(comparison: ComparisonMade | None, link: str | None, now: datetime) -> tuple[str, ...]:
    """Why the broker's records cannot be taken as known: not connected, or no complete comparison made lately."""
    if link != LinkState.CONNECTED.value:
        said = (link or "no router has reported yet").replace("_", " ")
        return (f"the broker is not connected ({said})",)
    if comparison is None:
        return ("our orders were never compared with the broker's records",)
    if abs(now - comparison.at) > LATELY:
        return (f"the newest comparison with the broker's records is of {comparison.at:%Y-%m-%d %H:%M:%SZ}",)
    if not comparison.complete:
        return ("the broker's records did not come completely in the newest comparison",)
    return ()


def against_opening(untrusted: Collection[str], in_doubt: Collection[str], unexplained: int) -> tuple[str, ...]:
    """Everything that stands against opening the kill switch; empty when the reconciliation is clean."""
    found = list(untrusted)
    if in_doubt:
        found.append(f"{_count(len(in_doubt), 'order')} in doubt: {', '.join(sorted(in_doubt)[:3])}")
    if unexplained:
        found.append(f"{_count(unexplained, 'report')} of the broker not explained")
    return tuple(found)


def against_writing_off(status: Status, absence: Absence | None, untrusted: Collection[str]) -> tuple[str, ...]:
    """Everything that stands against writing an order off: taking it as never placed."""
    if status is not Status.IN_DOUBT:
        return (f"the order is {status.value.replace('_', ' ')}, not in doubt",)
    found = list(untrusted)
    if absence is None or absence.looks < WRITE_OFF_LOOKS:
        looks = absence.looks if absence else 0
        found.append(
            f"complete records were asked {_count(looks, 'time')} in this session, not {WRITE_OFF_LOOKS} times"
        )
    elif absence.seconds < WRITE_OFF_SECONDS:
        found.append(f"its absence was seen over {absence.seconds} s, not {WRITE_OFF_SECONDS} s")
    return tuple(found)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
