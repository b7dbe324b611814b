"""The columns of the order lists: which are shown at a width, and what they say. No widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from textual.content import Content

from ibgw_tui.core.lifecycle import TERMINAL, Status
from ibgw_tui.core.terms import CheckStatus
from ibgw_tui.service.views import OrderRow
from ibgw_tui.tui.present import (
    CHECKS,
    GONE,
    SIDES,
    STATUSES,
    Tone,
    Word,
    coarse_countdown,
    money,
    number,
    row_fill,
    row_price,
    utc_clock,
)
from ibgw_tui.tui.safe import fit
from ibgw_tui.tui.theme import STYLES

Cell = tuple[str, Tone]


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    width: int
    right: bool
    weight: int
    """The smaller, the longer it stays when the list gets narrow."""
    cell: Callable[[OrderRow, datetime], Cell]


def _side(row: OrderRow, now: datetime) -> Cell:
    word = SIDES[row.side]
    return str(word), word.tone


def _quantity(row: OrderRow, now: datetime) -> Cell:
    return number(row.quantity), Tone.STRONG


def _symbol(row: OrderRow, now: datetime) -> Cell:
    return row.symbol, Tone.STRONG


def _price(row: OrderRow, now: datetime) -> Cell:
    return row_price(row), Tone.PLAIN


def state_of(row: OrderRow) -> Word:
    """What matters of a row: the verdict while it waits for the operator, else its status."""
    if row.status is Status.PENDING:
        check = CHECKS[row.worst]
        return check if row.worst not in (CheckStatus.PASS, CheckStatus.OFF) else STATUSES[Status.PENDING]
    return STATUSES[row.status]


def _state(row: OrderRow, now: datetime) -> Cell:
    word = state_of(row)
    return str(word), word.tone


def _left(row: OrderRow, now: datetime) -> Cell:
    if row.expires_at is None:
        return "", Tone.QUIET
    left = row.expires_at - now
    return coarse_countdown(left), Tone.WARN if left.total_seconds() < 60 else Tone.QUIET


def _notional(row: OrderRow, now: datetime) -> Cell:
    return (money(row.notional) if row.notional is not None else ""), Tone.PLAIN


def _agent(row: OrderRow, now: datetime) -> Cell:
    return row.staged_by, Tone.QUIET


def _account(row: OrderRow, now: datetime) -> Cell:
    return row.account, Tone.QUIET


def _reference(row: OrderRow, now: datetime) -> Cell:
    return row.order_ref, Tone.QUIET


def _filled(row: OrderRow, now: datetime) -> Cell:
    return row_fill(row), Tone.PLAIN


def _when(row: OrderRow, now: datetime) -> Cell:
    return utc_clock(row.updated_at), Tone.QUIET


_COMMON = (
    Column("side", 6, False, 0, _side),
    Column("quantity", 8, True, 0, _quantity),
    Column("symbol", 8, False, 0, _symbol),
    Column("price", 9, True, 0, _price),
)
QUEUE: tuple[Column, ...] = (
    *_COMMON,
    Column("state", 12, False, 0, _state),
    Column("left", 4, True, 1, _left),
    Column("notional", 13, True, 2, _notional),
    Column("agent", 10, False, 3, _agent),
    Column("account", 10, False, 4, _account),
    Column("order", 26, False, 5, _reference),
)
BLOTTER: tuple[Column, ...] = (
    Column("time", 8, False, 1, _when),
    *_COMMON,
    Column("state", 17, False, 0, _state),
    Column("filled", 17, False, 2, _filled),
    Column("agent", 10, False, 3, _agent),
    Column("notional", 13, True, 4, _notional),
    Column("account", 10, False, 5, _account),
    Column("order", 26, False, 6, _reference),
)


def fitting(columns: Sequence[Column], width: int) -> tuple[Column, ...]:
    """The columns a line of `width` cells has room for, in their own order."""
    room, chosen = width - GLYPH + 1, set()
    for column in sorted(columns, key=lambda column: column.weight):
        if column.width + 1 > room and column.weight > 0:
            continue
        chosen.add(column.title)
        room -= column.width + 1
    return tuple(column for column in columns if column.title in chosen)


GLYPH = 2
"""Cells for the mark of the cursor."""
CURSOR = "▶ "
MARK = "*"
"""Beside the cursor's place: this order is to be reviewed together with others."""


def titles(columns: Sequence[Column]) -> Content:
    text = " ".join(fit(column.title, column.width, right=column.right) for column in columns)
    return Content.styled(" " * GLYPH + text, STYLES[Tone.QUIET])


def order_line(
    row: OrderRow, columns: Sequence[Column], now: datetime, *, cursor: bool, marked: bool = False
) -> Content:
    """One order as a line."""
    pointer, mark = CURSOR[0] if cursor else " ", MARK if marked else " "
    # Neighbours in one style are one piece, with the blanks between them: every piece of a line costs on its way
    # to the screen, and twenty lines that change ten times a second are most of what this program does.
    pieces: list[tuple[str, str]] = [(pointer + mark, "bold")]
    text, style = "", ""
    for column in columns:
        told, tone = column.cell(row, now)
        if row.status in TERMINAL and tone in (Tone.STRONG, Tone.PLAIN):
            tone = Tone.PLAIN
        if text and STYLES[tone] != style:
            pieces.append((text, style))
            text = ""
        text, style = f"{text}{fit(told, column.width, right=column.right)} ", STYLES[tone]
    pieces.append((text.removesuffix(" "), style))
    return Content.assemble(*pieces)


def tombstone_line(
    row: OrderRow, fate: OrderRow | None, columns: Sequence[Column], now: datetime, *, cursor: bool, width: int
) -> Content:
    """One order that left the list: what it was, and what became of it, in words, where its price and state were."""
    kept = [column for column in columns if column.title in ("side", "quantity", "symbol", "time")]
    head = " ".join(fit(column.cell(fate or row, now)[0], column.width, right=column.right) for column in kept)
    word = STATUSES[fate.status] if fate is not None else GONE
    when = f" {utc_clock(fate.updated_at)}" if fate is not None else ""
    fill = f"  {row_fill(fate)}" if fate is not None and fate.filled else ""
    told = fit(f"{word.mark} {word.word.upper()}{when}{fill}", max(0, width - GLYPH - len(head) - 2))
    return Content.assemble(
        (CURSOR if cursor else " " * GLYPH, "bold"), (head, STYLES[Tone.QUIET]), "  ", (told, STYLES[word.tone])
    )
