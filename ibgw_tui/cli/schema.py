"""`schema`: the forms that programs read and write, as JSON Schema or as a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from ibgw_tui.cli.commands import Globals, command


def _order() -> dict[str, Any]:
    from ibgw_tui.core.field_help import FIELD_HELP
    from ibgw_tui.core.orders import OrderIntent

    schema = OrderIntent.model_json_schema()
    for name, field in schema["properties"].items():
        field |= {"description": FIELD_HELP[name].words, "examples": [FIELD_HELP[name].example]}
    return schema


def _policy() -> dict[str, Any]:
    from ibgw_tui.core.policy import LimitPolicy

    return LimitPolicy.model_json_schema()


def _case() -> dict[str, Any]:
    from ibgw_tui.core.case_sections import CaseSections

    return CaseSections.model_json_schema()


def _errors() -> dict[str, Any]:
    from ibgw_tui.core.error_table import ERRORS

    return {str(code): row._asdict() for code, row in ERRORS.items()}


def _exit_codes() -> dict[str, Any]:
    from ibgw_tui.cli.exits import MEANING, Exit

    return {str(code.value): MEANING[code] for code in Exit}


FORMS: dict[str, Callable[[], dict[str, Any]]] = {
    "order": _order,
    "policy": _policy,
    "case": _case,
    "errors": _errors,
    "exit-codes": _exit_codes,
}


@command(
    "schema",
    help="The form of an order, a policy or a case as JSON Schema; all error codes; all exit codes.",
    examples="""
        ibgw schema order > order.schema.json
        ibgw schema errors --json
    """,
)
@click.argument("form", type=click.Choice(list(FORMS)))
def schema(state: Globals, form: str) -> None:
    found = FORMS[form]()
    state.console.result({"form": form, "schema": found}, json.dumps(found, indent=2, ensure_ascii=True))
