"""The limits as numbers and bars: what is used, what this order adds, what is allowed. No widget."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content

from ibgw_tui.core.decision import Finding
from ibgw_tui.core.terms import CheckStatus
from ibgw_tui.service.views import LimitBar
from ibgw_tui.tui.present import CHECKS, Bar, Tone, amount, bar
from ibgw_tui.tui.safe import fit
from ibgw_tui.tui.theme import STYLES
from ibgw_tui.tui.widgets.check_list import loud_finding, rule

USED, THIS, FREE, OVER = "█", "▒", "·", "!"
NAME = 18
LEAST_BAR, MOST_BAR = 6, 24


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
    """'9 pass, 2 off, 1 REFUSES'."""
    parts = []
    for status in (CheckStatus.REFUSE, CheckStatus.UNKNOWN, CheckStatus.WARN, CheckStatus.PASS, CheckStatus.OFF):
        number = sum(finding.status is status for finding in findings)
        if number:
            parts.append(f"{number} {CHECKS[status].word}")
    return ", ".join(parts)


def _bar_lines(bars: Sequence[LimitBar], width: int) -> list[Content]:
    rows = [_numbers(one) for one in bars]
    heads = ("used", "this order", "limit")
    columns = [max(cell_len(heads[at]), *(cell_len(row[at]) for row in rows)) for at in range(3)]
    room = width - 1 - NAME - sum(columns) - 3 * 2 - 6
    cells = max(0, min(MOST_BAR, room))
    if cells < LEAST_BAR:
        cells = 0
    space = " " * (1 + NAME + (cells + 1 if cells else 0))
    title = space + "".join(" " + fit(head, size, right=True) + " " for head, size in zip(heads, columns, strict=True))
    lines = [Content.styled(title, STYLES[Tone.QUIET])]
    for one, numbers in zip(bars, rows, strict=True):
        lines.append(_bar_line(one, numbers, columns, cells))
    return lines


def _numbers(one: LimitBar) -> tuple[str, str, str]:
    money = len(one.unit) == 3 and one.unit.isupper()
    short = one.unit if money else ""
    used = amount(one.used, short).removesuffix(f" {short}") if short else amount(one.used, "")
    this = amount(one.this_order, short).removesuffix(f" {short}") if short else amount(one.this_order, "")
    return used, this, amount(one.limit, one.unit) if one.limit is not None else "not set"


def _bar_line(one: LimitBar, numbers: tuple[str, str, str], columns: Sequence[int], cells: int) -> Content:
    word = CHECKS[one.status]
    drawn = bar(one, cells)
    used, this, limit = (fit(text, size, right=True) for text, size in zip(numbers, columns, strict=True))
    loud = drawn.over or one.status in (CheckStatus.REFUSE, CheckStatus.UNKNOWN)
    tone = STYLES[word.tone] if loud else ""
    end = "OVER" if drawn.over else ("" if one.limit is not None else "off") or drawn.percent
    return Content.assemble(
        (f" {word.mark} ", STYLES[word.tone]),
        (fit(one.name, NAME - 2), tone or STYLES[Tone.PLAIN]),
        *(_cells(drawn) if cells else ()),
        " " if cells else "",
        (f" {used} ", ""),
        (f" {this} ", tone or "bold"),
        (f" {limit} ", tone or ""),
        (end.rjust(5), tone or STYLES[Tone.QUIET]),
    )


def _cells(drawn: Bar) -> tuple[tuple[str, str], ...]:
    this_style = "bold $refuse" if drawn.over else "$bar-this"
    return (
        (USED * drawn.used, "$bar-used"),
        ((OVER if drawn.over else THIS) * drawn.this, this_style),
        (FREE * drawn.free, "$bar-free"),
    )
