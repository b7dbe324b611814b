"""Everything the CLI prints leaves through here: results on stdout, all else on stderr.

Two promises are kept in this one place. Foreign text (an agent's rationale, a broker's message) is
made harmless before a terminal or a parser sees it, in human and in JSON form. And with `--json`
stdout is exactly one document, also when something went wrong.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from ibgw_tui.core.text import harmless, one_line

SCHEMA_VERSION = 1

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2", "bold": "1"}


def document(body: Mapping[str, Any]) -> str:
    """The one JSON document of an answer: ASCII only, with its schema version first."""
    return json.dumps({"schema_version": SCHEMA_VERSION, **harmless(body)}, ensure_ascii=True, allow_nan=False)


def bare_line(body: Mapping[str, Any]) -> str:
    """A document without its version, for streams whose every line has a published form; made for many of them."""
    text = json.dumps(body, ensure_ascii=True, allow_nan=False)
    # Whatever is not harmless is written as an escape by now, but for DEL, which JSON does not mind.
    if "\\" in text or "\x7f" in text:
        return json.dumps(harmless(body), ensure_ascii=True, allow_nan=False)
    return text


class Console:
    """Where one invocation writes. Knows whether people or programs read it."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet

    def result(self, body: Mapping[str, Any], *lines: str) -> None:
        """The answer: `body` for programs, else `lines` for people. Lines are printed as they are built."""
        self._write("\n".join([document(body)] if self.as_json else lines))

    def line(self, body: Mapping[str, Any], text: str) -> None:
        """One of a stream of answers (a followed log): a JSON document a line, or a line of text."""
        self._write(document(body) if self.as_json else text)

    def bare(self, body: Mapping[str, Any], text: str) -> None:
        """One of a stream of answers whose JSON form is published to the letter (`explain --cases`)."""
        self._write(bare_line(body) if self.as_json else text)

    def note(self, text: str) -> None:
        """A remark beside the answer, on stderr; silent with --quiet."""
        if not self.quiet:
            print(one_line(text), file=sys.stderr, flush=True)

    def warn(self, text: str) -> None:
        """A remark that --quiet does not silence."""
        print(one_line(text), file=sys.stderr, flush=True)

    def failure(self, body: Mapping[str, Any]) -> None:
        """An error: one JSON object on stdout for programs, else sentences on stderr."""
        if self.as_json:
            self._write(document(body))
            return
        error = body["error"]
        problems, message = error["problems"], error["message"]
        lines = [f"ibgw: {one_line(message.split(': ', 1)[0] if problems else message)}"]
        lines += [f"  {one_line(problem)}" for problem in problems]
        lines += [
            f"  {finding['status']:<7} {one_line(finding['code'])}: {one_line(finding['message'])}"
            for finding in error["findings"]
            if finding["status"] in ("REFUSE", "UNKNOWN")
        ]
        if error["user_action"]:
            lines.append(f"what to do: {one_line(error['user_action'])}")
        print("\n".join(lines), file=sys.stderr, flush=True)

    def paint(self, text: str, colour: str) -> str:
        """`text` in a colour where a person looks at a terminal that wants one."""
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if _wants_colour(sys.stdout) else text

    def _write(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def _wants_colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> list[str]:
    """Aligned columns, two blanks apart; the last column is not padded. Cells are made harmless here."""
    cells = [[one_line(cell) for cell in row] for row in [headings, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    last = len(headings) - 1
    return [
        "  ".join(
            cell if column == last else cell.rjust(widths[column]) if column in right else cell.ljust(widths[column])
            for column, cell in enumerate(row)
        ).rstrip()
        for row in cells
    ]
