"""An act that needs words and a typed phrase: opening the kill switch, writing an order off.

What stands against the act is shown, and asks for a longer phrase: who types that has read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from ibgw_tui.core.text import one_line
from ibgw_tui.tui.screens.typing import TextScreen, TypedInput
from ibgw_tui.tui.sheet import CAUTION, MUTED, safe_part

MAX_REASON = 400
IN_SPITE_OF = " ANYWAY"
MOST_AGAINST = 5


@dataclass(frozen=True, slots=True)
class Words:
    """What the operator said. `override` is empty unless something stood against it when the dialog opened."""

    reason: str
    override: str = ""


class PhraseScreen(TextScreen[Words]):
    """Returns Words, or None when it was closed and all stays as it is."""

    title_text = ""
    phrase = ""
    purpose = ""
    otherwise = ""
    """What stays as it is when it is closed."""

    def __init__(self, against: Sequence[str] = ()) -> None:
        super().__init__()
        self.against = tuple(against)

    @property
    def wanted(self) -> str:
        """What has to be typed, letter by letter."""
        return self.phrase + (IN_SPITE_OF if self.against else "")

    def head(self) -> Sequence[Content]:
        """What it is about."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with Vertical(id="frame", classes="-stern"):
            for line in self.head():
                yield Static(line)
            for words in self.against[:MOST_AGAINST]:
                yield Static(safe_part(f"against it: {words}", CAUTION))
            if len(self.against) > MOST_AGAINST:
                yield Static(safe_part(f"and {len(self.against) - MOST_AGAINST} more", CAUTION))
            yield Static(safe_part("why (kept in the audit log)", MUTED), classes="-gap")
            yield Input(id="reason", max_length=MAX_REASON)
            yield Static(safe_part(f"type {self.wanted} to {self.purpose}", MUTED), classes="-gap")
            yield TypedInput(id="phrase", max_length=len(self.wanted) + 4)
            yield Static("", id="said", classes="-gap")
            yield Static(
                safe_part(f"enter next, then {self.purpose}   tab other field   esc close: {self.otherwise}", MUTED)
            )

    def begin(self) -> None:
        self.query_one("#frame").border_title = safe_part(self.title_text)
        self.query_one("#reason", Input).focus()

    def submit(self) -> None:
        reason, phrase = self.query_one("#reason", Input), self.query_one("#phrase", Input)
        words = one_line(reason.value, MAX_REASON)
        if not words:
            reason.focus()
            self.say(f"a reason is required; {self.otherwise}")
        elif reason.has_focus and phrase.value != self.wanted:
            phrase.focus()
            self.say("")
        elif phrase.value != self.wanted:
            phrase.focus()
            self.say(f"type {self.wanted} exactly; {self.otherwise}")
        elif phrase.has_focus:
            self.dismiss(Words(words, words if self.against else ""))
        else:
            phrase.focus()
