"""Stopping: cancel one or all, write off what nobody answered, the kill switch, and leaving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ibgw_tui.core.lifecycle import AT_BROKER, Status
from ibgw_tui.core.records import SwitchState
from ibgw_tui.service.views import OrderRow
from ibgw_tui.tui.conversation import Conversation, described
from ibgw_tui.tui.present import STATUSES, Tone
from ibgw_tui.tui.screens.sweep import SweepScreen, told
from ibgw_tui.tui.screens.switch import OpenSwitchScreen
from ibgw_tui.tui.screens.write_off import WriteOffScreen


class Stopping:
    """What takes an order, or the whole road, out of use."""

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk
        self._session = talk.session
        self._leaving = False

    def cancel(self, row: OrderRow | None) -> None:
        if row is None or not self._talk.may_ask("cancel"):
            return
        if row.status not in AT_BROKER:
            remedy = {Status.PENDING: "; r rejects it", Status.APPROVED: "; u recalls it"}.get(row.status, "")
            self._talk.say(
                f"{row.order_ref} is {STATUSES[row.status].word}: nothing is at the broker{remedy}", Tone.WARN
            )
        else:
            self._talk.ask(self._cancel(row), "cancel")

    async def _cancel(self, row: OrderRow) -> None:
        ref = row.order_ref
        lines = [described(row), "It is a request: the order may still fill until the broker has answered."]
        if not await self._talk.answer_to(
            self._talk.question("Ask the broker to cancel this order?", lines, "ask to cancel")
        ):
            return self._talk.say(f"{ref}: no cancel was asked for", Tone.QUIET)
        record = await self._talk.call(self._session.port.ask_cancel(ref), f"{ref}: NO CANCEL ASKED", ref)
        if record is not None:
            self._talk.say(f"{ref}: cancel asked for; it is {STATUSES[record.status].word}", Tone.STRONG)
        return None

    def cancel_all(self, hidden: Sequence[str]) -> None:
        """`hidden` are the orders that a filter hides: they are cancelled too, and said so."""
        if not self._talk.may_ask("cancel all"):
            return
        rows = self._session.at_broker()
        if not rows:
            self._talk.say("no order is at the broker: nothing to cancel", Tone.QUIET)
        else:
            self._talk.ask(self._cancel_all(rows, hidden), "cancel all")

    async def _cancel_all(self, rows: Sequence[OrderRow], hidden: Sequence[str]) -> None:
        behind = set(hidden)
        lines = [described(row) + ("  (hidden by the filter)" if row.order_ref in behind else "") for row in rows]
        title = f"Ask the broker to cancel all {len(rows)} working orders?"
        if not await self._talk.answer_to(self._talk.question(title, lines, "ask to cancel all")):
            return self._talk.say("no cancel was asked for", Tone.QUIET)
        port = self._session.port
        asked = await self._talk.call(port.ask_cancel_all(), "NO CANCEL ASKED")
        if not asked:
            return None if asked is None else self._talk.say("nothing was at the broker any more", Tone.QUIET)
        refs = [record.order_ref for record in asked]
        self._talk.say(f"cancel asked for {len(refs)}: they may still fill until the broker has answered", Tone.STRONG)
        swept = await self._talk.answer_to(SweepScreen(lambda: port.what_came_of(refs), len(refs)))
        if not swept:
            return self._talk.say(
                f"what came of {len(refs)} cancels was not read: look at the blotter, key 2", Tone.ALARM
            )
        certain = all(found.is_certain for found in swept)
        more = "" if certain else "; what is unconfirmed may work still"
        return self._talk.say(told(swept) + more, Tone.STRONG if certain else Tone.ALARM)

    # ---- what nobody answered

    def write_off(self, row: OrderRow | None) -> None:
        if row is None or not self._talk.may_ask("write off"):
            return
        if row.status is not Status.IN_DOUBT:
            self._talk.say(
                f"{row.order_ref} is {STATUSES[row.status].word}: only an order in doubt is written off", Tone.WARN
            )
        else:
            self._talk.ask(self._write_off(row), "write off")

    async def _write_off(self, row: OrderRow) -> None:
        port, ref = self._session.port, row.order_ref
        standing = await self._talk.call(port.standing(), f"{ref}: NOT WRITTEN OFF")
        if standing is None:
            return None
        doubtful = next((found for found in standing.in_doubt if found.record.order_ref == ref), None)
        if doubtful is None:
            return self._talk.say(f"{ref} is not in doubt any more", Tone.STRONG)
        words = await self._talk.answer_to(WriteOffScreen(doubtful, described(row)))
        if words is None:
            return self._talk.say(f"{ref} stays in doubt", Tone.QUIET)
        record = await self._talk.call(
            port.write_off(ref, words.reason, words.override), f"{ref}: NOT WRITTEN OFF", ref
        )
        if record is not None:
            self._talk.say(f"WRITTEN OFF {described(row)}: it counts as never placed. {record.reason}", Tone.STRONG)
        return None

    # ---- the kill switch

    def kill(self) -> None:
        """Closing is one chord, from anywhere, with no question. Opening asks."""
        if self._session.may_be_open:
            self._talk.start(self._close_switch(), "kill")
        elif self._talk.may_ask("open the kill switch"):
            self._talk.ask(self._open_switch(), "open switch")

    async def _close_switch(self) -> None:
        state = await self._talk.call(
            self._session.port.close_switch("closed from the terminal"),
            "THE KILL SWITCH WAS NOT CLOSED",
            unknown="UNKNOWN whether the kill switch was closed",
            remedy="Run `ibgw kill close`, or make a file KILL beside the database",
        )
        if state is not None:
            self._switch_is(state)
            working = len(self._session.at_broker())
            if state.source == "sentinel file":
                self._talk.say(
                    "the store did not answer: closed by the file KILL beside it; take it away before opening"
                )
            offer = f"; press X to cancel {working} working order{'s' if working != 1 else ''}" if working else ""
            self._talk.say(
                f"KILL SWITCH CLOSED: no new order leaves, approvals not sent were taken back{offer}", Tone.REFUSE
            )

    async def _open_switch(self) -> None:
        desk = self._session.desk
        assert desk is not None
        words = await self._talk.answer_to(OpenSwitchScreen(desk.switch, desk.against_opening))
        if words is None:
            return self._talk.say("the kill switch stays closed", Tone.QUIET)
        opening = self._session.port.open_switch(words.reason, words.override)
        state = await self._talk.call(opening, "THE KILL SWITCH STAYS CLOSED")
        if state is not None:
            self._switch_is(state)
            self._talk.say("kill switch open: approved orders may leave", Tone.WARN)
        return None

    def leave(self, quit_now: Callable[[], None], reasons: Sequence[str]) -> None:
        """Leave at once, or, with reasons against it, after a question."""
        if not reasons:
            quit_now()
        elif not self._talk.is_asking:
            self._talk.ask(self._leave(quit_now, reasons), "leave")
        elif not self._talk.is_shown and not self._leaving:
            # The desk owes an answer, perhaps for ever: that must not keep anybody here.
            self._leaving = True
            self._talk.start(self._leave(quit_now, reasons), "leave")

    async def _leave(self, quit_now: Callable[[], None], reasons: Sequence[str]) -> None:
        try:
            if await self._talk.answer_to(self._talk.question("Leave this terminal?", reasons, "leave")):
                quit_now()
        finally:
            self._leaving = False

    def _switch_is(self, state: SwitchState) -> None:
        """The desk has said so just now: the header need not wait for the next reading."""
        if self._session.desk is not None:
            self._session.desk = replace(self._session.desk, switch=state)
