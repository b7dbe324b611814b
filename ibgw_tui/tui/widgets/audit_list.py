"""The audit log as lines, newest at the bottom."""

from __future__ import annotations

import json
from collections.abc import Sequence

from textual.content import Content

from ibgw_tui.core.records import AuditEntry
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
        super().__init__(Rows(lambda entry: str(entry.seq), start_at_end=True), name="entries")

    def line(self, row: str, *, cursor: bool) -> Content:
        return entry_line(self.rows.value(row), cursor=cursor, width=self.line_width)

    @property
    def selected(self) -> AuditEntry | None:
        return self.rows.value(self.rows.cursor) if self.rows.cursor is not None else None

    def filter_by(self, text: str) -> None:
        words = text.lower().split()
        self.rows.show_only((lambda entry: contains(entry, words)) if words else None)
        self._settle()


def contains(entry: AuditEntry, words: Sequence[str]) -> bool:
    text = f"{entry.seq} {entry.kind} {entry.actor} {entry.principal} {entry.order_ref or ''} {entry.hash}".lower()
    return all(word in text for word in words)


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
