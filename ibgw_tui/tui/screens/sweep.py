"""What came of each cancel, as the broker says it. Never 'done' while one of them is not confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ibgw_tui.service.views import Outcome, Swept
from ibgw_tui.tui.feed import problem_of
from ibgw_tui.tui.present import SIDES, Tone, number
from ibgw_tui.tui.sheet import MUTED, safe_part
from ibgw_tui.tui.theme import STYLES

EVERY = 0.25
WORDS: dict[Outcome, tuple[str, Tone]] = {
    Outcome.UNCONFIRMED: ("UNCONFIRMED", Tone.ALARM),
    Outcome.FILLED: ("filled in the race", Tone.WARN),
    Outcome.CANCELLED: ("cancelled", Tone.GOOD),
    Outcome.NOT_AT_BROKER: ("not at the broker", Tone.GOOD),
}
"""The gravest first."""


class SweepScreen(ModalScreen[tuple[Swept, ...]]):
    """Looks again and again until it is closed. Returns what was known last."""

    AUTO_FOCUS = ""
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    SweepScreen { background: $background; align: center middle; }
    SweepScreen:ansi { background: ansi_default; }
    SweepScreen #frame {
        width: 1fr; max-width: 100; height: auto; max-height: 100%; border: round $primary; padding: 0 2;
        background: $surface; scrollbar-size-vertical: 1;
    }
    SweepScreen:ansi #frame { background: ansi_default; }
    SweepScreen Static { width: 1fr; height: auto; }
    """

    def __init__(self, look: Callable[[], Awaitable[Sequence[Swept]]], asked: int) -> None:
        super().__init__()
        self._look = look
        self._asked = asked
        self.swept: tuple[Swept, ...] | None = None

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="frame", can_focus=False):
            yield Static(self._text(), id="text")

    def on_mount(self) -> None:
        frame = self.query_one("#frame")
        frame.border_title = safe_part("Cancels asked for")
        frame.border_subtitle = safe_part("esc close   up/down scroll   F12 kill switch")
        self.run_worker(self._watch(), name="sweep", exit_on_error=False)

    async def _watch(self) -> None:
        """One look after the other, however long each takes."""
        while self.is_attached:
            await self._look_again()
            await asyncio.sleep(EVERY)

    async def _look_again(self) -> None:
        try:
            found = tuple(await self._look())
        except Exception as error:  # noqa: BLE001  what was known stays, and that it is old is said
            self._say(
                Content.assemble(
                    self._text(), "\n", safe_part(f"not known now: {problem_of(error)}", STYLES[Tone.ALARM])
                )
            )
            return
        self.swept = found
        self._say(self._text())

    def _say(self, text: Content) -> None:
        if self.is_mounted:
            self.query_one("#text", Static).update(text)

    def _text(self) -> Content:
        if self.swept is None:
            return safe_part(f"asked for {self._asked}; reading what came of them ...", MUTED)
        order = list(WORDS)
        lines = [safe_part(told(self.swept), "bold"), Content("")]
        for found in sorted(self.swept, key=lambda one: order.index(one.outcome)):
            words, tone = WORDS[found.outcome]
            lines.append(Content.assemble((f"{words:<19}", STYLES[tone]), safe_part(described(found))))
        return Content("\n").join(lines)

    def on_key(self, event: events.Key) -> None:
        frame = self.query_one("#frame")
        if event.key == "escape":
            event.stop()
            self.dismiss(self.swept or ())
        elif event.key in ("down", "j"):
            frame.scroll_relative(y=1, animate=False)
        elif event.key in ("up", "k"):
            frame.scroll_relative(y=-1, animate=False)


def told(swept: Sequence[Swept]) -> str:
    """All of it in one line."""
    counts = [(words, sum(found.outcome is outcome for found in swept)) for outcome, (words, _) in WORDS.items()]
    return f"cancel asked for {len(swept)}: " + ", ".join(f"{count} {words}" for words, count in counts if count)


def described(found: Swept) -> str:
    record = found.record
    filled = f", {number(record.filled)} filled" if record.filled else ""
    sent = ""
    if found.outcome is Outcome.UNCONFIRMED:
        sent = ", cancel sent" if record.cancel_sent_at else ", cancel not sent yet"
    intent = record.intent
    return f"{SIDES[intent.side]} {number(intent.quantity)} {intent.symbol} in {intent.account}{filled}{sent}  {record.order_ref}"
