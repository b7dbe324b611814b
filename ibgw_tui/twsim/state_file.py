"""The file in which a TWS outlives its process: whole at every moment, and one process's at a time."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any, NoReturn


class Taken(OSError):
    """Another process holds the file."""


class StateFile:
    """Held from the moment it is made until it is closed. Raises Taken or OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = os.open(self._beside(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            if isinstance(error, BlockingIOError):
                raise Taken(f"{path} belongs to another running twsim") from None
            raise

    def read(self) -> dict[str, Any] | None:
        """What was written last; None when nothing ever was. Raises ValueError when it is damaged."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        data = json.loads(text, parse_float=_refuse_float)
        if not isinstance(data, dict):
            raise ValueError("it does not hold an object")
        return data

    def write(self, data: dict[str, Any]) -> None:
        """Replace the content in one step. Raises OSError, and then the old one stands."""
        draft = self._beside(".new")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(data, separators=(",", ":")))
        draft.replace(self._path)

    def close(self) -> None:
        os.close(self._lock)

    def _beside(self, ending: str) -> Path:
        return self._path.with_name(self._path.name + ending)


def _refuse_float(text: str) -> NoReturn:
    raise ValueError(f"{text} is a float; every number here is text or whole")
