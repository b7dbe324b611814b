"""Verification of the audit log: the quick look at start, the whole chain, the replay, the saved heads.

    quick   the newest checkpoint fits, and the chain since then
    full    the whole chain, and every checkpoint
    deep    the same, and the tables say what the entries add up to

Each finds out more and costs more; all give one verdict and everything they found.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ibgw_tui.core.audit import GENESIS, AuditProblem, AuditVerdict, ChainVerdict, headline
from ibgw_tui.core.checkpoint import Checkpoint, compare
from ibgw_tui.core.errors import ErrorCode, InvalidRequest, OrderStoreError
from ibgw_tui.core.terms import iso
from ibgw_tui.store.audit_file import AuditFile
from ibgw_tui.store.chain import Chain
from ibgw_tui.store.checkpoints import Checkpoints, Saved, fingerprint, read_checkpoint
from ibgw_tui.store.replay import Divergence, Replay

TAIL = 1000
"""So many of the newest entries are looked at where there is no checkpoint to start from."""
MODES = ("quick", "full", "deep")

Progress = Callable[[str, int, int], None]
"""(what is being done, how much of it is done, how much there is)"""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What one verification found."""

    mode: str
    entries: int
    """Entries whose hashes were computed anew."""
    size: int
    head: str
    """The newest stored hash, or the last good one where the chain is broken."""
    checkpoint: Checkpoint | None
    """The newest that the log was compared with."""
    compared: int
    """How many checkpoints it was compared with."""
    problems: list[AuditProblem] = field(default_factory=list)
    divergences: list[Divergence] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    fingerprint: str | None = None
    """Of the key that signs this desk's checkpoints."""

    @property
    def worst(self) -> AuditProblem | None:
        return headline(self.problems)

    @property
    def verdict(self) -> AuditVerdict:
        return self.worst.verdict if self.worst else AuditVerdict.INTACT


@dataclass(frozen=True, slots=True)
class QuickLook:
    """The check at start."""

    size: int
    head: bytes
    problem: AuditProblem | None
    checkpoint: Checkpoint | None


def quick_look(chain: Chain, checkpoints: Checkpoints | None) -> QuickLook:
    """The newest checkpoint fits and so does the chain since. Milliseconds; raises GatewayError when unreadable."""
    newest = checkpoints.newest() if checkpoints else None  # before the log: the log is never older than its witness
    size, head = chain.head()
    if newest is None:
        found = chain.verify(after_seq=max(0, size - TAIL))
        return QuickLook(size, head, _problem(found), None)
    problems = compare([newest], size=size, hash_at=chain.hash_at, marks=chain.marks())
    if not problems:
        found = chain.verify(after_seq=newest.size, start=bytes.fromhex(newest.head))
        problems = [problem] if (problem := _problem(found)) else []
    return QuickLook(size, head, headline(problems), newest)


def verify(
    database: Path,
    checkpoints: Checkpoints,
    *,
    mode: str = "quick",
    against: Sequence[Checkpoint] = (),
    progress: Progress | None = None,
) -> AuditReport:
    """Everything that is wrong with the log of `database`. Raises GatewayError only when it cannot be looked at."""
    if not database.exists():
        return _nothing(mode, checkpoints, against)
    with AuditFile(database) as file:
        chain = file.chain
        saved = _saved(chain, checkpoints, only_newest=mode == "quick")
        binding = [*saved.binding(), *against]
        newest = max(binding, key=lambda checkpoint: checkpoint.size, default=None)
        start = _start(chain, saved.binding()) if mode == "quick" else None
        tell = _teller(progress, "verifying the chain")
        after, known = (start.size, bytes.fromhex(start.head)) if start else (0, None)
        walked = chain.verify(after_seq=after, start=known, progress=tell)
        size = chain.head()[0]
        problems = [problem] if (problem := _problem(walked)) else []
        problems += compare(binding, size=size, hash_at=chain.hash_at, marks=chain.marks())
        problems += [AuditProblem(AuditVerdict.CHECKPOINT_INVALID, None, words) for words in saved.invalid]
        problems += [AuditProblem(AuditVerdict.GUARDS_MISSING, None, words) for words in file.changed_guards()]
        divergences: list[Divergence] = []
        if mode == "deep":
            divergences = _replay(file, problems, progress)
        return AuditReport(
            mode=mode,
            entries=walked.entries,
            size=size,
            head=walked.head,
            checkpoint=newest,
            compared=len(binding),
            problems=problems,
            divergences=divergences,
            remarks=_remarks(file, saved.good, binding, against, checkpoints),
            fingerprint=checkpoints.fingerprint,
        )


