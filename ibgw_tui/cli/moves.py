"""`bracket`, `revise`, `submit`, `cancel`: what else happens to an order, said no louder than it is true."""

from __future__ import annotations

import time
from typing import Any

import click

from ibgw_tui.cli import sheets
from ibgw_tui.cli.commands import Globals, command
from ibgw_tui.cli.exits import Exit
from ibgw_tui.cli.moments import Seconds
from ibgw_tui.cli.order_input import check_request, read_order_file
from ibgw_tui.cli.orders import agent_option, as_json, intent_options, stage_one
from ibgw_tui.cli.session import as_adviser, as_agent, load
from ibgw_tui.core.errors import ErrorCode, InvalidRequest
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.text import one_line
from ibgw_tui.service import documents

_POLL_SECONDS = 0.2


@command(
    "bracket",
    help="Put an entry with a take-profit, a stop-loss or both before the operator, as one order. The exits are sent "
    "with the entry, live once it has filled, and cancel each other.",
    examples="""
        ibgw bracket --account DU1234567 --symbol AAPL --side buy --quantity 1 --limit-price 100 --stop-loss-price 95
        ibgw bracket --file bracket.json --take-profit-price 110 --key breakout-7 --json
    """,
)
@intent_options
@click.option("--file", "file", metavar="FILE|-", help="JSON object with the same fields; options replace its values.")
@click.option("--key", help="Idempotency key: asking again with it is safe.")
@agent_option
def bracket(state: Globals, file: str | None, key: str | None, agent: str, **flags: Any) -> None:
    data = read_order_file(file) if file is not None else {}
    data.update({name: as_json(name, value) for name, value in flags.items() if value is not None})
    if data.get("take_profit_price") is None and data.get("stop_loss_price") is None:
        problem = "take_profit_price: a bracket needs a take-profit, a stop-loss, or both"
        raise InvalidRequest(problem, user_action="give --take-profit-price or --stop-loss-price", problems=[problem])
    stage_one(state, data, key=key, agent=agent)


@command(
    "revise",
    help="Replace an order of yours that waits, or follow one that was refused, rejected or expired, with a revision. "
    "Give only what changes. The revision is linked to the former order.",
    examples="""
        ibgw revise o-7k3m9q2x4d --quantity 5
        ibgw revise 2x4d --limit-price 99.50 --rationale "as the note asked" --key rebalance-7b --json
    """,
)
@click.argument("ref")
@intent_options
@click.option("--key", help="Idempotency key: asking again with it is safe.")
@agent_option
def revise(state: Globals, ref: str, key: str | None, agent: str, **flags: Any) -> None:
    changes = {name: as_json(name, value) for name, value in flags.items() if value is not None}
    with as_agent(state, agent) as side:
        former = side.staging.own(ref)
        kept = former.intent.model_dump(mode="json", exclude_none=True)
        check_request({**kept, **changes}, key=key, agent=agent)
        staged = side.staging.revise(former.order_ref, changes, key=key)
    record = staged.record
    body = {
        "order": documents.order_line(record),
        "revises": record.revises,
        "replayed": staged.replayed,
        "next": f"ibgw show {record.order_ref}",
    }
    state.console.result(body, *sheets.staged(record, replayed=staged.replayed))


@command(
    "submit",
    help="Ask the router to send an order that the operator has approved, by the id of the approval (`ibgw show REF` "
    "tells it). Only the request is recorded here; the router sends, through every gate. A live order also needs "
    "--enable-live, here and at the router.",
    examples="""
        ibgw submit --account DU1234567 --approval-id 0193-APPROVAL --idempotency-key go-7
        ibgw submit --account U1234567 --approval-id 0193-APPROVAL --idempotency-key go-7 --enable-live --wait 30 --json
    """,
)
@click.option("--account", required=True, metavar="ACCOUNT", help="Account of the order; it has to be the approval's.")
@click.option("--approval-id", required=True, metavar="ID", help="The operator's approval.")
@click.option("--idempotency-key", required=True, metavar="KEY", help="Asking again with it is safe.")
@click.option("--enable-live", is_flag=True, help="Allow a live order in this invocation.")
@click.option("--wait", type=Seconds(3600), default=0.0, metavar="SECONDS", help="Wait until it was sent.")
def submit(state: Globals, account: str, approval_id: str, idempotency_key: str, enable_live: bool, wait: float) -> int:
    from ibgw_tui.wiring.submit_side import open_submit_side

    with open_submit_side(load(state), enable_live=enable_live) as ask:
        asked = ask(account=account, approval_id=approval_id, key=idempotency_key)
    record, refusal = asked.record, ""
    with as_adviser(state, "cli") as side:
        router = side.advising.router()
        deadline = time.monotonic() + wait
        while record.status is Status.APPROVED and not refusal and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            record = side.staging.look_up(record.order_ref)
            # The router takes the request off when it refuses; a reason from before is not its answer.
            refusal = "" if record.submit_asked else record.reason_code or ""
    word = "replayed" if asked.replayed else "recorded"
    body = {
        "result": word,
        "order": documents.order_line(record),
        "approval_id": approval_id,
        "held_back": asked.held_back,
        "router_running": router.alive,
        "refusal_code": refusal or None,
        "next": f"ibgw show {record.order_ref}",
    }
    lines = [
        f"submit request {word}: {record.order_ref} is {sheets.words(record.status)}",
        f"  {one_line(sheets.sentence(record))}",
    ]
    if asked.held_back:
        lines.append("The operator may still take the approval back; it goes when the hold-back is over.")
    if refusal:
        lines.append(f"The router refused it: {refusal}: {one_line(record.reason)}")
    state.console.result(body, *lines)
    if not router.alive:
        state.console.warn(f"warning: {router.words}")
    if refusal:
        return Exit.REFUSED
    return Exit.TIMED_OUT if wait and record.status is Status.APPROVED else Exit.OK


@command(
    "cancel",
    help="Ask the broker to cancel an order of yours. Never blocked by the kill switch or a limit. Only a request: "
    "the order may still fill until the broker confirms.",
    examples="""
        ibgw cancel o-7k3m9q2x4d --account DU1234567 --idempotency-key stop-7
        ibgw cancel 2x4d --idempotency-key stop-7 --agent momentum-1 --json
    """,
)
@click.argument("ref")
@click.option("--account", metavar="ACCOUNT", help="Account of the order: refused when it is another.")
@click.option("--idempotency-key", required=True, metavar="KEY", help="Asking again with it is safe.")
@agent_option
def cancel(state: Globals, ref: str, account: str | None, idempotency_key: str, agent: str) -> None:
    with as_agent(state, agent) as side:
        record = side.staging.own(ref)
        _check_account(record, account)
        asked = side.staging.ask_cancel(record.order_ref, key=idempotency_key)
    word, record = "replayed" if asked.replayed else "recorded", asked.record
    state.console.result(
        {"result": word, "order": documents.order_line(record), "next": f"ibgw wait {record.order_ref} --for end"},
        f"cancel request {word}: {record.order_ref} is {sheets.words(record.status)}",
        f"  {one_line(sheets.sentence(record))}",
        "It may still fill until the broker confirms the cancel.",
    )


def _check_account(record: OrderRecord, account: str | None) -> None:
    if account is not None and account != record.intent.account:
        raise InvalidRequest(
            f"order {record.order_ref} is of {record.intent.account}, not of {one_line(account, 20)}",
            code=ErrorCode.INPUT_UNAUTHORIZED_ACCOUNT,
            user_action=f"name the account of the order: --account {record.intent.account}",
        )
