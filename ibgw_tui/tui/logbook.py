"""What the terminal notes for whoever looks into a problem: one private file beside the database, which stays small.

Our own lines only: what other libraries log may hold addresses and tokens. A line is a line, whatever is in it.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

from ibgw_tui.core.text import one_line

FILE = "terminal.log"
MOST_BYTES, OLD_ONES = 1_000_000, 2


class _Private(RotatingFileHandler):
    """Readable by its owner alone, and silent when the disk does not take it."""

    def _open(self) -> io.TextIOWrapper:
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return io.TextIOWrapper(io.FileIO(handle, "a"), encoding="utf-8", write_through=True)

    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's own name
        """There is nowhere left to say it; the screen goes on."""


@contextlib.contextmanager
def logbook(folder: Path) -> Iterator[None]:
    """Keep our lines in `folder` for as long as the terminal runs."""
    handler = _Private(folder / FILE, maxBytes=MOST_BYTES, backupCount=OLD_ONES, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    ours = logging.getLogger("ibgw_tui")
    ours.addHandler(handler)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        handler.close()
