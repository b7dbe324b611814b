"""`stage`, `list`, `show`, `wait`, `withdraw`: what an agent, a script or a colleague does with orders."""

from __future__ import annotations

import time
from typing import Any

import click

from ibgw_tui.cli import sheets
from ibgw_tui.cli.commands import Globals, command
from ibgw_tui.cli.exits import AFTER_WAITING, Exit
from ibgw_tui.cli.moments import Seconds
from ibgw_tui.cli.order_input import check_request, read_order_file
from ibgw_tui.cli.session import as_agent
from ibgw_tui.core.errors import InvalidRequest
from ibgw_tui.core.field_help import FIELD_HELP
from ibgw_tui.core.lifecycle import AT_BROKER, OPEN, UNDECIDED, UNDER_WAY, Status
from ibgw_tui.core.orders import FIELDS
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.text import one_line
from ibgw_tui.service import documents
from ibgw_tui.service.suggesting import told

_POLL_SECONDS = 0.2

agent_option = click.option(
    "--agent", envvar="IBGW_AGENT", default="cli", show_default=True, metavar="NAME", help="Who asks ($IBGW_AGENT)."
)


def intent_options(function: Any) -> Any:
    """One option for each field of an order. All are text: what is wrong with them is said in one answer."""
    for name in reversed(FIELDS):
        if name == "modifies":
            continue  # `ibgw modify` fills it in
        if name == "outside_hours":
            option = click.option(
                "--outside-hours/--no-outside-hours", default=None, help="Fill outside regular hours."
            )
        else:
            metavar, words = (FIELD_HELP[name].metavar, FIELD_HELP[name].words)
            option = click.option(f"--{name.replace('_', '-')}", name, metavar=metavar, help=words)
        function = option(function)
    return function


@command(
    "stage",
    help="Put an order before the operator. Nothing is sent until a person approves it.",
    examples="""
        ibgw stage --account DU1234567 --symbol AAPL --side buy --quantity 1 --limit-price 100
        ibgw stage --file order.json --key rebalance-7 --json
        jq '.orders[0]' plan.json | ibgw stage --file - --agent momentum-1
        ibgw stage --csv orders.csv --account DU1234567 --key rebalance-7
    """,
)
@intent_options
@click.option("--file", "file", metavar="FILE|-", help="JSON object with the same fields; options replace its values.")
@click.option("--csv", "csv_file", metavar="FILE|-", help="Many orders: a header of field names, one order a line.")
@click.option("--key", help="Idempotency key: asking again with it is safe. With --csv the line's number is added.")
@agent_option
def stage(
    state: Globals, file: str | None, csv_file: str | None, key: str | None, agent: str, **flags: Any
) -> int | None:
    given = {name: as_json(name, value) for name, value in flags.items() if value is not None}
    if csv_file is not None:
        from ibgw_tui.cli.many import stage_many

        if file is not None:
            raise InvalidRequest("give --file or --csv, not both", user_action="see `ibgw stage --help`")
        return stage_many(state, csv_file, given, key=key, agent=agent)
    stage_one(state, {**(read_order_file(file) if file is not None else {}), **given}, key=key, agent=agent)
    return None


def stage_one(state: Globals, data: dict[str, Any], *, key: str | None, agent: str) -> None:
    check_request(data, key=key, agent=agent)
    with as_agent(state, agent) as side:
        staged = side.staging.stage(data, key=key)
    record = staged.record
    body = {
        "order": documents.order_line(record),
        "replayed": staged.replayed,
        "next": f"ibgw show {record.order_ref}",
    }
    state.console.result(body, *sheets.staged(record, replayed=staged.replayed))


@command(
    "modify",
    help="Ask to change a working order of yours. The order that results goes before the operator; "
    "until the broker shows the new terms the old ones stand.",
    examples="""
        ibgw modify o-7k3m9q2x4d --limit-price 101 --rationale "the market moved away"
        ibgw modify o-7k3m9q2x4d --quantity 5 --key raise-3 --json
    """,
)
@click.argument("ref")
@click.option("--quantity", metavar="NUMBER", help="The whole quantity, what is filled already included.")
@click.option("--limit-price", metavar="PRICE", help="New limit.")
@click.option("--stop-price", metavar="PRICE", help="New trigger.")
@click.option("--trailing-amount", metavar="PRICE", help="New trail, as an amount.")
@click.option("--trailing-percent", metavar="NUMBER", help="New trail, as a percentage.")
@click.option("--rationale", metavar="TEXT", help="Why, for the operator to read.")
@click.option("--key", help="Idempotency key: asking again with it is safe.")
@agent_option
def modify(state: Globals, ref: str, key: str | None, agent: str, **changes: str | None) -> None:
    with as_agent(state, agent) as side:
        staged = side.staging.stage_modify(ref, {k: v for k, v in changes.items() if v is not None}, key=key)
    record = staged.record
    body = {
        "order": documents.order_line(record),
        "modifies": record.intent.modifies,
        "replayed": staged.replayed,
        "next": f"ibgw show {record.order_ref}",
    }
    state.console.result(body, *sheets.staged(record, replayed=staged.replayed))


