"""Where a desk's checkpoints are, for every process that verifies the audit log or bears witness to it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ibgw_tui.config import Config, Loaded
from ibgw_tui.core.checkpoint import Checkpoint
from ibgw_tui.core.errors import SettingsError
from ibgw_tui.core.text import one_line
from ibgw_tui.service.evidence import Case, gather
from ibgw_tui.service.verifying import AuditReport, Progress, verify
from ibgw_tui.service.witness import Witness
from ibgw_tui.store import OrderStore
from ibgw_tui.store.audit_file import AuditFile
from ibgw_tui.store.checkpoints import Checkpoints
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import resolve_home


def checkpoints_of(loaded: Loaded, database: Path) -> Checkpoints:
    """Raises SettingsError when the setting names no folder."""
    folder = loaded.config.audit.folder.strip()
    if not folder:
        raise SettingsError("audit.folder is empty", user_action="name a folder, or leave the setting out")
    given = Path(folder).expanduser()
    from_file = loaded.origins["audit.folder"].startswith("file ")
    beside = loaded.file.parent if from_file and loaded.file is not None else Path()
    return Checkpoints((beside / given).absolute(), database)


def witness_of(loaded: Loaded, database: Path) -> Witness:
    minutes = loaded.config.audit.checkpoint_minutes
    return Witness(checkpoints_of(loaded, database), clock=utc_now, minutes=minutes)


class AuditSide:
    """What `ibgw audit` works with. The store is opened only for what has to write."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self.database = resolve_home(loaded).database
        self.checkpoints = checkpoints_of(loaded, self.database)

    @property
    def config(self) -> Config:
        return self._loaded.config

    def verify(self, mode: str, against: list[Checkpoint], progress: Progress | None) -> AuditReport:
        return verify(self.database, self.checkpoints, mode=mode, against=against, progress=progress)

    def file(self) -> AuditFile:
        return AuditFile(self.database)

    def write_checkpoint(self) -> Checkpoint | None:
        """One by hand; where nothing was added since the newest, that one. None: the log is empty."""
        store = self._store()
        try:
            return self._witness().write(store, "by hand") or self.checkpoints.newest()
        finally:
            store.close()

    def accept(self, reason: str) -> Checkpoint:
        """Go on from the log as it is; an entry says who did and why."""
        store = self._store()
        try:
            return self._witness().accept(store, operator=self.config.desk.operator, reason=one_line(reason, 400))
        finally:
            store.close()

    def case(self, part: str) -> Case:
        """Everything of one order; the newest checkpoint is made to cover it."""
        store = self._store()
        try:
            record = store.find_order(part)
            self._witness().write(store, "evidence")
        finally:
            store.close()
        with self.file() as file:
            return gather(file, self.checkpoints, record.order_ref, made_at=self.now())

    def now(self) -> datetime:
        return utc_now()

    def _store(self) -> OrderStore:
        return OrderStore.open(self.database, clock=utc_now)

    def _witness(self) -> Witness:
        return Witness(self.checkpoints, clock=utc_now)
