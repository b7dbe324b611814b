"""The arguments of each tool: strict models and the JSON schemas that clients are shown.

Order fields come from `core.orders`, so that a schema cannot promise what the core does not take. Money and
quantities are text with a pattern: JSON numbers are floats on the way. What is not named here is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ibgw_tui.core.errors import InvalidRequest
from ibgw_tui.core.field_help import FIELD_HELP
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import EXIT_FIELDS, FIELDS, OrderIntent, describe_problems
from ibgw_tui.core.terms import AccountId, IdempotencyKey, OrderRef, Symbol

ORDER_FIELDS = tuple(name for name in FIELDS if name not in ("modifies", *EXIT_FIELDS))
BRACKET_FIELDS = tuple(name for name in FIELDS if name != "modifies")
CHANGEABLE = ("quantity", "limit_price", "stop_price", "trailing_amount", "trailing_percent", "rationale")


class Arguments(BaseModel):
    """Base of every tool's arguments."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Key = Annotated[
    IdempotencyKey,
    Field(
        description="Your name for this one request: 1 to 128 printable ASCII characters. Asking again with the same key "
        "and the same arguments returns the first result and does nothing new, so a lost answer is safe to ask for again.",
        examples=["rebalance-2026-11-23-AAPL"],
    ),
]
Ref = Annotated[
    OrderRef,
    Field(
        description="Order reference as stage_order returned it, or its last 4 or more characters if they are unique.",
        examples=["o-7k3m9q2x4d"],
    ),
]
Account = Annotated[AccountId, Field(description="Brokerage account.", examples=["DU1234567"])]
Ticker = Annotated[Symbol, Field(description="Symbol in upper case.", examples=["AAPL"])]
Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=400,
        description="Why, in a sentence that people will read.",
        examples=["signal is gone"],
    ),
]


class Nothing(Arguments):
    """No arguments."""


class OneOrder(Arguments):
    order_ref: Ref


class OrderStatus(OneOrder):
    all_findings: bool = Field(False, description="Also the checks that pass, with their numbers.")


class Withdraw(OneOrder):
    reason: Reason


class Cancel(OneOrder):
    idempotency_key: Key | None = Field(None, description="Optional: asking twice is harmless as it is.")


class ListOrders(Arguments):
    statuses: list[Annotated[str, Field(json_schema_extra={"enum": [status.value for status in Status]})]] | None = (
        Field(
            None,
            description="Only orders in these statuses; absent: those that have not ended.",
            examples=[["pending"]],
        )
    )
    limit: int = Field(50, ge=1, le=200, description="At most so many, newest first.")


class WaitForChange(Arguments):
    order_ref: Ref | None = Field(None, description="Wait for this order; absent: for any order of yours.")
    cursor: int | None = Field(
        None,
        ge=0,
        description="The cursor of the last answer (staging returns one): nothing after it is missed. Absent: from now on.",
        examples=[42],
    )
    timeout_seconds: int = Field(20, ge=0, le=25, description="Longest time to wait, in seconds. 0: only look.")


class Limits(Arguments):
    account: Account
    symbol: Ticker | None = Field(None, description="With the tighter numbers of this symbol, where there are any.")


class OfAccount(Arguments):
    account: Account


class OfSymbol(Arguments):
    symbol: Ticker


class ArmKillSwitch(Arguments):
    reason: Reason


def read(model: type[Arguments], data: Mapping[str, Any]) -> Any:
    """The arguments as a value. Raises InvalidRequest that names every problem."""
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        names = tuple(model.model_fields)
        raise refused(describe_problems(error, ("an argument of this tool", "arguments", names))) from error


def refused(problems: Sequence[str]) -> InvalidRequest:
    return InvalidRequest(
        f"the call has {len(problems)} problem{'s' if len(problems) != 1 else ''}: {'; '.join(problems)}",
        user_action="correct the named arguments and call again; nothing was done",
        problems=problems,
    )


# ---- schemas


def schema_of(model: type[Arguments]) -> dict[str, Any]:
    """The model's schema with its references written out: some clients do not follow them."""
    return _closed(_inlined(model.model_json_schema()))


def order_schema(
    fields: Sequence[str], required: Sequence[str], more: type[Arguments] | None = None, *, removable: bool = False
) -> dict[str, Any]:
    """A schema of these fields of an order, and of the arguments of `more`. `removable` fields may be null."""
    whole = _inlined(OrderIntent.model_json_schema())["properties"]
    head = schema_of(more) if more else {"properties": {}, "required": []}
    told = {name: _told(name, whole[name]) for name in fields}
    if removable:
        told = {name: _or_null(field) for name, field in told.items()}
    properties = {**head["properties"], **told}
    return {
        "type": "object",
        "properties": properties,
        "required": [*head.get("required", []), *required],
        "additionalProperties": False,
    }


def _or_null(field: dict[str, Any]) -> dict[str, Any]:
    words = _words(field)
    kept = {name: value for name, value in field.items() if name not in (*words, "default")}
    return {"anyOf": [kept, {"type": "null"}], **words}


def _told(name: str, field: dict[str, Any]) -> dict[str, Any]:
    help_ = FIELD_HELP[name]
    return {**field, "description": help_.words, "examples": [help_.example]}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    definitions = schema.pop("$defs", {})

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(item) for item in node]
        if not isinstance(node, dict):
            return node
        choices = [choice for choice in node.get("anyOf", ()) if choice != {"type": "null"}]
        if len(choices) == 1:  # an argument that may be left out is left out, not null
            rest = {name: value for name, value in node.items() if name not in ("anyOf", "default")}
            node = {**rest, **choices[0], **_words(node)}
        if "$ref" in node:
            found = definitions[node["$ref"].rpartition("/")[2]]
            node = {**found, **{name: value for name, value in node.items() if name != "$ref"}}
        return {name: walk(value) for name, value in node.items() if name != "title" or not isinstance(value, str)}

    inlined = walk(schema)
    assert isinstance(inlined, dict)
    return inlined


def _words(node: Mapping[str, Any]) -> dict[str, Any]:
    return {name: node[name] for name in ("description", "examples") if name in node}


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": schema.get("properties", {}),
        "required": schema.get("required", []),
        "additionalProperties": False,
    }
