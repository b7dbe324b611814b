"""`limits`, `positions` and the dry run of `explain --order`: what is known without asking the broker."""

from __future__ import annotations

import click

from ibgw_tui.cli.commands import Globals, command
from ibgw_tui.cli.order_input import check_request, read_order_file
from ibgw_tui.cli.orders import agent_option
from ibgw_tui.cli.output import table
from ibgw_tui.cli.session import as_adviser
from ibgw_tui.core.errors import InvalidRequest
from ibgw_tui.core.text import one_line
from ibgw_tui.service import agent_documents as told


@command(
    "limits",
    help="Each limit of the policy in force with what is used and what is left, and the caller's budget of waiting "
    "orders.",
    examples="""
        ibgw limits
        ibgw limits --account DU1234567 --symbol AAPL --json
    """,
)
@click.option("--account", metavar="ACCOUNT", help="Of this account; may be left out when the desk has only one.")
@click.option("--symbol", default="", metavar="SYMBOL", help="With the tighter numbers of this symbol.")
@agent_option
def limits(state: Globals, account: str | None, symbol: str, agent: str) -> None:
    with as_adviser(state, agent) as side:
        body = told.headroom(side.advising.headroom(_account(account, side.advising.accounts), symbol))
    rows = [
        [
            row["limit"],
            row["used"],
            row["allowed"] or f"not set ({row['when_not_set']})",
            row["left"] or "-",
            row["unit"],
        ]
        for row in body["limits"]
    ]
    waiting = body["waiting_orders"]
    rows.append(["waiting orders", str(waiting["used"]), str(waiting["limit"]), str(waiting["left"]), f"of {agent}"])
    state.console.result(
        {"limits": body},
        f"account {body['account']}, policy {body['policy_id'] or 'NONE'}",
        *table(["LIMIT", "USED", "ALLOWED", "LEFT", "UNIT"], rows, right=frozenset({1, 2, 3})),
    )


@command(
    "positions",
    help="Positions as the router recorded them last, and when that was.",
    examples="""
        ibgw positions
        ibgw positions --account DU1234567 --json
    """,
)
@click.option("--account", metavar="ACCOUNT", help="Of this account; may be left out when the desk has only one.")
def positions(state: Globals, account: str | None) -> None:
    with as_adviser(state, "cli") as side:
        name = _account(account, side.advising.accounts)
        held, at = side.advising.positions(name)
        body = told.positions(held, at, side.now())
        router = side.advising.router()
    lines = [f"account {name}, as of {body['as_of']}" if body["known"] else f"account {name}: NOT KNOWN now"]
    rows = [[position.symbol, f"{position.quantity:f}", str(position.con_id)] for position in held]
    lines += (
        table(["SYMBOL", "QUANTITY", "CONTRACT"], rows, right=frozenset({1})) if rows else ["no positions recorded"]
    )
    state.console.result({"account": name, **body, "router": told.router(router)}, *lines)
    if not router.alive:
        state.console.warn(f"warning: {router.words}")


def dry_run(state: Globals, source: str) -> None:
    """`explain --order`: would this order pass, and which quantity or price would?"""
    data = read_order_file(source)
    check_request(data, key=None, agent="cli")
    with as_adviser(state, "cli") as side:
        advice = side.advising.explain(data)
        router = side.advising.router()
    body = told.advice(advice)
    lines = [f"{one_line(advice.sentence)}: {advice.verdict.upper()}"]
    lines += [f"  assumed: {one_line(words)}" for words in advice.assumed]
    lines += [f"  {each['status']:<7} {each['code']}: {one_line(each['message'])}" for each in body["findings"]]
    for bounds in advice.hints.bounds:
        given = bounds.as_json()
        lines.append(f"  {bounds.field}: {given['least'] or '-'} to {given['most'] or '-'} (asked: {given['given']})")
    proposal = advice.hints.proposal
    if proposal is not None:
        changes = ", ".join(f"{name} {value}" for name, value in proposal.as_json()["changes"].items())
        lines.append(f"  would pass the limits: {changes}" if proposal.passes else f"  nearer: {changes}")
    lines.append("A dry run on what the router recorded last: nothing was staged.")
    state.console.result({"advice": body, "router": told.router(router)}, *lines)


def _account(named: str | None, known: tuple[str, ...]) -> str:
    if named is not None:
        return named
    if len(known) == 1:
        return known[0]
    raise InvalidRequest(
        f"the desk has {len(known) or 'no'} accounts", user_action=f"give --account, one of {', '.join(known) or '-'}"
    )
