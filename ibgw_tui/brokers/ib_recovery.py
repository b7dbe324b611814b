"""What has to be put right: reports that were missed while the link was cut, and a family that lost a leg."""

from __future__ import annotations

from collections.abc import Iterator

from ibgw_tui.brokers.ib_state import FINISHED, Book, Tracked
from ibgw_tui.core.broker import BrokerSnapshot, BrokerState, Report


def missed(book: Book, snapshot: BrokerSnapshot) -> Iterator[Report]:
    """What complete lists say beyond what was heard; the book follows them as it is read."""
    for execution in snapshot.executions:
        if book.is_new_execution(execution.exec_id):
            yield execution
    for report in (*snapshot.completed_orders, *snapshot.open_orders):
        tracked = book.by_ref.get(report.order_ref)
        if tracked is None or not book.is_ours(tracked):
            continue
        if (tracked.state, tracked.filled) != (report.state, report.filled) or report.state not in FINISHED:
            tracked.state, tracked.filled = report.state, report.filled
            yield report


def rest_of_family(book: Book, refused: Tracked) -> list[Tracked]:
    """The legs to cancel: an entry whose exit was refused must not go on without it; what was approved was the whole."""
    if refused.state is not BrokerState.REJECTED or refused.order_ref == (refused.family or ("",))[0]:
        return []
    legs = [book.by_ref[ref] for ref in refused.family if ref in book.by_ref]
    if not legs or legs[0].acknowledged or legs[0].filled:
        return []
    return [leg for leg in legs if leg is not refused and leg.state not in FINISHED]
