"""The evidence of one order: everything about it, in files that anybody can verify without this program.

The order's entries are there byte for byte. Of all other entries only their leaves are: they prove that
the chain is whole between two signed checkpoints, and say nothing of other people's orders.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ibgw_tui.core.audit import leaf_hash
from ibgw_tui.core.checkpoint import Checkpoint
from ibgw_tui.core.errors import InvalidRequest, OrderStoreError
from ibgw_tui.core.orders import Preview
from ibgw_tui.core.terms import iso
from ibgw_tui.core.written import canonical_json
from ibgw_tui.service import evidence_check
from ibgw_tui.store.audit_file import AuditFile
from ibgw_tui.store.checkpoints import Checkpoints, fingerprint
from ibgw_tui.store.rows import from_us

_SCRIPT = Path(evidence_check.__file__)
_OLDEST = (1980, 1, 1, 0, 0, 0)
"""What a zip archive can say of a time; the evidence's own times are inside."""

_README = """\
# Evidence of order {ref}

Made {made_at} from the audit log of a desk that runs ibgw-tui.

    python3 verify.py --fingerprint {fingerprint}

needs Python 3.9 or newer and nothing else. Get the fingerprint from the desk on another way than this
archive (by telephone, on paper): a forger would send a key of his own along with it.

| file | what it is |
|---|---|
| `entries/N.json` | every entry of the audit log about this order, byte for byte as it was written |
| `chain.jsonl` | number, leaf and hash of every entry between the two checkpoints, also of other orders (leaves only) |
| `checkpoint-start.json`, `checkpoint-end.json` | signed statements of what the log was; without the first the chain starts at entry 1 |
| `order.json`, `previews.json`, `decisions.json`, `approvals.json`, `submission.json`, `executions.json` | what the desk's tables say |
| `manifest.json`, `manifest.sig` | SHA-256 of every file, and its Ed25519 signature |
| `public-key.txt` | the desk's key |

    leaf = SHA-256(0x00 | bytes of the entry)
    hash = SHA-256(0x02 | number as 8 bytes big-endian | hash before | leaf)

What it proves: these entries stood in this log, in this order, when the second checkpoint was signed, and
were not changed since; the preview is the one that was approved; the approval was spent once; the
executions are those that were recorded. What it does not prove: that the desk wrote the truth at the time,
that it held back no remark about this order (a held-back change of its status would show), or that it did
not sign another history for somebody else: for that, compare checkpoints.

It holds account numbers and the words of agents, unredacted: the hashes are of exactly these bytes.
"""


@dataclass(frozen=True, slots=True)
class Case:
    """Files by name, all bytes."""

    order_ref: str
    files: dict[str, bytes]
    entries: int
    links: int
    fingerprint: str


def gather(file: AuditFile, checkpoints: Checkpoints, order_ref: str, *, made_at: datetime) -> Case:
    """The case of one order, signed. Raises OrderStoreError when the log does not reach a checkpoint."""
    with file.one_state():
        numbers = [row[0] for row in file.rows("SELECT seq FROM audit WHERE order_ref = ? ORDER BY seq", (order_ref,))]
        start, end = _around(checkpoints, numbers)
        files = {"checkpoint-end.json": end.line().encode()}
        if start is not None:
            files["checkpoint-start.json"] = start.line().encode()
        links = 0
        lines: list[str] = []
        wanted = set(numbers)
        for page in file.chain.pages(start.size if start else 0):
            for seq, content, stored in page:
                if seq > end.size:
                    break
                links += 1
                lines.append(json.dumps({"seq": seq, "leaf": leaf_hash(content).hex(), "hash": stored.hex()}))
                if seq in wanted:
                    files[f"entries/{seq:012d}.json"] = content
            if page[-1][0] >= end.size:
                break
        files["chain.jsonl"] = "".join(f"{line}\n" for line in lines).encode()
        files |= _tables(file, order_ref)
    key = bytes.fromhex(end.key)
    files["public-key.txt"] = f"{key.hex()}\n".encode()
    files["verify.py"] = _SCRIPT.read_bytes()
    text = _README.format(ref=order_ref, made_at=iso(made_at), fingerprint=fingerprint(key))
    files["README.md"] = text.encode()
    manifest = canonical_json(
        {
            "order_ref": order_ref,
            "made_at": iso(made_at),
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        }
    )
    files["manifest.json"] = manifest
    files["manifest.sig"] = checkpoints.sign_bytes(evidence_check.MANIFEST + manifest).hex().encode()
    return Case(order_ref, files, len(numbers), links, fingerprint(key))


