"""Keeps the screens as new as the desk: reads when the doorbell rings and once a second.

One reading at a time, and rings in between become one more. A reading that fails, or that takes too
long, is said on the screen ("FEED DOWN since ...") and tried again for as long as the terminal is
open: a screen that quietly stopped being true is the one thing that must not happen here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ibgw_tui.core.errors import GatewayError, NotFound
from ibgw_tui.service.views import OrderRow, Ticket
from ibgw_tui.tui.safe import short
from ibgw_tui.tui.session import Session, Snapshot
from ibgw_tui.tui.widgets.banner import FeedHealth

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between readings when nothing rings."""
LISTS_EVERY = 5.0
"""The lists are read when the audit log grew (every change of an order is in it), and at least so often."""
GATHER = 0.03
"""Between a reading and the next one. The first ring is answered at once; those that come meanwhile are one reading."""
TICKET_EVERY = 0.5
"""The ticket on display is read again when its own row changed, and otherwise no more often than this."""
PATIENCE = 3.0
"""A reading that takes longer is a feed that is down."""


class Feed:
    """The loop, and what it was asked for."""

    def __init__(
        self, session: Session, *, wanted: Callable[[], str | None], show_ticket: Callable[[str, Ticket | None], None]
    ) -> None:
        """`wanted` names the order whose ticket is on display; `show_ticket` takes it (None: it is not there)."""
        self._session = session
        self._wanted = wanted
        self._show_ticket = show_ticket
        self._rung = asyncio.Event()
        self._due_at = 0.0
        self._read_at = 0.0
        self._everything = True
        self._lists_read_at = 0.0
        self._audit_seq = -1
        self._ticket: tuple[str, OrderRow | None] | None = None
        """Of which order the ticket was read last, and what its row was then."""
        self._ticket_read_at = 0.0
        self._ticket_owed = False
        self.readings = 0
        """Complete ones, for tests and for the curious."""

    def ring(self, *, everything: bool = True) -> None:
        """Something changed (or, with `everything` off, only another ticket is wanted)."""
        self._everything = self._everything or everything
        self._rung.set()

    def ended(self) -> None:
        """Somebody ended the loop, and is about to begin it again."""
        self._everything = True
        self._down("it had ended")

    async def run(self) -> None:
        """Until cancelled."""
        stop = self._session.port.listen(self.ring)
        try:
            while True:
                try:
                    await self._once()
                except Exception as error:
                    # Telling it failed: the screen could not be drawn. It is old now, and drawn again at the next try.
                    log.exception("showing the desk failed")
                    self._is_down(problem_of(error))
                    await asyncio.sleep(EVERY)
                await self._until_due()
        finally:
            stop()

    async def _until_due(self) -> None:
        """Wait for a ring, for a ticket that was put off, or for the next second."""
        due = min(self._due_at, self._ticket_read_at + TICKET_EVERY) if self._ticket_owed else self._due_at
        left = due - time.monotonic()
        if left > 0:
            try:
                await asyncio.wait_for(self._rung.wait(), left)
            except TimeoutError:
                pass
            else:
                await asyncio.sleep(max(0.0, self._read_at + GATHER - time.monotonic()))
        if time.monotonic() >= self._due_at:
            self._everything, self._due_at = True, time.monotonic() + EVERY

    async def _once(self) -> None:
        """One reading, watched."""
        self._rung.clear()
        reading = asyncio.ensure_future(self._read())
        try:
            done, _ = await asyncio.wait({reading}, timeout=PATIENCE)
            while not done:
                self._down(f"the desk has not answered for {PATIENCE:.0f} s")
                done, _ = await asyncio.wait({reading}, timeout=PATIENCE)
            reading.result()
        except asyncio.CancelledError:
            reading.cancel()
            raise
        except Exception as error:  # noqa: BLE001  a feed that stops must be seen, whatever stopped it
            self._down(problem_of(error))
            self._lists_read_at = 0.0
            await asyncio.sleep(EVERY)
        else:
            self._up()
        self._read_at = time.monotonic()

    async def _read(self) -> None:
        port, session = self._session.port, self._session
        wanted, everything, unknown = self._wanted(), self._everything, frozenset(session.unknown)
        self._everything = self._ticket_owed = False
        if everything:
            session.desk = await port.desk()
            due = time.monotonic() - self._lists_read_at >= LISTS_EVERY
            if due or session.desk.audit_seq != self._audit_seq or session.lists is None:
                await self._read_lists()
                self._audit_seq, self._lists_read_at = session.desk.audit_seq, time.monotonic()
            session.unknown -= unknown  # what is shown now was read after the act
            session.on_change()
        if wanted is not None:
            await self._read_ticket(wanted)
        self.readings += 1

    async def _read_lists(self) -> None:
        """Both lists. An arrival is shown before the longer one is read; what left the queue needs both, to say why."""
        port, session = self._session.port, self._session
        before = session.lists
        queue = _newer(await port.queue(), before.queue if before is not None else ())
        if before is not None and queue is not before.queue and _refs(before.queue) < _refs(queue):
            session.lists = replace(before, queue=queue)
            session.on_change()
        blotter = _newer(tuple(reversed(await port.blotter())), before.blotter if before is not None else ())
        if before is None or queue is not before.queue or blotter is not before.blotter:
            session.lists = Snapshot(queue, blotter, {row.order_ref: row for row in blotter})

    def _row(self, ref: str) -> OrderRow | None:
        lists = self._session.lists
        if lists is None:
            return None
        return lists.sent.get(ref) or next((row for row in lists.queue if row.order_ref == ref), None)

    async def _read_ticket(self, ref: str) -> None:
        now, this = time.monotonic(), (ref, self._row(ref))
        self._ticket_owed = this == self._ticket and now - self._ticket_read_at < TICKET_EVERY
        if self._ticket_owed:
            return
        self._ticket, self._ticket_read_at = this, now
        try:
            ticket = await self._session.port.ticket(ref)
        except NotFound:
            self._show_ticket(ref, None)
        else:
            self._show_ticket(ref, ticket)

    def _down(self, problem: str) -> None:
        self._is_down(problem)
        self._session.on_change()

    def _is_down(self, problem: str) -> None:
        health = self._session.health
        if health.problem != problem:
            log.warning("reading the desk failed: %s", problem)
        self._session.health = FeedHealth(health.down_since or self._session.now, problem, health.lag_seconds)

    def _up(self) -> None:
        health = self._session.health
        if health.down_since is not None:
            self._session.health = FeedHealth(lag_seconds=health.lag_seconds)
            self._session.on_change()


def _newer(read: Sequence[OrderRow], known: tuple[OrderRow, ...]) -> tuple[OrderRow, ...]:
    """What was read; where it says what is known, the very same tuple, which nobody then looks through again."""
    return known if len(read) == len(known) and tuple(read) == known else tuple(read)


def _refs(rows: Sequence[OrderRow]) -> set[str]:
    return {row.order_ref for row in rows}


def problem_of(error: BaseException) -> str:
    """What failed, in one line; of an unexpected failure only its kind, for its text may hold anything."""
    if isinstance(error, GatewayError):
        action = f" - {error.user_action}" if error.user_action else ""
        return short(f"{error.code.value}: {error.message}{action}", 300)
    return f"unexpected failure ({type(error).__name__})"
