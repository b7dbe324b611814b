"""A page as sections of rows: tables that fit the width, sentences that wrap, bars. No widget.

A row is a group of lines that belong together, so that a filter never tears a wrapped text apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from ibgw_tui.core.terms import CheckStatus
from ibgw_tui.service.views import LimitBar
from ibgw_tui.tui.present import CHECKS, Tone, bar, measured, number
from ibgw_tui.tui.safe import fit, safe_line, short
from ibgw_tui.tui.theme import STYLES
from ibgw_tui.tui.widgets.check_list import rule
from ibgw_tui.tui.widgets.limit_bars import FREE, OVER, PLAIN_COUNTS, USED

Row = list[Content]
Cell = tuple[str, Tone]
MOST_ROWS = 2000
"""Rows of one table that are drawn; the section says how many there are more."""


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    rows: Sequence[Row]
    note: str = ""
    heads: Sequence[Content] = ()
    """Titles of columns: they stay when a filter leaves any row."""


def section_lines(sections: Sequence[Section], width: int, words: Sequence[str] = ()) -> list[Content]:
    """The page; with `words` only rows that contain them all, and sections that have such rows."""
    lines: list[Content] = []
    for section in sections:
        rows = [row for row in section.rows if _contains(row, words)]
        if words and not rows:
            continue
        if lines:
            lines.append(Content(""))
        lines.append(rule(section.title, width, short(section.note, max(0, width - cell_len(section.title) - 12))))
        lines += section.heads
        lines += [line for row in rows for line in row]
    if words and not lines:
        return [Content.styled(" nothing here contains these words", STYLES[Tone.QUIET])]
    return lines


def _contains(row: Row, words: Sequence[str]) -> bool:
    text = " ".join(line.plain for line in row).lower()
    return all(word in text for word in words)


def sentence(text: str, width: int, tone: Tone = Tone.PLAIN, indent: int = 1) -> Row:
    """Foreign or own text, wrapped; nothing is cut."""
    wrapped = safe_line(text, STYLES[tone]).wrap(max(8, width - indent))
    return [Content.assemble(" " * indent, line) for line in wrapped]


def fact(label: str, text: str, width: int, tone: Tone = Tone.PLAIN, column: int = 14) -> Row:
    """A label and what it is, wrapped beside it."""
    wrapped = safe_line(text, STYLES[tone]).wrap(max(8, width - column - 2))
    return [
        Content.assemble((fit(label if at == 0 else "", column, right=True), STYLES[Tone.QUIET]), "  ", line)
        for at, line in enumerate(wrapped)
    ]


@dataclass(frozen=True, slots=True)
class Col:
    title: str
    most: int
    """Cells at most."""
    right: bool = False
    weight: int = 0
    """The smaller, the longer it stays when the page gets narrow; 0 stays always."""
    wraps: bool = False
    """Takes what is left and goes on below; the last column only."""


def table(title: str, columns: Sequence[Col], cells: Sequence[Sequence[Cell]], width: int, note: str = "") -> Section:
    """As many columns as fit, each as wide as it needs."""
    shown = cells[:MOST_ROWS]
    sizes = [
        min(column.most, max([cell_len(column.title), *(cell_len(short(row[at][0], column.most)) for row in shown)]))
        for at, column in enumerate(columns)
    ]
    room, kept = width - 1, set[int]()
    for at in sorted(range(len(columns)), key=lambda at: columns[at].weight):
        need = min(sizes[at], 16) if columns[at].wraps else sizes[at]
        if columns[at].weight == 0 or need + 2 <= room:
            kept.add(at)
            room -= need + 2
    chosen = sorted(kept)
    if chosen and columns[chosen[-1]].wraps:
        last = chosen[-1]
        sizes[last] = min(sizes[last], 16) + max(0, room)
    heads = "  ".join(fit(columns[at].title, sizes[at], right=columns[at].right) for at in chosen)
    rows = [_row(row, columns, sizes, chosen) for row in shown]
    if len(cells) > len(shown):
        rows.append(sentence(f"and {len(cells) - len(shown):,} more", width, Tone.WARN))
    return Section(title, rows, note, [Content.styled(" " + heads, STYLES[Tone.QUIET])])


def _row(row: Sequence[Cell], columns: Sequence[Col], sizes: Sequence[int], chosen: Sequence[int]) -> Row:
    parts: list[Content | tuple[str, str] | str] = [" "]
    below: list[Content] = []
    for number_of, at in enumerate(chosen):
        text, tone = row[at]
        parts.append("  " if number_of else "")
        if columns[at].wraps:
            lead = 1 + sum(sizes[other] + 2 for other in chosen[:number_of])
            first, *rest = safe_line(text, STYLES[tone]).wrap(max(8, sizes[at])) or [Content("")]
            parts.append(first)
            below = [Content.assemble(" " * lead, line) for line in rest]
        else:
            parts.append((fit(text, sizes[at], right=columns[at].right), STYLES[tone]))
    return [Content.assemble(*parts), *below]


NAME, PERCENT, LEAST_BAR, MOST_BAR = 27, 6, 6, 40


def use_row(one: LimitBar, width: int) -> Row:
    """One limit: mark, name, bar, 'used of limit unit', percent."""
    word, drawn_for = CHECKS[one.status], one.limit is not None
    unit = "" if one.unit in PLAIN_COUNTS else f" {fit(one.unit, 8).rstrip()}"
    limit = number(one.limit) if one.limit is not None else "not set"
    figures = (
        f"{measured(one.used, one.unit)} of {limit}{unit}"
        if drawn_for
        else f"{measured(one.used, one.unit)}, no limit set"
    )
    if not drawn_for and one.status is CheckStatus.REFUSE:
        figures = "not set: allows nothing"
    cells = max(0, min(MOST_BAR, width - NAME - PERCENT - max(30, cell_len(figures)) - 8))
    drawn = bar(one, cells if cells >= LEAST_BAR else 0)
    loud = STYLES[word.tone] if one.status is CheckStatus.REFUSE else ""
    body = (OVER if drawn.over else USED) * (drawn.used + drawn.this)
    end = drawn.percent if drawn_for else "off"
    line = Content.assemble(
        (f" {word.mark} ", STYLES[word.tone]),
        (fit(one.name, NAME), loud),
        " ",
        (body, "bold $refuse" if drawn.over or one.status is CheckStatus.REFUSE else "$bar-used"),
        (FREE * drawn.free, "$bar-free"),
        " ",
        (end.rjust(PERCENT), loud or STYLES[Tone.QUIET]),
        "  ",
        (figures, loud or STYLES[Tone.STRONG if drawn_for else Tone.QUIET]),
    )
    return [line]
