"""What came of each order of a batch, where not all were approved. It stays until it is closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ibgw_tui.core.orders import order_sentence
from ibgw_tui.tui.port import BatchAnswer
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.sheet import safe_part
from ibgw_tui.tui.theme import STYLES

RECALL_KEY = "U"


class AnswersScreen(ModalScreen[None]):
    """`U` takes back what was approved, from here as well: the hold-back does not wait for reading."""

    AUTO_FOCUS = ""
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    AnswersScreen { background: $background; align: center middle; }
    AnswersScreen:ansi { background: ansi_default; }
    AnswersScreen #frame {
        width: 1fr; max-width: 110; height: auto; max-height: 100%; border: round $primary; padding: 0 2;
        background: $surface; scrollbar-size-vertical: 1;
    }
    AnswersScreen:ansi #frame { background: ansi_default; }
    AnswersScreen Static { width: 1fr; height: auto; }
    """

    def __init__(self, answers: Sequence[BatchAnswer], recall_all: Callable[[], None]) -> None:
        super().__init__()
        self._answers = answers
        self._recall_all = recall_all

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="frame", can_focus=False):
            yield Static(answers_text(self._answers), id="text")

    def on_mount(self) -> None:
        frame = self.query_one("#frame")
        frame.border_title = safe_part(told(self._answers))
        frame.border_subtitle = safe_part("U recall all that were approved   esc close   up/down scroll")

    def on_key(self, event: events.Key) -> None:
        frame = self.query_one("#frame")
        if event.key == "escape":
            event.stop()
            self.dismiss(None)
        elif event.key in (RECALL_KEY, "shift+u"):
            event.stop()
            self._recall_all()
            self.dismiss(None)
        elif event.key in ("down", "j"):
            frame.scroll_relative(y=1, animate=False)
        elif event.key in ("up", "k"):
            frame.scroll_relative(y=-1, animate=False)


def told(answers: Sequence[BatchAnswer]) -> str:
    """All of it in one line."""
    approved = sum(answer.approval is not None for answer in answers)
    left = len(answers) - approved
    return f"{approved} of {len(answers)} approved" + (f", {left} NOT APPROVED" if left else "")


def answers_text(answers: Sequence[BatchAnswer]) -> Content:
    """The orders that were not approved first, each with its reason."""
    lines = []
    for answer in sorted(answers, key=lambda one: one.approval is not None):
        record = answer.record
        currency = record.preview.contract.currency if record.preview else ""
        order = f"{order_sentence(record.intent, currency)}  {record.order_ref}"
        word, tone = ("approved", Tone.GOOD) if answer.approval is not None else ("NOT APPROVED", Tone.REFUSE)
        lines.append(Content.assemble((f"{word:<13}", STYLES[tone]), safe_part(order)))
        if answer.problem:
            lines.append(Content.assemble(" " * 13, safe_part(answer.problem, STYLES[tone])))
    return Content("\n").join(lines)
