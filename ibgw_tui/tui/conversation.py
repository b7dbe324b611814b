"""What every flow behind a deciding key shares: whether it may ask, one question at a time, the call, what is said.

Nothing here is optimistic. The screen says APPROVED when the desk has said so, and UNKNOWN when it has
not said anything. One question is open at a time; after each there is a moment in which deciding keys
do nothing, because the next key may have been meant for what was there before.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from textual.screen import Screen

from ibgw_tui.core.errors import GatewayError
from ibgw_tui.service.views import OrderRow
from ibgw_tui.tui.arming import DeadTime
from ibgw_tui.tui.feed import problem_of
from ibgw_tui.tui.present import SIDES, STATUSES, Tone, number
from ibgw_tui.tui.screens.confirm import ConfirmScreen
from ibgw_tui.tui.session import Session

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")
PACE_SECONDS = 0.25
"""A review does not wait longer for the hint on it."""


Refs = str | tuple[str, ...]
"""The order, or the orders, that an act is about."""


LOOK_FIRST = "Look at its status before you do anything again; the audit log, key 3, has what was recorded"


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


class Conversation:
    """Between the operator and the desk."""

    def __init__(self, session: Session, host: Host, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.session = session
        self._host = host
        self._monotonic = monotonic
        self.is_asking = False
        self._shown = 0
        self._dead = DeadTime()

    async def answer_to(self, screen: Screen[Answer]) -> Answer | None:
        """Show a dialog and wait for its answer."""
        self._shown += 1
        try:
            return await self._host.ask(screen)
        finally:
            self._shown -= 1

    @property
    def is_shown(self) -> bool:
        """Whether a dialog is open. While something is asked and none is, the desk owes an answer."""
        return self._shown > 0

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run in the background without a question."""
        self._host.start(work, name)

    def question(self, title: str, lines: Sequence[str], verb: str) -> ConfirmScreen:
        return ConfirmScreen(title, lines, verb=verb, clock=self.session.port.clock)

    def may_ask(self, act: str) -> bool:
        if self.is_asking:
            return False  # a question is open already
        return self.may_act(act)

    def may_act(self, act: str, *, dead_time: bool = True) -> bool:
        """Whether deciding keys mean anything now; says why not, except in the moment after a decision."""
        if dead_time and self._dead.drops(self._monotonic()):
            return False
        if self.session.port.read_only:
            self.say(f"{act}: this terminal is read-only; start `ibgw tui` without --read-only", Tone.WARN)
            return False
        if not self.session.big_enough:
            self.say(f"{act}: the window is too small to show an order whole; make it larger", Tone.WARN)
            return False
        return True

    def ask(self, flow: Coroutine[Any, Any, None], name: str) -> None:
        self.is_asking = True
        self._host.start(self._asked(flow), name)

    async def _asked(self, flow: Coroutine[Any, Any, None]) -> None:
        try:
            await flow
        finally:
            self.is_asking = False
            self._dead.decided(self._monotonic())

    def act(self, call: Awaitable[Answer], failed: str, done: Callable[[Answer], str], ref: Refs) -> None:
        async def flow() -> None:
            answer = await self.call(call, failed, ref)
            if answer is not None:
                self.say(done(answer), Tone.STRONG)

        self._host.start(flow(), "act")

    async def call(
        self, call: Awaitable[Answer], failed: str, ref: Refs = (), *, unknown: str = "", remedy: str = LOOK_FIRST
    ) -> Answer | None:
        """Await the desk's answer. A refusal is said in its words; anything else is not known, and said so.

        `unknown` says what is not known then, and `remedy` what to do; the latter also after a refusal if it is given.
        """
        answer: Answer | None = None
        refs = (ref,) if isinstance(ref, str) else ref
        try:
            answer = await call
        except GatewayError as error:
            more = "" if remedy is LOOK_FIRST else f". {remedy}"
            self.say(f"{failed}: {problem_of(error)}{more}", Tone.REFUSE)
        except Exception as error:  # noqa: BLE001  whatever it was: the operator must know that nothing is known
            what = unknown or f"{failed.split(':')[0]}: UNKNOWN what came of it"
            self.not_known(f"{what} ({problem_of(error)}). {remedy}", refs)
        self.session.in_flight.difference_update(refs)
        self._host.reread()
        return answer

    async def hints(self) -> tuple[str, ...]:
        """How fast this operator has been approving. Where it cannot be had at once, a review opens without it."""
        try:
            return (await asyncio.wait_for(self.session.port.pace(), PACE_SECONDS)).hints
        except Exception as error:  # noqa: BLE001  whatever it was: the review says by itself what stands against it
            log.info("no pace on this review: %s", problem_of(error))
            return ()

    def not_known(self, text: str, refs: tuple[str, ...]) -> None:
        """Nobody can say what came of an act. Its orders are left alone until the desk was read again."""
        self.session.unknown.update(refs)
        self.say(text, Tone.ALARM)

    def reread(self) -> None:
        """Read the desk again now: something was done."""
        self._host.reread()

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        self.session.say(text, tone)


def described(row: OrderRow) -> str:
    """One order in a line, for a question about it."""
    side, status = SIDES[row.side], STATUSES[row.status]
    filled = f", {number(row.filled)} filled" if row.filled else ""
    return f"{side} {number(row.quantity)} {row.symbol} in {row.account}: {status.word}{filled}  {row.order_ref}"
