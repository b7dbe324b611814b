"""The review before an approval: the whole order from one frozen ticket, and the guard before the yes.

The page never changes while it is open. Twice a second the newest ticket is read and compared; if
anything that matters differs, the review disarms, says what changed, and has to be opened again.
The answer carries what was displayed (`Shown`), and the gateway refuses it if that is not what is
there any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import ibgw_tui
from ibgw_tui.core.terms import Mode
from ibgw_tui.core.text import one_line
from ibgw_tui.service.views import Shown, Ticket
from ibgw_tui.tui import arming
from ibgw_tui.tui.arming import Phase
from ibgw_tui.tui.changes import what_changed
from ibgw_tui.tui.present import countdown, number
from ibgw_tui.tui.screens.dialog import ArmedScreen
from ibgw_tui.tui.sheet import Sheet, code_of, make_sheet
from ibgw_tui.tui.tiers import plan_of, unusual

__all__ = ["ApproveAnswer", "ApproveScreen", "what_changed"]

POLL_SECONDS = 0.5
"""How often the newest ticket is compared with the one on display."""
ANSWER_SECONDS = 2.5
"""A desk that does not answer for so long is a desk we know nothing of."""
_UNCHECKED = "the newest facts are being read"


@dataclass(frozen=True, slots=True)
class ApproveAnswer:
    """A yes: to what, and how it was given (for the audit log)."""

    shown: Shown
    how: dict[str, str]


class ApproveScreen(ArmedScreen[ApproveAnswer]):
    """Shows one ticket and returns an ApproveAnswer, or None when it was closed."""

    def __init__(
        self,
        ticket: Ticket,
        *,
        refresh: Callable[[], Awaitable[Ticket]],
        clock: Callable[[], datetime],
        backend: str = "",
        hold_back_seconds: int | None = None,
        link: Callable[[], str] | None = None,
    ) -> None:
        """`refresh` reads the newest ticket; `link` says the state of the connection, if it is known."""
        preview = ticket.record.preview
        live = preview is not None and preview.mode is Mode.LIVE
        digest = ticket.shown.preview_digest if ticket.shown else ""
        super().__init__(digest, plan_of(ticket), live=live, clock=clock)
        self.ticket = ticket
        self._read = refresh
        self._time = clock
        self._backend = backend
        self._hold_back = hold_back_seconds
        self._link = link
        self._first_link = link() if link else ""

    def begin(self) -> None:
        if self.state.phase is not Phase.DISARMED:
            self.feed(arming.Suspended(self._now(), _UNCHECKED))
            self.run_worker(self._watch(), name="review", exit_on_error=False)

    async def _watch(self) -> None:
        """Compare with the newest ticket until something differs."""
        first = True
        while self.state.phase is not Phase.DISARMED and self.is_attached:
            found = await self._difference()
            if found:
                self.feed(arming.TicketChanged(found, self._now()))
            elif first:
                first = False
                self.feed(arming.Resumed(self._now(), ""))
            await asyncio.sleep(POLL_SECONDS)

    async def _difference(self) -> str | None:
        try:
            newest = await asyncio.wait_for(self._read(), ANSWER_SECONDS)
        except TimeoutError:
            return f"the desk did not answer for {ANSWER_SECONDS} s"
        except Exception as error:  # noqa: BLE001  whatever it was: what is displayed can no longer be trusted
            return f"the order cannot be read: {one_line(str(error), 120) or type(error).__name__}"
        if self._link is not None and (link := self._link()) != self._first_link:
            return f"connection changed {self._first_link} -> {link}"
        return what_changed(self.ticket, newest)

    def beat(self) -> None:
        preview = self.ticket.record.preview
        if preview is not None and preview.expires_at <= self._time() and self.state.phase is not Phase.DISARMED:
            self.feed(arming.Expired(self._now()))

    # ---- what it shows

    def make_page(self, width: int, height: int, scroll: int) -> Sheet:
        return make_sheet(self.ticket, width, height, backend=self._backend, scroll=scroll)

    def ready_text(self) -> str:
        after = f"a {self._hold_back} s hold-back" if self._hold_back is not None else "the hold-back"
        if not self.state.typed_right:
            return "armed: type the value above, then press Y"
        return f"press Y to approve, and to send it after {after}"

    def key_text(self) -> str:
        if self.state.phase is Phase.DISARMED:
            return f"esc close: nothing was approved   K kill switch{self._left()}"
        return f"Y approve   esc close: nothing is approved   K kill switch{self._left()}"

    def typing_text(self) -> str:
        preview = self.ticket.record.preview
        if preview is None:
            return ""
        typed = self.state.typed.ljust(4, "_")
        reasons = ", ".join(unusual(self.ticket))
        return f"type {code_of(preview)} or {number(preview.intent.quantity)}, then Y: [{typed}]   because: {reasons}"

    def _left(self) -> str:
        preview = self.ticket.record.preview
        if preview is None:
            return ""
        return f"   expires in {countdown(preview.expires_at - self._time())}"

    def answered(self) -> ApproveAnswer | None:
        state, shown = self.state, self.ticket.shown
        if shown is None or state.painted_at is None or state.pressed_at is None:
            return None
        how = {
            "key": state.pressed,
            "painted": f"{state.painted_at:.6f}",
            "pressed": f"{state.pressed_at:.6f}",
            "dwell": f"{state.plan.dwell:g}",
            "tier": str(state.plan.tier),
            "early_keys": str(state.early),
            "typed": state.typed,
            "ui": str(getattr(ibgw_tui, "__version__", "unknown")),
        }
        return ApproveAnswer(shown, how)
