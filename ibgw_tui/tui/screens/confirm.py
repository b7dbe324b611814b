"""A short question before an act that takes something away: cancel one, cancel all, leave.

The safe acts are easy, so the dwell is short; everything else is guarded as an approval is, because
a key that was meant for something else must not cancel a working order either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

from textual.content import Content

from ibgw_tui.tui.arming import DWELL_CHEAP, Plan
from ibgw_tui.tui.screens.dialog import ArmedScreen
from ibgw_tui.tui.sheet import MUTED, Sheet, safe_part


class ConfirmScreen(ArmedScreen[bool]):
    """Returns True when the question was confirmed, None when it was closed."""

    WIDEST = 92

    def __init__(
        self,
        title: str,
        lines: Sequence[str | Content],
        *,
        verb: str = "confirm",
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """`lines` name everything that is meant; text is drawn as text only."""
        self._title = safe_part(title, "bold")
        self._lines = [safe_part(line) if isinstance(line, str) else line for line in lines]
        self._verb = verb
        words = "\n".join([self._title.plain, *(line.plain for line in self._lines)])
        digest = hashlib.sha256(words.encode()).hexdigest()
        super().__init__(digest, Plan(dwell=DWELL_CHEAP), live=False, clock=clock)

    def make_page(self, width: int, height: int, scroll: int) -> Sheet:
        """All lines, or what fits of them: what does not fit moves with up and down."""
        head = [Content(""), Content.assemble(" ", self._title), Content("")]
        body = [Content.assemble(" ", part) for line in self._lines for part in line.wrap(max(10, width - 2))]
        room = max(1, height - len(head) - 1)
        if len(body) <= room:
            return Sheet((*head, *body, Content("")), self.state.digest)
        room -= 1
        start = max(0, min(scroll, len(body) - room))
        below = len(body) - room - start
        more = Content.styled(f" {start} lines above, {below} below: up/down", MUTED)
        lines = (*head, *body[start : start + room], more, Content(""))
        return Sheet(lines, self.state.digest, agent_above=start, agent_below=below)

    def ready_text(self) -> str:
        return f"press Y to {self._verb}"

    def key_text(self) -> str:
        return f"Y {self._verb}   esc close: nothing is done   K kill switch"

    def answered(self) -> bool | None:
        return True
