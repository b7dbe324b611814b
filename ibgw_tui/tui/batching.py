"""Marks, and what is done with them: several orders that are alike are reviewed and approved together.

A mark is the reference of an order and the digest of what its ticket showed when it was marked. Whatever the
order says later, it is not what was marked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ibgw_tui.core.batches import MOST, why_alone
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.service.views import Batch, OrderRow, Ticket
from ibgw_tui.tui.conversation import Conversation
from ibgw_tui.tui.port import BatchAnswer
from ibgw_tui.tui.present import STATUSES, Tone, countdown
from ibgw_tui.tui.screens.answers import AnswersScreen, told
from ibgw_tui.tui.screens.batch import BatchScreen
from ibgw_tui.tui.tiers import plan_of, unusual


class Batching:
    """Mark, review what is marked, take everything back."""

    def __init__(self, talk: Conversation, *, no_broker: Callable[[], str], link: Callable[[], str]) -> None:
        """`no_broker` says why nothing could be sent; `link` is the state of the connection."""
        self._talk = talk
        self._session = talk.session
        self._no_broker = no_broker
        self._link = link

    # ---- marking

    def mark(self, ticket: Ticket | None, row: OrderRow | None) -> bool:
        """Mark the order under the cursor, or take its mark away. Returns whether anything changed."""
        if row is None or not self._talk.may_ask("mark"):
            return False
        ref, marks = row.order_ref, self._session.marks
        if ref in marks:
            del marks[ref]
        elif why := self._why_not(ticket, row):
            self._talk.say(f"{ref} cannot be marked: {why}", Tone.WARN)
            return False
        else:
            assert ticket is not None and ticket.shown is not None
            marks[ref] = ticket.shown.preview_digest
        many = f"{len(marks)} marked" + (": v reviews them together" if len(marks) > 1 else "")
        self._talk.say(many if marks else "no order is marked", Tone.QUIET)
        return True

    def _why_not(self, ticket: Ticket | None, row: OrderRow) -> str:
        if row.status is not Status.PENDING:
            return f"it is {STATUSES[row.status].word}, and only what waits for you is approved"
        if ticket is None or ticket.record.order_ref != row.order_ref or ticket.shown is None:
            return "its ticket is still being read; press space again"
        if not ticket.approvable:
            return ticket.why_not
        if len(self._session.marks) >= MOST:
            return f"{MOST} orders at most are approved together"
        preview = ticket.record.preview
        why = why_alone(preview, ticket.decision) if preview is not None else "it has no preview yet"
        if not why and plan_of(ticket).tier:
            why = f"it deserves a review of its own: {', '.join(unusual(ticket))}"
        return why

    def clear(self) -> bool:
        """Take all marks away. Returns whether there were any."""
        had = bool(self._session.marks)
        self._session.marks.clear()
        if had:
            self._talk.say("the marks are taken away", Tone.QUIET)
        return had

    # ---- reviewing

    def review(self, hidden: Sequence[str]) -> None:
        """Open the review of what is marked. `hidden` are the orders that a filter hides."""
        if not self._talk.may_ask("review the marked"):
            return
        marks = self._session.marks
        if len(marks) < 2:
            self._talk.say("mark at least two orders with space; a reviews one", Tone.WARN)
        elif self._session.health.down_since is not None:
            self._talk.say("nothing can be approved: the feed is down, what you see is old", Tone.REFUSE)
        elif problem := self._no_broker():
            self._talk.say(f"nothing can be approved: {problem}", Tone.REFUSE)
        elif marks.keys() & (self._session.in_flight | self._session.unknown):
            self._talk.say(
                "an approval of a marked order is on its way, and what came of it is not known yet", Tone.WARN
            )
        else:
            self._talk.ask(self._review(self._as_listed(), hidden), "review the marked")

    def _as_listed(self) -> tuple[str, ...]:
        """The marked orders as they came, which is also the order in which they are decided and sent."""
        rows = self._session.lists.queue if self._session.lists else ()
        arrival = {row.order_ref: row.seq for row in rows}
        return tuple(sorted(self._session.marks, key=lambda ref: arrival.get(ref, 0)))

    async def _review(self, refs: tuple[str, ...], hidden: Sequence[str]) -> None:
        session = self._session
        batch: Batch | None = await self._talk.call(session.port.batch(refs), "the marked orders CANNOT BE READ")
        if batch is None or self._changed_since_marked(batch):
            return None
        screen = BatchScreen(
            batch,
            refresh=lambda: session.port.batch(refs),
            clock=session.port.clock,
            backend=session.desk.backend if session.desk else "",
            link=self._link,
            hidden=hidden,
            hints=await self._talk.hints(),
        )
        yes = await self._talk.answer_to(screen)
        if yes is None:
            return self._talk.say("the review was closed, nothing was approved; the marks stay", Tone.QUIET)
        session.in_flight.update(refs)
        self._talk.say(f"APPROVING {len(refs)} orders ...", Tone.STRONG)
        answers = await self._talk.call(session.port.approve_batch(yes.shown, yes.how), "NOT APPROVED", refs)
        if answers is not None:
            await self._answered(answers)
        return None

    def _changed_since_marked(self, batch: Batch) -> bool:
        marks = self._session.marks
        for line in batch.lines:
            ref, shown = line.ticket.record.order_ref, line.ticket.shown
            if shown is None or marks.get(ref) != shown.preview_digest:
                marks.pop(ref, None)
                word = STATUSES[line.ticket.record.status].word
                why = "it is not what you marked any more" if shown is not None else f"it is {word}"
                self._talk.say(f"{ref}: {why}. Its mark is gone; nothing was approved", Tone.WARN)
                return True
        return False

    async def _answered(self, answers: Sequence[BatchAnswer]) -> None:
        for answer in answers:
            if answer.approval is not None:
                self._session.marks.pop(answer.record.order_ref, None)
        approvals = [answer.approval for answer in answers if answer.approval is not None]
        left = countdown(min(each.release_at for each in approvals) - self._session.now) if approvals else ""
        when = f": the first leaves {'now' if left == 'expired' else f'in {left}'}; U recalls all" if approvals else ""
        clean = len(approvals) == len(answers)
        self._talk.say(f"{told(answers)}{when}", Tone.GOOD if clean else Tone.REFUSE)
        if not clean:
            await self._talk.answer_to(AnswersScreen(answers, self.recall_all))

    # ---- taking back

    def recall_all(self) -> None:
        """At once, and also while the answers are read: taking back is the safe side."""
        if not self._talk.may_act("recall all", dead_time=False):
            return
        held = {row.order_ref for row in self._session.held_back()}

        def words(recalled: Sequence[OrderRecord]) -> str:
            gone = sorted(held - {record.order_ref for record in recalled})
            late = f"; NOT RECALLED, they had left: {', '.join(gone)} (x asks to cancel)" if gone else ""
            if not recalled and not late:
                return "nothing is approved and unsent: nothing to recall"
            return f"RECALLED {len(recalled)}: they wait again{late}"

        self._talk.act(self._session.port.recall_all(), "NOT RECALLED", words, tuple(held))
