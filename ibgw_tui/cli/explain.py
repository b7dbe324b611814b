"""`explain`: why an order may go or may not, with every gate and every limit as numbers.

With `--cases` it asks nobody: no store, no configuration, no broker. A script may send ten thousand
cases through one call, so each answer leaves before the next case is read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from ibgw_tui.cli.commands import Globals, command
from ibgw_tui.cli.exits import Exit
from ibgw_tui.cli.output import Console, table
from ibgw_tui.core.decision import Decision, Finding
from ibgw_tui.core.error_table import error_body
from ibgw_tui.core.errors import InvalidRequest
from ibgw_tui.core.terms import CheckStatus, iso
from ibgw_tui.core.text import one_line

if TYPE_CHECKING:
    from ibgw_tui.cli.case_input import Given
    from ibgw_tui.core.cases import Case
    from ibgw_tui.service.explaining import Explained

_COLOURS = {CheckStatus.REFUSE: "red", CheckStatus.UNKNOWN: "red", CheckStatus.WARN: "yellow", CheckStatus.OFF: "dim"}


@command(
    "explain",
    help="Every gate and every limit of one order, as decided last and as of now; or of cases that were written "
    "down (docs/cases.md), which needs no store, no configuration and no broker. REF may be the beginning or end of "
    "a reference.\n\n"
    "With --cases and --json: one JSON object a line in (also one printed object, or an array), one decision a line "
    f"out. The exit code is {Exit.OK} when every case was decided, whatever was decided, and {Exit.USAGE} when one "
    "could not be: its line tells what is wrong with it, and the others are decided all the same.",
    examples="""
        ibgw explain o-7k3m9q2x4d
        ibgw explain 2x4d --case > case.json
        ibgw explain --order order.json
        ibgw explain --cases case.json
        cat cases.jsonl | ibgw explain --cases - --json
    """,
)
@click.argument("ref", required=False)
@click.option("--cases", "source", metavar="FILE", help="Decide the cases in FILE, or on stdin with '-'.")
@click.option("--order", "order", metavar="FILE|-", help="Dry run of an order that was not staged: would it pass?")
@click.option("--case", "as_case", is_flag=True, help="Print what is asked of REF now as a case, to be edited.")
@click.option("--enable-live", is_flag=True, help="Answer as a terminal that was started with --enable-live.")
def explain(
    state: Globals, ref: str | None, source: str | None, order: str | None, as_case: bool, enable_live: bool
) -> int:
    if sum(each is not None for each in (ref, source, order)) != 1 or (as_case and ref is None):
        raise InvalidRequest(
            "give either the reference of an order, --order FILE or --cases FILE; --case goes with a reference",
            user_action="see `ibgw explain --help`",
        )
    if order is not None:
        from ibgw_tui.cli.advice import dry_run

        dry_run(state, order)
        return Exit.OK
    if source is not None:
        return _decide_cases(source, state.console)
    assert ref is not None
    from ibgw_tui.cli.session import as_reader

    with as_reader(state, enable_live=enable_live) as side:
        explained = side.explaining.explain(ref)
    return _print_case(explained, state) if as_case else _tell(explained, state.console)


# ---- cases


def _decide_cases(source: str, console: Console) -> int:
    from ibgw_tui.cli.case_input import read_cases

    code = Exit.OK
    with _opened(source) as stream:
        for number, given in enumerate(read_cases(stream)):
            answer = _decided(given)
            code = max(code, answer.code)
            lines = answer.lines(console) if not console.as_json else []
            console.bare(answer.body, "\n".join([*([""] if number else []), *lines]))
    return code


@contextmanager
def _opened(source: str) -> Iterator[BinaryIO]:
    if source == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(source).open("rb")  # noqa: SIM115 - closed below; only opening it may fail with these words
    except OSError as error:
        raise InvalidRequest(
            f"{one_line(source, 200)} cannot be read: {error.strerror or error}",
            user_action="name a file of cases, or '-' for stdin",
        ) from error
    with stream:
        yield stream


@dataclass(frozen=True, slots=True)
class _Answer:
    code: Exit
    body: dict[str, Any]
    title: str
    decision: Decision | None = None
    now: datetime | None = None

    def lines(self, console: Console) -> list[str]:
        if self.decision is None or self.now is None:
            return [console.paint(self.title, "red")]
        return decision_lines(self.title, self.decision, self.now, console)


def _decided(given: Given) -> _Answer:
    if given.case is None:
        assert given.error is not None
        return _failed(given, given.error, Exit.USAGE)
    try:
        decision = given.case.decide()
    except Exception as error:  # noqa: BLE001 - a fault of ours in one case must not lose the answers to the others
        return _failed(given, error, Exit.UNEXPECTED)
    now = given.case.gates.now
    body = {"case": given.name, **decision_body(decision, now)}
    return _Answer(Exit.OK, body, given.case.name or f"case at line {given.line}", decision, now)


def _failed(given: Given, error: Exception, code: Exit) -> _Answer:
    told = error_body(error)["error"]
    body = {
        "case": given.name,
        "line": given.line,
        "allowed": False,
        "error_code": told["code"],
        "refusal_code": None,
        "error": told,
    }
    name = f"{one_line(given.name, 80)}: " if given.name else ""
    return _Answer(code, body, f"line {given.line}: {name}NOT DECIDED: {one_line(told['message'])}")


# ---- one order


def _tell(explained: Explained, console: Console) -> int:
    from ibgw_tui.cli import sheets
    from ibgw_tui.service import documents

    record, recorded, case = explained.record, explained.recorded, explained.now
    body: dict[str, Any] = {"order": documents.order_line(record), "recorded": None, "now": None}
    lines = [
        console.paint(one_line(sheets.sentence(record)), "bold"),
        f"reference  {record.order_ref}, {sheets.words(record.status)}",
    ]
    if recorded is not None:
        then = _outcome(recorded.outcome)
        body["recorded"] = {
            "seq": recorded.seq,
            "step": recorded.step,
            "made_at": iso(recorded.made_at),
            **decision_body(then, recorded.made_at),
        }
        title = f"decided at {recorded.step}, {sheets.moment(recorded.made_at)}"
        lines += ["", *decision_lines(title, then, recorded.made_at, console)]
    else:
        lines += ["", "nothing was decided yet: the router has not previewed it"]
    if case is not None:
        decision, now = case.decide(), case.gates.now
        body["now"] = {"made_at": iso(now), **decision_body(decision, now)}
        lines += ["", *decision_lines(f"as of now, {sheets.moment(now)}", decision, now, console)]
    elif recorded is not None:
        lines += ["", f"nothing is to be decided now: the order is {sheets.words(record.status)}"]
    console.result(body, *lines)
    return Exit.OK


def _outcome(text: str) -> Decision:
    import json

    return Decision.from_json(json.loads(text))


def _print_case(explained: Explained, state: Globals) -> int:
    """The case of now, else the recorded one: as it is read by `--cases`."""
    import json

    from ibgw_tui.core.text import harmless

    case: Case | None = explained.now
    if case is not None:
        data = case.as_json()
    elif explained.recorded is not None:
        data = json.loads(explained.recorded.inputs)
    else:
        raise InvalidRequest(
            f"order {explained.record.order_ref} was not previewed yet, so there is nothing to decide",
            user_action="start the router (`ibgw tui` or `ibgw router`) and ask again",
        )
    print(json.dumps(harmless(data), indent=None if state.as_json else 2), flush=True)
    return Exit.OK


# ---- how a decision is written


def decision_body(decision: Decision, now: datetime) -> dict[str, Any]:
    """A decision in its published form: all gates, then all limits, each with its age."""
    return {
        "allowed": decision.allowed,
        "error_code": decision.error_code.value if decision.error_code else None,
        "refusal_code": decision.refusal_code,
        "message": decision.message,
        "user_action": decision.user_action,
        "findings": [{**finding.as_json(), "age_seconds": _age(finding, now)} for finding in decision.findings],
    }


def _age(finding: Finding, now: datetime) -> str | None:
    age = finding.age_seconds(now)
    return None if age is None else format(age, "f")


def decision_lines(title: str, decision: Decision, now: datetime, console: Console) -> list[str]:
    """A verdict, then a table of every gate and every limit; what blocks is red and says what to do."""
    verdict = console.paint("ALLOWED", "green") if decision.allowed else console.paint("NOT ALLOWED", "red")
    code = f" ({decision.error_code.value})" if decision.error_code else ""
    lines = [f"{one_line(title, 120)}: {verdict}{code}: {one_line(decision.message)}"]
    if decision.user_action:
        lines.append(f"  what to do: {one_line(decision.user_action)}")
    head, *rows = table(
        ["STATUS", "CHECK", "OBSERVED", "LIMIT", "UNIT", "HEADROOM", "AGE", "SOURCE", "SAW"],
        [_row(finding, now) for finding in decision.findings],
        right=frozenset({2, 3, 5, 6}),
    )
    painted = [
        console.paint(row, _COLOURS[finding.status]) if finding.status in _COLOURS else row
        for row, finding in zip(rows, decision.findings, strict=True)
    ]
    return lines + [f"  {row}" for row in (console.paint(head, "bold"), *painted)]


def _row(finding: Finding, now: datetime) -> list[str]:
    age = _age(finding, now)
    action = f"; {finding.user_action}" if finding.blocks and finding.user_action else ""
    return [
        finding.status.value,
        f"{finding.leg}.{finding.check}" if finding.leg else finding.check,
        *(one_line(part or "-", 28) for part in (finding.observed, finding.limit)),
        one_line(finding.unit or "-", 22),
        finding.headroom or "-",
        f"{age} s" if age is not None else "-",
        finding.source or "-",
        f"{finding.message}{action}" if finding.blocks else finding.message,
    ]
