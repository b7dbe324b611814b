"""Where the details of an unexpected error go: a private file, never the screen."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from ibgw_tui.core.terms import iso
from ibgw_tui.core.text import sanitise
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import home_at_all_costs

_LARGEST = 1_000_000
"""Bytes; a larger log becomes the old one and a new one begins."""


def record_crash(error: BaseException, config: Path | None, home: Path | None) -> Path | None:
    """Append the details of `error` to the log in the home; None when that is not possible either."""
    try:
        folder = home_at_all_costs(config, home).folder / "logs"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "ibgw-errors.log"
        if path.exists() and path.stat().st_size > _LARGEST:
            path.replace(path.with_suffix(".log.1"))
        details = sanitise("".join(traceback.format_exception(error)))
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w", encoding="utf-8") as log:
            log.write(f"{iso(utc_now())}\n{details}\n")
    except (OSError, RuntimeError):
        return None
    return path
