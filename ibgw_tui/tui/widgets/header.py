"""Where we are, in words and colour, always in the same two lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from ibgw_tui.service.views import DeskState
from ibgw_tui.tui.present import (
    Tone,
    Word,
    audit_word,
    link_word,
    mode_word,
    router_word,
    switch_word,
    utc_clock,
)
from ibgw_tui.tui.safe import fit, short
from ibgw_tui.tui.theme import STYLES

CLOCK_WIDTH = 14
SEPARATOR = " │ "


class DeskHeader(Vertical):
    """Mode, kill switch and clock; below: account, link, router, audit, counts."""

    DEFAULT_CSS = f"""
    DeskHeader {{ height: 2; background: $panel; }}
    DeskHeader Horizontal {{ height: 1; }}
    DeskHeader #mode {{ width: auto; }}
    DeskHeader #switch {{ width: 1fr; }}
    DeskHeader #clock {{ width: {CLOCK_WIDTH}; text-align: right; }}
    DeskHeader #facts {{ height: 1; }}
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: dict[str, Content] = {}
        self._facts: list[Word] = []
        self._parts = {name: Static(id=name) for name in ("mode", "switch", "clock", "facts")}

    def compose(self) -> ComposeResult:
        *first, second = self._parts.values()
        with Horizontal():
            yield from first
        yield second

    def show(self, state: DeskState | None, *, is_router: bool, read_only: bool) -> None:
        """What is known of the desk; None before anything was read."""
        self._put("mode", mode_badge(state, read_only=read_only), layout=True)
        word = switch_word(state.switch if state else None)
        text = f" {word.word} " if state else " reading the desk: the kill switch counts as closed "
        self._put("switch", Content.styled(text, STYLES[word.tone]), layout=False)
        self._facts = header_facts(state, is_router=is_router) if state else []
        self._draw_facts()

    def tick(self, now: datetime) -> None:
        self._put("clock", Content.styled(f" {utc_clock(now)} UTC ", STYLES[Tone.STRONG]), layout=False)

    def on_resize(self) -> None:
        self._draw_facts()

    def _draw_facts(self) -> None:
        self._put("facts", joined(self._facts, max(1, self.size.width - 1)), layout=False)

    def _put(self, name: str, content: Content, *, layout: bool) -> None:
        """Only what differs is painted: this is the busiest corner of the screen."""
        before = self._shown.get(name)
        if before is None or not before.is_same(content):
            self._shown[name] = content
            resized = layout and (before is None or before.cell_length != content.cell_length)
            self._parts[name].update(content, layout=resized)


def mode_badge(state: DeskState | None, *, read_only: bool) -> Content:
    if state is None:
        return Content.styled(" ... ", STYLES[Tone.SIMULATED])
    word = mode_word(state.mode, state.backend)
    parts = [(f" {word.word} ", STYLES[word.tone])]
    if read_only:
        parts.append((" READ-ONLY ", STYLES[Tone.CAUTION]))
    return Content.assemble(*parts)


def header_facts(state: DeskState, *, is_router: bool) -> list[Word]:
    """What stands in the second line, most important first: what does not fit is left out from the end."""
    first = state.accounts[0] if state.accounts else "no account"
    more = f" +{len(state.accounts) - 1}" if len(state.accounts) > 1 else ""
    counts = f"{state.pending} wait, {state.working} working"
    return [
        Word("", fit(first, min(len(first), 14)) + more, Tone.STRONG),
        link_word(state),
        router_word(state, is_router),
        audit_word(state),
        Word("", counts, Tone.PLAIN),
        Word("", f"operator {state.operator}", Tone.QUIET),
    ]


def joined(words: Sequence[Word], width: int) -> Content:
    parts: list[tuple[str, str]] = [(" ", "")]
    used = 1
    for word in words:
        text = short(str(word), 60)
        need = cell_len(text) + (cell_len(SEPARATOR) if len(parts) > 1 else 0)
        if used + need > width:
            break
        if len(parts) > 1:
            parts.append((SEPARATOR, "$frame"))
        parts.append((text, STYLES[word.tone]))
        used += need
    return Content.assemble(*parts)
