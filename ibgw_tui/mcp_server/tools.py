"""The tools, as one table: name, what it says of itself, its schema, and the function behind it.

Every function gets the agent's desk and plain arguments, and gives a JSON document. There is no tool that approves,
submits, opens the kill switch or touches a policy; the desk they are given could not do it either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ibgw_tui.core.errors import InvalidRequest
from ibgw_tui.core.lifecycle import AT_BROKER, OPEN, Status
from ibgw_tui.core.naming import did_you_mean
from ibgw_tui.core.terms import iso
from ibgw_tui.mcp_server import schemas
from ibgw_tui.service import agent_documents as told
from ibgw_tui.service.documents import order_line, switch_state
from ibgw_tui.service.staging import Staged
from ibgw_tui.wiring.agent_desk import AgentDesk

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    title: str
    description: str
    schema: dict[str, Any]
    run: Callable[[AgentDesk, Mapping[str, Any]], Answer]
    writes: bool = False
    stops: bool = False
    """It takes something back or stops something."""


class _StageKey(schemas.Arguments):
    idempotency_key: schemas.Key


class _ChangeKey(schemas.OneOrder):
    idempotency_key: schemas.Key


def _split(
    data: Mapping[str, Any], model: type[schemas.Arguments], fields: tuple[str, ...]
) -> tuple[Any, dict[str, Any]]:
    """Arguments of the call and fields of the order; what is neither is refused by name."""
    names = (*model.model_fields, *fields)
    unknown = [name for name in data if name not in names]
    if unknown:
        raise schemas.refused(
            [f"{name}: is not an argument of this tool; {did_you_mean(name, names, 'arguments')}" for name in unknown]
        )
    call = schemas.read(model, {name: value for name, value in data.items() if name in model.model_fields})
    return call, {name: value for name, value in data.items() if name in fields}


def _staged(desk: AgentDesk, staged: Staged) -> Answer:
    record, state = staged.record, desk.advising.router()
    return {
        "order": order_line(record),
        "replayed": staged.replayed,
        "cursor": desk.cursor_of(record.order_ref),
        "next": f"wait_for_change with order_ref {record.order_ref} and this cursor; a person decides",
        "router": told.router(state),
    }


def _stage_order(desk: AgentDesk, data: Mapping[str, Any]) -> Answer:
    call, order = _split(data, _StageKey, schemas.ORDER_FIELDS)
    return _staged(desk, desk.staging.stage(order, key=call.idempotency_key))


def _stage_bracket(desk: AgentDesk, data: Mapping[str, Any]) -> Answer:
    call, order = _split(data, _StageKey, schemas.BRACKET_FIELDS)
    if all(order.get(name) is None for name in ("take_profit_price", "stop_loss_price")):
        raise schemas.refused(["take_profit_price: a bracket needs take_profit_price, stop_loss_price, or both"])
    return _staged(desk, desk.staging.stage(order, key=call.idempotency_key))


def _stage_modify(desk: AgentDesk, data: Mapping[str, Any]) -> Answer:
    call, changes = _split(data, _ChangeKey, schemas.CHANGEABLE)
    return _staged(desk, desk.staging.stage_modify(call.order_ref, changes, key=call.idempotency_key))


def _revise(desk: AgentDesk, data: Mapping[str, Any]) -> Answer:
    call, changes = _split(data, _ChangeKey, schemas.BRACKET_FIELDS)
    return _staged(desk, desk.staging.revise(call.order_ref, changes, key=call.idempotency_key))


def _withdraw(desk: AgentDesk, data: Mapping[str, Any]) -> Answer:
    call = schemas.read(schemas.Withdraw, data)
    return {"order": order_line(desk.staging.withdraw(call.order_ref, reason=call.reason))}


def _cancel(desk: AgentDesk, data: Mapping[str, Any]) -> Answer:
    call = schemas.read(schemas.Cancel, data)
    asked = desk.staging.ask_cancel(call.order_ref, key=call.idempotency_key)
    return {
        "order": order_line(asked.record),
        "replayed": asked.replayed,
        "note": "the request is recorded; the order may still fill until the broker confirms the cancel",
        "router": told.router(desk.advising.router()),
    }


def _status(desk: AgentDesk, data: Mapping[str, Any]) -> Answer:
    call = schemas.read(schemas.OrderStatus, data)
    cursor, record = desk.cursor(), desk.staging.own(call.order_ref)
    undecided = record.status in (
        Status.REFUSED,
        Status.PENDING,
        Status.CHANGES_REQUESTED,
        Status.STALE,
        Status.REJECTED,
    )
    return {
        "order": told.order_status(
            record,
            revised_by=desk.revised_by(record.order_ref),
            hints=desk.advising.hints_for(record.order_ref) if undecided else None,
            executions=desk.store.executions(record.order_ref),
            everything=call.all_findings,
        ),
        "cursor": cursor,
        "router": told.router(desk.advising.router()),
    }


def _list(desk: AgentDesk, data: Mapping[str, Any]) -> Answer:
    call = schemas.read(schemas.ListOrders, data)
    wrong = [word for word in call.statuses or () if word not in list(Status)]
    if wrong:
        known = tuple(status.value for status in Status)
        raise schemas.refused(
            [f"statuses: {word!r} is not one; {did_you_mean(word, known, 'statuses')}" for word in wrong]
        )
    wanted = [Status(word) for word in call.statuses or sorted(OPEN | AT_BROKER)]
    found = desk.store.orders(statuses=wanted, staged_by=desk.principal, limit=call.limit + 1, newest_first=True)
    return {
        "orders": [order_line(record) for record in found[: call.limit]],
        "more": len(found) > call.limit,
        "cursor": desk.cursor(),
    }


def look_for_changes(desk: AgentDesk, call: schemas.WaitForChange, cursor: int) -> Answer:
    """One look; the server repeats it until something is there or the time is over."""
    ref = desk.staging.own(call.order_ref).order_ref if call.order_ref else None
    found = desk.changes(cursor, ref)
    refs = list(dict.fromkeys(entry.order_ref for entry in found.entries if entry.order_ref))
    return {
        "changes": [told.change(entry) for entry in found.entries],
        "orders": [order_line(desk.staging.look_up(each)) for each in refs],
        "cursor": found.cursor,
        "more": found.more,
        "timed_out": not found.entries,
        "router": told.router(desk.advising.router()),
    }


def _look(desk: AgentDesk, data: Mapping[str, Any]) -> Answer:
    """Without waiting: what the server falls back to."""
    call = schemas.read(schemas.WaitForChange, data)
    return look_for_changes(desk, call, desk.cursor() if call.cursor is None else call.cursor)


def _explain(desk: AgentDesk, data: Mapping[str, Any]) -> Answer:
    _, order = _split(data, schemas.Nothing, schemas.BRACKET_FIELDS)
    return {**told.advice(desk.advising.explain(order)), "router": told.router(desk.advising.router())}


def _limits(desk: AgentDesk, data: Mapping[str, Any]) -> Answer:
    call = schemas.read(schemas.Limits, data)
    return told.headroom(desk.advising.headroom(call.account, call.symbol or ""))


def _market(desk: AgentDesk, data: Mapping[str, Any]) -> Answer:
    call = schemas.read(schemas.OfSymbol, data)
    found = [told.snapshot(each) for each in desk.advising.market(call.symbol)]
    return {"symbol": call.symbol, "known": bool(found), "contracts": found, **_unseen(call.symbol, found, desk)}


def _hours(desk: AgentDesk, data: Mapping[str, Any]) -> Answer:
    call = schemas.read(schemas.OfSymbol, data)
    found = [told.hours(each) for each in desk.advising.hours(call.symbol)]
    return {"symbol": call.symbol, "known": bool(found), "contracts": found, **_unseen(call.symbol, found, desk)}


def _unseen(symbol: str, found: list[Answer], desk: AgentDesk) -> Answer:
    note = "" if found else f"no order of {symbol} was previewed on this desk yet, so nothing is known of it"
    return {"note": note, "router": told.router(desk.advising.router())}


def _positions(desk: AgentDesk, data: Mapping[str, Any]) -> Answer:
    call = schemas.read(schemas.OfAccount, data)
    held, at = desk.advising.positions(call.account)
    body = told.positions(held, at, desk.now())
    return {"account": call.account, **body, "router": told.router(desk.advising.router())}


def _switch(desk: AgentDesk, data: Mapping[str, Any]) -> Answer:
    schemas.read(schemas.Nothing, data)
    return _switch_told(desk)


def _arm(desk: AgentDesk, data: Mapping[str, Any]) -> Answer:
    call = schemas.read(schemas.ArmKillSwitch, data)
    desk.staging.arm_kill_switch(call.reason)
    return _switch_told(desk)


def _switch_told(desk: AgentDesk) -> Answer:
    switch = desk.staging.switch()
    means = {
        "open": "approved orders may pass to the other gates",
        "closed": "no new order leaves; only the operator can open it",
    }[switch.state.value]
    return {"kill_switch": switch_state(switch), "means": means, "as_of": iso(desk.now())}


_NEEDED = ("account", "symbol", "side", "quantity")
_PERSON = "A person reviews it; nothing goes to the broker before they approve. "

TOOLS: tuple[Tool, ...] = (
    Tool(
        "stage_order",
        "Stage an order",
        f"Put one order before the operator. {_PERSON}Returns at once with order_ref, a durable handle: use "
        "wait_for_change or order_status with it. Say in `rationale` why, in plain words.",
        schemas.order_schema(schemas.ORDER_FIELDS, _NEEDED, _StageKey),
        _stage_order,
        writes=True,
    ),
    Tool(
        "stage_bracket",
        "Stage a bracket",
        f"Put an entry with a take-profit, a stop-loss or both before the operator as one order. {_PERSON}"
        "The exits are sent with the entry, live once it has filled, and cancel each other.",
        schemas.order_schema(schemas.BRACKET_FIELDS, _NEEDED, _StageKey),
        _stage_bracket,
        writes=True,
    ),
    Tool(
        "stage_modify",
        "Ask to change a working order",
        f"Ask to change quantity, prices or trail of an order of yours that works at the broker. {_PERSON}"
        "Until the broker shows the new terms the old ones stand. `quantity` is the whole, filled part included.",
        schemas.order_schema(schemas.CHANGEABLE, (), _ChangeKey),
        _stage_modify,
        writes=True,
    ),
    Tool(
        "revise_order",
        "Revise an order that was not sent",
        "Replace an order of yours that waits, or follow one that was refused, rejected or expired, with a revision: "
        "give only the fields that change, null takes one out. The revision is linked to the former order.",
        schemas.order_schema(schemas.BRACKET_FIELDS, (), _ChangeKey, removable=True),
        _revise,
        writes=True,
    ),
    Tool(
        "withdraw_order",
        "Withdraw an order",
        "Take back an order of yours that was not sent yet. Withdrawing twice is one withdrawal.",
        schemas.schema_of(schemas.Withdraw),
        _withdraw,
        writes=True,
        stops=True,
    ),
    Tool(
        "request_cancel",
        "Ask to cancel a working order",
        "Ask the broker to cancel an order of yours. Never blocked. Only a request: it may still fill.",
        schemas.schema_of(schemas.Cancel),
        _cancel,
        writes=True,
        stops=True,
    ),
    Tool(
        "order_status",
        "Read one order",
        "Where an order of yours stands and why: findings with numbers, the operator's reason, bounds of quantity and "
        "price that would pass, fills, and the revision that replaced it.",
        schemas.schema_of(schemas.OrderStatus),
        _status,
    ),
    Tool(
        "wait_for_change",
        "Wait for a change",
        "Wait (at most 25 seconds) until something is recorded of your orders after `cursor`. When it times out, call "
        "again with the cursor of the answer: nothing is missed in between.",
        schemas.schema_of(schemas.WaitForChange),
        _look,
    ),
    Tool(
        "list_orders",
        "List own orders",
        "Your own orders, newest first: those that have not ended, unless told otherwise.",
        schemas.schema_of(schemas.ListOrders),
        _list,
    ),
    Tool(
        "explain_order",
        "Dry run of an order",
        "Would this order pass, and which quantity or price would? Nothing is staged. Uses what the router recorded "
        "last and says as of when; what is not known is said to be unknown.",
        schemas.order_schema(schemas.BRACKET_FIELDS, _NEEDED),
        _explain,
    ),
    Tool(
        "limits_status",
        "Limits and headroom",
        "Each limit of the policy in force with what is used and what is left, and your own budget of waiting orders.",
        schemas.schema_of(schemas.Limits),
        _limits,
    ),
    Tool(
        "market_snapshot",
        "Last recorded quotes",
        "The newest quotes of a symbol as the router recorded them, with their age. Not a market data feed.",
        schemas.schema_of(schemas.OfSymbol),
        _market,
    ),
    Tool(
        "positions",
        "Last recorded positions",
        "Positions of an account as the router recorded them last, with the time.",
        schemas.schema_of(schemas.OfAccount),
        _positions,
    ),
    Tool(
        "session_hours",
        "Trading hours",
        "Whether a symbol trades now and its regular session, as the broker told when the contract was resolved.",
        schemas.schema_of(schemas.OfSymbol),
        _hours,
    ),
    Tool(
        "kill_switch_status",
        "Read the kill switch",
        "Whether the kill switch is open (approved orders may pass) or closed (no new order leaves), since when and why.",
        schemas.schema_of(schemas.Nothing),
        _switch,
    ),
    Tool(
        "arm_kill_switch",
        "Close the kill switch",
        "Emergency stop: close the kill switch. No new order leaves and approvals not yet spent are taken back, of "
        "everybody. Only the operator can open it again.",
        schemas.schema_of(schemas.ArmKillSwitch),
        _arm,
        writes=True,
        stops=True,
    ),
)
BY_NAME = {tool.name: tool for tool in TOOLS}


def run_tool(desk: AgentDesk, name: str, arguments: Mapping[str, Any]) -> Answer:
    """Raises GatewayError; InvalidRequest for a name that is no tool's."""
    tool = BY_NAME.get(name)
    if tool is None:
        raise InvalidRequest(
            f"there is no tool {name!r}; {did_you_mean(name, tuple(BY_NAME), 'tools')}", user_action="list the tools"
        )
    return tool.run(desk, arguments)
