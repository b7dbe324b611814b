"""The operating system's files below SQLite, with every sync counted where SQLite asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import apsw


@dataclass
class Counts:
    syncs: int = 0
    written: int = 0
    """Bytes."""


class _File(apsw.VFSFile):
    def __init__(self, below: str, name: str | apsw.URIFilename | None, flags: list[int], counts: Counts) -> None:
        super().__init__(below, name, flags)
        self._counts = counts

    def xSync(self, flags: int) -> None:  # noqa: N802 - the library's name
        self._counts.syncs += 1
        super().xSync(flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._counts.written += len(data)
        super().xWrite(data, offset)


class _Disk(apsw.VFS):
    def __init__(self, below: str, counts: Counts) -> None:
        self._below, self._counts = below, counts
        super().__init__("counting", below, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _File:  # noqa: N802
        return _File(self._below, name, flags, self._counts)


@contextmanager
def counted() -> Iterator[Counts]:
    """Counts for every database that is opened inside; close them inside, too."""
    counts, before = Counts(), apsw.vfs_names()[0]
    disk = _Disk(before, counts)
    try:
        yield counts
    finally:
        apsw.set_default_vfs(before)
        disk.unregister()
