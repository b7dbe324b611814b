"""What came of the last acts, as the gateway said it. It stays until something newer comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from textual.content import Content
from textual.widget import Widget

from ibgw_tui.tui.present import Tone, utc_clock
from ibgw_tui.tui.safe import safe_line
from ibgw_tui.tui.theme import STYLES

KEPT = 50


@dataclass(frozen=True, slots=True)
class Result:
    at: datetime
    text: str
    tone: Tone = Tone.PLAIN


class Results(Widget):
    """The newest results, the newest one last and in full."""

    DEFAULT_CSS = """
    Results { height: 2; width: 1fr; background: $panel; }
    Results.-tall { height: 3; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._results: tuple[Result, ...] = ()

    def show(self, results: Sequence[Result]) -> None:
        newest = tuple(results[-4:])
        if newest != self._results:
            self._results = newest
            self.refresh()

    def render(self) -> Content:
        return Content("\n").join(result_lines(self._results, self.size.width, self.size.height))


def result_lines(results: Sequence[Result], width: int, height: int) -> list[Content]:
    """The newest in full (as far as there is room), then older ones above it."""
    if width < 20 or height < 1:
        return []
    if not results:
        return [Content.styled(" What the desk answers to your decisions stands here.", STYLES[Tone.FAINT])]
    lines: list[Content] = []
    for age_of, result in enumerate(reversed(results)):
        style = STYLES[result.tone] if age_of == 0 else STYLES[Tone.QUIET]
        wrapped = safe_line(result.text, style).wrap(width - 11)
        if age_of:
            wrapped = [safe_line(result.text, style, width - 11)]
        stamp = Content.styled(f" {utc_clock(result.at)} ", STYLES[Tone.QUIET])
        told = [Content.assemble(stamp if at == 0 else " " * 10, line) for at, line in enumerate(wrapped)]
        if len(told) > height:
            told = [*told[: height - 1], Content.assemble(told[height - 1].truncate(width - 2), " …")]
        if len(lines) + len(told) > height:
            break
        lines = told + lines
    return lines
