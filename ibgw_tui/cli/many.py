"""`stage --csv`: many orders from one table. All lines are read and checked before the first is staged.

A blank cell is an absent field. Options give what every line shares. With --key each line gets a key of its own, so
that the same file can be staged again after an interruption and nothing is staged twice.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from ibgw_tui.cli import sheets
from ibgw_tui.cli.commands import Globals
from ibgw_tui.cli.exits import Exit, exit_code
from ibgw_tui.cli.interruption import Interruption
from ibgw_tui.cli.order_input import check_request, read_bytes
from ibgw_tui.cli.session import as_agent
from ibgw_tui.core.error_table import error_body
from ibgw_tui.core.errors import GatewayError, InvalidRequest
from ibgw_tui.core.naming import did_you_mean
from ibgw_tui.core.orders import FIELDS
from ibgw_tui.core.text import one_line
from ibgw_tui.service import documents

_COLUMNS = (*(name for name in FIELDS if name != "modifies"), "key")
_TRUE = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def stage_many(state: Globals, source: str, shared: Mapping[str, Any], *, key: str | None, agent: str) -> int:
    """Stage every line. The exit code is that of the first line that failed, else 0."""
    lines = _read(source, shared, key)
    problems = []
    for number, data, line_key in lines:
        try:
            check_request(data, key=line_key, agent=agent)
        except InvalidRequest as error:
            problems += [f"line {number}: {problem}" for problem in error.problems]
    if problems:
        raise InvalidRequest(
            f"the table has {len(problems)} problem{'s' if len(problems) != 1 else ''}: {'; '.join(problems)}",
            user_action="correct what is named and stage the table again; nothing was recorded",
            problems=problems,
        )
    code, orders, told = Exit.OK, [], []
    with as_agent(state, agent) as side, Interruption() as interruption:
        for number, data, line_key in lines:
            if interruption.asked:
                code = Exit.INTERRUPTED
                told.append(f"line {number}: interrupted; this line and those after it were NOT staged")
                break
            try:
                staged = side.staging.stage(data, key=line_key)
            except GatewayError as error:
                code = code or exit_code(error)
                orders.append({"line": number, **error_body(error)})
                told.append(f"line {number}: NOT staged: {one_line(error.message)}")
                continue
            record = staged.record
            orders.append({"line": number, "order": documents.order_line(record), "replayed": staged.replayed})
            what = "already staged" if staged.replayed else "staged"
            told.append(f"line {number}: {what}: {record.order_ref}  {one_line(sheets.sentence(record))}")
    done = sum("order" in each for each in orders)
    summary = f"{done} of {len(lines)} orders staged for review. Nothing was sent: a person decides first."
    counts = {"staged": done, "failed": len(orders) - done, "not_tried": len(lines) - len(orders)}
    state.console.result({"orders": orders, **counts}, *told, summary)
    return code


def _read(source: str, shared: Mapping[str, Any], key: str | None) -> list[tuple[int, dict[str, Any], str | None]]:
    """(line number, data, key) of each order."""
    name = "stdin" if source == "-" else one_line(source, 200)
    try:
        rows = csv.DictReader(io.StringIO(read_bytes(source).decode("utf-8-sig"), newline=""), strict=True)
        head = [column.strip() for column in rows.fieldnames or ()]
        rows.fieldnames = head
        lines = [(rows.line_num, row) for row in rows]
    except OSError as error:
        raise _bad(name, f"cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise _bad(name, f"is not a CSV table: {error}") from error
    except ValueError as error:
        raise _bad(name, f"{error}; stage it in parts") from error
    unknown = [column for column in head if column not in _COLUMNS]
    twice = sorted({column for column in head if head.count(column) > 1})
    if unknown or twice or not lines:
        problems = [
            f"{column or 'a blank'}: is not a column; {did_you_mean(column, _COLUMNS, 'columns')}" for column in unknown
        ]
        problems += [f"{column}: is there more than once" for column in twice]
        raise _bad(name, "; ".join(problems) or "has no orders", problems)
    return [_line(number, row, shared, key) for number, row in lines]


def _line(
    number: int, row: dict[str | Any, Any], shared: Mapping[str, Any], key: str | None
) -> tuple[int, dict[str, Any], str | None]:
    if None in row or None in row.values():
        raise _bad(f"line {number}", "has another number of cells than the header")
    cells = {name: text.strip() for name, text in row.items() if text.strip()}
    own_key = cells.pop("key", None)
    data = {name: _cell(name, text) for name, text in cells.items()}
    return number, {**shared, **data}, own_key or (f"{key}-{number}" if key else None)


def _cell(name: str, text: str) -> Any:
    if name == "outside_hours":
        return _TRUE.get(text.lower(), text)
    return int(text) if name == "con_id" and text.isascii() and text.isdigit() and len(text) < 16 else text


def _bad(name: str, problem: str, problems: list[str] | None = None) -> InvalidRequest:
    return InvalidRequest(
        f"{name} {problem}",
        user_action="give a header such as symbol,side,quantity,limit_price and one order a line; nothing was recorded",
        problems=problems or (),
    )
