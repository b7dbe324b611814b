"""What the screen remembers between two runs: which page, which filter, which order of rows, how wide, which colours.

Comfort, and treated so. The file is small, private (0600) and replaced as a whole; whatever in it is not
understood is dropped with a line in the log, and a file that cannot be read or written changes nothing but
the comfort. There is no order in it: the words of a filter are the operator's own.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ibgw_tui.tui.safe import short

log = logging.getLogger(__name__)

FILE = "terminal.json"
MOST_BYTES = 20_000
MOST_FILTER = 200
SPLITS = (40, 45, 50, 55, 60, 65, 70)
"""Percent of the width that a list may have beside its ticket."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """Everything, as values. An absent one means: as shipped."""

    theme: str | None = None
    view: str | None = None
    filters: Mapping[str, str] = field(default_factory=dict)
    """Screen -> words."""
    orderings: Mapping[str, str] = field(default_factory=dict)
    """Screen -> name of an order of rows."""
    split: int | None = None
    """Percent of the width for the list; None: what suits the window."""


@dataclass(frozen=True, slots=True)
class Known:
    """The names that mean something to this version."""

    themes: frozenset[str]
    views: frozenset[str]
    orderings: frozenset[str]


class Memory:
    """What is remembered now, and the file behind it. Without a file it remembers until the end of the run."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._dirty = False
        self.now = Remembered()

    def load(self, known: Known) -> Remembered:
        """Read the file, as far as it can be understood. Never raises."""
        if self._file is not None:
            self.now = _read(self._file, known)
        return self.now

    def note(self, **changes: Any) -> None:
        """Remember something. It is written with the next `save`."""
        fresh = replace(self.now, **changes)
        self._dirty = self._dirty or fresh != self.now
        self.now = fresh

    def note_filter(self, view: str, words: str) -> None:
        self.note(filters=_with(self.now.filters, view, words.strip()[:MOST_FILTER]))

    def note_ordering(self, view: str, name: str) -> None:
        self.note(orderings=_with(self.now.orderings, view, name))

    @property
    def is_due(self) -> bool:
        return self._dirty and self._file is not None

    def save(self) -> None:
        """Write, if anything changed. May be called on any thread; never raises."""
        if not self.is_due or self._file is None:
            return
        self._dirty = False
        try:
            _write(self._file, json.dumps(asdict(self.now), indent=1, sort_keys=True))
        except OSError as error:
            log.warning("what the screen remembers could not be written to %s: %s", self._file, error.strerror)


def _with(table: Mapping[str, str], key: str, value: str) -> dict[str, str]:
    kept = {name: told for name, told in table.items() if name != key}
    return {**kept, key: value} if value else kept


def _write(file: Path, text: str) -> None:
    """All of it or nothing: another run never reads half a file."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as made:
            made.write(text + "\n")
            made.flush()
            os.fsync(made.fileno())
        Path(name).replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _read(file: Path, known: Known) -> Remembered:
    try:
        with file.open("rb") as opened:
            text = opened.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return Remembered()
    except OSError as error:
        log.warning("what the screen remembered is not read from %s: %s", file, error.strerror)
        return Remembered()
    try:
        if len(text) > MOST_BYTES:
            raise ValueError("it is too long")
        found = json.loads(text)
        if not isinstance(found, dict):
            raise ValueError("it is not a table")
    except (ValueError, RecursionError) as error:
        log.warning("what the screen remembered in %s is not used: %s", file, short(str(error), 200))
        return Remembered()
    return _understood(found, known, file)


def _understood(found: dict[str, Any], known: Known, file: Path) -> Remembered:
    """Value by value: one that is broken takes no other with it."""

    def name_in(names: frozenset[str]) -> Callable[[Any], bool]:
        return lambda value: isinstance(value, str) and value in names

    def table_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
        return lambda table: (
            isinstance(table, dict) and all(name in known.views and fits(value) for name, value in table.items())
        )

    fits: dict[str, Callable[[Any], bool]] = {
        "theme": name_in(known.themes),
        "view": name_in(known.views),
        "filters": table_of(lambda words: isinstance(words, str) and len(words) <= MOST_FILTER and words.isprintable()),
        "orderings": table_of(name_in(known.orderings)),
        "split": lambda value: type(value) is int and value in SPLITS,
    }
    taken = {key: value for key, value in found.items() if key in fits and value is not None and fits[key](value)}
    dropped = sorted(key for key, value in found.items() if key not in taken and value is not None)
    if dropped:
        log.warning(
            "of what the screen remembered in %s is not used: %s", file, short(", ".join(map(str, dropped)), 200)
        )
    return Remembered(**taken)
