"""The limits as numbers and bars: what is used, what this order adds, what is allowed. No widget."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content

from ibgw_tui.core.decision import Finding
from ibgw_tui.core.terms import CheckStatus
from ibgw_tui.service.views import LimitBar
from ibgw_tui.tui.present import CHECKS, WORST_FIRST, Bar, Tone, bar, measured, number
from ibgw_tui.tui.safe import fit
from ibgw_tui.tui.theme import STYLES
from ibgw_tui.tui.widgets.check_list import loud_finding, rule

USED, THIS, FREE, OVER = "█", "▒", "·", "!"
NAME = 20
"""Cells for the mark and the name."""
LEAST_BAR, MOST_BAR, PERCENT = 5, 24, 6
PLAIN_COUNTS = frozenset({"units", "orders"})
"""Units that the name of the limit says already."""


def limit_lines(bars: Sequence[LimitBar], findings: Sequence[Finding], width: int) -> list[Content]:
    """Title, one line a limit, then in full whatever does not pass."""
    if not bars and not findings:
        return []
    lines = [rule("limits", width, counts(findings))]
    if bars:
        lines += _bar_lines(bars, width)
    for finding in findings:
        if finding.status in (CheckStatus.REFUSE, CheckStatus.UNKNOWN, CheckStatus.WARN):
            lines += loud_finding(finding, width)
    return lines


def counts(findings: Sequence[Finding]) -> str:
    """'1 REFUSES, 9 pass, 2 off'."""
    parts = []
    for status in WORST_FIRST:
        number_of = sum(finding.status is status for finding in findings)
        if number_of:
            parts.append(f"{number_of} {CHECKS[status].word}")
    return ", ".join(parts)


def _bar_lines(bars: Sequence[LimitBar], width: int) -> list[Content]:
    rows = [_numbers(one) for one in bars]
    heads = ("used", "+ order", "limit", "")
    columns = [max(cell_len(heads[at]), *(cell_len(row[at]) for row in rows)) for at in range(4)]
    room = width - NAME - sum(columns) - 5
    percent = room >= LEAST_BAR + PERCENT
    cells = max(0, min(MOST_BAR, room - PERCENT if percent else room))
    if cells < LEAST_BAR:
        cells = 0
    title = " " * (NAME + (cells + 1 if cells else 0)) + _aligned(heads, columns)
    lines = [Content.styled(title, STYLES[Tone.QUIET])]
    return lines + [
        _bar_line(one, numbers, columns, cells, percent=percent) for one, numbers in zip(bars, rows, strict=True)
    ]


def _numbers(one: LimitBar) -> tuple[str, str, str, str]:
    limit = number(one.limit) if one.limit is not None else "not set"
    return (
        measured(one.used, one.unit),
        measured(one.this_order, one.unit),
        limit,
        "" if one.unit in PLAIN_COUNTS else fit(one.unit, 8).rstrip(),
    )


def _aligned(texts: Sequence[str], columns: Sequence[int]) -> str:
    """Numbers right, the unit left."""
    return " ".join(fit(text, size, right=at < 3) for at, (text, size) in enumerate(zip(texts, columns, strict=True)))


def _bar_line(one: LimitBar, numbers: Sequence[str], columns: Sequence[int], cells: int, *, percent: bool) -> Content:
    word, drawn = CHECKS[one.status], bar(one, cells)
    loud = STYLES[word.tone] if drawn.over or one.status in (CheckStatus.REFUSE, CheckStatus.UNKNOWN) else ""
    used, this, limit, unit = (
        fit(text, size, right=at < 3) for at, (text, size) in enumerate(zip(numbers, columns, strict=True))
    )
    end = drawn.percent if one.limit is not None else "off"
    return Content.assemble(
        (f" {word.mark} ", STYLES[word.tone]),
        (fit(one.name, NAME - 3), loud),
        *(_cells(drawn) if cells else ()),
        " " if cells else "",
        (used, ""),
        (f" {this}", loud or "bold"),
        (f" {limit}", loud),
        (f" {unit}", loud or STYLES[Tone.QUIET]),
        (end.rjust(PERCENT) if percent else "", loud or STYLES[Tone.QUIET]),
    )


def _cells(drawn: Bar) -> tuple[tuple[str, str], ...]:
    this_style = "bold $refuse" if drawn.over else "$bar-this"
    return (
        (USED * drawn.used, "$bar-used"),
        ((OVER if drawn.over else THIS) * drawn.this, this_style),
        (FREE * drawn.free, "$bar-free"),
    )
