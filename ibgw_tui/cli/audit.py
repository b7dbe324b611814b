"""`audit tail` and `audit show`: the append-only record, as it grows and for one order.

The other commands of the group live beside: `audit_verify` (is it whole?) and `audit_export` (for others).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from ibgw_tui.cli import sheets
from ibgw_tui.cli.commands import Globals, Group, command
from ibgw_tui.cli.exits import Exit
from ibgw_tui.cli.interruption import Interruption
from ibgw_tui.cli.output import Console
from ibgw_tui.cli.session import as_agent
from ibgw_tui.core.records import AuditEntry
from ibgw_tui.core.text import one_line
from ibgw_tui.service import documents

if TYPE_CHECKING:
    from ibgw_tui.wiring.agent_side import OrderReads

_POLL_SECONDS = 0.25
_PAGE = 1000
_VERIFY, _EXPORT = f"{__package__}.audit_verify", f"{__package__}.audit_export"

audit = Group(
    "audit",
    lazy={
        "tail": f"{__name__}:tail",
        "show": f"{__name__}:show",
        "verify": f"{_VERIFY}:verify",
        "checkpoint": f"{_VERIFY}:checkpoint",
        "accept": f"{_VERIFY}:accept",
        "export": f"{_EXPORT}:export",
        "replay": f"{__package__}.replay:replay",
    },
    help="The audit log: who did what, when, and whether anything was changed since.",
    examples="""
        ibgw audit tail -n 50
        ibgw audit show o-4f2a
        ibgw audit verify
        ibgw audit export --since 2026-11-01 --output november.jsonl
    """,
)


@command(
    "tail",
    help="The newest entries. With --follow: and every new one; then --json prints one document a line.",
    examples="""
        ibgw audit tail -n 50
        ibgw audit tail --follow --json
    """,
)
@click.option("-n", "count", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many.")
@click.option("--follow", "-f", is_flag=True, help="Go on until interrupted.")
def tail(state: Globals, count: int, follow: bool) -> int:
    console = state.console
    with as_agent(state, "cli") as side:
        entries = side.store.audit_entries(limit=count, newest=True)
        if follow:
            return _follow(side.store, entries, console)
    body = {"entries": [documents.audit_line(entry) for entry in entries]}
    console.result(body, *(sheets.history_lines(entries) or ["the audit log is empty"]))
    return Exit.OK


def _follow(store: OrderReads, entries: list[AuditEntry], console: Console) -> int:
    """Print entries and whatever is added after them. An interrupt is how this ends, not an error."""
    last = 0
    with Interruption() as interruption:
        while not interruption.asked:
            for entry in entries:
                console.line({"entry": documents.audit_line(entry)}, sheets.history_line(entry))
                last = entry.seq
            if not entries:
                time.sleep(_POLL_SECONDS)
            entries = store.audit_entries(after_seq=last, limit=_PAGE) if store.last_seq() > last else []
    return Exit.INTERRUPTED


@command(
    "show",
    help="Every entry about one order, oldest first. REF may be a part of the reference.",
    examples="""
        ibgw audit show o-4f2a
        ibgw audit show o-4f2a --json
    """,
)
@click.argument("ref")
def show(state: Globals, ref: str) -> int:
    with as_agent(state, "cli") as side:
        order_ref = side.store.find_order(ref).order_ref
        entries: list[AuditEntry] = []
        while page := side.store.audit_entries(
            order_ref=order_ref, after_seq=entries[-1].seq if entries else 0, limit=_PAGE
        ):
            entries += page
    lines = [line for entry in entries for line in (sheets.history_line(entry), *_details(entry.body))]
    state.console.result(
        {"order_ref": order_ref, "entries": [documents.audit_line(entry) for entry in entries]},
        f"order {one_line(order_ref)}: {len(entries)} entries",
        *lines,
    )
    return Exit.OK


_TOLD = {"reason", "from", "to"}
"""Said in another place."""


def _details(body: dict[str, Any]) -> list[str]:
    """What a person reads of an entry's body: short values; and of a decision its headline and what refused."""
    short = [
        f"{one_line(name)}: {one_line(str(value), 72)}"
        for name, value in body.items()
        if name not in _TOLD and isinstance(value, str | int) and value != ""
    ]
    if "from" in body and "to" in body:
        short.insert(0, f"{one_line(str(body['from']))} -> {one_line(str(body['to']))}")
    lines = ["; ".join(short)] if short else []
    decision = body.get("decision")
    if isinstance(decision, dict):
        lines.append(f"decision: {one_line(str(decision.get('message') or ''), 100) or 'allowed'}")
        lines += [
            f"{finding['status']} {one_line(finding['code'])}: {one_line(finding['message'], 100)}"
            for finding in decision.get("stopped_by", ())
        ]
    return [f"{'':>9}{line}" for line in lines]
