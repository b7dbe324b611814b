"""`reconcile`: how we stand with the broker, and what a person says of it.

It shows what is in doubt and what was done to find it, orders at the broker that are not ours, and reports
that fit nothing. Writing off and explaining are for a person at a terminal, as opening the kill switch is.
"""

from __future__ import annotations

from typing import Any

import click

from ibgw_tui.cli import sheets
from ibgw_tui.cli.commands import Globals, Group, command
from ibgw_tui.cli.kill import require_words
from ibgw_tui.cli.output import Console
from ibgw_tui.cli.person import require_phrase, require_terminal
from ibgw_tui.cli.session import as_desk, as_reader
from ibgw_tui.core.broker import OrderReport
from ibgw_tui.core.errors import Conflict
from ibgw_tui.core.records import ComparisonMade, Discrepancy
from ibgw_tui.core.text import one_line
from ibgw_tui.service import documents
from ibgw_tui.service.documents import plain
from ibgw_tui.service.standing import Doubtful, Standing, standing

WRITE_OFF, IN_SPITE_OF, EXPLAINED = "WRITE OFF", "WRITE OFF ANYWAY", "EXPLAINED"
REMEDY = "run it in a terminal without pipes"


@click.pass_context
def _alone(context: click.Context) -> None:
    """Without a command it shows."""
    if context.invoked_subcommand is None:
        context.invoke(show)


reconcile = Group(
    "reconcile",
    lazy={name: f"{__name__}:{attribute}" for name, attribute in
          (("show", "show"), ("write-off", "write_off"), ("explain", "explain"))},
    help="Our orders against the broker's own records: what is in doubt, what is not ours, what fits nothing. "
    "Without a command it shows all of it.",
    examples="""
        ibgw reconcile
        ibgw reconcile write-off REF --reason "the broker's own screens do not have it"
        ibgw reconcile explain 3 --reason "placed by hand in TWS"
    """,
    invoke_without_command=True,
    callback=_alone,
)  # fmt: skip


@command(
    "show",
    help="Orders in doubt with what was looked up and when, orders at the broker that are not ours, discrepancies, "
    "and what stands against opening the kill switch.",
    examples="ibgw reconcile show --json",
)
def show(state: Globals) -> None:
    with as_reader(state) as side:
        found = standing(side.store, side.clock())
    state.console.result({"reconciliation": _body(found)}, *_lines(found, state.console))


@command(
    "write-off",
    help="Take an order in doubt as never placed. For the operator at a terminal. Only when complete records of the "
    "broker did not show it in two looks at least 30 s apart in one healthy session; with --override in spite of "
    "that. Nothing is sent. If the broker has the order after all, its word wins and raises an alarm.",
    examples="""
        ibgw reconcile write-off REF --reason "the broker's own screens do not have it"
        ibgw reconcile write-off REF --reason "session is gone" --override "confirmed on the phone by the trade desk"
    """,
)
@click.argument("order_ref", metavar="REF")
@click.option("--reason", required=True, metavar="TEXT", help="How you know; it is kept in the audit log.")
@click.option("--override", default=None, metavar="WHY", help="Write it off in spite of what stands against it.")
def write_off(state: Globals, order_ref: str, reason: str, override: str | None) -> None:
    why = require_words("--override", override)
    require_words("--reason", reason)
    require_terminal(state, "an order is written off by a person at a terminal", REMEDY)
    with as_reader(state, must_exist=True) as reader:
        record = reader.store.find_order(order_ref)
        doubtful = {found.record.order_ref: found for found in standing(reader.store, reader.clock()).in_doubt}
    found = doubtful.get(record.order_ref)
    if found is None:
        raise Conflict(
            f"order {record.order_ref} is {sheets.words(record.status)}, not in doubt",
            user_action="see `ibgw reconcile`",
        )
    with as_desk(state) as side:
        against = bool(found.against)
        if against and not why:
            side.review.write_off(record.order_ref, reason=reason)  # refuses, in its own words
        require_phrase(
            IN_SPITE_OF if against else WRITE_OFF,
            _doubtful_lines(found, state.console),
            "to take it as never placed",
            "the order stays in doubt",
        )
        record = side.review.write_off(record.order_ref, reason=reason, override=why if against else "")
    state.console.result(
        {"order": documents.order_line(record)},
        f"written off: {record.order_ref} counts as not placed. If the broker has it after all, you will be told",
    )


