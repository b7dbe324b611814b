"""Puts a backup in the place of the store, so that nothing of the past can be sent again.

    verify the file from end to end
    copy it into a private folder beside the store, lead it to the newest tables, and seal the copy: kill
        switch closed with an epoch above every epoch there was, approvals taken back, open orders ended
    with nobody else having the store open: give the replaced one a second name, then its own name to the copy

A backup does not know what was sent after it was made: an order that waits in it may have been filled
since. So no order that waits is left alive in it; whoever still wants one stages it again.
At every moment the store's name leads to a whole store: the old one as it was, or the sealed one. Should
the machine stop in between, the old one has two names, and a store with two names refuses to open.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ibgw_tui.core.errors import Conflict, GatewayError, OrderStoreError
from ibgw_tui.core.lifecycle import OPEN, Actor, Signal, Status
from ibgw_tui.core.records import LeaseState
from ibgw_tui.core.terms import KillSwitch, iso
from ibgw_tui.store.audit_log import AuditLog
from ibgw_tui.store.backup import Telling, copy_database, make_empty, part, sync
from ibgw_tui.store.change import Change
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.failures import reachable
from ibgw_tui.store.files import prepare
from ibgw_tui.store.inspection import Contents, Inspection, verified
from ibgw_tui.store.rows import to_us

_FIRST_LOCK_BYTE, _LOCK_BYTES = 0x40000000, 512
"""Where SQLite locks: whoever has a database open holds at least a shared lock on one of these bytes."""
_CODE = "STORE_RESTORED"
_WHY = "the store was restored from a backup: what was decided on this order since is not known"


@dataclass(frozen=True, slots=True)
class Before:
    """What could be read of the store that is replaced."""

    contents: Contents | None
    """None when there is none, or when it cannot be read."""
    problem: str
    lease: LeaseState | None


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it."""

    contents: Contents
    """Of the store as it is now, sealed."""
    backup: Contents
    kept: Path | None
    """The replaced store under its new name; None when there was none."""
    before: Before
    ended: tuple[str, ...]
    """Orders that waited in the backup and were ended."""


def look_before(database: Path) -> Before:
    """What is at the place of the store now. Never raises for what is wrong with it."""
    if not os.path.lexists(database):
        return Before(None, "there is none", None)
    try:
        with Inspection(database) as file:
            return Before(file.contents(), "", file.lease())
    except (GatewayError, ValueError, TypeError) as error:
        return Before(None, str(error), None)


def restore(
    backup: Path,
    database: Path,
    *,
    clock: Callable[[], datetime],
    principal: str,
    lease_alive: timedelta,
    progress: Telling | None = None,
) -> Restored:
    """Replace the store by a verified backup, sealed.

    Raises Conflict (a router is at work, or somebody has the store open) and OrderStoreError or SettingsError
    (the backup is not sound, newer, or not ours). Until the last step nothing of the store has changed.
    """
    with reachable():
        prepare(database, read_only=True)
        _refuse_itself(backup, database)
        found = verified(backup, what="the file", progress=part(progress, "verifying"))
        _refuse_while_routing(look_before(database).lease, clock(), lease_alive)
        if not database.parent.exists():
            database.parent.mkdir(mode=0o700, parents=True)
        with _workshop(database.parent) as folder:
            made = folder / database.name
            make_empty(made)
            copy_database(backup, made, progress=part(progress, "copying"))
            before, seen = look_before(database), _state_of(database)
            with _alone(database):
                if _state_of(database) != seen:
                    raise Conflict("the store was written to just now", user_action="stop its processes, and try again")
                kept = _name_for(database, clock()) if seen else None
                ended = _seal(made, found, before, kept, clock, principal)
                contents = verified(made, what="the copy")
                sync(made)
                _exchange(made, database, kept)
        Connection(database).close()  # it opens, and has its log again
    return Restored(contents, found, kept, before, ended)


def _refuse_itself(backup: Path, database: Path) -> None:
    if backup.exists() and database.exists() and backup.samefile(database):
        raise Conflict("this file is the store itself", user_action="name a file that `ibgw backup` made")


def _refuse_while_routing(lease: LeaseState | None, now: datetime, alive: timedelta) -> None:
    if lease is None or not lease.holder:
        return
    age = now - lease.heartbeat_at
    # A heartbeat from the far future is a clock that stepped back; whether it still works is then told by its lock.
    if -alive <= age <= alive:
        raise Conflict(
            f"{lease.holder} (process {lease.pid}) is the router and gave a sign of life {age.total_seconds():.1f} s ago",
            user_action=f"stop it, wait {alive.total_seconds():.0f} s, and try again",
        )


