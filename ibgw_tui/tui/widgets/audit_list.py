"""The audit log as lines, newest at the bottom."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

from textual.content import Content

from ibgw_tui.core.records import AuditEntry
from ibgw_tui.service.pages import entry_contains
from ibgw_tui.tui.present import Tone, utc_clock, utc_moment
from ibgw_tui.tui.rows import Rows
from ibgw_tui.tui.safe import fit, safe
from ibgw_tui.tui.theme import STYLES
from ibgw_tui.tui.widgets.columns import CURSOR, GLYPH
from ibgw_tui.tui.widgets.line_list import LineList

_LOUD = {
    "refused": Tone.REFUSE,
    "closed": Tone.WARN,
    "discrepancy": Tone.REFUSE,
    "doubt": Tone.UNKNOWN,
    "broken": Tone.REFUSE,
}
MOST_BODY = 5_500
"""Characters of an entry's body that are shown."""


class AuditList(LineList[AuditEntry]):
    def __init__(self) -> None:
        super().__init__(_rows(), name="entries")

    def line(self, row: str, *, cursor: bool) -> Content:
        return entry_line(self.rows.value(row), cursor=cursor, width=self.line_width)

    @property
    def selected(self) -> AuditEntry | None:
        return self.rows.value(self.rows.cursor) if self.rows.cursor is not None else None

    def filter_by(self, words: Sequence[str]) -> None:
        self.rows.show_only(_matching(words))
        self._settle()

    def hold(self, entries: Iterable[AuditEntry], words: Sequence[str]) -> None:
        """Exactly these, oldest first, however many came in above. The cursor's entry stays on its line."""
        old = self.rows
        line = old.index - old.top if old.index is not None else 0
        self.rows = rows = _rows()
        rows.height = old.height
        rows.update(entries)
        if old.cursor is not None:
            rows.move_to(old.cursor)
        rows.show_only(_matching(words))
        if rows.index is not None and rows.cursor == old.cursor:
            rows.top = max(
                0, min(rows.index - line, len(rows) - rows.height)
            )  # but nothing is hidden beside blank lines
        self._settle()

    @property
    def is_at_top(self) -> bool:
        """Whether the first line in the window is the first there is."""
        return self.rows.top == 0


def _rows() -> Rows[AuditEntry]:
    return Rows(lambda entry: str(entry.seq), start_at_end=True)


def _matching(words: Sequence[str]) -> Callable[[AuditEntry], bool] | None:
    return (lambda entry: entry_contains(entry, words)) if words else None


def entry_line(entry: AuditEntry, *, cursor: bool, width: int) -> Content:
    """Number, time, what, who, which order, hash."""
    tone = next((tone for word, tone in _LOUD.items() if word in entry.kind), Tone.STRONG)
    parts: list[tuple[str, str]] = [
        (CURSOR if cursor else " " * GLYPH, "bold"),
        (f"{entry.seq:>7,} ", STYLES[Tone.QUIET]),
        (f"{utc_clock(entry.at)} ", STYLES[Tone.QUIET]),
        (fit(entry.kind, 24), STYLES[tone]),
        (" " + fit(f"{entry.actor} {entry.principal}", 24), ""),
        (" " + fit(entry.order_ref or "", 26), STYLES[Tone.QUIET]),
        (" " + entry.hash[:8], STYLES[Tone.FAINT]),
    ]
    return Content.assemble(*parts)


def entry_page(entry: AuditEntry) -> Content:
    """One entry in full."""
    body = json.dumps(entry.body, indent=2, sort_keys=True, ensure_ascii=False, default=str)
    more = len(body) - MOST_BODY
    facts = [
        ("entry", f"{entry.seq:,}"),
        ("at", utc_moment(entry.at)),
        ("kind", entry.kind),
        ("by", f"{entry.actor} {entry.principal}"),
        ("order", entry.order_ref or "none"),
        ("hash", entry.hash),
    ]
    parts: list[Content | tuple[str, str]] = []
    for label, value in facts:
        parts += [(f" {label:>6} ", STYLES[Tone.QUIET]), safe(value), ("\n", "")]
    parts += [("\n", ""), safe(body[:MOST_BODY])]
    if more > 0:
        parts.append((f"\n... {more:,} more characters; `ibgw audit show` has them", STYLES[Tone.WARN]))
    return Content.assemble(*parts)
