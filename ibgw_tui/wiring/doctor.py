"""Gathers what `ibgw doctor` judges, from whatever state the desk is in. Makes, changes and repairs nothing.

Every check is made for itself: what stands in the way of one is that one's answer, and the next goes on.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import select
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ibgw_tui.config import Loaded
from ibgw_tui.core.errors import GatewayError
from ibgw_tui.core.records import SwitchState
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.service import doctor as judge
from ibgw_tui.service.doctor import Check, Health
from ibgw_tui.service.verifying import verify
from ibgw_tui.store.database import OLDEST_SAFE_LIBRARY
from ibgw_tui.store.doorbell import Doorbell, Listener, bell_folder
from ibgw_tui.store.files import identity, prepare
from ibgw_tui.store.inspection import Inspection, library_version, try_writing
from ibgw_tui.store.recognition import VERSION
from ibgw_tui.wiring.audit_side import checkpoints_of
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import Home, home_at_all_costs, load_settings, resolve_home
from ibgw_tui.wiring.upkeep import LEASE_ALIVE

TAIL = 1000
PACKAGE = "ibgw-tui"

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class _Patient:
    """What is known while it is examined."""

    config: Path | None
    home_flag: Path | None
    full: bool
    progress: Progress | None
    began: tuple[datetime, float] = field(default_factory=lambda: (utc_now(), time.monotonic()))
    loaded: Loaded | None = None
    home: Home = field(init=False)
    file: Inspection | None = None
    newest: datetime | None = None
    sound: bool = False
    is_whole: bool = False

    def __post_init__(self) -> None:
        self.home = home_at_all_costs(self.config, self.home_flag)

    @property
    def opened(self) -> Inspection:
        assert self.file is not None
        return self.file


def examine(
    config: Path | None, home: Path | None, *, full: bool = False, progress: Progress | None = None
) -> list[Check]:
    """All checks in the order of the page. Never raises."""
    patient = _Patient(config, home, full, progress)
    with ExitStack() as stack:
        found = [_guarded(name, act, patient) for name, act in _AROUND]
        if not os.path.lexists(patient.home.database):
            return [
                *found,
                judge.warn("store", "there is none yet", "`ibgw tui` makes one; if there was one, restore a backup"),
                _guarded("kill switch", _switch, patient),
                _guarded("clock", _clock, patient),
            ]
        found += [_guarded(name, act, patient) for name, act in _FILE]
        opening = _guarded("store", lambda one: _store(one, stack), patient)
        found.append(opening)
        if opening.health is not Health.FAIL:
            found += [_guarded(name, act, patient) for name, act in _INSIDE]
        found += [_guarded(name, act, patient) for name, act in _LAST]
    # The last to close a sound store may tidy up its log; a reader may not, and would leave it behind.
    return [*found, _guarded("writing", _writing, patient)]


def _guarded(name: str, act: Callable[[_Patient], Check], patient: _Patient) -> Check:
    try:
        return act(patient)
    except GatewayError as error:
        return judge.fail(name, error.message, error.user_action)
    except OSError as error:
        return judge.fail(name, f"cannot be looked at: {error.strerror or error}", "check owner, mode and disk")
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the other checks go on
        return judge.fail(name, f"cannot be looked at: {type(error).__name__}", "stop the desk and keep the files")


def _python(patient: _Patient) -> Check:
    return judge.python(sys.version_info[:3])


def _packages(patient: _Patient) -> Check:
    try:
        wanted = importlib.metadata.requires(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        wanted = []
    names = [found[0] for text in wanted if (found := re.match(r"[A-Za-z0-9._-]+", text))]
    return judge.packages(wanted, {name: _version(name) for name in names})


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _library(patient: _Patient) -> Check:
    return judge.library(library_version(), OLDEST_SAFE_LIBRARY)


def _configuration(patient: _Patient) -> Check:
    patient.loaded = load_settings(patient.config, patient.home_flag)
    patient.home = resolve_home(patient.loaded)
    origins = [origin.split(" ", 1)[0] for origin in patient.loaded.origins.values()]
    told = [f"{origins.count(kind)} from {kind}" for kind in ("file", "environment", "flag") if kind in origins]
    file = patient.loaded.file
    value = f"{file or 'no file, the defaults are in force'}" + (f" ({', '.join(told)})" if told else "")
    if file is not None and stat.S_IMODE(file.stat().st_mode) & 0o022:
        return judge.fail("configuration", f"{value}: others can change it", f"chmod 600 {file}")
    return judge.ok("configuration", value)


def _folder(patient: _Patient) -> Check:
    folder = patient.home.folder
    if not folder.exists():
        return judge.warn("home", f"{folder} is not there yet", "it is made when it is needed; or name another --home")
    found = folder.stat()
    check = judge.private("home", mode=stat.S_IMODE(found.st_mode), wanted=0o700, owner=found.st_uid, user=os.getuid())
    return Check(check.name, check.health, f"{folder} ({patient.home.source}), {check.value}", check.remedy)


def _space(patient: _Patient) -> Check:
    place = next(path for path in (patient.home.folder, *patient.home.folder.parents) if path.exists())
    database = patient.home.database
    return judge.space(shutil.disk_usage(place).free, database.stat().st_size if database.exists() else 0)


def _files(patient: _Patient) -> Check:
    """The worst of the files; the store's own when all are private."""
    database = patient.home.database
    checks = []
    for path in (database, Path(f"{database}-wal"), Path(f"{database}-shm"), *_copies(database)):
        if path.exists():
            found = path.stat()
            one = judge.private(
                "files", mode=stat.S_IMODE(found.st_mode), wanted=0o600, owner=found.st_uid, user=os.getuid()
            )
            checks.append(Check("files", one.health, f"{path.name} {one.value}", one.remedy))
    bad = [check for check in checks if check.health is not Health.OK]
    if bad:
        return max(bad, key=lambda check: check.health is Health.FAIL)
    return judge.ok("files", f"{len(checks)} private")


