"""Tells other processes that something was committed: a Unix datagram that carries nothing.

Watching the file wakes too early (it is written before the commit is visible) and polling wakes too
late. Each listener binds a socket in a private folder; a writer rings all of them and ignores errors.
A lost ring is harmless: every listener also looks once a second.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import socket
import stat
import tempfile
from pathlib import Path

_LONGEST_PATH = 90
_numbers = itertools.count(1)


def bell_folder(database: Path) -> Path:
    """Beside the database, or (where that path is too long for a socket) in a private temporary folder."""
    folder = database.parent / "run"
    if len(os.fsencode(folder)) <= _LONGEST_PATH - 20:
        return folder
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"ibgw-{os.getuid()}-{name}"


def _is_private(folder: Path) -> bool:
    """Ours and closed to others: a temporary folder might have been made by somebody else first."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077


class Doorbell:
    """Rings every listener of one desk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def ring(self) -> None:
        if not _is_private(self._folder):
            return
        with contextlib.suppress(OSError):
            for path in self._folder.glob("*.sock"):
                self._ring_one(path)

    def _ring_one(self, path: Path) -> None:
        try:
            self._socket.sendto(b"", str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            with contextlib.suppress(OSError):
                path.unlink()  # its listener is gone
        except OSError:
            pass  # a full queue: it has been rung already

    def close(self) -> None:
        self._socket.close()


class Listener:
    """A socket that becomes readable when the doorbell rings."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{os.getpid()}-{next(_numbers)}.sock"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._socket.bind(str(self._path))

    def fileno(self) -> int:
        return self._socket.fileno()

    def drain(self) -> None:
        """Take all rings that wait."""
        with contextlib.suppress(OSError):
            while True:
                self._socket.recv(16)

    def close(self) -> None:
        self._socket.close()
        with contextlib.suppress(OSError):
            self._path.unlink()
