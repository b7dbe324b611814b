"""The kill switch: what it is, who set it and why, what stands against opening it, and what is not explained."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ibgw_tui.core.records import AuditEntry
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.service.pages import SwitchPage
from ibgw_tui.service.standing import Standing
from ibgw_tui.tui.present import SIDES, Tone, ago, number, price, utc_moment
from ibgw_tui.tui.screens.page import PageScreen
from ibgw_tui.tui.widgets.sections import Cell, Col, Row, Section, fact, sentence, table

HISTORY = (
    Col("entry", 9, right=True, weight=3),
    Col("when (UTC)", 23),
    Col("what", 10),
    Col("by", 24, weight=1),
    Col("why", 200, weight=2, wraps=True),
)
FOREIGN = (
    Col("account", 12),
    Col("side", 6),
    Col("left", 12, right=True),
    Col("limit", 12, right=True, weight=1),
    Col("contract", 12, right=True, weight=2),
    Col("state", 14, weight=3),
    Col("perm id", 12, right=True, weight=4),
)
DISCREPANCIES = (Col("no.", 8, right=True), Col("when (UTC)", 23, weight=1), Col("what", 400, wraps=True))
TOLD = {"closed": Tone.WARN, "opened": Tone.GOOD, "refused": Tone.REFUSE, "override": Tone.WARN}


class SwitchScreen(PageScreen[SwitchPage]):
    view = "switch"
    title_word = "kill switch"

    async def read(self) -> SwitchPage:
        return await self.session.port.switch_page()

    def sections(self, page: SwitchPage, width: int) -> Sequence[Section]:
        standing = page.standing
        wrong = [sentence(alarm.text, width, alarm.tone) for alarm in self.session.alarms()]
        found = [
            Section("now", _state(page, width)),
            *([Section("what is wrong now", wrong, "in full")] if wrong else []),
            Section("against opening it", _against(page, width), _count(standing.against)),
            _in_doubt(standing, width),
            _foreign(standing, width),
            _discrepancies(standing, width),
        ]
        history = [_entry(entry) for entry in page.history]
        if history:
            found.append(table("history", HISTORY, history, width, "newest at the bottom"))
        else:
            told = "Nobody has opened or closed it yet: it starts closed."
            found.append(Section("history", [sentence(told, width, Tone.QUIET)]))
        return found


def _state(page: SwitchPage, width: int) -> list[Row]:
    state = page.state
    is_open = state.state is KillSwitch.OPEN
    words = "OPEN: approved orders may leave. K closes it at once." if is_open else (
        "CLOSED: no new order leaves. K asks for a reason and opens it."
    )  # fmt: skip
    when = f"{utc_moment(state.changed_at)}, {ago(page.now - state.changed_at)}" if state.changed_at else "not recorded"
    return [
        sentence(words, width, Tone.GOOD if is_open else Tone.ALARM),
        fact("by", state.changed_by or f"nobody by name ({state.source})", width),
        fact("when", when, width),
        fact("why", state.reason or "no reason given", width),
        fact("epoch", f"{state.epoch}: every closing raises it, and approvals of an earlier epoch are void", width),
        fact("held by", "the order store" if state.source in ("store", "default") else state.source, width),
    ]


def _against(page: SwitchPage, width: int) -> list[Row]:
    if not page.standing.against:
        return [sentence("✓ nothing: the reconciliation is clean", width, Tone.GOOD)]
    return [sentence(f"✗ {why}", width, Tone.REFUSE) for why in page.standing.against]


def _in_doubt(standing: Standing, width: int) -> Section:
    rows: list[Row] = []
    for doubtful in standing.in_doubt:
        record = doubtful.record
        intent = record.intent
        told = f"? {record.order_ref}: {SIDES[intent.side].word} {number(intent.quantity)} {intent.symbol}, {intent.account}"
        rows.append(sentence(told, width, Tone.UNKNOWN))
        why = "; ".join(doubtful.against) or "complete records did not show it: w on the blotter writes it off"
        rows.append(sentence(why, width, Tone.QUIET, 3))
    told = "none: of every order it is known whether the broker has it"
    return Section("orders in doubt", rows or [sentence(told, width, Tone.QUIET)], _count(standing.in_doubt))


def _foreign(standing: Standing, width: int) -> Section:
    if not standing.foreign:
        told = "none: every open order at the broker is ours, as far as it was heard"
        return Section("orders that are not ours", [sentence(told, width, Tone.QUIET)])
    cells: list[list[Cell]] = [
        [
            (report.account, Tone.PLAIN),
            (str(SIDES[report.side]), SIDES[report.side].tone),
            (number(report.remaining), Tone.STRONG),
            (price(report.limit_price) if report.limit_price is not None else "", Tone.PLAIN),
            (str(report.con_id), Tone.QUIET),
            (report.state.value, Tone.QUIET),
            (str(report.perm_id or ""), Tone.QUIET),
        ]
        for report in standing.foreign
    ]
    return table("orders that are not ours", FOREIGN, cells, width, _count(standing.foreign))


def _discrepancies(standing: Standing, width: int) -> Section:
    if not standing.discrepancies:
        return Section("discrepancies", [sentence("none that nobody has explained", width, Tone.QUIET)])
    cells: list[list[Cell]] = [
        [
            (str(one.seq), Tone.QUIET),
            (utc_moment(one.at), Tone.QUIET),
            (f"{one.order_ref}: {one.text}" if one.order_ref else one.text, Tone.REFUSE),
        ]
        for one in standing.discrepancies
    ]
    note = f"{_count(cells)}, newest first; `ibgw reconcile explain`"
    return table("discrepancies", DISCREPANCIES, cells, width, note)


def _entry(entry: AuditEntry) -> list[Cell]:
    what = entry.kind.removeprefix("switch.")
    return [
        (f"{entry.seq:,}", Tone.FAINT),
        (_when(entry.at), Tone.QUIET),
        (what, TOLD.get(what, Tone.PLAIN)),
        (f"{entry.actor} {entry.principal}", Tone.PLAIN),
        (why_of(entry), Tone.PLAIN),
    ]


def why_of(entry: AuditEntry) -> str:
    """The reason that was given, and what was overridden or stood in the way."""
    parts = []
    for name in ("reason", "override", "against"):
        value = entry.body.get(name)
        if value:
            told = "; ".join(str(item) for item in value) if isinstance(value, list) else str(value)
            parts.append(told if name == "reason" else f"{name}: {told}")
    return " · ".join(parts)


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _count(items: Sequence[object]) -> str:
    return str(len(items)) if items else ""
