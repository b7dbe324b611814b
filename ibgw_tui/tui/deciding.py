"""What happens when the operator decides about an order: ask, hand the answer to the desk, say what came of it."""

from __future__ import annotations

from ibgw_tui.core.broker import LinkState
from ibgw_tui.core.edits import differences
from ibgw_tui.core.lifecycle import AT_BROKER, OPEN, Status
from ibgw_tui.service.views import OrderRow, Ticket
from ibgw_tui.tui.batching import Batching
from ibgw_tui.tui.conversation import LOOK_FIRST, Conversation
from ibgw_tui.tui.port import ApprovalVerdict
from ibgw_tui.tui.present import STATUSES, Tone, countdown
from ibgw_tui.tui.screens.approve import ApproveScreen
from ibgw_tui.tui.screens.edit import EditScreen
from ibgw_tui.tui.screens.reject import ChangesScreen, RejectScreen


class Deciding:
    """Approve, reject, edit, ask for changes, recall, send now."""

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk
        self._session = talk.session
        self.batch = Batching(talk, no_broker=self._no_broker, link=self._link)

    # ---- approving

    def approve(self, ticket: Ticket | None, row: OrderRow | None) -> None:
        """Open the review of the ticket on display, if it can be approved; else say why not, and leave it said."""
        if row is None or not self._talk.may_ask("approve"):
            return
        ref = row.order_ref
        if ticket is None or ticket.record.order_ref != ref:
            self._talk.say(f"{ref}: its ticket is still being read; press a again", Tone.WARN)
        elif self._session.health.down_since is not None:
            self._talk.say(f"{ref} cannot be approved: the feed is down, what you see is old", Tone.REFUSE)
        elif problem := self._no_broker():
            self._talk.say(f"{ref} cannot be approved: {problem}", Tone.REFUSE)
        elif ref in self._session.in_flight or ref in self._session.unknown:
            self._talk.say(f"{ref}: an approval of it is on its way, and what came of it is not known yet", Tone.WARN)
        elif not ticket.approvable:
            self._talk.say(f"{ref} cannot be approved: {ticket.why_not}", Tone.REFUSE)
        else:
            self._talk.ask(self._approve(ticket), "approve")

    async def _approve(self, ticket: Ticket) -> None:
        session, ref = self._session, ticket.record.order_ref
        screen = ApproveScreen(
            ticket,
            refresh=lambda: session.port.ticket(ref),
            clock=session.port.clock,
            backend=session.desk.backend if session.desk else "",
            link=self._link,
            hints=await self._talk.hints(),
        )
        answer = await self._talk.answer_to(screen)
        if answer is None:
            return self._talk.say(f"{ref}: the review was closed, nothing was approved", Tone.QUIET)
        session.in_flight.add(ref)
        self._talk.say(f"APPROVING {ticket.sentence} ...", Tone.STRONG)
        verdict = await self._talk.call(session.port.approve(answer.shown, answer.how), f"{ref}: NOT APPROVED", ref)
        if verdict is not None:
            self._told(ticket, verdict)
        return None

    def _told(self, ticket: Ticket, verdict: ApprovalVerdict) -> None:
        approval = verdict.approval
        if approval is None:
            decision = verdict.decision
            action = f" - {decision.user_action}" if decision.user_action else ""
            return self._talk.say(f"{ticket.record.order_ref}: NOT APPROVED: {decision.message}{action}", Tone.REFUSE)
        held = countdown(approval.release_at - self._session.now)
        when = "leaves now" if held == "expired" else f"leaves in {held}: u recalls, s sends now"
        return self._talk.say(f"APPROVED {ticket.sentence} - {when}", Tone.GOOD)

    def _no_broker(self) -> str:
        """Approving what cannot leave would only wait for a moment that nobody looks at. Empty: it could leave."""
        desk = self._session.desk
        if desk is None or not desk.router_alive:
            return "no router is running, so nothing could be sent"
        if desk.link_state != LinkState.CONNECTED:
            return "the broker is not connected; wait until it is, and look again"
        return ""

    def _link(self) -> str:
        """The state of the connection, for the review to notice when it changes."""
        desk = self._session.desk
        return (
            "unknown" if desk is None else f"{desk.link_state or 'unknown'}{'' if desk.router_alive else ', no router'}"
        )

    # ---- the other decisions about one order

    def reject(self, ticket: Ticket | None, row: OrderRow | None) -> None:
        if row is None or not self._talk.may_ask("reject"):
            return
        if row.status not in OPEN:
            remedy = "; x asks to cancel it" if row.status in AT_BROKER else ""
            self._talk.say(f"{row.order_ref} is {STATUSES[row.status].word} and cannot be rejected{remedy}", Tone.WARN)
        elif ticket is None or ticket.record.order_ref != row.order_ref:
            self._talk.say(f"{row.order_ref}: its ticket is still being read; press r again", Tone.WARN)
        else:
            self._talk.ask(self._reject(ticket), "reject")

    async def _reject(self, ticket: Ticket) -> None:
        ref = ticket.record.order_ref
        answer = await self._talk.answer_to(RejectScreen(ticket))
        if answer is None:
            return self._talk.say(f"{ref}: not rejected", Tone.QUIET)
        record = await self._talk.call(
            self._session.port.reject(ref, answer.reason, answer.reason_code), f"{ref}: NOT REJECTED", ref
        )
        if record is not None:
            self._talk.say(f"REJECTED {ticket.sentence}: {record.reason}", Tone.STRONG)
        return None

    def ask_changes(self, ticket: Ticket | None, row: OrderRow | None) -> None:
        if row is None or not self._talk.may_ask("ask for changes"):
            return
        if row.status is not Status.PENDING:
            word = STATUSES[row.status].word
            self._talk.say(f"{row.order_ref} is {word}: changes are asked of an order that waits for you", Tone.WARN)
        elif ticket is None or ticket.record.order_ref != row.order_ref:
            self._talk.say(f"{row.order_ref}: its ticket is still being read; press b again", Tone.WARN)
        else:
            self._talk.ask(self._ask_changes(ticket), "ask for changes")

    async def _ask_changes(self, ticket: Ticket) -> None:
        ref = ticket.record.order_ref
        answer = await self._talk.answer_to(ChangesScreen(ticket))
        if answer is None:
            return self._talk.say(f"{ref}: no changes were asked for", Tone.QUIET)
        record = await self._talk.call(
            self._session.port.ask_changes(ref, answer.reason, answer.reason_code), f"{ref}: NOT GIVEN BACK", ref
        )
        if record is not None:
            self._talk.say(f"GIVEN BACK to {record.staged_by}: {ticket.sentence}: {record.reason}", Tone.STRONG)
        return None

    def edit(self, ticket: Ticket | None, row: OrderRow | None) -> None:
        if row is None or not self._talk.may_ask("edit"):
            return
        ref = row.order_ref
        if row.status not in (Status.PENDING, Status.CHANGES_REQUESTED):
            remedy = "; u recalls it first" if row.status is Status.APPROVED else ""
            word = STATUSES[row.status].word
            self._talk.say(f"{ref} is {word}: only an order that waits can be edited{remedy}", Tone.WARN)
        elif ticket is None or ticket.record.order_ref != ref:
            self._talk.say(f"{ref}: its ticket is still being read; press e again", Tone.WARN)
        elif ref in self._session.in_flight or ref in self._session.unknown:
            self._talk.say(f"{ref}: an approval of it is on its way, and what came of it is not known yet", Tone.WARN)
        else:
            self._talk.ask(self._edit(ticket), "edit")

    async def _edit(self, ticket: Ticket) -> None:
        ref = ticket.record.order_ref
        screen = EditScreen(ticket, self._session.port.edit)
        revision = await self._talk.answer_to(screen)
        if revision is None and screen.in_doubt:
            self._talk.not_known(f"{ref}: UNKNOWN whether it was edited. {LOOK_FIRST}", (ref,))
            return self._talk.reread()
        if revision is None:
            return self._talk.say(f"{ref}: not edited", Tone.QUIET)
        told = "; ".join(found.words for found in differences(ticket.record.intent, revision.intent))
        self._session.follow = (ref, revision.order_ref)
        self._talk.say(
            f"EDITED {ref}: {told}. Revision {revision.revision} is {revision.order_ref}: a reviews it", Tone.STRONG
        )
        self._talk.reread()
        return None

    def recall(self, row: OrderRow | None) -> None:
        """At once: taking back is the safe side."""
        if row is None or not self._talk.may_act("recall", dead_time=False):
            return
        ref = row.order_ref
        self._talk.act(
            self._session.port.recall(ref), f"{ref}: NOT RECALLED", lambda _: f"RECALLED {ref}: it waits again", ref
        )

    def submit(self, ticket: Ticket | None, row: OrderRow | None) -> None:
        """At once, but only for the order on display: it gives up the hold-back, the way back."""
        if row is None or not self._talk.may_act("send now"):
            return
        ref = row.order_ref
        if ticket is None or ticket.record.order_ref != ref:
            self._talk.say(f"{ref}: its ticket is still being read; press s again", Tone.WARN)
        else:
            self._talk.act(
                self._session.port.submit_now(ref),
                f"{ref}: NOT SENT",
                lambda _: f"{ref}: the router was asked to send it now, through every gate",
                ref,
            )
