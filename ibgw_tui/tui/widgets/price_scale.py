"""Bid, ask, limit and stop on one line, with the collar as its brackets, from the quote of the ticket. No widget.

Where a thing stands says what a row of numbers hides: a limit outside the collar, a stop behind the market.
Two marks that would share a cell stand side by side while there is room; the order's own are never covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from textual.content import Content

from ibgw_tui.core.context import Market
from ibgw_tui.core.lifecycle import TERMINAL, Status
from ibgw_tui.core.prices import reference_price
from ibgw_tui.core.terms import EXACT, CheckStatus
from ibgw_tui.service.views import Ticket
from ibgw_tui.tui.present import Tone, price, tick_of
from ibgw_tui.tui.safe import safe_line
from ibgw_tui.tui.theme import STYLES

LABEL, LEAST, MOST = 10, 16, 72
_TEN_THOUSAND = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Mark:
    letter: str
    word: str
    at: Decimal
    tone: Tone


def scale_lines(ticket: Ticket, width: int) -> list[Content]:
    """The scale, and under it what its letters are. Empty where there is nothing to compare."""
    if ticket.record.status in TERMINAL - {Status.REFUSED}:
        return []
    marks, collar = marks_of(ticket), collar_of(ticket)
    points = [mark.at for mark in marks] + list(collar or ())
    low, high = min(points, default=Decimal(0)), max(points, default=Decimal(0))
    preview = ticket.record.preview
    tick = tick_of(preview.contract if preview else None, high)
    left, right = price(low, tick), price(high, tick)
    cells = min(MOST, width - LABEL - len(left) - len(right) - 3)
    if low == high or cells < LEAST:
        return []
    drawn = draw(marks, collar, low, high, cells)
    key = ", ".join(f"{mark.letter} {mark.word} {price(mark.at, tick)}" for mark in marks)
    if collar:
        key += ", [ ] collar" + (
            "" if collar == (low, high) else f" {price(collar[0], tick)} to {price(collar[1], tick)}"
        )
    quiet = STYLES[Tone.QUIET]
    styles = {mark.letter: STYLES[mark.tone] for mark in marks}
    head = Content.assemble(("scale".rjust(LABEL), quiet), f" {left} ")
    body = [(cell, styles.get(cell, quiet)) for cell in drawn]
    wrapped = safe_line(key, quiet).wrap(max(8, width - LABEL - 1))
    return [
        Content.assemble(head, *body, f" {right}"),
        *(Content.assemble(" " * (LABEL + 1), line) for line in wrapped),
    ]


def marks_of(ticket: Ticket) -> tuple[Mark, ...]:
    """What is known of the market and the order, the order's own last."""
    intent, quote = ticket.record.intent, ticket.quote
    found = (
        ("b", "bid", quote.bid if quote else None, Tone.PLAIN),
        ("a", "ask", quote.ask if quote else None, Tone.PLAIN),
        ("S", "stop", intent.stop_price, Tone.WARN),
        ("L", "limit", intent.limit_price, Tone.STRONG),
    )
    return tuple(Mark(letter, word, at, tone) for letter, word, at, tone in found if at is not None and at.is_finite())


def collar_of(ticket: Ticket) -> tuple[Decimal, Decimal] | None:
    """Lowest and highest price the collar allows, by the quote that is shown; None where it is not armed or measured."""
    finding = next((f for f in ticket.limits if f.check == "price_collar" and f.leg is None), None)
    if finding is None or finding.status is CheckStatus.OFF or finding.unit != "bps" or not finding.limit:
        return None
    base = reference_price(Market.of(ticket.quote, ticket.now)) if ticket.quote else None
    if base is None or not base.amount.is_finite() or base.amount <= 0:
        return None
    away = EXACT.divide(EXACT.multiply(base.amount, Decimal(finding.limit)), _TEN_THOUSAND)
    preview = ticket.record.preview
    tick = tick_of(preview.contract if preview else None, base.amount)
    lowest, highest = EXACT.subtract(base.amount, away), EXACT.add(base.amount, away)
    return _inward(lowest, tick, ROUND_CEILING), _inward(highest, tick, ROUND_FLOOR)


def _inward(edge: Decimal, tick: Decimal | None, rounding: str) -> Decimal:
    """The outermost price that can be given and lies within."""
    if tick is None or not tick.is_finite() or tick <= 0:
        return edge
    return EXACT.multiply(EXACT.divide(edge, tick).to_integral_value(rounding=rounding), tick)


def draw(marks: Sequence[Mark], collar: tuple[Decimal, Decimal] | None, low: Decimal, high: Decimal, cells: int) -> str:
    """Exactly `cells` characters."""
    line = [" " if collar else "·"] * cells
    if collar:
        first, last = cell_of(collar[0], low, high, cells), cell_of(collar[1], low, high, cells)
        line[first : last + 1] = "·" * (last + 1 - first)
        line[first], line[last] = "[", "]"
    taken: set[int] = set()
    for mark in reversed(marks):  # the order's own first: they keep their cells
        at = cell_of(mark.at, low, high, cells)
        free = next((cell for cell in (at, at - 1, at + 1) if 0 <= cell < cells and cell not in taken), None)
        if mark.letter == "a":
            free = next((cell for cell in (at, at + 1, at - 1) if 0 <= cell < cells and cell not in taken), None)
        if free is not None:
            line[free] = mark.letter
            taken.add(free)
    return "".join(line)


def cell_of(value: Decimal, low: Decimal, high: Decimal, cells: int) -> int:
    """Where on the line a price stands."""
    part = EXACT.divide(EXACT.multiply(EXACT.subtract(value, low), Decimal(cells - 1)), EXACT.subtract(high, low))
    return max(0, min(cells - 1, int(part.to_integral_value(rounding=ROUND_HALF_EVEN))))
