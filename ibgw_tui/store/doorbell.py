"""Tells other processes that something was committed: a Unix datagram that carries nothing.

Watching the file wakes too early (it is written before the commit is visible) and polling wakes too
late. Each listener binds a socket in a private folder; a writer rings all of them and ignores errors.
A lost ring is harmless: every listener also looks once a second. So nothing here ever raises: a bell
that cannot be hung is a bell that does not ring.
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
"""A socket's path has about 100 bytes, the name in the folder up to 20 of them."""
_numbers = itertools.count(1)


def bell_folder(database: Path) -> Path:
    """Beside the database, or (where that path is too long for a socket) in a private temporary folder.

    From the resolved path: every process must come to the same answer, however it names the folder.
    """
    folder = database.parent.resolve() / "run"
    if len(os.fsencode(folder)) <= _LONGEST_PATH - 20:
        return folder
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"ibgw-{os.getuid()}-{name}"


def _is_private(folder: Path) -> bool:
    """Ours and closed to others: a temporary folder might have been made by somebody else first."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077


def _hung(folder: Path) -> bool:
    """The folder exists and is private, if need be from now on."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    found = os.lstat(folder)
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
    return _is_private(folder)


class Doorbell:
    """Rings every listener of one desk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def ring(self) -> None:
        if not _is_private(self._folder):
            return
        with contextlib.suppress(OSError), os.scandir(self._folder) as found:
            for entry in found:
                if entry.name.endswith(".sock"):
                    self._ring_one(entry.path)

    def _ring_one(self, path: str) -> None:
        try:
            self._socket.sendto(b"", path)
        except (ConnectionRefusedError, FileNotFoundError):
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108 - its listener is gone
        except OSError:
            pass  # a full queue: it has been rung already

    def close(self) -> None:
        self._socket.close()


class Listener:
    """A socket that becomes readable when the doorbell rings."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{os.getpid()}-{next(_numbers)}.sock"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        # Twice, because the last listener of another process may take the empty folder away in between.
        if not self._bind(folder):
            self._bind(folder)

    def _bind(self, folder: Path) -> bool:
        try:
            if _hung(folder):
                self._path.unlink(missing_ok=True)  # of an earlier process with our number
                self._socket.bind(str(self._path))
        except OSError:
            return False
        return True

    def fileno(self) -> int:
        return self._socket.fileno()

    def drain(self) -> None:
        """Take all rings that wait."""
        with contextlib.suppress(OSError):
            while True:
                self._socket.recv(16)

    def close(self) -> None:
        """Closing twice is closing once."""
        self._socket.close()
        with contextlib.suppress(OSError):
            self._path.unlink()
            self._path.parent.rmdir()  # only if nobody else listens; it may lie in a temporary folder