def _copies(database: Path) -> Iterator[Path]:
    """What upgrades and restores left beside it."""
    for pattern in ("version-*", "replaced-*"):
        yield from sorted(database.parent.glob(f"{database.name}.{pattern}"))


def _place(patient: _Patient) -> Check:
    prepare(patient.home.database, read_only=True)
    identity(patient.home.database)
    return judge.ok("place", "a local disk, one name")


def _store(patient: _Patient, stack: ExitStack) -> Check:
    patient.file = stack.enter_context(Inspection(patient.home.database))
    if not patient.file.is_ours():
        return judge.fail(
            "store", "the file is not a database of this program", "name another home, or restore a backup"
        )
    return judge.ok("store", f"{patient.home.database.name}, {judge.size(patient.file.size_bytes)}")


def _integrity(patient: _Patient) -> Check:
    problems = patient.opened.damage(full=patient.full)
    patient.sound = not problems  # not reached when it cannot be read at all
    return judge.integrity(problems, full=patient.full)


def _schema(patient: _Patient) -> Check:
    version = patient.opened.version()
    problems = patient.opened.schema_problems() if version <= VERSION else []
    patient.is_whole = version <= VERSION and not problems
    return judge.schema(version, VERSION, problems)


def _log(patient: _Patient) -> Check:
    log = Path(f"{patient.home.database}-wal")
    return judge.log(str(patient.opened.pragma("journal_mode")), log.stat().st_size if log.exists() else 0)


def _writing(patient: _Patient) -> Check:
    if not (patient.sound and patient.is_whole):
        return judge.fail("writing", "not tried on a store with the problems above", "mend those first")
    try_writing(patient.home.database)
    return judge.ok("writing", "the write lock was free")


def _audit(patient: _Patient) -> Check:
    """With the checkpoints kept outside the store, where the configuration says where those are."""
    if patient.loaded is None:
        verdict = patient.opened.verify_chain(last=None if patient.full else TAIL)
        check = judge.audit(verdict.entries, verdict.problem, full=patient.full)
    else:
        mode = "full" if patient.full else "quick"
        checkpoints = checkpoints_of(patient.loaded, patient.home.database)
        report = verify(patient.home.database, checkpoints, mode=mode, progress=patient.progress)
        check = judge.audit(report.entries, report.worst.words if report.worst else "", full=patient.full)
    if check.health is Health.OK:
        patient.newest = patient.opened.newest_entry_at()
    return check


def _router(patient: _Patient) -> Check:
    lease = patient.opened.lease()
    return judge.router(lease, utc_now(), LEASE_ALIVE, runs=lease is not None and _runs(lease.pid))


def _runs(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _switch(patient: _Patient) -> Check:
    """As every reader of the switch would read it."""
    sentinel, row = patient.home.sentinel, None
    if os.path.lexists(patient.home.database):
        if patient.file is None:
            return judge.switch(_closed("the store cannot be read", "unreadable"))
        try:
            row = patient.file.switch_row()
        except GatewayError as error:
            return judge.switch(_closed(error.message, "unreadable"))
    if os.path.lexists(sentinel):
        return judge.switch(_closed(f"the file {sentinel.name} is there", "sentinel file", row[1] if row else 0))
    if row is None:
        return judge.switch(_closed("never opened", "default"))
    return judge.switch(SwitchState(KillSwitch(row[0]), row[1], "", "", None, "store"))


def _closed(reason: str, source: str, epoch: int = 0) -> SwitchState:
    return SwitchState(KillSwitch.CLOSED, epoch, "", reason, None, source)


def _doorbell(patient: _Patient) -> Check:
    folder = bell_folder(patient.home.database)
    listener, bell = Listener(folder), Doorbell(folder)
    try:
        bell.ring()
        return judge.doorbell(bool(select.select([listener.fileno()], [], [], 0.5)[0]))
    finally:
        bell.close()
        listener.close()


def _clock(patient: _Patient) -> Check:
    wall, steady = patient.began
    now = utc_now()
    return judge.clock(now, now - wall, timedelta(seconds=time.monotonic() - steady), patient.newest)


_AROUND: tuple[tuple[str, Callable[[_Patient], Check]], ...] = (
    ("python", _python),
    ("packages", _packages),
    ("sqlite", _library),
    ("configuration", _configuration),
    ("home", _folder),
    ("disk space", _space),
)
_FILE: tuple[tuple[str, Callable[[_Patient], Check]], ...] = (("files", _files), ("place", _place))
_INSIDE: tuple[tuple[str, Callable[[_Patient], Check]], ...] = (
    ("integrity", _integrity),
    ("schema", _schema),
    ("write-ahead log", _log),
    ("audit log", _audit),
    ("router", _router),
)
_LAST: tuple[tuple[str, Callable[[_Patient], Check]], ...] = (
    ("kill switch", _switch),
    ("doorbell", _doorbell),
    ("clock", _clock),
)
