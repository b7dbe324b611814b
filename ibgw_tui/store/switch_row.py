"""The kill switch: a row, or a file beside the database. Either alone closes it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ibgw_tui.core.errors import GatewayError, NotPermitted
from ibgw_tui.core.records import SwitchState
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.rows import from_us, to_us

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
    if connection.trouble:
        reason = f"the order store cannot be relied on: {connection.trouble}"
        return SwitchState(KillSwitch.CLOSED, stored.epoch, "", reason, None, "unreadable")
    sentinel = sentinel_of(connection.path)
    try:
        sentinel.lstat()  # a link to nowhere is a file of that name, too
    except FileNotFoundError:
        return stored
    except OSError as error:
        reason = f"the sentinel file cannot be looked for: {error.strerror}"
        return SwitchState(KillSwitch.CLOSED, stored.epoch, "", reason, None, "unreadable")
    return SwitchState(
        KillSwitch.CLOSED, stored.epoch, "", f"the file {sentinel.name} is there", None, "sentinel file",
        by_file_alone=stored.state is KillSwitch.OPEN,
    )  # fmt: skip


def write_switch(connection: Connection, state: KillSwitch, principal: str, reason: str, now: datetime) -> int:
    """The epoch after it. Only a real closing raises it; saying again what is so changes nothing."""
    current = read_switch(connection)
    if state is KillSwitch.OPEN and current.source not in ("store", "default"):
        sentinel = sentinel_of(connection.path)
        raise NotPermitted(
            f"the kill switch is held closed: {current.reason}",
            user_action=f"remove the file {sentinel} first"
            if current.source == "sentinel file"
            else f"make the store and the folder {sentinel.parent} readable first",
        )
    row = connection.row("SELECT state, epoch FROM kill_switch WHERE id = 1")
    was_closed, epoch = row is None or row[0] == KillSwitch.CLOSED.value, row[1] if row else 0
    if state is KillSwitch.CLOSED and not was_closed:
        epoch += 1
    if row is None or row[0] != state.value:
        connection.execute(
            "INSERT INTO kill_switch (id, state, epoch, changed_by, reason, changed_us) VALUES (1, ?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET state = excluded.state, epoch = excluded.epoch, "
            "changed_by = excluded.changed_by, reason = excluded.reason, changed_us = excluded.changed_us",
            (state.value, epoch, principal, reason, to_us(now)),
        )
    return int(epoch)
