"""What happens when the operator decides: ask, hand the answer to the desk, say what came of it.

Nothing here is optimistic. The screen says APPROVED when the desk has said so, and UNKNOWN when it has
not said anything. One question is open at a time; after each there is a moment in which deciding keys
do nothing, because the next key may have been meant for what was there before.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from textual.screen import Screen

from ibgw_tui.core.errors import GatewayError
from ibgw_tui.core.lifecycle import AT_BROKER, OPEN, Status
from ibgw_tui.core.records import SwitchState
from ibgw_tui.service.views import OrderRow, Ticket
from ibgw_tui.tui.arming import DEAD_TIME
from ibgw_tui.tui.feed import problem_of
from ibgw_tui.tui.port import ApprovalVerdict
from ibgw_tui.tui.present import SIDES, STATUSES, Tone, countdown, number
from ibgw_tui.tui.screens.approve import ApproveScreen
from ibgw_tui.tui.screens.confirm import ConfirmScreen
from ibgw_tui.tui.screens.reject import RejectScreen
from ibgw_tui.tui.screens.switch import OpenSwitchScreen
from ibgw_tui.tui.session import Session

Answer = TypeVar("Answer")


class Host(Protocol):
    """What deciding needs of the app."""

    async def ask(self, screen: Screen[Answer]) -> Answer | None:
        """Show a dialog and wait for its answer."""
        ...

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run in the background; failures are caught inside."""
        ...

    def reread(self) -> None:
        """Read the desk again now."""
        ...