@contextmanager
def _workshop(home: Path) -> Iterator[Path]:
    """A private folder on the same disk, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=".restoring-", dir=home))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Nobody else has the store open, and nobody can open it meanwhile. Raises Conflict.

    Also for a file that SQLite cannot read any more. Nothing in this process may open the file meanwhile: closing
    it again would drop the lock. Who waits for this lock to open the store finds afterwards
    that the file has lost its name, and refuses (`Connection`).
    """
    if not database.exists():
        yield
        return
    descriptor = os.open(database, os.O_RDWR)
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCK_BYTES, _FIRST_LOCK_BYTE)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            raise Conflict(
                "another process has the store open",
                user_action="stop every terminal, router and agent of this desk, and try again",
            ) from error
        yield
    finally:
        os.close(descriptor)


def _state_of(database: Path) -> tuple[tuple[int, int, int], ...]:
    """Changes with every commit; empty when there is no store."""
    found = []
    for path in (database, Path(f"{database}-wal")):
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            if path == database or stat.st_size:
                found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def _name_for(database: Path, now: datetime) -> Path:
    """Dated, and new: what was replaced is never replaced."""
    stem = database.with_name(f"{database.name}.replaced-{iso(now)[:19].replace('-', '').replace(':', '')}Z")
    target, number = stem, 2
    while os.path.lexists(target):
        target, number = stem.with_name(f"{stem.name}-{number}"), number + 1
    return target


def _seal(
    made: Path, found: Contents, before: Before, kept: Path | None, clock: Callable[[], datetime], principal: str
) -> tuple[str, ...]:
    """One transaction after which nothing of the past can be sent."""
    replaced = before.contents
    epoch = max(found.switch_epoch, replaced.switch_epoch if replaced else 0) + 1
    token = max(found.lease_token, replaced.lease_token if replaced else 0) + 1
    reason = f"the store was restored from a backup with {found.audit_entries} audit entries"
    connection = Connection(made)
    try:
        with connection.transaction():
            change = Change(connection, AuditLog(connection), clock)
            connection.execute(
                "INSERT INTO kill_switch (id, state, epoch, changed_by, reason, changed_us) VALUES (1, ?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET state = excluded.state, epoch = excluded.epoch, "
                "changed_by = excluded.changed_by, reason = excluded.reason, changed_us = excluded.changed_us",
                (KillSwitch.CLOSED.value, epoch, principal, reason, to_us(change.now)),
            )
            change.append_audit(
                "switch.closed", actor=Actor.OPERATOR, principal=principal, body={"reason": reason, "epoch": epoch}
            )
            ended = []
            for record in [record for status in sorted(OPEN) for record in change.orders_in(status)]:
                if record.status is Status.APPROVED:
                    change.revoke_approval(record)
                    record = change.move(
                        record, Signal.VOID, actor=Actor.OPERATOR, principal=principal, reason_code=_CODE, reason=_WHY
                    )
                change.move(
                    record, Signal.EXPIRE, actor=Actor.ROUTER, principal=principal, reason_code=_CODE, reason=_WHY
                )
                ended.append(record.order_ref)
            connection.execute(
                "INSERT INTO lease (id, holder, pid, token, heartbeat_us) VALUES (1, '', 0, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET holder = '', token = excluded.token",
                (token, to_us(change.now)),
            )
            change.append_audit(
                "store.restored",
                actor=Actor.OPERATOR,
                principal=principal,
                body={
                    "backup": _told(found),
                    "replaced": _told(replaced) if replaced else None,
                    "replaced_problem": before.problem,
                    "replaced_kept_as": kept.name if kept else None,
                    "epoch": epoch,
                    "ended": len(ended),
                },
            )
            change.end()
        # One file without a log beside it: its name is all that is exchanged.
        if connection.row("PRAGMA journal_mode = delete") != ("delete",):
            raise OrderStoreError("the restored copy could not be closed as one file", user_action="try again")
    finally:
        connection.close()
    return tuple(ended)


def _told(contents: Contents) -> dict[str, object]:
    return {"audit_entries": contents.audit_entries, "audit_head": contents.audit_head, "orders": contents.orders}


def _exchange(made: Path, database: Path, kept: Path | None) -> None:
    """The last step. The replaced file keeps its log beside it: together they are all that was committed."""
    if os.getuid() == 0:  # whoever the desk belongs to must be able to use it afterwards
        owner = (database if kept is not None else database.parent).stat()
        os.chown(made, owner.st_uid, owner.st_gid)
    if kept is not None:
        try:
            os.link(database, kept)
        except OSError:  # a disk that knows no second names: for a moment there is none at all
            database.rename(kept)
        log = Path(f"{database}-wal")
        if log.exists() and log.stat().st_size:
            log.rename(f"{kept}-wal")
        log.unlink(missing_ok=True)
        Path(f"{database}-shm").unlink(missing_ok=True)  # an index of the log; made anew from it
    made.replace(database)
    sync(database.parent)