@command(
    "explain",
    help="Say that the discrepancies up to a number are understood: they raise no alarm any more and do not stand "
    "against opening the kill switch. For the operator at a terminal.",
    examples='ibgw reconcile explain 3 --reason "placed by hand in TWS"',
)
@click.argument("through", metavar="NUMBER", type=click.IntRange(min=1))
@click.option("--reason", required=True, metavar="TEXT", help="What they were; it is kept in the audit log.")
def explain(state: Globals, through: int, reason: str) -> None:
    require_words("--reason", reason)
    require_terminal(state, "discrepancies are explained by a person at a terminal", REMEDY)
    with as_reader(state, must_exist=True) as reader:
        meant = [found for found in standing(reader.store, reader.clock()).discrepancies if found.seq <= through]
    with as_desk(state) as side:
        if meant:
            require_phrase(
                EXPLAINED, [_discrepancy_line(found) for found in reversed(meant)], "to put your name to it",
                "nothing was recorded",
            )  # fmt: skip
        count = side.review.explain(through, reason=reason)
    state.console.result({"explained": count, "through": through}, f"explained: {count}, up to number {through}")


# ---- how it is written


def _body(found: Standing) -> dict[str, Any]:
    made = found.comparison
    return {
        "now": plain(found.now),
        "clean": not found.against,
        "against_opening": list(found.against),
        "link": found.link,
        "comparison": None
        if made is None
        else {"at": plain(made.at), "complete": made.complete, "looked_up": made.looked_up, "absent": made.absent},
        "in_doubt": [_doubtful_body(doubtful) for doubtful in found.in_doubt],
        "foreign": [report.model_dump(mode="json") for report in found.foreign],
        "discrepancies": [
            {"number": one.seq, "at": plain(one.at), "order_ref": one.order_ref, "text": one.text}
            for one in found.discrepancies
        ],
    }


def _doubtful_body(doubtful: Doubtful) -> dict[str, Any]:
    absence = doubtful.absence
    return {
        **documents.order_line(doubtful.record),
        "in_doubt_since": plain(doubtful.record.updated_at),
        "reason": doubtful.record.reason,
        "absent": None
        if absence is None
        else {
            "first_at": plain(absence.first_at),
            "last_at": plain(absence.last_at),
            "seconds": absence.seconds,
            "looks": absence.looks,
        },
        "against_writing_off": list(doubtful.against),
    }


def _lines(found: Standing, console: Console) -> list[str]:
    clean = console.paint("clean", "green") if not found.against else console.paint("NOT CLEAN", "red")
    lines = [f"reconciliation: {clean}; {_comparison(found.comparison)}"]
    lines += [f"  against opening the kill switch: {one_line(words)}" for words in found.against]
    lines.append(f"in doubt: {len(found.in_doubt) or 'none'}")
    for doubtful in found.in_doubt:
        lines += [f"  {line}" for line in _doubtful_lines(doubtful, console)]
    lines.append(f"at the broker and not ours: {len(found.foreign) or 'none'}")
    lines += [f"  {_foreign_line(report)}" for report in found.foreign]
    lines.append(f"reports that fit nothing, not explained: {len(found.discrepancies) or 'none'}")
    return lines + [f"  {_discrepancy_line(one)}" for one in reversed(found.discrepancies)]


def _comparison(made: ComparisonMade | None) -> str:
    if made is None:
        return "never compared with the broker's records"
    how = "" if made.complete else ", NOT complete"
    return f"compared at {sheets.moment(made.at)}{how}: {made.looked_up} looked up, {made.absent} not found"


def _doubtful_lines(doubtful: Doubtful, console: Console) -> list[str]:
    record, absence = doubtful.record, doubtful.absence
    lines = [f"{record.order_ref}  {sheets.sentence(record)}"]
    lines.append(f"  in doubt since {sheets.moment(record.updated_at)}: {one_line(record.reason) or 'no answer came'}")
    if absence is None:
        lines.append("  looked up: not yet in this session's complete records")
    else:
        lines.append(
            f"  looked up: open orders, completed orders and executions, {absence.looks} times from "
            f"{sheets.moment(absence.first_at)} to {sheets.moment(absence.last_at)}; not found"
        )
    lines += [console.paint(f"  against writing it off: {one_line(words)}", "yellow") for words in doubtful.against]
    if not doubtful.against:
        lines.append(f"  it may be written off: ibgw reconcile write-off {record.order_ref} --reason TEXT")
    return lines


def _foreign_line(report: OrderReport) -> str:
    name = report.order_ref or "no reference"
    return (
        f"{report.side.value} {report.quantity:f} of contract {report.con_id} in {one_line(report.account)}: "
        f"{report.state.value}, {report.filled:f} filled ({one_line(name, 60)}, permanent id {report.perm_id or 'unknown'})"
    )


def _discrepancy_line(found: Discrepancy) -> str:
    where = f"  {found.order_ref}" if found.order_ref else ""
    return f"{found.seq:>4}  {sheets.moment(found.at)}{where}  {one_line(found.text, 300)}"
