"""Backup and restore of the home that a configuration means: which files, named how, by whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ibgw_tui.config import Loaded
from ibgw_tui.core.errors import NotFound
from ibgw_tui.core.terms import iso
from ibgw_tui.store.backup import Telling, back_up
from ibgw_tui.store.inspection import Contents
from ibgw_tui.store.restoring import Before, Restored, look_before, restore
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import resolve_home

BACKUPS = "backups"
"""Folder in the home where a backup goes that was given no name."""
LEASE_ALIVE = timedelta(seconds=6)
"""A router that gave a sign of life within this time is at work."""


@dataclass(frozen=True, slots=True)
class MadeBackup:
    path: Path
    contents: Contents


def make_backup(loaded: Loaded, target: Path | None, *, progress: Telling | None = None) -> MadeBackup:
    """Copy the store to a new file and verify it. Raises NotFound (there is no store), InvalidRequest (the file exists)."""
    home = resolve_home(loaded)
    if not home.database.is_file():
        raise NotFound(f"there is no order store at {home.database}", user_action="name its folder with --home")
    stamp = iso(utc_now())[:19].replace("-", "").replace(":", "")
    path = (target.expanduser() if target else home.folder / BACKUPS / f"desk-{stamp}Z.sqlite3").absolute()
    if path.is_dir():
        path = path / f"desk-{stamp}Z.sqlite3"
    return MadeBackup(path, back_up(home.database, path, progress=progress))


def look_at_store(loaded: Loaded) -> Before:
    """What a restore would replace."""
    return look_before(resolve_home(loaded).database)


def restore_backup(loaded: Loaded, backup: Path, *, progress: Telling | None = None) -> Restored:
    """Put a backup in the place of the store, sealed. Raises NotFound, Conflict, OrderStoreError, SettingsError."""
    backup = backup.expanduser().absolute()
    if not backup.is_file():
        raise NotFound(f"there is no file {backup}", user_action="name a file that `ibgw backup` made")
    return restore(
        backup,
        resolve_home(loaded).database,
        clock=utc_now,
        principal=loaded.config.desk.operator,
        lease_alive=LEASE_ALIVE,
        progress=progress,
    )
