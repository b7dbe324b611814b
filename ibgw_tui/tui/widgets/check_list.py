"""The ten gates, worst first, each with what was measured, where and when. No widget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.cells import cell_len
from textual.content import Content

from ibgw_tui.core.decision import Finding
from ibgw_tui.core.terms import CheckStatus
from ibgw_tui.tui.present import CHECKS, WORST_FIRST, Tone, age, check_name
from ibgw_tui.tui.safe import fit, safe_line
from ibgw_tui.tui.theme import STYLES

NAME = 17


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
    """Where it was measured, and how long ago if that is not this very moment."""
    source = finding.source or ""
    if now is None or finding.as_of is None or abs((now - finding.as_of).total_seconds()) < 3:
        return source
    return f"{source}, {age(now - finding.as_of)}" if source else age(now - finding.as_of)


def _quiet_gate(gate: Finding, now: datetime, width: int) -> Content:
    word, where = CHECKS[gate.status], origin(gate, now)
    where_width = min(max(len(where), 13), max(13, width // 3))
    room = width - 3 - NAME - 1 - where_width - 1
    said = gate.observed if gate.status is CheckStatus.PASS and gate.observed else gate.message
    style = "" if gate.status is CheckStatus.PASS else STYLES[Tone.QUIET]
    return Content.assemble(
        (f" {word.mark} ", STYLES[word.tone]),
        (fit(check_name(gate.check), NAME), style),
        " ",
        (fit(said or "", max(0, room)), style),
        " ",
        (fit(where, where_width, right=True), STYLES[Tone.QUIET]),
    )


def loud_finding(finding: Finding, width: int, now: datetime | None = None) -> list[Content]:
    """What refuses, is not known or warns: word, name, sentence, what to do, where it comes from. Never cut."""
    word = CHECKS[finding.status]
    numbers = ""
    if finding.observed is not None and finding.limit is not None:
        numbers = f" [{finding.observed} against {finding.limit}{' ' + finding.unit if finding.unit else ''}]"
    action = f" - {finding.user_action}" if finding.user_action else ""
    where = origin(finding, now)
    text = (
        f"{word.word} {check_name(finding.check)}: {finding.message}{action}{numbers}{f' ({where})' if where else ''}"
    )
    wrapped = safe_line(text, STYLES[word.tone]).wrap(max(8, width - 4))
    mark = Content.styled(f" {word.mark} ", STYLES[word.tone])
    return [Content.assemble(mark if at == 0 else "   ", line) for at, line in enumerate(wrapped)]
