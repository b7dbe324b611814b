"""Saying no, or asking for changes: a reason code from a list, and words. The agent reads both.

Where the limits refuse the order, the numbers that they would let pass stand beside the field, and tab puts
them into it. The field for the words has the focus from the beginning, so that a reason can simply be typed; up and
down (or a digit while the field is empty) choose the code. Enter decides, and only when there is
something to tell: a code or words.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from ibgw_tui.core.text import one_line
from ibgw_tui.service.views import Ticket
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.screens.typing import TextScreen
from ibgw_tui.tui.sheet import MUTED, STRONG, safe_part
from ibgw_tui.tui.theme import STYLES

GOOD = STYLES[Tone.GOOD]
REASONS: tuple[tuple[str, str], ...] = (
    ("OPERATOR_REJECTED", "no, for the reason in words"),
    ("SIZE_TOO_LARGE", "the quantity or value is too large"),
    ("PRICE_NOT_ACCEPTABLE", "the price is not acceptable"),
    ("WRONG_INSTRUMENT", "the wrong symbol or contract"),
    ("BAD_TIMING", "not now"),
    ("RISK_NOT_WANTED", "a risk that is not wanted"),
    ("DUPLICATE", "the same order exists already"),
    ("RATIONALE_NOT_CONVINCING", "the reason given does not convince"),
)
CHANGES: tuple[tuple[str, str], ...] = (
    ("OPERATOR_ASKED_CHANGES", "another order, as the words say"),
    ("SMALLER_QUANTITY", "a smaller quantity"),
    ("OTHER_PRICE", "another price"),
    ("OTHER_ORDER_TYPE", "another order type or validity"),
    ("BETTER_RATIONALE", "a reason that says more"),
)
MAX_REASON = 400


@dataclass(frozen=True, slots=True)
class RejectAnswer:
    """A no, or a wish for another order. `reason` is never empty."""

    reason_code: str
    reason: str


class ReasonInput(Input):
    """While it is empty, a digit chooses a reason instead of beginning one.

    What goes on like a number ("2 shares", "100", "5%") was the beginning of the words: the digits go back into them.
    """

    _digits = ""
    """Those that chose so far, in case they were meant as words."""

    async def _on_key(self, event: events.Key) -> None:
        if not isinstance(self.screen, RejectScreen) or self.value:
            return
        digits = "123456789"[: len(self.screen.reasons)]
        if event.key in ("up", "down") or not event.character:
            self._digits = ""
        elif event.character in digits:
            event.stop()
            event.prevent_default()
            self._digits += event.character
            self.screen.choose(digits.index(event.character))
        elif event.is_printable:
            if self._digits and not event.character.isalpha():
                self.value = self._digits
                self.cursor_position = len(self.value)
                self.screen.choose(None)
            self._digits = ""


class RejectScreen(TextScreen[RejectAnswer]):
    """Returns a RejectAnswer, or None when it was closed."""

    title_word = "Reject"
    verb = "reject"
    past = "rejected"
    reasons = REASONS

    def __init__(self, ticket: Ticket) -> None:
        super().__init__()
        self.ticket = ticket
        self.chosen: int | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="frame"):
            yield Static(safe_part(self.ticket.sentence, STRONG))
            yield Static(
                safe_part(f"staged by {self.ticket.record.staged_by}, who reads what you choose and write", MUTED)
            )
            yield Static(self._list(), id="codes", classes="-gap")
            yield Static(safe_part("in words", MUTED), classes="-gap")
            yield ReasonInput(id="reason", max_length=MAX_REASON)
            if self.suggested:
                yield Static(safe_part(f"tab writes: {self.suggested}", GOOD), id="suggested")
            yield Static("", id="said", classes="-gap")
            keys = f"enter {self.verb}   1-{len(self.reasons)} or up/down choose"
            yield Static(safe_part(f"{keys}   esc close: nothing is {self.past}   F12 kill switch", MUTED))

    @property
    def suggested(self) -> str:
        """What would pass the limits, for the words; empty where nothing is to be said."""
        passing = self.ticket.passing
        return f"the limits would let pass: {passing.words}" if passing else ""

    def on_key(self, event: events.Key) -> None:
        """Tab puts the suggestion into the words, where none are written yet."""
        if event.key != "tab":
            return
        event.stop()
        event.prevent_default()
        field = self.query_one("#reason", Input)
        if self.suggested and not field.value:
            field.value = self.suggested[:MAX_REASON]
            field.cursor_position = len(field.value)

    def begin(self) -> None:
        self.query_one("#frame").border_title = safe_part(f"{self.title_word} {self.ticket.record.order_ref}")
        self.query_one("#reason", Input).focus()

    def _list(self) -> Content:
        rows = []
        for at, (code, words) in enumerate(self.reasons):
            mark, style = ("▶", "bold $primary") if at == self.chosen else (" ", "")
            rows.append(Content.assemble((f"{mark} {at + 1} {code:<26}", style), (words, style or MUTED)))
        return Content("\n").join(rows)

    def choose(self, at: int | None) -> None:
        """Put the mark on a reason, or take it away."""
        self.chosen = None if at is None else at % len(self.reasons)
        self.query_one("#codes", Static).update(self._list(), layout=False)

    def arrow(self, step: int) -> None:
        start = -1 if step > 0 else 0
        self.choose((start if self.chosen is None else self.chosen) + step)

    def submit(self) -> None:
        words = one_line(self.query_one("#reason", Input).value, MAX_REASON)
        if not words and self.chosen is None:
            self.say(f"choose a reason or write one; nothing was {self.past}")
            return
        code, meaning = self.reasons[self.chosen if self.chosen is not None else 0]
        self.dismiss(RejectAnswer(code, words or meaning))


class ChangesScreen(RejectScreen):
    """The same question where the order is given back instead: only a revision of it goes on from there."""

    title_word = "Ask for changes of"
    verb = "give it back"
    past = "asked"
    reasons = CHANGES
