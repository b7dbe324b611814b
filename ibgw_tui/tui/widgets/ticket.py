"""The pane that shows one order. It draws the page line by line and paints only lines that differ.

It holds the very ticket it shows (`ticket`): what is approved is built from that object and no other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style
from textual.timer import Timer

from ibgw_tui.service.views import OrderRow, Ticket
from ibgw_tui.tui.keys import Place, bindings
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.safe import safe_line
from ibgw_tui.tui.theme import STYLES
from ibgw_tui.tui.widgets.paint import strip_of
from ibgw_tui.tui.widgets.ticket_page import placeholder_lines, ticket_lines

FRESH_SECONDS = 1.2
"""A page drawn more recently needs no tick."""
WIPE_SECONDS = 0.08
"""How long the page of the order before may stand while the next one is read. Nobody reads a page in that time."""


class TicketPane(ScrollView, can_focus=True):
    """One order, live."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.TICKET)]
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    TicketPane { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
    """

    def __init__(self, *, clock: Callable[[], datetime], empty: Content) -> None:
        super().__init__(id="ticket")
        self._clock = clock
        self._empty = empty
        self._lines: list[Content] = []
        self._row: OrderRow | None = None
        self._titled: str | None = None
        self._why = ""
        self._drawn_at = 0.0
        self._wiping: Timer | None = None
        self.ticket: Ticket | None = None
        """What is on display; None while another one is being read, or when there is none."""

    # ---- values in

    def show(self, ticket: Ticket) -> None:
        """Show a ticket. Another order starts at its top; the same one stays where it was scrolled."""
        other = self._titled != ticket.record.order_ref
        self.ticket, self._row = ticket, None
        self._draw(from_top=other)

    def show_reading(self, row: OrderRow) -> None:
        """Another order was chosen and its ticket is on its way.

        From here on there is no ticket to decide about. The old page is wiped only when the new one does
        not come at once: painting twice for every key press would be slower than waiting for it.
        """
        self.ticket, self._row = None, row
        if self._wiping is not None:
            self._wiping.stop()
        self._wiping = self.set_timer(WIPE_SECONDS, self._wipe, name="wipe")

    def _wipe(self) -> None:
        if self.ticket is None:
            self._draw(from_top=True)

    def show_nothing(self, why: str = "") -> None:
        """There is no order to show, or (with `why`) it cannot be shown."""
        self.ticket, self._row, self._why = None, None, why
        self._draw(from_top=True)

    def tick(self) -> None:
        """Ages and countdowns go on when no reading comes; while readings come, they bring them."""
        if self.ticket is not None and time.monotonic() - self._drawn_at > FRESH_SECONDS:
            self._draw()

    @property
    def ref(self) -> str | None:
        """Reference of the order on display, or on its way."""
        if self.ticket is not None:
            return self.ticket.record.order_ref
        return self._row.order_ref if self._row is not None else None

    @property
    def text(self) -> str:
        """The page as plain text."""
        return "\n".join(line.plain for line in self._lines)

    # ---- painting

    @property
    def line_width(self) -> int:
        """Cells of a line, without the scrollbar's column."""
        return max(0, self.scrollable_content_region.width)

    def _make(self) -> list[Content]:
        width = self.line_width
        if width < 8:
            return []
        if self.ticket is not None:
            return ticket_lines(self.ticket, self._clock(), width)
        if self._row is not None:
            return placeholder_lines(self._row, width)
        return (safe_line(self._why, STYLES[Tone.REFUSE]) if self._why else self._empty).wrap(width)

    def _draw(self, *, from_top: bool = False) -> None:
        before, self._lines, self._drawn_at = self._lines, self._make(), time.monotonic()
        if self._titled != self.ref or from_top:
            self._titled = self.ref
            self.border_title = safe_line(f"ticket {self.ref}" if self.ref else "ticket", width=48)
        if from_top and self.scroll_y:
            self.scroll_to(y=0, animate=False, force=True)
        if from_top or len(before) != len(self._lines):
            self.virtual_size = Size(self.line_width, len(self._lines))
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
        self._draw()
        self.virtual_size = Size(self.line_width, len(self._lines))
        self.refresh()

    # ---- scrolling

    def action_ticket_down(self) -> None:
        self.scroll_relative(y=1, animate=False)

    def action_ticket_up(self) -> None:
        self.scroll_relative(y=-1, animate=False)

    def action_ticket_page_down(self) -> None:
        self.scroll_relative(y=max(1, self.size.height - 2), animate=False)

    def action_ticket_page_up(self) -> None:
        self.scroll_relative(y=-max(1, self.size.height - 2), animate=False)

    def action_ticket_first(self) -> None:
        self.scroll_to(y=0, animate=False)

    def action_ticket_last(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False)
