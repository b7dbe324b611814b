"""Saves what is on the screen as text: private, never over another file, and named by nothing that an agent wrote."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

MOST_TRIES = 100


class SaveError(Exception):
    """It could not be saved; the text says why and what to do."""


def save_text(folder: Path | None, view: str, text: str, now: datetime) -> Path:
    """Write a new file, readable by its owner alone. Raises SaveError."""
    if folder is None:
        raise SaveError("this terminal was given no folder; c copies instead")
    if not text.strip():
        raise SaveError("there is nothing on display")
    stamp = now.astimezone(UTC).strftime("%Y%m%d-%H%M%SZ")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(1, MOST_TRIES + 1):
            path = folder / f"{view}-{stamp}{f'-{number}' if number > 1 else ''}.txt"
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text.rstrip() + "\n")
            return path
    except OSError as error:
        raise SaveError(f"{folder}: {error.strerror or type(error).__name__}; c copies instead") from error
    raise SaveError(f"{folder} has {MOST_TRIES} files of this second already; wait for the next one")