def write_case(case: Case, target: Path) -> None:
    """To a new folder, or to an archive if the name ends in .zip. Raises InvalidRequest, OrderStoreError."""
    if target.exists():
        raise InvalidRequest(f"{target} exists already", user_action="name a new folder or a new .zip file")
    try:
        if target.suffix == ".zip":
            with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as archive:
                for name, content in sorted(case.files.items()):
                    archive.writestr(zipfile.ZipInfo(f"{target.stem}/{name}", _OLDEST), content)
            target.chmod(0o600)
        else:
            target.mkdir(mode=0o700, parents=True)
            for name, content in case.files.items():
                path = target / name
                path.parent.mkdir(mode=0o700, exist_ok=True)
                path.write_bytes(content)
    except OSError as error:
        raise OrderStoreError(
            f"{target} cannot be written: {error.strerror or error}", user_action="name another place"
        ) from error


def _around(checkpoints: Checkpoints, numbers: list[int]) -> tuple[Checkpoint | None, Checkpoint]:
    """The newest checkpoint before the first entry, and the first at or after the last one."""
    saved = sorted(checkpoints.read().binding(), key=lambda checkpoint: checkpoint.size)
    if numbers:
        after = next((checkpoint for checkpoint in saved if checkpoint.size >= numbers[-1]), None)
        if after is not None:
            before = [checkpoint for checkpoint in saved if checkpoint.size < numbers[0]]
            return (before[-1] if before else None), after
    raise OrderStoreError(
        "the audit log holds no entry of this order that a checkpoint covers",
        user_action="run `ibgw audit verify --full`",
        retryable=False,
    )


def _tables(file: AuditFile, order_ref: str) -> dict[str, bytes]:
    """What the tables say, in the words of the entries."""
    order = _one(
        file,
        "SELECT seq, status, staged_by, intent, filled, average_price, commission, perm_id, reason_code, reason "
        "FROM orders WHERE order_ref = ?",
        order_ref,
    )
    if order is None:
        raise OrderStoreError(f"the row of order {order_ref} is missing", user_action="run `ibgw audit verify --deep`")
    seq = order[0]
    names = (
        "status",
        "staged_by",
        "intent",
        "filled",
        "average_price",
        "commission",
        "perm_id",
        "reason_code",
        "reason",
    )
    told = dict(zip(names, order[1:], strict=True)) | {"order_ref": order_ref, "intent": json.loads(order[3])}
    previews = file.rows("SELECT body FROM previews WHERE order_seq = ? ORDER BY seq", (seq,))
    decisions = file.rows("SELECT step, inputs, outcome FROM decisions WHERE order_seq = ? ORDER BY seq", (seq,))
    approvals = file.rows("SELECT body, status FROM approvals WHERE order_seq = ? ORDER BY seq", (seq,))
    submission = _one(
        file,
        "SELECT approval_id, idempotency_key, request_hash, account, currency, notional_u, submitted_us "
        "FROM submissions WHERE order_seq = ?",
        seq,
    )
    executions = file.rows(
        "SELECT exec_id, quantity, price, at_us, corrects, replaced_by FROM executions WHERE order_seq = ? "
        "ORDER BY at_us, exec_id",
        (seq,),
    )
    return {
        "order.json": canonical_json(told),
        "previews.json": canonical_json(
            [Preview.model_validate_json(body).model_dump(mode="json") for (body,) in previews]
        ),
        "decisions.json": canonical_json(
            [{"step": step, "inputs": inputs, "outcome": outcome} for step, inputs, outcome in decisions]
        ),
        "approvals.json": canonical_json(
            [{"content": json.loads(body), "status": status} for body, status in approvals]
        ),
        "submission.json": canonical_json(_submission(submission)),
        "executions.json": canonical_json(
            [
                {
                    "exec_id": row[0],
                    "quantity": row[1],
                    "price": row[2],
                    "at": iso(from_us(row[3])),
                    "corrects": row[4],
                    "replaced_by": row[5],
                }
                for row in executions
            ]
        ),
    }


def _submission(row: tuple[Any, ...] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "approval_id": row[0],
        "idempotency_key": row[1],
        "request_hash": row[2],
        "account": row[3],
        "currency": row[4],
        "notional_millionths": row[5],
        "submitted_at": iso(from_us(row[6])),
    }


def _one(file: AuditFile, sql: str, name: object) -> tuple[Any, ...] | None:
    rows = file.rows(sql, (name,))
    return rows[0] if rows else None
