"""A list drawn line by line: the cursor is a row's identity, and only lines that changed are painted.

Made for lists that change while somebody reads them. It takes values in (`show`), and tells its
screen where the operator is (`CursorMoved`, `RowOpened`). A hundred thousand rows cost no more to
draw than thirty.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from ibgw_tui.tui.keys import Place, bindings
from ibgw_tui.tui.messages import CursorMoved, RowOpened, WindowChanged
from ibgw_tui.tui.rows import Rows
from ibgw_tui.tui.widgets.paint import strip_of

Row = TypeVar("Row")


class LineList(ScrollView, Generic[Row], can_focus=True):
    """The widget around `Rows`. Subclasses say how a row is drawn."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.LIST)]
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    LineList { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
    """

    def __init__(self, rows: Rows[Row], *, name: str) -> None:
        super().__init__(id=name)
        self.rows = rows
        self._drawn: dict[str, Content] = {}
        """What was last drawn of the rows in the window, to tell whether a tick changed anything."""
        self._told: str | None = None

    # ---- for subclasses

    def line(self, row: str, *, cursor: bool) -> Content:
        """The line of a row."""
        raise NotImplementedError

    # ---- values in

    def show(self, values: Iterable[Row]) -> None:
        """What is there now. The cursor and its line stay."""
        changed = self.rows.update(values)
        if changed.everything:
            self._settle()
        else:
            self._repaint(*changed.ids)
        self._tell()

    def tick(self) -> None:
        """Paint lines whose text has changed with time, and no others."""
        top = self.rows.top
        for place in range(top, min(top + self.rows.height, len(self.rows))):
            row = self.rows.shown[place]
            before = self._drawn.get(row)
            if before is not None and not before.is_same(self.line(row, cursor=row == self.rows.cursor)):
                self.refresh_line(place)

    @property
    def cursor(self) -> str | None:
        return self.rows.cursor

    def select(self, row: str) -> bool:
        """Put the cursor on a row, if it is shown."""
        found = self.rows.move_to(row)
        if found:
            self._settle()
        return found

    # ---- painting

    @property
    def line_width(self) -> int:
        """Cells of a line, without the scrollbar's column."""
        return max(0, self.scrollable_content_region.width)

    def _settle(self) -> None:
        """The rows have moved: take over their scroll position and paint the window."""
        self._drawn.clear()
        self.virtual_size = Size(self.line_width, self.rows.lines)
        if round(self.scroll_y) != self.rows.top:
            self.scroll_to(y=self.rows.top, animate=False, force=True)
        self.refresh()
        self._tell()
        self.post_message(WindowChanged())

    def _repaint(self, *rows: str) -> None:
        """Paint rows that are in the window, neighbours together: every region costs, whatever its size."""
        top, bottom = self.rows.top, self.rows.top + self.rows.height
        places = sorted(place for row in rows if (place := self.rows.place(row)) is not None and top <= place < bottom)
        while places:
            count = 1
            while count < len(places) and places[count] == places[0] + count:
                count += 1
            self.refresh_lines(places[0], count)
            del places[:count]

    def _tell(self) -> None:
        if self.rows.cursor != self._told:
            self._told = self.rows.cursor
            self.post_message(CursorMoved(self.rows.cursor))

    def render_line(self, y: int) -> Strip:
        width, base = self.line_width, self.visual_style
        row = self.rows.at(self.scroll_offset.y + y)
        if row is None:
            return Strip.blank(width, base.rich_style)
        is_cursor = row == self.rows.cursor
        if is_cursor:
            base += self._style("on $row-cursor" if self.has_focus else "on $row-cursor-blurred")
        content = self._drawn[row] = self.line(row, cursor=is_cursor)
        return strip_of(content, width, base, self._style)

    def _style(self, style: str | Style) -> Style:
        return self.app.stylesheet.parse_style(style)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._drawn.clear()

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        if self.rows.cursor is not None:
            self._repaint(self.rows.cursor)

    def on_resize(self, event: events.Resize) -> None:
        self.rows.resize(self.size.height)
        self._settle()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) != self.rows.top:
            self.rows.look_at(round(new_value))
            self.post_message(WindowChanged())

    # ---- moving

    def on_click(self, event: events.Click) -> None:
        """A click selects. It never opens and never decides."""
        offset = event.get_content_offset(self)
        row = self.rows.at(self.scroll_offset.y + offset.y) if offset is not None else None
        if row is not None:
            self.select(row)

    def _move(self, by: int) -> None:
        before, top, count = self.rows.cursor, self.rows.top, len(self.rows)
        self.rows.move(by)
        if (top, count) != (self.rows.top, len(self.rows)):
            self._settle()
        elif before != self.rows.cursor:
            for row in (before, self.rows.cursor):
                if row is not None:
                    self._repaint(row)
            self._tell()

    def action_down(self) -> None:
        self._move(1)

    def action_up(self) -> None:
        self._move(-1)

    def action_page_down(self) -> None:
        self._move(max(1, self.rows.height - 1))

    def action_page_up(self) -> None:
        self._move(-max(1, self.rows.height - 1))

    def action_first(self) -> None:
        self.rows.move_to_end(first=True)
        self._settle()

    def action_last(self) -> None:
        self.rows.move_to_end(first=False)
        self._settle()

    def action_open(self) -> None:
        if self.rows.cursor is not None:
            self.post_message(RowOpened(self.rows.cursor))
