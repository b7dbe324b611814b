"""The list of orders: the queue and the blotter are two of these."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from textual import events
from textual.content import Content

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.service.views import OrderRow
from ibgw_tui.tui.present import SIDES, STATUSES, money, row_fill, row_price
from ibgw_tui.tui.rows import Rows
from ibgw_tui.tui.widgets.columns import Column, fitting, order_line, state_of, titles, tombstone_line
from ibgw_tui.tui.widgets.line_list import LineList

ORDERINGS: tuple[tuple[str, Callable[[OrderRow], Any]], ...] = (
    ("arrival", lambda row: row.seq),
    ("what expires first", lambda row: (row.expires_at is None, row.expires_at, row.seq)),
    ("largest value", lambda row: (-(row.notional.amount if row.notional else Decimal(0)), row.seq)),
    ("symbol", lambda row: (row.symbol, row.seq)),
    ("agent", lambda row: (row.staged_by, row.seq)),
    ("state", lambda row: (state_of(row).word.lower(), row.seq)),
)
"""In turn, at a key. What arrives afterwards goes below."""


SPARE_TEXTS = 1_000
"""A filter may stay on for days, while orders come and go: their texts go, too."""


class OrderList(LineList[OrderRow]):
    """Orders by reference."""

    def __init__(
        self, columns: Sequence[Column], *, clock: Callable[[], datetime], start_at_end: bool = False, name: str
    ) -> None:
        super().__init__(Rows(lambda row: row.order_ref, start_at_end=start_at_end), name=name)
        self._all_columns = columns
        self._columns: tuple[Column, ...] = ()
        self._clock = clock
        self._fates: Mapping[str, OrderRow] = {}
        self._ordering = 0
        self._marked: frozenset[str] = frozenset()
        self._texts: dict[str, tuple[OrderRow, str]] = {}

    def show_orders(self, rows: Iterable[OrderRow], fates: Mapping[str, OrderRow]) -> None:
        """`fates` tells what became of orders that are in this list no more."""
        before, self._fates = self._fates, fates
        self.show(rows)
        if len(self._texts) > 2 * self.rows.total + SPARE_TEXTS:
            self._texts = {ref: known for ref, known in self._texts.items() if self.rows.knows(ref)}
        for row in self.rows.tombstones:
            if before.get(row) != fates.get(row):
                self._repaint(row)

    def waits(self, ref: str) -> bool:
        """Whether this order is listed and waits for the operator."""
        return self.rows.knows(ref) and not self.rows.is_gone(ref) and self.rows.value(ref).status is Status.PENDING

    def show_marks(self, refs: Iterable[str]) -> None:
        """These orders are marked, and no others."""
        before, self._marked = self._marked, frozenset(refs)
        for row in before ^ self._marked:
            self._repaint(row)

    @property
    def selected(self) -> OrderRow | None:
        """The order under the cursor, with its newest known state."""
        cursor = self.rows.cursor
        if cursor is None:
            return None
        return (
            self._fates.get(cursor, self.rows.value(cursor)) if self.rows.is_gone(cursor) else self.rows.value(cursor)
        )

    def line(self, row: str, *, cursor: bool) -> Content:
        value = self.rows.value(row)
        if self.rows.is_gone(row):
            fate = self._fates.get(row)
            return tombstone_line(value, fate, self._columns, self._clock(), cursor=cursor, width=self.line_width)
        marked = row in self._marked
        return order_line(value, self._columns, self._clock(), cursor=cursor, marked=marked)

    def on_resize(self, event: events.Resize) -> None:
        self._columns = fitting(self._all_columns, self.line_width)
        super().on_resize(event)

    def titles(self) -> Content:
        return titles(self._columns)

    # ---- filter and order

    def filter_by(self, text: str) -> None:
        """Show rows that contain every word; an empty text shows all."""
        words = text.lower().split()
        if not words:
            self._texts.clear()
        self.rows.show_only((lambda row: self._contains(row, words)) if words else None)
        self._settle()

    def _contains(self, row: OrderRow, words: Sequence[str]) -> bool:
        """The text of a row is made with the first letter of a filter, and kept for the next ones."""
        known = self._texts.get(row.order_ref)
        if known is None or known[0] != row:
            known = self._texts[row.order_ref] = (row, told_of(row))
        return all(word in known[1] for word in words)

    def order_by_next(self) -> str:
        """Put the rows in the next order. Returns its name."""
        return self._order_by((self._ordering + 1) % len(ORDERINGS))

    def order_by(self, name: str) -> str:
        """Put the rows in an order by its name."""
        return self._order_by([known for known, _ in ORDERINGS].index(name))

    def _order_by(self, number_of: int) -> str:
        self._ordering = number_of
        name, key = ORDERINGS[number_of]
        self.rows.put_in_order(key)
        self._settle()
        return name


def told_of(row: OrderRow) -> str:
    """What every column says of a row, and a little more, in small letters. Made for many rows at once."""
    return " ".join(
        (
            row.order_ref,
            row.symbol,
            row.account,
            row.staged_by,
            row.order_type,
            row.status,
            STATUSES[row.status].word,
            state_of(row).word,
            SIDES[row.side].word,
            "working" if row.status in (Status.PARTIALLY_FILLED, Status.CANCEL_REQUESTED, Status.SENDING) else "",
            f"{row.quantity:f} {row.quantity:,f}",
            row_price(row),
            f"{row.notional.amount:f} {money(row.notional)}" if row.notional is not None else "",
            row_fill(row),
            row.updated_at.isoformat()[11:19],  # moments are UTC
            row.headline or "",
        )
    ).lower()
