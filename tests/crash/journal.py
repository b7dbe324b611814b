"""What a worker was told, written down before it goes on: an acknowledgement that nobody may lose.

One line each in a file of its own, appended and synced; a line that was cut by a kill was not said.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_FOLDER = "journal"
_SUFFIX = ".jsonl"


class Journal:
    """Of one process."""

    def __init__(self, desk: Path, name: str) -> None:
        folder = desk / _FOLDER
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}-{os.getpid()}{_SUFFIX}"
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def acknowledged(self, act: str, order_ref: str = "", **detail: Any) -> None:
        """The service returned: this has happened for good."""
        self._write({"act": act, "order_ref": order_ref, **detail})

    def wanted(self, **detail: Any) -> None:
        """About to be asked for: if no acknowledgement follows, asking again must be safe."""
        self._write({"act": "wanted", **detail})

    def note(self, **detail: Any) -> None:
        """For the one who reads the journal; nothing is checked against it."""
        self._write({"act": "note", **detail})

    def counted(self, operation: str, statements: int, commits: list[int]) -> None:
        """The whole operation was done without dying: how many statements it has, and which of them commit."""
        self._write({"act": "counted", "operation": operation, "statements": statements, "commits": commits})

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._handle, (json.dumps(line) + "\n").encode())
        os.fdatasync(self._handle)


def read_journals(desk: Path) -> Iterator[dict[str, Any]]:
    """Every whole line of every process of the desk."""
    for path in sorted((desk / _FOLDER).glob("*" + _SUFFIX)):
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                yield json.loads(line)