def read_against(path: Path) -> list[Checkpoint]:
    """The checkpoints of a file somebody kept, one a line. Raises InvalidRequest when one is not as it was signed."""
    try:
        lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise InvalidRequest(
            f"{path} cannot be read: {error.strerror}", user_action="name a file of checkpoints"
        ) from error
    found = []
    for number, line in enumerate(lines, start=1):
        checkpoint, problem = read_checkpoint(line)
        if checkpoint is None:
            raise InvalidRequest(
                f"line {number} of {path.name} {problem}",
                code=ErrorCode.AUDIT_CHAIN_INVALID,
                user_action="name a file that `ibgw audit checkpoint` wrote, unchanged",
            )
        found.append(checkpoint)
    if not found:
        raise InvalidRequest(f"{path} holds no checkpoint", user_action="name a file of checkpoints")
    return found


def _nothing(mode: str, checkpoints: Checkpoints, against: Sequence[Checkpoint]) -> AuditReport:
    """There is no database: a new desk, or one that was deleted."""
    binding = [*checkpoints.read().binding(), *against]
    newest = max(binding, key=lambda checkpoint: checkpoint.size, default=None)
    problems, remarks = [], []
    if newest is not None:
        words = f"the database is gone: the checkpoint of {iso(newest.at)} saw {newest.size} entries"
        problems.append(AuditProblem(AuditVerdict.TRUNCATED, 0, words))
    else:
        remarks.append("there is no order store yet")
    return AuditReport(mode, 0, 0, GENESIS.hex(), newest, len(binding), problems, [], remarks, checkpoints.fingerprint)


def _saved(chain: Chain, checkpoints: Checkpoints, *, only_newest: bool) -> Saved:
    """All checkpoints; for a quick look the newest alone, where it is trusted and fits."""
    if only_newest:
        with contextlib.suppress(OrderStoreError):  # then all are read, and it is told which one is not trusted
            newest = checkpoints.newest()
            found = [newest] if newest else []
            if not compare(found, size=chain.head()[0], hash_at=chain.hash_at, marks={}):
                return Saved(found, [])
    return checkpoints.read()


def _start(chain: Chain, binding: Sequence[Checkpoint]) -> Checkpoint | None:
    """The newest checkpoint that the log still fits: from there on it has to be walked."""
    for saved in sorted(binding, key=lambda checkpoint: checkpoint.size, reverse=True):
        if not compare([saved], size=chain.head()[0], hash_at=chain.hash_at, marks={}):
            return saved
    return None


def _replay(file: AuditFile, problems: list[AuditProblem], progress: Progress | None) -> list[Divergence]:
    if not file.is_current:
        raise OrderStoreError(
            "the database is of an older version: its tables cannot be compared",
            user_action="open it once with this version, or verify it with --full",
            retryable=False,
        )
    replay = Replay(file)
    found = replay.run(_teller(progress, "replaying the entries"))
    if replay.count:
        more = f" and {replay.count - 1} more" if replay.count > 1 else ""
        problems.append(AuditProblem(AuditVerdict.TABLES_DIVERGE, found[0].seq, f"{found[0]}{more}"))
    return found


def _remarks(
    file: AuditFile,
    good: Sequence[Checkpoint],
    binding: Sequence[Checkpoint],
    against: Sequence[Checkpoint],
    checkpoints: Checkpoints,
) -> list[str]:
    remarks = []
    if not binding:
        remarks.append("no checkpoint to compare with: a cut-off end or an older copy of the file cannot be seen")
    if checkpoints.is_inside:
        remarks.append(
            "the checkpoints lie inside the data folder: a copy of it put back brings its own; set audit.folder"
        )
    accepted = [saved for saved in good if saved.accepts is not None]
    if accepted:
        newest = accepted[-1]
        remarks.append(f"checkpoints before {iso(newest.at)} no longer bind; accepted then: {newest.accepts}")
    ours = checkpoints.public_key
    strangers = {saved.key for saved in against if ours is None or saved.key != ours.hex()}
    remarks += [f"a given checkpoint is signed by another key ({fingerprint(bytes.fromhex(key))})" for key in strangers]
    if not file.is_current:
        remarks.append("the database is of an older version: its triggers were not compared")
    return remarks


def _problem(verdict: ChainVerdict) -> AuditProblem | None:
    return None if verdict.ok else AuditProblem(verdict.verdict, verdict.broken_at, verdict.problem)


def _teller(progress: Progress | None, words: str) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(words, done, total)
