"""The review before an approval: the whole order from one frozen ticket, and the guard before the yes.

The page never changes while it is open. Twice a second the newest ticket is read and compared; if
anything that matters differs, the review disarms, says what changed, and has to be opened again.
The answer carries what was displayed (`Shown`), and the gateway refuses it if that is not what is
there any more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ibgw_tui.core.terms import Mode
from ibgw_tui.service.views import Shown, Ticket
from ibgw_tui.tui.arming import Phase
from ibgw_tui.tui.changes import what_changed
from ibgw_tui.tui.present import countdown, number
from ibgw_tui.tui.screens.watched import WatchedScreen
from ibgw_tui.tui.sheet import Sheet, code_of, make_sheet
from ibgw_tui.tui.tiers import plan_of, unusual


@dataclass(frozen=True, slots=True)
class ApproveAnswer:
    """A yes: to what, and how it was given (for the audit log)."""

    shown: Shown
    how: dict[str, str]


class ApproveScreen(WatchedScreen[ApproveAnswer]):
    """Shows one ticket and returns an ApproveAnswer, or None when it was closed."""

    def __init__(
        self,
        ticket: Ticket,
        *,
        refresh: Callable[[], Awaitable[Ticket]],
        clock: Callable[[], datetime],
        backend: str = "",
        link: Callable[[], str] | None = None,
        hints: Sequence[str] = (),
    ) -> None:
        """`refresh` reads the newest ticket; `link` says the state of the connection, if it is known.

        Of `hints`, which say the same at different lengths, the one that fits is shown.
        """
        preview = ticket.record.preview
        live = preview is not None and preview.mode is Mode.LIVE
        digest = ticket.shown.preview_digest if ticket.shown else ""
        super().__init__(digest, plan_of(ticket), live=live, clock=clock, link=link)
        self.ticket = ticket
        self._read = refresh
        self._backend = backend
        self._hints = hints

    async def difference(self) -> str | None:
        return what_changed(self.ticket, await self._read())

    @property
    def expires_at(self) -> datetime | None:
        preview = self.ticket.record.preview
        return preview.expires_at if preview else None

    # ---- what it shows

    def make_page(self, width: int, height: int, scroll: int) -> Sheet:
        return make_sheet(self.ticket, width, height, backend=self._backend, scroll=scroll, hints=self._hints)

    def ready_text(self) -> str:
        if not self.state.typed_right:
            return "armed: type the value above, then press Y"
        return "press Y to approve, and to send it after the hold-back"

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
        return ApproveAnswer(shown, self.how())
