"""Every error of every door is a row of one table."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ibgw_tui.cli.exits import BY_CLASS, exit_code
from ibgw_tui.core import errors
from ibgw_tui.core.error_table import ERRORS, INTERRUPTED, UNEXPECTED, error_body
from ibgw_tui.core.errors import ErrorCode, GatewayError
from ibgw_tui.core.lifecycle import Actor, IllegalTransition, Signal, Status
from tests.sources import parsed

PACKAGE = Path(__file__).resolve().parents[2] / "ibgw_tui"


def test_each_code_has_one_row_in_the_order_of_the_enum() -> None:
    assert list(ERRORS) == [*ErrorCode, UNEXPECTED, INTERRUPTED]


@pytest.mark.parametrize("code", ERRORS)
def test_each_row_says_what_it_means_and_what_to_do(code: str) -> None:
    row = ERRORS[code]
    assert len(row.meaning) > 10 and len(row.remedy) > 10 and row.retry
    assert not row.meaning.endswith(".") and not row.remedy.endswith(".")


def test_no_code_is_written_anywhere_but_in_the_enum() -> None:
    """A code given as text would miss its row."""
    names = {code.value for code in ErrorCode}
    allowed = {"errors.py", "error_table.py"}
    found = [
        f"{path.name}:{keyword.value.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path.name not in allowed
        for keyword in ast.walk(parsed(path))
        if isinstance(keyword, ast.keyword) and keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
        if keyword.value.value in names
    ]
    assert not found


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidRequest("x", problems=["a: b"]),
        errors.NotPermitted("x", code=ErrorCode.AUTH_SELF_APPROVAL),
        errors.OutcomeUnknown("x"),
        IllegalTransition(Status.FILLED, Signal.WITHDRAW, Actor.AGENT),
        ZeroDivisionError("x"),
        KeyboardInterrupt("x"),
    ],
)
def test_every_error_has_the_one_form_and_a_code_of_the_table(error: BaseException) -> None:
    body = error_body(error)["error"]
    assert set(body) == {"code", "message", "findings", "user_action", "retryable", "problems"}
    assert body["code"] in ERRORS and type(body["code"]) is str
    assert exit_code(error)


def test_every_kind_of_error_has_a_code_of_the_table() -> None:
    kinds = [kind for kind, _ in BY_CLASS if issubclass(kind, GatewayError)]
    assert kinds and all(kind.code in ERRORS for kind in kinds)
