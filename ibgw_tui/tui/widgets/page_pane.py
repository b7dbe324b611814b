"""A page of lines that scrolls, and paints only lines that differ. What is on it is made anew for every width."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from ibgw_tui.tui.keys import Place, bindings
from ibgw_tui.tui.widgets.paint import strip_of


class PagePane(ScrollView, can_focus=True):
    """Lines from `make(width)`."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.PAGE)]
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    PagePane { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
    """

    def __init__(self, make: Callable[[int], list[Content]]) -> None:
        super().__init__(id="page")
        self._make = make
        self._lines: list[Content] = []

    @property
    def line_width(self) -> int:
        """Cells of a line, without the scrollbar's column."""
        return max(0, self.scrollable_content_region.width)

    @property
    def text(self) -> str:
        """The page as plain text."""
        return "\n".join(line.plain.rstrip() for line in self._lines)

    def show(self) -> None:
        """Take over what there is now. The scroll position stays."""
        width = self.line_width
        before, self._lines = self._lines, self._make(width) if width >= 8 else []
        if len(before) != len(self._lines):
            self.virtual_size = Size(width, len(self._lines))
            self.refresh()
            return
        for at, (old, new) in enumerate(zip(before, self._lines, strict=True)):
            if not old.is_same(new):
                self.refresh_line(at)

    def render_line(self, y: int) -> Strip:
        base, width, at = self.visual_style, self.line_width, self.scroll_offset.y + y
        if at >= len(self._lines):
            return Strip.blank(width, base.rich_style)
        return strip_of(self._lines[at], width, base, self._style)

    def _style(self, style: str | Style) -> Style:
        return self.app.stylesheet.parse_style(style)

    def on_resize(self, event: events.Resize) -> None:
        self.show()
        self.virtual_size = Size(self.line_width, len(self._lines))
        self.refresh()
