"""The router's comparing: what the broker's own records say of our orders, at start, by the clock, and in doubt.

A submit that nobody answered, whoever began it, is in doubt and is looked up by its reference. What is found
is adopted: the broker's records are heard like its reports. What complete records do not show stays in doubt,
and how often and how long it was not found is written down for the person who may write it off. Nothing here
can send an order. A cancel is another matter: one that had no effect is sent again, for it can do no harm twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from ibgw_tui.core.broker import BrokerSnapshot, ExecutionReport, LinkState, OrderReport, OrderRoute
from ibgw_tui.core.lifecycle import AT_BROKER, Actor, Signal, Status
from ibgw_tui.core.reconcile import Comparison, compare, is_cancel_lost, is_unanswered
from ibgw_tui.core.records import Absence, ComparisonMade, OrderRecord
from ibgw_tui.service.hearing import hear, is_news
from ibgw_tui.store import OrderStore
from ibgw_tui.store.thread import StoreThread

T = TypeVar("T")

ANSWER_SECONDS = 10.0
"""An order sent so long ago without an answer is in doubt."""
COMPARE_SECONDS = 30.0
"""All orders at the broker are compared so often, also when nothing is in doubt."""
CANCEL_SECONDS = 10.0
"""A cancel sent so long ago, of an order that the broker still has as if nothing had been said, was lost."""
AT_ONCE = 50
"""So many reports are looked at before others may use the store's thread."""


class Reconciler:
    """Compares in one session with the broker after the other. What it remembers of a session ends with it."""

    def __init__(
        self,
        store: StoreThread,
        broker: OrderRoute,
        *,
        clock: Callable[[], datetime],
        principal: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._broker = broker
        self._clock = clock
        self._principal = principal
        self._monotonic = monotonic
        self._missed: dict[str, tuple[float, Absence]] = {}
        self._healthy = True
        self._due_at = 0.0

    def begin(self) -> None:
        """A new session: what an earlier one did not find counts no more."""
        self._missed.clear()
        self._healthy, self._due_at = True, 0.0

    def link_is(self, state: LinkState) -> None:
        """A break in the middle of a session ends what absence proves; afterwards all is compared again."""
        self._healthy = state is LinkState.CONNECTED
        if not self._healthy:
            self._missed.clear()
        self._due_at = 0.0

    async def at_start(self, lease_token: int) -> None:
        """Everything the broker has or may have. An order without an answer was left by a former router."""
        await self._look(await self._store.run(_at_broker), lease_token)

    async def by_the_clock(self, lease_token: int) -> None:
        """What is in doubt or overdue, and everything when it is time for that."""
        everything = self._monotonic() >= self._due_at
        records = await self._store.run(self._to_look_up, everything)
        if records or everything:
            await self._look(records, lease_token)

    def _to_look_up(self, store: OrderStore, everything: bool) -> list[OrderRecord]:
        now = self._clock()
        late = now - timedelta(seconds=ANSWER_SECONDS)
        return [
            record
            for record in _at_broker(store)
            if (record.status is Status.IN_DOUBT)
            # Sent in the future is sent before a clock stepped back: that is long ago, too.
            or (is_unanswered(record) and not late < record.updated_at <= now)
            or (everything and not is_unanswered(record))
        ]

    async def _look(self, records: Sequence[OrderRecord], lease_token: int) -> None:
        snapshot = await self._broker.snapshot()
        outcome = compare(records, snapshot)
        for some in _parts(outcome.comparisons):
            await self._store.run(self._adopt, some, outcome.complete, lease_token)
            await self._store.run(self._cancel_again, some, lease_token)
        for rest in _parts(outcome.others):
            await self._store.run(_hear_news, rest, snapshot.open_orders, lease_token)
        absent = [found.order_ref for found in outcome.comparisons if found.absent]
        if outcome.complete:
            self._due_at = self._monotonic() + COMPARE_SECONDS
        await self._store.run(self._note, snapshot, len(records), absent)

    def _adopt(self, store: OrderStore, comparisons: Sequence[Comparison], complete: bool, lease_token: int) -> None:
        for found in comparisons:
            self._doubt(store, found, complete, lease_token)
            _hear_news(store, (*found.executions, *found.reports), (), lease_token)

    def _doubt(self, store: OrderStore, found: Comparison, complete: bool, lease_token: int) -> None:
        """A submit that nobody answered, or an order that complete records do not show, is in doubt."""
        record = store.order(found.order_ref)
        absent = found.absent and complete
        if record is None or not _is_doubtful(record, absent):
            return
        words = "the broker's records do not show it" if absent else "no answer came to the sending of it"
        with store.write(lease_token=lease_token) as change:
            record = change.order(found.order_ref)
            if _is_doubtful(record, absent):
                change.move(
                    record,
                    Signal.LOSE,
                    actor=Actor.ROUTER,
                    principal=self._principal,
                    reason_code="IN_DOUBT",
                    reason=words,
                )

    def _cancel_again(self, store: OrderStore, comparisons: Sequence[Comparison], lease_token: int) -> None:
        """TWS drops what it cannot carry on just then, and says nothing: the wish stands, so it is sent anew."""
        now = self._clock()
        lately = now - timedelta(seconds=CANCEL_SECONDS)
        for found in comparisons:
            record = store.order(found.order_ref)
            if record is None or not is_cancel_lost(record, found, lately, now):
                continue
            with store.write(lease_token=lease_token) as change:
                record = change.order(found.order_ref)
                if is_cancel_lost(record, found, lately, now):
                    change.note(record, cancel_sent_at=None)
                    change.append_audit(
                        "cancel.lost", actor=Actor.ROUTER, principal=self._principal, order_ref=record.order_ref
                    )

    def _note(self, store: OrderStore, snapshot: BrokerSnapshot, looked_up: int, absent: Sequence[str]) -> None:
        now, moment = self._clock(), self._monotonic()
        proves = snapshot.complete and self._healthy
        missed: dict[str, tuple[float, Absence]] = {}
        for ref in absent if proves else ():
            since, before = self._missed.get(ref, (moment, None))
            first_at, looks = (before.first_at, before.looks) if before else (now, 0)
            missed[ref] = since, Absence(ref, first_at, now, int(moment - since), looks + 1)
        self._missed = missed
        if snapshot.complete:
            store.put_facts(foreign=[report for report in snapshot.open_orders if not store.is_ours(report.order_ref)])
        made = ComparisonMade(now, snapshot.complete and self._healthy, looked_up, len(absent))
        store.put_comparison(made, [absence for _, absence in missed.values()])


def _is_doubtful(record: OrderRecord, absent: bool) -> bool:
    return record.status in AT_BROKER - {Status.IN_DOUBT} and (absent or is_unanswered(record))


def _at_broker(store: OrderStore) -> list[OrderRecord]:
    return store.orders(statuses=sorted(AT_BROKER), limit=10_000)


def _hear_news(
    store: OrderStore,
    reports: Iterable[OrderReport | ExecutionReport],
    still_open: Sequence[OrderReport],
    lease_token: int,
) -> None:
    """Records are read again and again: only what they say anew is heard. Strangers matter while they are open."""
    for report in reports:
        ours = bool(report.order_ref) and store.is_ours(report.order_ref)
        if (ours or report in still_open) and is_news(store, report):
            hear(store, report, lease_token)


def _parts(values: Sequence[T]) -> Iterable[Sequence[T]]:
    return (values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE))
