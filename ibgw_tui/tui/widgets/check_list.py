"""The ten gates, worst first, each with what was measured, where and when. No widget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.cells import cell_len
from textual.content import Content

from ibgw_tui.core.decision import Finding
from ibgw_tui.core.terms import CheckStatus
from ibgw_tui.tui.present import CHECKS, WORST_FIRST, Tone, age, check_name, source_name
from ibgw_tui.tui.safe import fit, safe_line
from ibgw_tui.tui.theme import STYLES

NAME, ORIGIN = 16, 15


def rule(title: str, width: int, note: str = "") -> Content:
    """A section's title in a thin line."""
    right = f" {note} ─" if note else ""
    line = "─" * max(1, width - cell_len(title) - cell_len(right) - 4)
    return Content.assemble(
        ("── ", "$frame"), (title, "bold $secondary"), (f" {line}", "$frame"), (right, STYLES[Tone.QUIET])
    )


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: WORST_FIRST.index(finding.status))


def gate_lines(gates: Sequence[Finding], now: datetime, width: int, note: str = "") -> list[Content]:
    """Title and the gates; what does not pass is said in full, however many lines it takes."""
    if not gates:
        return []
    passing = sum(gate.status is CheckStatus.PASS for gate in gates)
    lines = [rule("gates", width, note or f"{passing} of {len(gates)} pass, worst first")]
    for gate in worst_first(gates):
        loud = gate.status in (CheckStatus.REFUSE, CheckStatus.UNKNOWN, CheckStatus.WARN)
        lines += loud_finding(gate, width, now) if loud else [_quiet_gate(gate, now, width)]
    return lines


def origin(finding: Finding, now: datetime | None) -> str:
    """Where it was measured and how long ago: 'store now', 'store 2h10m'."""
    return f"{source_name(finding.source)} {_age(finding, now)}".strip()


def _age(finding: Finding, now: datetime | None) -> str:
    if now is None or finding.as_of is None:
        return ""
    return "now" if abs((now - finding.as_of).total_seconds()) < 3 else age(now - finding.as_of)


def _value(gate: Finding, room: int) -> str:
    """What was measured: the sentence where there is room for it, else the bare value."""
    if gate.check == "preview_unexpired" and gate.limit:
        return f"until {gate.limit[11:19]} UTC" if len(gate.limit) > 19 else gate.limit
    return gate.message if len(gate.message) <= room or not gate.observed else gate.observed


def _quiet_gate(gate: Finding, now: datetime, width: int) -> Content:
    word, off = CHECKS[gate.status], gate.status is CheckStatus.OFF
    where = 0 if off else ORIGIN
    room = max(8, width - 3 - NAME - 1 - where - 1)
    style = STYLES[Tone.QUIET] if off else ""
    return Content.assemble(
        (f" {word.mark} ", STYLES[word.tone]),
        (fit(check_name(gate.check), NAME), style),
        (" " + fit(_value(gate, room), room), style),
        (" " + fit(origin(gate, now), where, right=True), STYLES[Tone.QUIET]),
    )


def loud_finding(finding: Finding, width: int, now: datetime | None = None) -> list[Content]:
    """What refuses, is not known or warns: word, name, sentence, what to do, where it comes from. Never cut."""
    word = CHECKS[finding.status]
    numbers = ""
    told = finding.observed is None or finding.observed in finding.message
    if not told and finding.limit is not None:
        numbers = f" [{finding.observed} against {finding.limit}{' ' + finding.unit if finding.unit else ''}]"
    action = f" - {finding.user_action}" if finding.user_action else ""
    where = origin(finding, now)
    text = (
        f"{word.word} {check_name(finding.check)}: {finding.message}{action}{numbers}{f' ({where})' if where else ''}"
    )
    wrapped = safe_line(text, STYLES[word.tone]).wrap(max(8, width - 4))
    mark = Content.styled(f" {word.mark} ", STYLES[word.tone])
    return [Content.assemble(mark if at == 0 else "   ", line) for at, line in enumerate(wrapped)]
