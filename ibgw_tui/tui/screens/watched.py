"""A guarded confirmation of something that may change while it is read: it looks again and again, and disarms.

Nothing is confirmed before the first comparison has been made, and whatever differs later disarms for good: the
page never changes under the finger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

import ibgw_tui
from ibgw_tui.core.text import one_line
from ibgw_tui.tui import arming
from ibgw_tui.tui.arming import Phase, Plan
from ibgw_tui.tui.screens.dialog import ArmedScreen

Answer = TypeVar("Answer")

POLL_SECONDS = 0.5
"""How often the newest facts are compared with those on display."""
ANSWER_SECONDS = 2.5
"""A desk that does not answer for so long is a desk we know nothing of."""


class WatchedScreen(ArmedScreen[Answer], Generic[Answer]):
    """Subclasses read the newest facts (`difference`) and say when they expire (`expires_at`)."""

    def __init__(
        self,
        digest: str,
        plan: Plan,
        *,
        live: bool,
        clock: Callable[[], datetime],
        link: Callable[[], str] | None = None,
    ) -> None:
        """`link` says the state of the connection, if it is known."""
        super().__init__(digest, plan, live=live, clock=clock)
        self._time = clock
        self._link = link
        self._first_link = link() if link else ""

    async def difference(self) -> str | None:
        """Read the newest facts: what differs from those on display, in the operator's words."""
        raise NotImplementedError

    @property
    def expires_at(self) -> datetime | None:
        raise NotImplementedError

    def begin(self) -> None:
        if self.state.phase is not Phase.DISARMED:
            self.feed(arming.Comparing(self._now()))
            self.run_worker(self._watch(), name="review", exit_on_error=False)

    async def _watch(self) -> None:
        """Compare with the newest facts until something differs."""
        first = True
        while self.state.phase is not Phase.DISARMED and self.is_attached:
            found = await self._difference()
            if found:
                self.feed(arming.TicketChanged(found, self._now()))
            elif first:
                first = False
                self.feed(arming.Compared(self._now()))
            await asyncio.sleep(POLL_SECONDS)

    async def _difference(self) -> str | None:
        try:
            found = await asyncio.wait_for(self.difference(), ANSWER_SECONDS)
        except TimeoutError:
            return f"the desk did not answer for {ANSWER_SECONDS} s"
        except Exception as error:  # noqa: BLE001  whatever it was: what is displayed can no longer be trusted
            return f"the order cannot be read: {one_line(str(error), 120) or type(error).__name__}"
        if self._link is not None and (link := self._link()) != self._first_link:
            return f"connection changed {self._first_link} -> {link}"
        return found

    def beat(self) -> None:
        expires = self.expires_at
        if expires is not None and expires <= self._time() and self.state.phase is not Phase.DISARMED:
            self.feed(arming.Expired(self._now()))

    def how(self) -> dict[str, str]:
        """How the yes was given, for the audit log."""
        state = self.state
        return {
            "key": state.pressed,
            "painted": f"{state.painted_at or 0:.6f}",
            "pressed": f"{state.pressed_at or 0:.6f}",
            "reviewed": f"{state.reviewed:.3f}",
            "dwell": f"{state.plan.dwell:g}",
            "tier": str(state.plan.tier),
            "early_keys": str(state.early),
            "typed": state.typed,
            "ui": str(getattr(ibgw_tui, "__version__", "unknown")),
        }
