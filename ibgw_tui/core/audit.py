"""The audit chain: canonical bytes, hashes, and what verification concludes.

    leaf_n = SHA-256(0x00 | canonical JSON of the whole entry)
    hash_n = SHA-256(0x02 | n as 8 bytes big-endian | hash_(n-1) | leaf_n)

Entry 1 follows GENESIS. Whoever holds an earlier
head can see any later edit. What the chain alone cannot see is a cut-off tail: the head is therefore
also shown on screen and printed by `ibgw audit verify`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ibgw_tui.core.orders import canonical_json
from ibgw_tui.core.terms import iso

GENESIS = hashlib.sha256(b"ibgw-tui audit log, version 1").digest()


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


def chain_hash(seq: int, previous: bytes, entry: bytes) -> bytes:
    """Hash of entry `seq`, given the hash before it and its canonical bytes."""
    leaf = hashlib.sha256(b"\x00" + entry).digest()
    return hashlib.sha256(b"\x02" + seq.to_bytes(8, "big") + previous + leaf).digest()


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """What a walk along the chain found. `broken_at` is the first entry that does not fit."""

    ok: bool
    entries: int
    head: str
    """Hex of the last good hash; GENESIS when empty."""
    broken_at: int | None = None
    problem: str = ""


def verify_chain(
    rows: Iterable[tuple[int, bytes, bytes]], *, start_seq: int = 0, start_hash: bytes = GENESIS
) -> ChainVerdict:
    """Walk (seq, entry bytes, stored hash) in order from the entry after `start_seq`."""
    previous, last, count = start_hash, start_seq, 0
    for seq, entry, stored in rows:
        if seq != last + 1:
            return ChainVerdict(False, count, previous.hex(), last + 1, f"entry {last + 1} is missing")
        expected = chain_hash(seq, previous, entry)
        if expected != stored:
            return ChainVerdict(False, count, previous.hex(), seq, f"entry {seq} was altered")
        previous, last, count = stored, seq, count + 1
    return ChainVerdict(True, count, previous.hex())
