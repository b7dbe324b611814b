"""The rows of a list, and where the operator is in them. Pure: no widget, no clock.

The cursor is the identity of a row, never its number. Whatever arrives, leaves, is filtered or put
into another order, the cursor stays on its row, and that row stays on its line of the screen (the
*anchor*). New rows go below. A row that leaves while it is listed stays as a tombstone, so that the
lines do not move under the eye, until the operator moves.

    top      number of the row on the first line of the window
    height   lines of the window
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")

MOST_TOMBSTONES = 30
"""More than so many are kept only where their going would move the operator's line."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What has to be painted again."""

    everything: bool = False
    ids: frozenset[str] = frozenset()
    """Rows whose value differs; empty when everything is painted."""


class Rows(Generic[Row]):
    """Rows by identity, in a stable order, with a cursor, an anchor, tombstones and a filter."""

    def __init__(self, identity: Callable[[Row], str], *, start_at_end: bool = False) -> None:
        self._identity = identity
        self._start_at_end = start_at_end
        self._values: dict[str, Row] = {}
        self._order: list[str] = []
        """Every row and tombstone, shown or not."""
        self._gone: dict[str, None] = {}
        """Tombstones, oldest first."""
        self._kept: set[str] = set()
        """Rows the filter would hide by now, kept until the operator moves."""
        self._shown: list[str] = []
        self._places: dict[str, int] = {}
        """Identity -> index in `_shown`."""
        self._matches: Callable[[Row], bool] | None = None
        self._taken: Iterable[Row] | None = None
        """What was taken in last: the same tuple again is no news, however long it is."""
        self.cursor: str | None = None
        self.top = 0
        self.height = 1

    # ---- reading

    def __len__(self) -> int:
        return len(self._shown)

    @property
    def total(self) -> int:
        """Rows without tombstones, shown or not."""
        return len(self._order) - len(self._gone)

    @property
    def shown(self) -> Sequence[str]:
        return self._shown

    @property
    def hidden(self) -> tuple[str, ...]:
        """What the filter hides."""
        return tuple(row for row in self._order if row not in self._places)

    @property
    def is_filtered(self) -> bool:
        return self._matches is not None

    @property
    def index(self) -> int | None:
        """Number of the cursor's row among those shown."""
        return self._places.get(self.cursor) if self.cursor is not None else None

    def place(self, row: str) -> int | None:
        return self._places.get(row)

    def at(self, index: int) -> str | None:
        return self._shown[index] if 0 <= index < len(self._shown) else None

    def value(self, row: str) -> Row:
        return self._values[row]

    def knows(self, row: str) -> bool:
        """Whether there is such a row, shown or not, or its tombstone."""
        return row in self._values

    def is_gone(self, row: str) -> bool:
        return row in self._gone

    @property
    def tombstones(self) -> tuple[str, ...]:
        """Oldest first."""
        return tuple(self._gone)

    @property
    def lines(self) -> int:
        """Lines to scroll over: a window may look past the end rather than let a row jump."""
        return max(len(self._shown), self.top + self.height) if self.top else len(self._shown)

    @property
    def below(self) -> int:
        """Rows below the window."""
        return max(0, len(self._shown) - self.top - self.height)

    # ---- changing

    def update(self, rows: Iterable[Row]) -> Changed:
        """Take in what is there now. The cursor and its line on the screen stay."""
        if rows is self._taken:
            return Changed()
        self._taken = rows if isinstance(rows, tuple) else None
        fresh, known = {self._identity(row): row for row in rows}, self._values
        differing = {
            row for row, value in fresh.items() if (old := known.get(row, value)) is not value and old != value
        }
        arrived = [row for row in fresh if row not in known]
        back = [row for row in self._gone if row in fresh]
        left = [row for row in self._order if row not in fresh and row not in self._gone]
        self._values.update(fresh)
        for row in back:
            del self._gone[row]
        self._gone.update(dict.fromkeys(row for row in left if row in self._places))
        self._drop({row for row in left if row not in self._places})
        self._order += arrived
        if self._matches is not None:
            self._kept.update(row for row in differing if row in self._places)
        if arrived or left or (self._matches is not None and differing):
            self._keep_line(self._rebuild)
            self._bury_some()
            self._first_cursor()
            return Changed(everything=True)
        return Changed(ids=frozenset(differing | set(back)))

    def show_only(self, matches: Callable[[Row], bool] | None) -> None:
        """Filter. The cursor's row stays, whether it matches or not."""
        self._matches = matches
        self._kept.clear()
        self._keep_line(self._rebuild)
        self._first_cursor()

    def put_in_order(self, key: Callable[[Row], Any]) -> None:
        """Sort, once. What arrives later goes below again."""
        self._order.sort(key=lambda row: key(self._values[row]))
        self._keep_line(self._rebuild)

    # ---- moving

    def move(self, by: int) -> None:
        """The operator moves; tombstones go. From a tombstone, to the nearest row on that side."""
        if not self._gone and not self._kept and self.index is not None:
            self._stand_on(max(0, min(self.index + by, len(self._shown) - 1)))  # the common case, at any length
        else:
            alive = self._alive()
            self._travel(alive[max(0, min(self._start(alive, by) + by, len(alive) - 1))] if alive else None)

    def move_to(self, row: str) -> bool:
        """Put the cursor on a row, if it is shown."""
        if row not in self._places:
            return False
        if row != self.cursor:
            self._travel(row)
        return True

    def move_to_end(self, *, first: bool) -> None:
        alive = self._alive()
        self._travel(alive[0 if first else -1] if alive else None)

    def resize(self, height: int) -> None:
        """The window has another height: what was in it stays in it."""
        index = self.index
        seen = index is not None and self.top <= index < self.top + self.height
        self.height = max(1, height)
        if seen:
            self._show_cursor()

    def look_at(self, top: int) -> None:
        """Scroll without moving the cursor."""
        self.top = max(0, min(top, max(len(self._shown) - self.height, self.top)))

    # ---- inside

    def _alive(self) -> list[str]:
        return [row for row in self._shown if row not in self._gone] if self._gone else self._shown

    def _start(self, alive: list[str], by: int) -> int:
        """Where a step starts: the cursor's place among the living rows, or beside it."""
        if self.cursor in self._places and self.cursor not in self._gone:
            return alive.index(self.cursor)
        before = sum(row not in self._gone for row in self._shown[: self.index or 0])
        return before - 1 if by > 0 else before

    def _travel(self, target: str | None) -> None:
        """Go to a row, or to nowhere when no row lives; leave the tombstones behind."""
        index = self.index or 0
        line = index - self.top
        moved = self._places[target] - index if target is not None else 0
        self.cursor = target
        self._kept.clear()
        self._drop({row for row in self._gone if row != target})
        self._rebuild()
        place = self.index
        if place is not None:
            # As far from the old row on the screen as it was, where there is room.
            wanted = max(0, min(line + moved, self.height - 1))
            self.top = max(0, min(place - wanted, len(self._shown) - self.height))
        else:
            self.top = 0
        self._show_cursor()

    def _stand_on(self, place: int) -> None:
        self.cursor = self._shown[place]
        self.top = max(0, min(self.top, len(self._shown) - self.height))
        self._show_cursor()

    def _show_cursor(self) -> None:
        index = self.index
        if index is not None:
            self.top = max(index - self.height + 1, min(self.top, index))

    def _first_cursor(self) -> None:
        if self.cursor is None and self._shown:
            alive = self._alive() or self._shown
            self.cursor = alive[-1 if self._start_at_end else 0]
            self._show_cursor()

    def _anchor(self) -> str | None:
        """The row that must not move on the screen: the cursor's, or the first one in the window."""
        index = self.index
        if index is not None and self.top <= index < self.top + self.height:
            return self.cursor
        return self.at(self.top)

    def _keep_line(self, change: Callable[[], None]) -> None:
        """Do something to the rows, and leave the anchor on its line of the screen."""
        anchor = self._anchor()
        line = self._places[anchor] - self.top if anchor is not None else 0
        change()
        if anchor is not None and anchor in self._places:
            self.top = max(0, self._places[anchor] - line)
        else:
            self.look_at(self.top)

    def _rebuild(self) -> None:
        matches = self._matches
        if matches is None:
            self._shown = list(self._order)
        else:
            stay = self._kept | self._gone.keys() | {self.cursor}
            self._shown = [row for row in self._order if row in stay or matches(self._values[row])]
        self._places = {row: at for at, row in enumerate(self._shown)}

    def _drop(self, rows: set[str]) -> None:
        if not rows:
            return
        self._order = [row for row in self._order if row not in rows]
        for row in rows:
            self._gone.pop(row, None)
            self._values.pop(row, None)

    def _bury_some(self) -> None:
        """Nobody may be there to move for hours: tombstones whose going moves nothing go."""
        spare, anchor = len(self._gone) - MOST_TOMBSTONES, self._anchor()
        if spare <= 0 or anchor is None:
            return
        room, drop = self.top, set[str]()
        for row in self._gone:
            above = self._places[row] < self._places[anchor]
            if len(drop) < spare and row not in (anchor, self.cursor) and (room or not above):
                room -= above
                drop.add(row)

        def bury() -> None:
            self._drop(drop)
            self._rebuild()

        self._keep_line(bury)
