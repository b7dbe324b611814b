"""The audit chain: canonical bytes, hashes, and what a walk along it concludes.

    leaf_n = SHA-256(0x00 | canonical JSON of the whole entry)
    hash_n = SHA-256(0x02 | n as 8 bytes big-endian | hash_(n-1) | leaf_n)

Entry 1 follows GENESIS. Every column is inside what is hashed, so whoever holds an earlier head can see
any later edit. Two hashes, so that a part of the chain can be shown to somebody with the leaves of the
entries that are none of their business. What the chain alone cannot see is a cut-off end, an older copy
of the file, or a chain made anew with all its hashes: for these there are checkpoints (`core/checkpoint`).
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ibgw_tui.core.written import canonical_json, iso

GENESIS = hashlib.sha256(b"ibgw-tui audit log, version 1").digest()

_sha256 = hashlib.sha256
_numbered = struct.Struct(">BQ").pack

AuditRow = tuple[int, bytes, bytes]
"""seq, canonical bytes, stored hash."""


class AuditVerdict(StrEnum):
    """What verification concludes. The first that applies, in this order, is the headline."""

    ALTERED = "altered"
    """Entry N is not what was written, or not with this hash."""
    GAP = "gap"
    """Entry N is missing though later ones are there."""
    INSERTED = "inserted"
    """An entry stands at N that was never appended."""
    REWRITTEN = "rewritten"
    """Every hash fits, but not to what was signed before: history after entry N was made anew."""
    ROLLED_BACK = "rolled_back"
    """The whole file is an older copy, which ends after entry N."""
    TRUNCATED = "truncated"
    """Entries after N were cut off; the other tables know of more."""
    CHECKPOINT_INVALID = "checkpoint_invalid"
    """A saved checkpoint is not readable, or not signed by this desk's key."""
    GUARDS_MISSING = "guards_missing"
    """The triggers that refuse changes are not there, or other things were added to the tables."""
    TABLES_DIVERGE = "tables_diverge"
    """A table does not say what the entries add up to."""
    INTACT = "intact"


@dataclass(frozen=True, slots=True)
class AuditProblem:
    """One thing that verification found."""

    verdict: AuditVerdict
    at: int | None
    """The entry it is about; for a missing end the last one that is there."""
    words: str


def entry_bytes(
    *,
    seq: int,
    at: datetime,
    kind: str,
    actor: str,
    principal: str,
    order_ref: str | None,
    body: dict[str, Any],
) -> bytes:
    """The bytes that are hashed and stored: every column is inside them."""
    return canonical_json(
        {
            "seq": seq,
            "at": iso(at),
            "kind": kind,
            "actor": actor,
            "principal": principal,
            "order_ref": order_ref,
            "body": body,
        }
    )


def leaf_hash(entry: bytes) -> bytes:
    """What an entry adds to the chain; it says nothing of what the entry says."""
    return _sha256(b"\x00" + entry).digest()


def link_hash(seq: int, previous: bytes, leaf: bytes) -> bytes:
    return _sha256(_numbered(2, seq) + previous + leaf).digest()


def chain_hash(seq: int, previous: bytes, entry: bytes) -> bytes:
    """Hash of entry `seq`, given the hash before it and its canonical bytes."""
    return link_hash(seq, previous, leaf_hash(entry))


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """What a walk along the chain found. `broken_at` is the first entry that does not fit."""

    ok: bool
    entries: int
    head: str
    """Hex of the last good hash; GENESIS when empty."""
    broken_at: int | None = None
    problem: str = ""
    verdict: AuditVerdict = AuditVerdict.INTACT


def follow(rows: Iterable[AuditRow], seq: int, previous: bytes) -> tuple[int, bytes, AuditProblem | None]:
    """Walk from the entry after `seq`, whose hash is `previous`, to the first that does not fit.

    Returns the last good number and hash. The inner loop of every verification: kept bare.
    """
    following = iter(rows)
    for found, entry, stored in following:
        number = seq + 1
        if found != number or (
            _sha256(_numbered(2, number) + previous + _sha256(b"\x00" + entry).digest()).digest() != stored
        ):
            return seq, previous, _diagnosis(number, found, entry, next(following, None))
        seq, previous = number, stored
    return seq, previous, None


def _diagnosis(number: int, found: int, entry: bytes, after: AuditRow | None) -> AuditProblem:
    """Why the row numbered `found` cannot be entry `number`.

    Rows that were numbered anew still carry the number they were written with, and so does the next one.
    """
    if found < number:
        return AuditProblem(AuditVerdict.INSERTED, found, f"an entry numbered {found} was put before entry {number}")
    if found > number:
        return AuditProblem(AuditVerdict.GAP, number, f"entry {number} is missing")
    shift = _shift(number, entry)
    if shift and after is not None and _shift(after[0], after[1]) == shift:
        if shift < 0:
            at = number + shift
            words = f"an entry was put in at {at}: what stands at {number} was written as entry {at}"
            return AuditProblem(AuditVerdict.INSERTED, at, words)
        words = f"entry {number} is missing: what stands there was written as entry {number + shift}"
        return AuditProblem(AuditVerdict.GAP, number, words)
    return AuditProblem(AuditVerdict.ALTERED, number, f"entry {number} was altered")


def _shift(number: int, entry: bytes) -> int:
    """By how much the number an entry was written with is above the one it has."""
    try:
        return int(json.loads(entry)["seq"]) - number
    except (ValueError, TypeError, KeyError):
        return 0


def verify_chain(rows: Iterable[AuditRow], *, start_seq: int = 0, start_hash: bytes = GENESIS) -> ChainVerdict:
    """Walk (seq, entry bytes, stored hash) in order from the entry after `start_seq`."""
    last, head, problem = follow(rows, start_seq, start_hash)
    return chain_verdict(last - start_seq, head, problem)


def chain_verdict(entries: int, head: bytes, problem: AuditProblem | None) -> ChainVerdict:
    if problem is None:
        return ChainVerdict(True, entries, head.hex())
    return ChainVerdict(False, entries, head.hex(), problem.at, problem.words, problem.verdict)


_GRAVITY = list(AuditVerdict)


def headline(problems: Iterable[AuditProblem]) -> AuditProblem | None:
    """The gravest of them."""
    return min(problems, key=lambda problem: _GRAVITY.index(problem.verdict), default=None)
