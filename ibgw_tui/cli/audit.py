"""`audit tail` and `audit verify`: the append-only record, and whether it still fits together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ibgw_tui.cli import documents, sheets
from ibgw_tui.cli.commands import Globals, Group, command
from ibgw_tui.cli.exits import Exit
from ibgw_tui.cli.output import Console
from ibgw_tui.cli.session import as_agent
from ibgw_tui.core.records import AuditEntry

if TYPE_CHECKING:
    from ibgw_tui.wiring.agent_side import OrderReads

_POLL_SECONDS = 0.25
_TAIL = 1000

audit = Group(
    "audit",
    lazy={"tail": f"{__name__}:tail", "verify": f"{__name__}:verify"},
    help="The audit log: who did what, when, and whether a line was changed since.",
    examples="""
        ibgw audit tail -n 50
        ibgw audit verify
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
    try:
        while True:
            for entry in entries:
                console.line({"entry": documents.audit_line(entry)}, sheets.history_line(entry))
                last = entry.seq
            if not entries:
                time.sleep(_POLL_SECONDS)
            entries = store.audit_entries(after_seq=last, limit=1000) if store.last_seq() > last else []
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


@command(
    "verify",
    help="Walk the hash chain and say where it breaks. Keep the printed head: an earlier head shows a later edit "
    "or a cut-off end.",
    examples="""
        ibgw audit verify
        ibgw audit verify --tail --json
    """,
)
@click.option("--tail", "only_tail", is_flag=True, help=f"Only the newest {_TAIL} entries.")
def verify(state: Globals, only_tail: bool) -> int:
    console = state.console
    with as_agent(state, "cli") as side:
        verdict = (
            side.store.verify_audit_tail(_TAIL) if only_tail else side.store.verify_audit(progress=console.progress)
        )
        seq, _ = side.store.audit_head()
    checked = f"the newest {_TAIL:,} entries" if only_tail else "the whole log"
    words = "intact" if verdict.ok else f"BROKEN at entry {verdict.broken_at}: {verdict.problem}"
    console.result(
        {
            "audit": {
                "ok": verdict.ok,
                "entries": verdict.entries,
                "newest_seq": seq,
                "head": verdict.head,
                "broken_at": verdict.broken_at,
                "problem": verdict.problem,
                "checked": "tail" if only_tail else "all",
            }
        },
        f"entries  {verdict.entries} checked ({checked}), newest {seq}",
        f"head     {verdict.head}",
        f"verdict  {console.paint(words, 'green' if verdict.ok else 'red')}",
    )
    return Exit.OK if verdict.ok else Exit.AUDIT_BROKEN
