"""`audit verify`, `audit checkpoint`, `audit accept`: is the record whole, and what will prove it later."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ibgw_tui.cli.commands import Globals, command
from ibgw_tui.cli.exits import AFTER_VERIFYING, Exit
from ibgw_tui.cli.output import Console
from ibgw_tui.cli.progress import progress_bar
from ibgw_tui.cli.session import audit_side
from ibgw_tui.core.audit import AuditVerdict
from ibgw_tui.core.checkpoint import Checkpoint
from ibgw_tui.core.errors import NotPermitted, OrderStoreError
from ibgw_tui.core.terms import iso
from ibgw_tui.core.text import one_line

if TYPE_CHECKING:
    from ibgw_tui.service.verifying import AuditReport
    from ibgw_tui.wiring.audit_side import AuditSide

PHRASE = "ACCEPT"
_SHOWN = 20


@command(
    "verify",
    help="Is the audit log whole? Without an option: the newest checkpoint, and the chain since. The exit code says "
    "what was found; all of it is printed. An alarm is no proof of bad will: a restored backup is an older copy, too.",
    examples="""
        ibgw audit verify
        ibgw audit verify --full --json
        ibgw audit verify --deep
        ibgw audit verify --against saved-elsewhere.jsonl
    """,
)
@click.option("--full", is_flag=True, help="The whole chain, and every checkpoint.")
@click.option("--deep", is_flag=True, help="The same, and replay the entries: do the tables say what they add up to?")
@click.option(
    "--against",
    multiple=True,
    metavar="CHECKPOINT",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Compare with the checkpoints in this file as well; may be repeated.",
)
def verify(state: Globals, full: bool, deep: bool, against: tuple[Path, ...]) -> int:
    from ibgw_tui.service.verifying import read_against

    side, console = audit_side(state), state.console
    given = [checkpoint for path in against for checkpoint in read_against(path)]
    with progress_bar(console) as progress:
        report = side.verify("deep" if deep else "full" if full else "quick", given, progress)
    console.result({"audit": _document(report)}, *_sheet(report, console))
    for remark in report.remarks:
        console.note(f"note: {remark}")
    return AFTER_VERIFYING[report.verdict]


def _document(report: AuditReport) -> dict[str, Any]:
    worst = report.worst
    guards = [problem.words for problem in report.problems if problem.verdict is AuditVerdict.GUARDS_MISSING]
    return {
        "ok": worst is None,
        "verdict": report.verdict.value,
        "at": worst.at if worst else None,
        "problem": worst.words if worst else "",
        "mode": report.mode,
        "entries": report.entries,
        "newest_seq": report.size,
        "head": report.head,
        "checkpoint": report.checkpoint.as_json() if report.checkpoint else None,
        "checkpoints_compared": report.compared,
        "key_fingerprint": report.fingerprint,
        "problems": [
            {"verdict": problem.verdict.value, "at": problem.at, "words": problem.words} for problem in report.problems
        ],
        "guards": guards,
        "divergences": [
            {"table": found.table, "name": found.name, "words": found.words, "seq": found.seq}
            for found in report.divergences
        ],
        "remarks": report.remarks,
    }


def _sheet(report: AuditReport, console: Console) -> list[str]:
    newest, worst = report.checkpoint, report.worst
    checked = f"{report.entries:,} checked ({report.mode}), newest {report.size:,}"
    compared = "none" if newest is None else f"{report.compared} compared, newest {iso(newest.at)} at {newest.size:,}"
    lines = [
        f"entries      {checked}",
        f"head         {report.head}",
        f"checkpoints  {compared}",
    ]
    if report.fingerprint:
        lines.append(f"key          {report.fingerprint}")
    if worst is None:
        return [*lines, f"verdict      {console.paint('intact', 'green')}"]
    words = f"{worst.verdict.value.upper().replace('_', ' ')}: {one_line(worst.words)}"
    lines.append(f"verdict      {console.paint(words, 'red')}")
    others = [problem for problem in report.problems if problem is not worst]
    lines += [f"  also       {one_line(problem.words)}" for problem in others[:_SHOWN]]
    lines += [f"  differs    {one_line(str(found))}" for found in report.divergences[:_SHOWN]]
    if len(report.divergences) > _SHOWN:
        lines.append(f"  ...        {len(report.divergences) - _SHOWN} more with --json")
    return lines


@command(
    "checkpoint",
    help="Sign what the audit log is now, add it to this desk's checkpoints and print it. Keep a copy where nobody who "
    "can write this machine can write: on another host, on paper. A running router does the same every few minutes.",
    examples="""
        ibgw audit checkpoint
        ibgw audit checkpoint --json
        ibgw audit checkpoint --output /media/safe/desk.jsonl
    """,
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also add it to this file, for `ibgw audit verify --against FILE`.",
)
def checkpoint(state: Globals, output: Path | None) -> int:
    side = audit_side(state)
    made = side.write_checkpoint()
    if made is None:
        state.console.result({"checkpoint": None}, "the audit log is empty: there is nothing to sign")
        return Exit.OK
    if output is not None:
        _add_line(output, made.line())
    state.console.result(
        {"checkpoint": made.as_json(), "line": made.line(), "file": str(side.checkpoints.path)}, *_words(made, side)
    )
    return Exit.OK


def _add_line(path: Path, line: str) -> None:
    """Append one line, durably. Raises OrderStoreError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, f"{line}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OrderStoreError(f"{path} cannot be written: {error.strerror}", user_action="name another file") from error


def _words(made: Checkpoint, side: AuditSide) -> list[str]:
    return [
        f"entries      {made.size:,}",
        f"head         {made.head}",
        f"signed       {iso(made.at)} ({made.why}), key {side.checkpoints.fingerprint}",
        f"kept in      {one_line(str(side.checkpoints.path))}",
    ]


@command(
    "accept",
    help="Go on from the audit log as it is, although it does not fit an earlier checkpoint: after a backup was restored, "
    f"or the signing key was lost. For a person at a terminal: asks for the word {PHRASE}. Who, when and why go into "
    "the log and into the checkpoints; a broken chain cannot be accepted.",
    examples='ibgw audit accept --reason "restored the backup of 23 November after a disk failure"',
)
@click.option("--reason", required=True, metavar="TEXT", help="Why the log is not as it was.")
def accept(state: Globals, reason: str) -> int:
    if not one_line(reason):
        raise click.UsageError("--reason is blank")
    if state.no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise NotPermitted(
            "an audit log is accepted by a person at a terminal",
            user_action="run `ibgw audit accept` in a terminal without pipes",
        )
    side, console = audit_side(state), state.console
    report = side.verify("full", [], None)
    question = f"Type {PHRASE} to go on from this log: "
    print("\n".join([*_sheet(report, console), question]), end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != PHRASE:
        raise NotPermitted(f"{PHRASE} was not typed; earlier checkpoints still bind")
    made = side.accept(reason)
    console.result({"checkpoint": made.as_json()}, *_words(made, side))
    return Exit.OK
