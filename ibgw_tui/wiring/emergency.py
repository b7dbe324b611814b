"""The emergency stop that needs no database: a file beside it.

A locked, full or broken store must not keep anybody from stopping. The file is seen by every reader
of the kill switch; while it lies there the switch is closed.
"""

from __future__ import annotations

import os

from ibgw_tui.core.terms import iso
from ibgw_tui.core.text import one_line
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import Home


def close_by_file(home: Home, *, principal: str, reason: str) -> None:
    """Put the sentinel file beside the database. Raises OSError only when there is none afterwards."""
    home.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(home.sentinel, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    # The file alone closes the switch; who and why are a courtesy that a full disk may refuse.
    try:
        os.write(descriptor, f"{iso(utc_now())} {one_line(principal, 64)}: {one_line(reason, 400)}\n".encode())
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
