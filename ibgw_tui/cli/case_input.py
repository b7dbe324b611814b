"""Decision cases from a file or a pipe, one at a time, so that ten thousand need no more memory than one.

Usually one JSON object a line. Also read are one object printed over many lines, several of them, and
a JSON array: what `--case` prints and what an editor makes of it. What is wrong with one case is said
in its place and does not stop the others.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any, BinaryIO

from ibgw_tui.cli.order_input import no_twins
from ibgw_tui.core.case_sections import CaseSections
from ibgw_tui.core.cases import Case, parse_case
from ibgw_tui.core.errors import ErrorCode, InvalidRequest
from ibgw_tui.core.policy import LimitPolicy

LARGEST_LINE = 64 * 1024 * 1024
"""Bytes of one line (or of one object over many lines): an array of thousands of cases may be one."""
_BLANK = " \t\r\n\ufeff"
_REMEDY = "correct the case; see docs/cases.md. It was not decided"

# As `cases.read_json`, and what is given twice is refused: it has two meanings.
_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=lambda _: None, object_pairs_hook=no_twins)


@dataclass(frozen=True, slots=True)
class Given:
    """One case as it was given: either it can be decided, or `error` says why not."""

    line: int
    name: str | None
    case: Case | None
    error: InvalidRequest | None = None


Line = tuple[int, str | InvalidRequest]


def read_cases(stream: BinaryIO) -> Iterator[Given]:
    """Every case in a stream, in order; each is handed out before the next one is read."""
    lines = (
        (number, text) for number, text in _lines(stream) if isinstance(text, InvalidRequest) or text.strip(_BLANK)
    )
    first = next(lines, None)
    if first is None:
        return
    start = first[1] if isinstance(first[1], str) else ""
    if not _is_cut(start):
        yield from _one_a_line(chain([first], lines))
    elif start.lstrip(_BLANK).startswith("["):
        yield from _spread(chain([first], lines))
    else:
        # A first line that breaks off: the next one tells whether the object goes on or another one begins.
        second = next(lines, None)
        begins = second is None or not isinstance(second[1], str) or second[1].startswith("{")
        read = _one_a_line if begins else _spread
        yield from read(chain([first], [second] if second else [], lines))


def _lines(stream: BinaryIO) -> Iterator[Line]:
    number = 0
    while raw := stream.readline(LARGEST_LINE):
        number += 1
        if len(raw) >= LARGEST_LINE and not raw.endswith(b"\n"):
            while (more := stream.readline(LARGEST_LINE)) and not more.endswith(b"\n"):
                pass
            yield number, _bad(f"is longer than {LARGEST_LINE // 2**20} MB")
            continue
        try:
            yield number, raw.decode("utf-8")
        except UnicodeDecodeError as error:
            yield number, _bad(f"is not UTF-8 text (byte {error.start})")


def _is_cut(text: str) -> bool:
    """Whether this is the beginning of an object or an array that ends later."""
    text = text.strip(_BLANK)
    if not text.startswith(("{", "[")):
        return False
    try:
        _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        return error.pos >= len(text)
    except (ValueError, RecursionError):
        return False
    return False


def _one_a_line(lines: Iterator[Line]) -> Iterator[Given]:
    for number, text in lines:
        if isinstance(text, InvalidRequest):
            yield Given(number, None, None, text)
            continue
        text = text.strip(_BLANK)
        value, end, error = _decoded(text)
        if error is None and end < len(text):
            error = _bad(f"has something after the case, at column {end + 1}; give one case a line")
        if error is not None:
            yield Given(number, None, None, error)
        else:
            yield from (_given(number, each) for each in (value if isinstance(value, list) else [value]))


def _spread(lines: Iterator[Line]) -> Iterator[Given]:
    """Objects that go over several lines, by themselves or in one array."""
    text, start, open_at, size = "", 0, 0, 0
    for number, more in lines:
        if isinstance(more, InvalidRequest):
            yield Given(number, None, None, more)
            return
        start = start if text else number
        text, size = text + more, size + len(more)
        if size > LARGEST_LINE:
            yield Given(start, None, None, _bad(f"is longer than {LARGEST_LINE // 2**20} MB"))
            return
        while rest := text.lstrip(_BLANK + ","):
            start += text.count("\n", 0, len(text) - len(rest))
            text = rest
            if text[0] in "[]":
                open_at = start if text[0] == "[" else 0
                text = text[1:]
                continue
            if more.rstrip(_BLANK + ",")[-1:] not in "}]":
                break  # it cannot end here: parsing it now would be parsing it again with every line
            value, end, error = _decoded(text)
            if error is not None and _is_cut(text):
                break
            if error is not None:
                # Where the next case begins cannot be told any more.
                yield Given(start, None, None, error)
                return
            yield _given(start, value)
            start += text.count("\n", 0, end)
            text, size = text[end:], 0
        else:
            text = ""
    if text:
        yield Given(start, None, None, _decoded(text)[2] or _bad("breaks off"))
    elif open_at:
        yield Given(open_at, None, None, _bad("is an array that is not closed: the end of the file is missing"))


def _decoded(text: str) -> tuple[Any, int, InvalidRequest | None]:
    """The first JSON value in a text, and where it ends."""
    try:
        value, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        return None, 0, _bad(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno} of the case")
    except RecursionError:
        return None, 0, _bad("is nested too deeply")
    except ValueError as error:
        return None, 0, _bad(f"is not valid: {error}")
    return value, end, None


def _given(line: int, data: Any) -> Given:
    if not isinstance(data, dict):
        return Given(line, None, None, _bad("is no JSON object"))
    name = data.get("case")
    name = name if isinstance(name, str) else None
    try:
        return Given(line, name, parse_case(data))
    except InvalidRequest as error:
        return Given(line, name, None, _explained(error))


def _explained(error: InvalidRequest) -> InvalidRequest:
    """The same with the name that was probably meant, and with the code of whose section is wrong."""
    problems = [_with_nearest_key(_with_table(problem)) for problem in error.problems]
    is_order = bool(problems) and all(problem.startswith("order.") for problem in problems)
    code = ErrorCode.ORDER_VALIDATION_FAILED if is_order else error.code
    return InvalidRequest("; ".join(problems), user_action=error.user_action, code=code, problems=problems)


def _with_table(problem: str) -> str:
    """Problems of policies are told below the id of the policy, which may be any word."""
    path, _, text = problem.partition(": ")
    first, dot, _ = path.partition(".")
    is_section = (
        first in CaseSections.model_fields or first == "request" or (not dot and text.startswith("is not a key"))
    )
    return problem if is_section else f"policies.{problem}"


def _with_nearest_key(problem: str) -> str:
    path, _, text = problem.partition(": ")
    section, _, key = path.rpartition(".")
    if not text.startswith("is not a key"):
        return problem
    fields: Any = CaseSections.model_fields
    if section.startswith("policies."):
        fields = LimitPolicy.model_fields
    elif section:
        kind: Any = fields[section].annotation if section in fields else None
        parts = getattr(kind, "__args__", (kind,))
        fields = next((part.model_fields for part in parts if hasattr(part, "model_fields")), {})
    near = difflib.get_close_matches(key, fields, n=1, cutoff=0.6)
    return f"{problem}; did you mean {near[0]}?" if near else problem


def _bad(problem: str) -> InvalidRequest:
    return InvalidRequest(f"the case {problem}", user_action=_REMEDY, problems=[problem])
