"""One JSON file that is whole at every moment, and belongs to one process at a time.

A market that lost a working order with a killed terminal would teach the wrong lesson about crashes;
so would two terminals that trade from one file. The lock ends with the process that holds it.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any, NoReturn


class Taken(Exception):
    """Another process holds the file."""


class StateFile:
    """Readable and writable while held: by its owner only, synced to disk, replaced in one step."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @property
    def is_held(self) -> bool:
        return self._lock is not None

    def hold(self) -> None:
        """Take the file for this process. Raises Taken or OSError."""
        if self._lock is not None:
            return
        lock = os.open(self._beside(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise Taken(str(self.path)) from None
        except OSError:
            os.close(lock)
            raise
        self._lock = lock

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read(self) -> dict[str, Any] | None:
        """What was written last; None when nothing ever was. Raises ValueError when it is damaged."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        data = json.loads(text, parse_float=_refuse_float)
        if not isinstance(data, dict):
            raise ValueError("it does not hold an object")
        return data

    def write(self, data: dict[str, Any]) -> None:
        """Replace the content; it is on disk when this returns. Raises OSError, and then the old one stands."""
        assert self._lock is not None, "only the holder writes"
        text = json.dumps(data, separators=(",", ":"))  # in one go: writing while encoding is far slower
        draft = self._beside(".new")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _beside(self, ending: str) -> Path:
        return self.path.with_name(self.path.name + ending)


def _refuse_float(text: str) -> NoReturn:
    raise ValueError(f"{text} is a float; every number here is text or whole")
