"""One JSON file that is whole at every moment, and belongs to one process at a time.

Simulated markets outlive their process in one, and so do the order ids that must never be used twice. A
market that lost a working order with a killed terminal would teach the wrong lesson about crashes; so would
two terminals that trade from one file. The lock ends with the process that holds it.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any, NoReturn


class Taken(OSError):
    """Another process holds the file."""


class StateFile:
    """Readable and writable while held: by its owner only, replaced in one step.

    `durable`: on disk when a write returns. What may lose its last moment with the machine does without.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path
        self._durable = durable
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
            raise Taken(f"{self.path} belongs to another running process") from None
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
        """Replace the content. Raises OSError, and then the old one stands."""
        assert self._lock is not None, "only the holder writes"
        text = json.dumps(data, separators=(",", ":"))  # in one go: writing while encoding is far slower
        draft = self._beside(".new")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
            if self._durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(self.path)
        if self._durable:
            self._sync_folder()

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _beside(self, ending: str) -> Path:
        return self.path.with_name(self.path.name + ending)


def _refuse_float(text: str) -> NoReturn:
    raise ValueError(f"{text} is a float; every number here is text or whole")