class Deciding:
    """The flows behind the deciding keys."""

    def __init__(self, session: Session, host: Host, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._host = host
        self._monotonic = monotonic
        self._asking = False
        self._dead_until = 0.0

    # ---- approving

    def approve(self, ticket: Ticket | None, row: OrderRow | None) -> None:
        """Open the review of the ticket on display, if it can be approved; else say why not, and leave it said."""
        if row is None or not self._may_ask("approve"):
            return
        ref = row.order_ref
        if ticket is None or ticket.record.order_ref != ref:
            self._say(f"{ref}: its ticket is still being read; press a again", Tone.WARN)
        elif self._session.health.down_since is not None:
            self._say(f"{ref} cannot be approved: the feed is down, what you see is old", Tone.REFUSE)
        elif ref in self._session.in_flight or ref in self._session.unknown:
            self._say(f"{ref}: an approval of it is on its way, and what came of it is not known yet", Tone.WARN)
        elif not ticket.approvable:
            self._say(f"{ref} cannot be approved: {ticket.why_not}", Tone.REFUSE)
        else:
            self._ask(self._approve(ticket), "approve")

    async def _approve(self, ticket: Ticket) -> None:
        session, ref = self._session, ticket.record.order_ref
        screen = ApproveScreen(
            ticket,
            refresh=lambda: session.port.ticket(ref),
            clock=session.port.clock,
            backend=session.desk.backend if session.desk else "",
            link=self._link,
        )
        answer = await self._host.ask(screen)
        if answer is None:
            return self._say(f"{ref}: the review was closed, nothing was approved", Tone.QUIET)
        session.in_flight.add(ref)
        self._say(f"APPROVING {ticket.sentence} ...", Tone.STRONG)
        verdict = await self._call(session.port.approve(answer.shown, answer.how), f"{ref}: NOT APPROVED", ref)
        if verdict is not None:
            self._told(ticket, verdict)
        return None

    def _told(self, ticket: Ticket, verdict: ApprovalVerdict) -> None:
        approval = verdict.approval
        if approval is None:
            decision = verdict.decision
            action = f" - {decision.user_action}" if decision.user_action else ""
            return self._say(f"{ticket.record.order_ref}: NOT APPROVED: {decision.message}{action}", Tone.REFUSE)
        held = countdown(approval.release_at - self._session.now)
        when = "leaves now" if held == "expired" else f"leaves in {held}: u recalls, s sends now"
        return self._say(f"APPROVED {ticket.sentence} - {when}", Tone.GOOD)

    def _link(self) -> str:
        """The state of the connection, for the review to notice when it changes."""
        desk = self._session.desk
        return (
            "unknown" if desk is None else f"{desk.link_state or 'unknown'}{'' if desk.router_alive else ', no router'}"
        )

    # ---- the other decisions about one order

    def reject(self, ticket: Ticket | None, row: OrderRow | None) -> None:
        if row is None or not self._may_ask("reject"):
            return
        if row.status not in OPEN:
            remedy = "; x asks to cancel it" if row.status in AT_BROKER else ""
            self._say(f"{row.order_ref} is {STATUSES[row.status].word} and cannot be rejected{remedy}", Tone.WARN)
        elif ticket is None or ticket.record.order_ref != row.order_ref:
            self._say(f"{row.order_ref}: its ticket is still being read; press r again", Tone.WARN)
        else:
            self._ask(self._reject(ticket), "reject")

    async def _reject(self, ticket: Ticket) -> None:
        ref = ticket.record.order_ref
        answer = await self._host.ask(RejectScreen(ticket))
        if answer is None:
            return self._say(f"{ref}: not rejected", Tone.QUIET)
        record = await self._call(
            self._session.port.reject(ref, answer.reason, answer.reason_code), f"{ref}: NOT REJECTED", ref
        )
        if record is not None:
            self._say(f"REJECTED {ticket.sentence}: {record.reason}", Tone.STRONG)
        return None

    def recall(self, row: OrderRow | None) -> None:
        """At once: taking back is the safe side."""
        if row is None or not self._may_act("recall", dead_time=False):
            return
        ref = row.order_ref
        self._act(
            self._session.port.recall(ref), f"{ref}: NOT RECALLED", lambda _: f"RECALLED {ref}: it waits again", ref
        )

    def submit(self, row: OrderRow | None) -> None:
        if row is None or not self._may_act("submit"):
            return
        ref = row.order_ref
        self._act(
            self._session.port.submit_now(ref),
            f"{ref}: NOT SENT",
            lambda _: f"{ref}: the router was asked to send it now, through every gate",
            ref,
        )

    # ---- stopping

    def cancel(self, row: OrderRow | None) -> None:
        if row is None or not self._may_ask("cancel"):
            return
        if row.status not in AT_BROKER:
            remedy = {Status.PENDING: "; r rejects it", Status.APPROVED: "; u recalls it"}.get(row.status, "")
            self._say(f"{row.order_ref} is {STATUSES[row.status].word}: nothing is at the broker{remedy}", Tone.WARN)
        else:
            self._ask(self._cancel(row), "cancel")

    async def _cancel(self, row: OrderRow) -> None:
        ref = row.order_ref
        lines = [described(row), "It is a request: the order may still fill until the broker has answered."]
        if not await self._host.ask(self._question("Ask the broker to cancel this order?", lines, "ask to cancel")):
            return self._say(f"{ref}: no cancel was asked for", Tone.QUIET)
        record = await self._call(self._session.port.ask_cancel(ref), f"{ref}: NO CANCEL ASKED", ref)
        if record is not None:
            self._say(f"{ref}: cancel asked for; it is {STATUSES[record.status].word}", Tone.STRONG)
        return None

    def cancel_all(self, hidden: Sequence[str]) -> None:
        """`hidden` are the orders that a filter hides: they are cancelled too, and said so."""
        if not self._may_ask("cancel all"):
            return
        rows = [row for row in self._session.at_broker() if row.status is not Status.CANCEL_REQUESTED]
        if not rows:
            self._say("no order is at the broker: nothing to cancel", Tone.QUIET)
        else:
            self._ask(self._cancel_all(rows, hidden), "cancel all")

    async def _cancel_all(self, rows: Sequence[OrderRow], hidden: Sequence[str]) -> None:
        behind = set(hidden)
        lines = [described(row) + ("  (hidden by the filter)" if row.order_ref in behind else "") for row in rows]
        title = f"Ask the broker to cancel all {len(rows)} working orders?"
        if not await self._host.ask(self._question(title, lines, "ask to cancel all")):
            return self._say("no cancel was asked for", Tone.QUIET)
        asked = await self._call(self._session.port.ask_cancel_all(), "NO CANCEL ASKED")
        if asked is not None:
            self._say(f"cancel asked for {len(asked)} orders; they may still fill until the broker has answered")
        return None

    def kill(self) -> None:
        """Closing is one chord, from anywhere, with no question. Opening asks."""
        if self._session.switch_open or self._session.desk is None:
            self._host.start(self._close_switch(), "kill")
        elif self._may_ask("open the kill switch"):
            self._ask(self._open_switch(), "open switch")

    async def _close_switch(self) -> None:
        state = await self._call(
            self._session.port.close_switch("closed from the terminal"),
            "THE KILL SWITCH WAS NOT CLOSED: run `ibgw kill close`, or make a file KILL beside the database",
        )
        if state is not None:
            self._switch_is(state)
            working = len(self._session.at_broker())
            offer = f"; press X to cancel {working} working order{'s' if working != 1 else ''}" if working else ""
            self._say(
                f"KILL SWITCH CLOSED: no new order leaves, approvals not sent were taken back{offer}", Tone.REFUSE
            )

    async def _open_switch(self) -> None:
        desk = self._session.desk
        assert desk is not None
        reason = await self._host.ask(OpenSwitchScreen(desk.switch))
        if reason is None:
            return self._say("the kill switch stays closed", Tone.QUIET)
        state = await self._call(self._session.port.open_switch(reason), "THE KILL SWITCH STAYS CLOSED")
        if state is not None:
            self._switch_is(state)
            self._say("kill switch open: approved orders may leave", Tone.WARN)
        return None

    def leave(self, quit_now: Callable[[], None], reasons: Sequence[str]) -> None:
        """Leave at once, or, with reasons against it, after a question."""
        if not reasons:
            quit_now()
        elif not self._asking:
            self._ask(self._leave(quit_now, reasons), "leave")

    async def _leave(self, quit_now: Callable[[], None], reasons: Sequence[str]) -> None:
        if await self._host.ask(self._question("Leave this terminal?", reasons, "leave")):
            quit_now()

    # ---- what they share

    def _question(self, title: str, lines: Sequence[str], verb: str) -> ConfirmScreen:
        return ConfirmScreen(title, lines, confirm_key="Y", verb=verb, clock=self._session.port.clock)

    def _may_ask(self, act: str) -> bool:
        if self._asking:
            return False  # a question is open already
        return self._may_act(act)

    def _may_act(self, act: str, *, dead_time: bool = True) -> bool:
        """Whether deciding keys mean anything now; says why not, except in the moment after a decision."""
        if dead_time and self._monotonic() < self._dead_until:
            return False
        if self._session.port.read_only:
            self._say(f"{act}: this terminal is read-only; start `ibgw tui` without --read-only", Tone.WARN)
            return False
        if not self._session.big_enough:
            self._say(f"{act}: the window is too small to show an order whole; make it larger", Tone.WARN)
            return False
        return True

    def _ask(self, flow: Coroutine[Any, Any, None], name: str) -> None:
        self._asking = True
        self._host.start(self._asked(flow), name)

    async def _asked(self, flow: Coroutine[Any, Any, None]) -> None:
        try:
            await flow
        finally:
            self._asking = False
            self._dead_until = self._monotonic() + DEAD_TIME

    def _act(self, call: Awaitable[Answer], failed: str, done: Callable[[Answer], str], ref: str) -> None:
        async def flow() -> None:
            answer = await self._call(call, failed, ref)
            if answer is not None:
                self._say(done(answer), Tone.STRONG)

        self._host.start(flow(), "act")

    async def _call(self, call: Awaitable[Answer], failed: str, ref: str | None = None) -> Answer | None:
        """Await the desk's answer. A refusal is said in its words; anything else is not known, and said so."""
        answer: Answer | None = None
        try:
            answer = await call
        except GatewayError as error:
            self._say(f"{failed}: {problem_of(error)}", Tone.REFUSE)
        except Exception as error:  # noqa: BLE001  whatever it was: the operator must know that nothing is known
            self._say(
                f"{failed.split(':')[0]}: UNKNOWN what came of it ({problem_of(error)}). Look at its status before "
                "you do anything again; the audit log, key 3, has what was recorded",
                Tone.ALARM,
            )
            if ref is not None:
                self._session.unknown.add(ref)
        if ref is not None:
            self._session.in_flight.discard(ref)
        self._host.reread()
        return answer

    def _switch_is(self, state: SwitchState) -> None:
        """The desk has said so just now: the header need not wait for the next reading."""
        if self._session.desk is not None:
            self._session.desk = replace(self._session.desk, switch=state)

    def _say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        self._session.say(text, tone)


def described(row: OrderRow) -> str:
    """One order in a line, for a question about it."""
    side, status = SIDES[row.side], STATUSES[row.status]
    filled = f", {number(row.filled)} filled" if row.filled else ""
    return f"{side} {number(row.quantity)} {row.symbol} in {row.account}: {status.word}{filled}  {row.order_ref}"