def as_json(name: str, value: Any) -> Any:
    """Options are text; a contract id is the one field that JSON writes as a number."""
    return int(value) if name == "con_id" and value.isascii() and value.isdigit() and len(value) < 16 else value


@command(
    "list",
    help="List orders, newest first: open and working ones unless told otherwise.",
    examples="""
        ibgw list
        ibgw list --status pending --json
        ibgw list --all --agent momentum-1 --limit 20
    """,
)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice([status.value for status in Status]),
    metavar="STATUS",
    help=f"Only this status; may be repeated: {', '.join(status.value for status in Status)}.",
)
@click.option("--agent", metavar="NAME", help="Only orders staged by NAME.")
@click.option("--account", metavar="ACCOUNT", help="Only orders of this account.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most so many.")
@click.option("--all", "everything", is_flag=True, help="Also orders that have ended.")
def list_orders(
    state: Globals, statuses: tuple[str, ...], agent: str | None, account: str | None, limit: int, everything: bool
) -> None:
    wanted = [Status(word) for word in statuses] or (list(Status) if everything else _in_order(OPEN | AT_BROKER))
    with as_agent(state, "cli") as side:
        found = side.store.orders(statuses=wanted, staged_by=agent, account=account, limit=limit + 1, newest_first=True)
    records, more = found[:limit], len(found) > limit
    console = state.console
    console.result(
        {"orders": [documents.order_line(record) for record in records], "more": more},
        *sheets.listing(records, console),
    )
    if more:
        console.note(f"note: there are more than {limit}; see --limit")


def _in_order(statuses: frozenset[Status]) -> list[Status]:
    return [status for status in Status if status in statuses]


@command(
    "show",
    help="Everything known of one order. REF may be its beginning or end, if that is unambiguous.",
    examples="""
        ibgw show o-7k3m9q2x4d
        ibgw show 2x4d --json
    """,
)
@click.argument("ref")
def show(state: Globals, ref: str) -> None:
    with as_agent(state, "cli") as side:
        record = side.staging.look_up(ref)
        executions = side.store.executions(record.order_ref)
        history = side.store.audit_entries(order_ref=record.order_ref, limit=1000)
        passing = told(side.store, record, history)
    console = state.console
    console.result(
        {"order": documents.order_in_full(record, executions=executions, history=history, passing=passing)},
        *sheets.order(record, executions, history, console, passing=passing),
    )


@command(
    "wait",
    help="Wait until the operator has decided, or until the order has ended. The exit code tells the outcome.",
    examples="""
        ibgw wait o-7k3m9q2x4d --timeout 300
        ibgw wait 2x4d --for end --json
    """,
)
@click.argument("ref")
@click.option("--for", "event", type=click.Choice(["decision", "end"]), default="decision", show_default=True)
@click.option("--timeout", type=Seconds(), default=60.0, show_default=True, help="Seconds to wait.")
def wait(state: Globals, ref: str, event: str, timeout: float) -> int:
    waiting_in = UNDECIDED if event == "decision" else UNDER_WAY
    deadline = time.monotonic() + timeout
    with as_agent(state, "cli") as side:
        record = side.staging.look_up(ref)
        while record.status in waiting_in and time.monotonic() < deadline:
            time.sleep(min(_POLL_SECONDS, max(0.0, deadline - time.monotonic())))
            record = side.staging.look_up(record.order_ref)
    timed_out = record.status in waiting_in
    return _tell_outcome(state, record, timed_out)


def _tell_outcome(state: Globals, record: OrderRecord, timed_out: bool) -> int:
    why = f": {one_line(record.reason)}" if record.reason else ""
    state.console.result(
        {"order": documents.order_line(record), "timed_out": timed_out},
        f"{record.order_ref} is {sheets.words(record.status)}{why}",
    )
    if timed_out:
        state.console.note("note: timed out; the order is unchanged and may still be decided")
        return Exit.TIMED_OUT
    return AFTER_WAITING.get(record.status, Exit.OK)


@command(
    "withdraw",
    help="Take back an order of yours that was not sent yet.",
    examples="""
        ibgw withdraw o-7k3m9q2x4d --reason "signal is gone"
        ibgw withdraw 2x4d --reason duplicate --agent momentum-1
    """,
)
@click.argument("ref")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the record.")
@agent_option
def withdraw(state: Globals, ref: str, reason: str, agent: str) -> None:
    with as_agent(state, agent) as side:
        record = side.staging.withdraw(ref, reason=reason)
    state.console.result(
        {"order": documents.order_line(record)},
        f"withdrawn: {record.order_ref}  {one_line(sheets.sentence(record))}",
    )
