"""`checklist show` and `checklist acknowledge`: what a person has done before real money, with evidence.

Acknowledging is for a person at a terminal, as opening the kill switch is: there is no option that answers for them.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import click

from ibgw_tui.cli.commands import Globals, Group, command
from ibgw_tui.cli.output import Console
from ibgw_tui.cli.person import require_phrase, require_terminal
from ibgw_tui.cli.session import as_desk, as_reader
from ibgw_tui.cli.sheets import moment
from ibgw_tui.core.errors import InvalidRequest, NotPermitted
from ibgw_tui.core.terms import iso
from ibgw_tui.core.text import one_line
from ibgw_tui.service.checklist import ITEMS, ChecklistItem, ChecklistView, view_checklist

PHRASE = "ACKNOWLEDGE"

checklist = Group(
    "checklist",
    lazy={name: f"{__name__}:{name}" for name in ("show", "acknowledge")},
    help="The paper-to-live checklist: without it no live order passes gate 10.",
    examples="""
        ibgw checklist show
        ibgw checklist acknowledge --item limits_reviewed
        ibgw checklist acknowledge --all
    """,
)


@command(
    "show",
    help="The five items: which are acknowledged, by whom and when, what evidence there is and how old, what is "
    "missing and what to do for it.",
    examples="""
        ibgw checklist show
        ibgw checklist show --json
    """,
)
def show(state: Globals) -> None:
    with as_reader(state) as side:
        view = view_checklist(side.store, side.rules, side.clock())
    state.console.result({"checklist": _body(view)}, *_lines(view, state.console))


@command(
    "acknowledge",
    help="Record items as your word, with the evidence for them, in the audit log. Needs a completed paper order "
    f"and a test of the kill switch for the two items that leave a trace. For the operator at a terminal: asks for the "
    f"word {PHRASE}, and no option answers for a person.",
    examples="""
        ibgw checklist acknowledge --item limits_reviewed --item approvals_reviewed
        ibgw checklist acknowledge --all --json
    """,
)
@click.option(
    "--item", "items", multiple=True, type=click.Choice(list(ITEMS)), metavar="ITEM", help=f"One of {', '.join(ITEMS)}."
)
@click.option("--all", "everything", is_flag=True, help="All five.")
def acknowledge(state: Globals, items: tuple[str, ...], everything: bool) -> None:
    if everything == bool(items):
        raise InvalidRequest("give either --item or --all", user_action="see `ibgw checklist show`")
    if os.environ.get("IBGW_AGENT"):
        raise NotPermitted(
            "an agent acknowledges nothing (IBGW_AGENT is set)",
            user_action="the operator runs it in a shell of their own",
        )
    wanted = tuple(ITEMS) if everything else items
    require_terminal(
        state, "a checklist is acknowledged by a person at a terminal", "run it in a terminal without pipes"
    )
    require_phrase(
        PHRASE,
        ["You acknowledge:", *(f"  {name}: {ITEMS[name][0]}" for name in wanted)],
        "to put your name to it",
        "nothing was recorded",
    )
    with as_desk(state) as side:
        side.review.acknowledge(wanted)
    with as_reader(state) as reader:
        view = view_checklist(reader.store, reader.rules, reader.clock())
    state.console.result({"checklist": _body(view)}, *_lines(view, state.console))


# ---- how it is written


def _body(view: ChecklistView) -> dict[str, Any]:
    return {
        "complete": view.complete,
        "acknowledged_by": view.acknowledged_by,
        "acknowledged_at": iso(view.acknowledged_at) if view.acknowledged_at else None,
        "items": [
            {
                "name": item.name,
                "text": item.text,
                "acknowledged": item.acknowledged,
                "recorded_evidence": item.recorded or None,
                "evidence": item.evidence.text if item.evidence else None,
                "evidence_at": iso(item.evidence.at) if item.evidence and item.evidence.at else None,
                "evidence_age_seconds": _age(item, view),
                "missing": item.missing or None,
                "user_action": item.user_action or None,
            }
            for item in view.items
        ],
    }


def _age(item: ChecklistItem, view: ChecklistView) -> int | None:
    if item.evidence is None or item.evidence.at is None:
        return None
    return (view.now - item.evidence.at) // timedelta(seconds=1)


def _lines(view: ChecklistView, console: Console) -> list[str]:
    who = f"last acknowledged by {one_line(view.acknowledged_by or '-')}, {moment(view.acknowledged_at)}"
    state = console.paint("complete", "green") if view.complete else console.paint("NOT COMPLETE", "red")
    lines = [f"paper-to-live checklist: {state}; {who if view.acknowledged_at else 'never acknowledged'}"]
    for item in view.items:
        mark = console.paint("yes", "green") if item.acknowledged else console.paint("NO ", "red")
        lines.append(f"  {mark}  {item.name}: {item.text}")
        if item.recorded:
            lines.append(f"       recorded  {one_line(item.recorded)}")
        if item.evidence is not None and item.evidence.text != item.recorded:
            age = _age(item, view)
            old = f" ({_words(age)} ago)" if age is not None else ""
            lines.append(f"       evidence  {one_line(item.evidence.text)}{old}")
        if item.missing:
            lines.append(f"       missing   {console.paint(one_line(item.missing), 'yellow')}")
            lines.append(f"       do        {one_line(item.user_action)}")
    return lines


def _words(seconds: int) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"
