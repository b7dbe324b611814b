"""The kill switch: a row, or a file beside the database. Either alone closes it."""

from __future__ import annotations

from pathlib import Path

from ibgw_tui.core.errors import GatewayError
from ibgw_tui.core.records import SwitchState
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.rows import from_us

SENTINEL = "KILL"


def sentinel_of(database: Path) -> Path:
    return database.parent / SENTINEL


def read_switch(connection: Connection) -> SwitchState:
    """Never raises: what cannot be read is closed."""
    try:
        row = connection.row("SELECT state, epoch, changed_by, reason, changed_us FROM kill_switch WHERE id = 1")
        stored = SwitchState(KillSwitch.CLOSED, 0, "", "never opened", None, "default")
        if row is not None:
            stored = SwitchState(KillSwitch(row[0]), row[1], row[2], row[3], from_us(row[4]), "store")
    except (GatewayError, ValueError, TypeError) as error:
        return SwitchState(KillSwitch.CLOSED, -1, "", f"the kill switch cannot be read: {error}", None, "unreadable")
    sentinel = sentinel_of(connection.path)
    try:
        sentinel.stat()
    except FileNotFoundError:
        return stored
    except OSError as error:
        reason = f"the sentinel file cannot be looked for: {error.strerror}"
        return SwitchState(KillSwitch.CLOSED, stored.epoch, "", reason, None, "unreadable")
    return SwitchState(KillSwitch.CLOSED, stored.epoch, "", f"the file {sentinel.name} is there", None, "sentinel file")
