"""From flags and files to the data of one order. Says everything that is wrong in one answer.

What a field means is known to `core.orders` alone. This module knows only where the text came from:
it keeps digits as text and refuses what JSON is too forgiving about.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ibgw_tui.core.errors import ErrorCode, InvalidRequest
from ibgw_tui.core.orders import parse_intent
from ibgw_tui.core.terms import IdempotencyKey, PrincipalName
from ibgw_tui.core.text import one_line, sanitise

LARGEST_FILE = 32 * 1024 * 1024
"""Bytes of an order file. Far above any order, so that a long rationale is told what is wrong with it."""

_KEY: TypeAdapter[str] = TypeAdapter(IdempotencyKey)
_NAME: TypeAdapter[str] = TypeAdapter(PrincipalName)


def read_order_file(source: str) -> dict[str, Any]:
    """The JSON object in a file, or on stdin for '-'. Raises InvalidRequest."""
    name = "stdin" if source == "-" else source
    try:
        raw = read_bytes(source)
    except OSError as error:
        raise _bad_file(name, f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise _bad_file(name, f"{error}; an order is one small JSON object") from error
    if not raw.strip():
        raise _bad_file(name, "is empty; give one JSON object")
    try:
        data = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=no_twins, parse_constant=str)
    except UnicodeDecodeError as error:
        raise _bad_file(name, f"is not UTF-8 text (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise _bad_file(name, f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise _bad_file(name, "is nested too deeply; give one flat JSON object") from error
    except ValueError as error:
        raise _bad_file(name, f"is not valid: {error}") from error
    if not isinstance(data, dict):
        raise _bad_file(name, f"holds a JSON {_json_word(data)}; give one JSON object")
    return data


def read_bytes(source: str) -> bytes:
    """All of a file, or of stdin for '-'. Raises OSError; ValueError for more than LARGEST_FILE: a part is no answer."""
    if source == "-":
        raw = sys.stdin.buffer.read(LARGEST_FILE + 1)
    else:
        with Path(source).open("rb") as file:
            raw = file.read(LARGEST_FILE + 1)
    if len(raw) > LARGEST_FILE:
        raise ValueError(f"is larger than {LARGEST_FILE // 2**20} MB")
    return raw


def _bad_file(name: str, problem: str) -> InvalidRequest:
    return InvalidRequest(
        f"{one_line(name, 200)} {problem}",
        user_action='give an object such as {"account": "DU1234567", "symbol": "AAPL", "side": "buy", ...}; '
        "nothing was recorded",
    )


def no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A field given twice has two meanings: refuse rather than take the last."""
    data = dict(pairs)
    if len(data) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"it gives {', '.join(map(repr, twice))} more than once")
    return data


def _json_word(value: Any) -> str:
    words = {list: "array", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return words.get(type(value), "value")


def check_request(data: Mapping[str, Any], *, key: str | None, agent: str) -> None:
    """Raise one InvalidRequest with every problem of the order, its key and the caller's name."""
    problems: list[str] = []
    code: ErrorCode | None = None
    if not _fits(_NAME, agent):
        problems.append(f"agent: {_shown(agent)} is not a name; use letters, digits and . _ @ - (at most 64)")
    if key is not None and not _fits(_KEY, key):
        problems.append(
            "key: is blank; give 1 to 128 printable ASCII characters"
            if not key.strip()
            else f"key: {_shown(key)} is not a key; give 1 to 128 printable ASCII characters without blanks around"
        )
    torn = [name for name, value in data.items() if isinstance(value, str) and _is_torn(value)]
    problems += [f"{name}: has bytes that are not UTF-8 text" for name in torn]
    try:
        parse_intent({name: sanitise(value) if name in torn else value for name, value in data.items()})
    except InvalidRequest as error:
        code = error.code
        problems += error.problems
    if problems:
        raise InvalidRequest(
            f"the order has {len(problems)} problem{'s' if len(problems) != 1 else ''}: {'; '.join(problems)}",
            user_action="correct what is named and stage the order again; nothing was recorded",
            code=code or ErrorCode.ORDER_VALIDATION_FAILED,
            problems=problems,
        )


def _fits(kind: TypeAdapter[str], text: str) -> bool:
    try:
        kind.validate_python(text)
    except ValidationError:
        return False
    return True


def _is_torn(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _shown(text: str) -> str:
    return repr(one_line(text, 40))
