"""A copy of the whole store that counts: made while others write, in one step, private, and read back before it is told.

In one step, because a stepped copy starts over whenever somebody commits and beside a busy agent never
ends. Never by copying the file: without its log it is yesterday's store that looks sound, and opening it
in a process that has it open would drop that process's locks.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from ibgw_tui.core.errors import InvalidRequest
from ibgw_tui.store.chain import Progress
from ibgw_tui.store.database import Waiter, check_library
from ibgw_tui.store.failures import reachable, translated
from ibgw_tui.store.inspection import Contents, verified

_LOOK_SECONDS = 0.1

Telling = Callable[[str, int, int], None]
"""(what is being done, how much of it is done, how much there is)"""


def back_up(source: Path, target: Path, *, progress: Telling | None = None) -> Contents:
    """Copy the store at `source` to the new file `target`, 0600, and verify the copy; what it holds.

    `target` gets its name only when it was found sound. Raises InvalidRequest (it exists), OrderStoreError.
    """
    with reachable(), _reserved(target) as unfinished:
        copy_database(source, unfinished, progress=part(progress, "copying"))
        contents = verified(unfinished, what="the copy", progress=part(progress, "verifying"))
        sync(unfinished)
        unfinished.replace(target)
        sync(target.parent)
    return contents


@contextmanager
def _reserved(target: Path) -> Iterator[Path]:
    """The name `target` held by an empty file, and a private empty file beside it to work on. Both go on failure."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = target.with_name(f"{target.name}.unfinished-{os.getpid()}")
    try:
        make_empty(target)
    except FileExistsError as error:
        raise InvalidRequest(
            f"{target} exists already; a backup is never overwritten", user_action="name a new file"
        ) from error
    try:
        make_empty(unfinished)
        yield unfinished
    except BaseException:
        for path in (target, unfinished):
            path.unlink(missing_ok=True)
        raise
    finally:
        for suffix in ("-journal", "-wal", "-shm"):
            Path(f"{unfinished}{suffix}").unlink(missing_ok=True)


def part(progress: Telling | None, what: str) -> Progress | None:
    """The same for one of several pieces of work."""
    if progress is None:
        return None
    tell = progress
    return lambda done, total: tell(what, done, total)


def make_empty(path: Path) -> None:
    """A new, empty, private file. Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """What was written to this file or folder survives a power cut. Not for a database that is open here."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_database(source: Path, target: Path, *, progress: Progress | None = None) -> None:
    """All pages of `source` into the empty file `target`, as one file without a log beside it."""
    check_library()
    with contextlib.ExitStack() as stack, translated():
        origin = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
        stack.callback(origin.close)
        origin.set_busy_handler(Waiter())
        copy = apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)
        stack.callback(copy.close)
        with _watched(origin, target, progress), copy.backup("main", origin, "main") as backup:
            while not backup.done:
                backup.step(-1)
        copy.execute("PRAGMA journal_mode = delete").fetchall()


@contextmanager
def _watched(origin: apsw.Connection, target: Path, progress: Progress | None) -> Iterator[None]:
    """Tells how large the copy has become: one step has no milestones of its own."""
    if progress is None:
        yield
        return
    pages, size = (int(str(origin.execute(f"PRAGMA {name}").fetchall()[0][0])) for name in ("page_count", "page_size"))
    total, finished = max(1, pages * size), threading.Event()

    def watch() -> None:
        while not finished.wait(_LOOK_SECONDS):
            with contextlib.suppress(OSError):
                progress(min(total - 1, target.stat().st_size), total)

    watcher = threading.Thread(target=watch, name="backup progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()
    progress(total, total)
