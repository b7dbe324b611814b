"""`audit replay`: every recorded decision made again, and compared with what was recorded and logged."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from ibgw_tui.cli.commands import Globals, command
from ibgw_tui.cli.exits import Exit
from ibgw_tui.cli.moments import HOW, moment
from ibgw_tui.cli.progress import progress_bar
from ibgw_tui.cli.session import as_reader
from ibgw_tui.core.terms import iso
from ibgw_tui.core.text import one_line

_MOST = 1000
"""So many differences are told one by one; the rest is counted."""


@command(
    "replay",
    help="Decide recorded decisions again from their recorded inputs, of the order REF or of all: the findings must "
    "come out byte for byte, and the audit entry of each act must carry the SHA-256 of its inputs. The exit code is "
    f"{Exit.AUDIT_BROKEN} when something differs. Whether the log itself is whole is what `ibgw audit verify` tells.",
    examples="""
        ibgw audit replay
        ibgw audit replay o-7k3m9q2x4d
        ibgw audit replay --since 30d --json
    """,
)
@click.argument("ref", required=False)
@click.option("--since", metavar="TIME", help=f"Decisions from this time on: {HOW}.")
def replay(state: Globals, ref: str | None, since: str | None) -> int:
    from ibgw_tui.service.replaying import Checked, replay

    differing: list[Checked] = []
    checked = different = 0
    console = state.console
    with as_reader(state, must_exist=True) as side, progress_bar(console) as progress:
        start = moment("--since", since, side.clock())
        order_ref = side.store.find_order(ref).order_ref if ref else None
        total = side.store.count_decisions(since=start)
        for each in replay(side.store, since=start, order_ref=order_ref):
            checked += each.seq is not None
            if progress is not None:
                progress("deciding again", checked, max(total, checked))
            if each.problems:
                different += 1
                if len(differing) < _MOST:
                    differing.append(each)
    words = "every decision comes out as it was recorded" if not different else f"{different} DIFFER"
    lines = [f"decisions  {checked} made again{_of_what(order_ref, start)}"]
    for each in differing:
        lines += [f"  {_named(each)}: {one_line(problem)}" for problem in each.problems]
    lines += [f"  and {different - len(differing)} more"] if different > len(differing) else []
    console.result(
        {
            "replay": {
                "ok": not different,
                "decisions": checked,
                "different": different,
                "order_ref": order_ref,
                "since": iso(start) if start else None,
                "differences": [_body(each) for each in differing],
            }
        },
        *lines,
        f"verdict    {console.paint(words, 'red' if different else 'green')}",
    )
    return Exit.AUDIT_BROKEN if different else Exit.OK


def _of_what(order_ref: str | None, since: datetime | None) -> str:
    return (f" of {order_ref}" if order_ref else "") + (f" since {iso(since)[:19]}Z" if since else "")


def _named(checked: Any) -> str:
    number = f"decision {checked.seq}" if checked.seq is not None else "a decision"
    return f"{number} ({checked.step} of {one_line(checked.order_ref)}, {iso(checked.made_at)[:19]}Z)"


def _body(checked: Any) -> dict[str, Any]:
    return {
        "seq": checked.seq,
        "order_ref": checked.order_ref,
        "step": checked.step,
        "made_at": iso(checked.made_at),
        "problems": list(checked.problems),
    }
