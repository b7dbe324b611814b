"""The file on disk: private, local, single-named, and still the one that was opened.

SQLite guards what is inside the file; nobody but us guards the file itself. A database with two names,
on a network share, or swapped under a running process is written by two writers that do not see each
other. Everything here looks by path only: opening and closing a database file in a process that has it
open would drop that process's locks.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
from pathlib import Path

from ibgw_tui.core.errors import OrderStoreError, SettingsError

_REMOTE = ("nfs", "cifs", "smb", "9p", "fuse.", "afs", "ceph", "glusterfs", "lustre", "virtiofs", "vboxsf")
_OTHERS = 0o077
_creating = threading.Lock()
"""Creating closes a descriptor of the file: no other thread may have begun to use it."""

Identity = tuple[tuple[int, int] | None, ...]


def prepare(path: Path, *, read_only: bool) -> None:
    """Folder 0700, file 0600 whatever the umask, on a local disk. Creates both unless `read_only`."""
    if path.is_symlink():
        # The kill switch's file and the doorbell lie beside the database: two folders would be two switches.
        raise SettingsError(
            f"{path} is a symbolic link", user_action=f"set desk.home to the folder of {path.resolve()} itself"
        )
    folder = path.parent
    if not read_only:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kind = filesystem(folder)
    if kind.startswith(_REMOTE):
        raise SettingsError(
            f"{folder} is on {kind}, which cannot be shared safely by several processes",
            user_action="set desk.home to a folder on a local disk",
        )
    if read_only:
        return
    _make_private(folder)
    with _creating, contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
    _make_private(path)
    _free_side_files(path)


def _free_side_files(path: Path) -> None:
    """Log and index take the mode of the database when they are made, and keep it when the database gets a better one.

    A database that was read-only for an hour must be writable again when it is itself.
    """
    writable = stat.S_IMODE(path.stat().st_mode) & stat.S_IWUSR
    for side in (Path(f"{path}-wal"), Path(f"{path}-shm")):
        with contextlib.suppress(FileNotFoundError):
            found = side.stat()
            if writable and not found.st_mode & stat.S_IWUSR and found.st_uid == os.getuid():
                side.chmod(0o600)


def _make_private(path: Path) -> None:
    found = path.stat()
    if os.getuid() not in (0, found.st_uid):
        raise SettingsError(
            f"{path} belongs to another user", user_action="set desk.home to a folder of your own, or fix its owner"
        )
    if not stat.S_IMODE(found.st_mode) & _OTHERS:
        return
    if found.st_mode & stat.S_ISVTX:
        raise SettingsError(
            f"{path} is a folder that many users share", user_action="set desk.home to a folder of your own"
        )
    path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)


def identity(path: Path) -> Identity:
    """Which files these are: the database, and the log and index beside it where they are there."""
    found = path.stat()
    if found.st_nlink != 1:
        raise OrderStoreError(
            f"{path.name} has {found.st_nlink} names (hard links): two processes could write past each other",
            user_action="remove the other link",
            retryable=False,
        )
    return ((found.st_dev, found.st_ino), _side_file(path, "-wal"), _side_file(path, "-shm"))


def _side_file(path: Path, suffix: str) -> tuple[int, int] | None:
    try:
        found = os.stat(f"{path}{suffix}")  # noqa: PTH116 - on the way of every write
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def filesystem(folder: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """Type of the file system, from the mount table; empty where there is none."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    target, best, kind = f"{folder.resolve()}/", "", ""
    for words in (line.split() for line in lines):
        if len(words) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), words[1])
        prefix = point.rstrip("/") + "/"
        # A later line covers an earlier one at the same point.
        if target.startswith(prefix) and len(prefix) >= len(best):
            best, kind = prefix, words[2]
    return kind
