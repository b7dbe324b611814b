"""All screens in one line, each with its key: where one is, and what a click leads to. A click never decides."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from ibgw_tui.tui.keys import BY_ID
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.theme import STYLES

VIEWS: tuple[tuple[str, str], ...] = (
    ("desk", "desk"),
    ("blotter", "blotter"),
    ("audit", "audit"),
    ("positions", "positions"),
    ("switch", "switch"),
    ("policies", "policies"),
    ("agents", "agents"),
    ("settings", "settings"),
)
"""(view, one short word), in the order of their keys."""


class ViewChosen(Message):
    """A screen was clicked."""

    def __init__(self, view: str) -> None:
        super().__init__()
        self.view = view


@dataclass(frozen=True, slots=True)
class Tab:
    view: str
    text: str
    start: int
    """First cell."""


def tabs(width: int, current: str = "") -> list[Tab]:
    """Where each screen's name stands: whole words where they fit, else the keys alone and the word of this screen.

    Each begins with a space, the next one's space ends it: eight words go into 80 cells that way.
    """
    told = [(view, f" {BY_ID[view].footer} {word}") for view, word in VIEWS]
    spare = width - 1 - sum(len(text) for _, text in told)
    if spare >= len(told):
        told = [(view, text + " ") for view, text in told]
    elif spare < 0:
        told = [
            (view, f" {BY_ID[view].footer} {word if view == current else ''}".rstrip() + " ") for view, word in VIEWS
        ]
    found, start = [], 0
    for view, text in told:
        found.append(Tab(view, text, start))
        start += len(text)
    return found


class ViewBar(Widget):
    DEFAULT_CSS = "ViewBar { height: 1; width: 1fr; background: $panel; }"

    def __init__(self, view: str) -> None:
        super().__init__(id="views")
        self._view = view

    def render(self) -> Content:
        parts, after = [], " "
        for tab in tabs(self.size.width, self._view):
            here, text = tab.view == self._view, tab.text.strip()
            space = " " * (len(tab.text) - len(text) - 1)
            parts.append(("[" if here else after, "bold $primary"))
            parts.append((text, "bold $primary" if here else STYLES[Tone.QUIET]))
            after = "]" if here else " "
            if space:
                parts.append((after + space[1:], "bold $primary"))
                after = " "
        return Content.assemble(*parts, (after, "bold $primary"))

    def on_click(self, event: events.Click) -> None:
        at = next(
            (tab for tab in tabs(self.size.width, self._view) if tab.start <= event.x < tab.start + len(tab.text)), None
        )
        if at is not None and at.view != self._view:
            self.post_message(ViewChosen(at.view))
