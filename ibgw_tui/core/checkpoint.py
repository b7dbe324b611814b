"""Checkpoints: what the audit log was at a moment, signed, and kept where the log is not.

The chain shows an edit to whoever holds an earlier head; a checkpoint is such a head. Compared with it,
a cut-off end, yesterday's copy of the file and a chain with all its hashes made anew can be told apart
from a log that merely grew, and from each other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ibgw_tui.core.audit import AuditProblem, AuditVerdict
from ibgw_tui.core.terms import iso
from ibgw_tui.core.written import canonical_json

_CONTEXT = b"ibgw-tui audit checkpoint 1\n"
"""Before the signed bytes: a signature for one purpose must not serve another."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log had `size` entries and this `head`. Hashes, key and signature are lower-case hex."""

    origin: str
    """Hash of entry 1: which log this is."""
    size: int
    head: str
    at: datetime
    why: str
    """'clean stop', 'kill switch', 'interval', 'start', 'by hand', 'accepted', 'evidence'."""
    marks: Mapping[str, int] = field(default_factory=dict)
    """Numbers of the other tables that only rise: they tell an older file from a cut-off log."""
    accepts: str | None = None
    """A person's reason for going on from a log that did not verify; earlier checkpoints no longer bind."""
    key: str = ""
    signature: str = ""

    def signed_bytes(self) -> bytes:
        data = self.as_json()
        del data["signature"]
        return _CONTEXT + canonical_json(data)

    def signed(self, key: bytes, sign: Callable[[bytes], bytes]) -> Checkpoint:
        unsigned = replace(self, key=key.hex(), signature="")
        return replace(unsigned, signature=sign(unsigned.signed_bytes()).hex())

    def as_json(self) -> dict[str, Any]:
        return {
            "origin": self.origin,
            "size": self.size,
            "head": self.head,
            "at": iso(self.at),
            "why": self.why,
            "marks": dict(self.marks),
            "accepts": self.accepts,
            "key": self.key,
            "signature": self.signature,
        }

    def line(self) -> str:
        return canonical_json(self.as_json()).decode()


def parse_checkpoint(text: str | bytes) -> Checkpoint:
    """Strict: what was signed is what is read. Raises ValueError."""
    try:
        data = json.loads(text)
        found = Checkpoint(**{**data, "at": datetime.fromisoformat(data["at"]).astimezone(UTC)})
        for name, length in (("origin", 64), ("head", 64), ("key", 64), ("signature", 128)):
            if len(data[name]) != length or bytes.fromhex(data[name]).hex() != data[name]:
                raise ValueError(f"{name} is not {length} hex digits")
        marks = all(type(value) is int for value in data["marks"].values())
        if type(data["size"]) is not int or data["size"] < 1 or not marks or found.as_json() != data:
            raise ValueError("not in its one written form")
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError("not a checkpoint") from error
    return found


def compare(
    checkpoints: Sequence[Checkpoint],
    *,
    size: int,
    hash_at: Callable[[int], bytes | None],
    marks: Mapping[str, int],
) -> list[AuditProblem]:
    """What saved checkpoints say of a log whose hashes fit together up to `size`."""
    origin = hash_at(1)
    agreed = 0
    broken: Checkpoint | None = None
    newest: Checkpoint | None = None
    for saved in sorted(checkpoints, key=lambda checkpoint: checkpoint.size):
        newest = saved
        if saved.size > size:
            break
        found = hash_at(saved.size)
        if found is not None and found.hex() == saved.head and origin is not None and origin.hex() == saved.origin:
            agreed = saved.size if broken is None else agreed
        else:
            broken = broken or saved
    problems = []
    if broken is None and newest is not None and size and origin is not None and origin.hex() != newest.origin:
        broken = newest
    if broken is not None:
        where = f"after entry {agreed}" if agreed else "from its first entry on"
        problems.append(
            AuditProblem(
                AuditVerdict.REWRITTEN,
                agreed + 1,
                f"the log was rewritten {where}: its hashes fit together, but not to the checkpoint of "
                f"{iso(broken.at)} at entry {broken.size} (or that checkpoint is of another desk)",
            )
        )
    elif newest is not None and newest.size > size:
        problems.append(_shorter(newest, size, marks))
    return problems


def _shorter(newest: Checkpoint, size: int, marks: Mapping[str, int]) -> AuditProblem:
    """The log ends before a checkpoint. A file that was put back knows less in every table; a cut log alone does not."""
    older = [name for name, value in newest.marks.items() if marks.get(name, value) < value]
    seen = f"the checkpoint of {iso(newest.at)} saw {newest.size}"
    if older:
        return AuditProblem(
            AuditVerdict.ROLLED_BACK,
            size,
            f"the file is an older copy: it ends after entry {size}, {seen}, and {', '.join(older)} went back too",
        )
    return AuditProblem(
        AuditVerdict.TRUNCATED, size, f"entries after {size} were cut off: {seen}, and the other tables know of more"
    )
