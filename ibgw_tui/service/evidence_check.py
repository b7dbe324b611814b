"""Verify this evidence of one brokerage order. Needs Python 3.9 or newer and nothing else.

    python3 verify.py [--fingerprint xxxx-xxxx-xxxx-xxxx-xxxx]

It is a copy of a file of ibgw-tui, but imports nothing of it: what it checks can be read here from top to
bottom. Exit code 0: everything fits. 1: something does not, and it says what.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

GENESIS = hashlib.sha256(b"ibgw-tui audit log, version 1").digest()
CHECKPOINT = b"ibgw-tui audit checkpoint 1\n"
MANIFEST = b"ibgw-tui evidence manifest 1\n"
UNSIGNED = ("manifest.json", "manifest.sig")

# ---- Ed25519 (RFC 8032), verification only

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
Point = tuple[int, int, int, int]


def _recover_x(y: int, sign: int) -> int:
    if y >= _P:
        raise ValueError("not a point")
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        raise ValueError("not a point")
    return _P - x if x & 1 != sign else x


def _point(data: bytes) -> Point:
    number = int.from_bytes(data, "little")
    y = number & ((1 << 255) - 1)
    x = _recover_x(y, number >> 255)
    return x, y, 1, x * y % _P


def _add(a: Point, b: Point) -> Point:
    e = (a[1] - a[0]) * (b[1] - b[0]) % _P
    f = (a[1] + a[0]) * (b[1] + b[0]) % _P
    g = 2 * a[3] * b[3] * _D % _P
    h = 2 * a[2] * b[2] % _P
    i, j, k, m = f - e, h - g, h + g, f + e
    return i * j % _P, k * m % _P, j * k % _P, i * m % _P


def _times(scalar: int, point: Point) -> Point:
    total: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point = _add(point, point)
        scalar >>= 1
    return total


_Y = 4 * pow(5, _P - 2, _P) % _P
_X = _recover_x(_Y, 0)
_BASE: Point = (_X, _Y, 1, _X * _Y % _P)


def is_signed(key: bytes, signature: bytes, content: bytes) -> bool:
    if len(key) != 32 or len(signature) != 64:
        return False
    try:
        public, commitment = _point(key), _point(signature[:32])
    except ValueError:
        return False
    scalar = int.from_bytes(signature[32:], "little")
    if scalar >= _L:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + content).digest(), "little") % _L
    left, right = _times(scalar, _BASE), _add(commitment, _times(challenge, public))
    return not (left[0] * right[2] - right[0] * left[2]) % _P and not (left[1] * right[2] - right[1] * left[2]) % _P


# ---- the evidence


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def fingerprint(key: bytes) -> str:
    digest = hashlib.sha256(key).hexdigest()[:20]
    return "-".join(digest[place : place + 4] for place in range(0, 20, 4))


class Wrong(Exception):
    """Something does not fit."""


def need(fits: object, words: str) -> None:
    if not fits:
        raise Wrong(words)


class Pack:
    """The files beside this one."""

    def __init__(self, folder: Path, expected: str | None) -> None:
        self.folder = folder
        self.expected = expected
        self.key = bytes.fromhex(self.text("public-key.txt").split()[0])

    def text(self, name: str) -> str:
        return (self.folder / name).read_bytes().decode("utf-8")

    def json(self, name: str) -> Any:
        return json.loads(self.text(name))

    def check_key(self) -> str:
        found = fingerprint(self.key)
        need(self.expected in (None, found), f"the key is {found}, not {self.expected}")
        return found if self.expected else f"{found}: COMPARE IT with what the desk told you on another way"

    def check_files(self) -> str:
        content = (self.folder / "manifest.json").read_bytes()
        signature = bytes.fromhex(self.text("manifest.sig").strip())
        need(is_signed(self.key, signature, MANIFEST + content), "the manifest is not what was signed")
        listed = json.loads(content)["files"]
        found = {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()}
        found = {name for name in found if "__pycache__" not in name}
        need(found == set(listed) | set(UNSIGNED), f"files differ: {sorted(found ^ (set(listed) | set(UNSIGNED)))}")
        for name, digest in listed.items():
            need(hashlib.sha256((self.folder / name).read_bytes()).hexdigest() == digest, f"{name} was changed")
        return f"{len(listed)} files are what was signed"

    def check_chain(self) -> str:
        seq, head, since = 0, GENESIS, "its beginning"
        if (self.folder / "checkpoint-start.json").exists():
            start = self._checkpoint("checkpoint-start.json")
            seq, head, since = start["size"], bytes.fromhex(start["head"]), start["at"]
        end = self._checkpoint("checkpoint-end.json")
        self.leaves: dict[int, bytes] = {}
        for line in self.text("chain.jsonl").splitlines():
            link = json.loads(line)
            need(link["seq"] == seq + 1, f"entry {seq + 1} is missing in the chain")
            seq, leaf = link["seq"], bytes.fromhex(link["leaf"])
            head = hashlib.sha256(b"\x02" + seq.to_bytes(8, "big") + head + leaf).digest()
            need(head.hex() == link["hash"], f"the chain breaks at entry {seq}")
            self.leaves[seq] = leaf
        need((seq, head.hex()) == (end["size"], end["head"]), "the chain does not end at the signed checkpoint")
        return f"{len(self.leaves)} links from {since} to the checkpoint of {end['at']}"

    def _checkpoint(self, name: str) -> Any:
        found = self.json(name)
        signature = bytes.fromhex(found.pop("signature"))
        need(found["key"] == self.key.hex(), f"{name} is signed by another key")
        need(is_signed(self.key, signature, CHECKPOINT + canonical(found)), f"{name} is not what was signed")
        return found

    def check_entries(self) -> str:
        self.order = self.json("order.json")
        self.entries: list[Any] = []
        for path in sorted((self.folder / "entries").iterdir()):
            content = path.read_bytes()
            entry = json.loads(content)
            leaf = hashlib.sha256(b"\x00" + content).digest()
            need(path.name == f"{entry['seq']:012d}.json", f"{path.name} is entry {entry['seq']}")
            need(self.leaves.get(entry["seq"]) == leaf, f"entry {entry['seq']} is not what the chain holds")
            need(entry["order_ref"] == self.order["order_ref"], f"entry {entry['seq']} is of another order")
            self.entries.append(entry)
        need(
            self.entries and self.entries[0]["kind"] in ("order.staged", "order.edited"),
            "the order's beginning is missing",
        )
        status = "staged"
        for entry in self.entries:
            if entry["kind"].startswith("order.") and "to" in entry["body"]:
                need(entry["body"]["from"] == status, f"a step before entry {entry['seq']} is missing")
                status = entry["body"]["to"]
        need(status == self.order["status"], f"the entries end at {status}, the order says {self.order['status']}")
        need(self.entries[0]["body"]["intent"] == self.order["intent"], "the order is not what was staged")
        return f"{len(self.entries)} entries, from staged to {status}"

    def _told(self, name: str) -> list[Any]:
        """The bodies of the entries that tell of `name`."""
        return [entry["body"] for entry in self.entries if name in entry["body"]]

    def check_preview(self) -> str:
        told = [body["digest"] for body in self._told("preview_id") if "digest" in body]
        stored = [hashlib.sha256(b"preview\x00" + canonical(one)).hexdigest() for one in self.json("previews.json")]
        need(stored == told, "the previews are not those of the entries")
        shown = ""
        for entry in self.entries:
            body = entry["body"]
            if "preview_id" in body and "digest" in body:
                shown = body["digest"]
            if "approval" in body:
                need(body["approval"]["preview_digest"] == shown, "another preview was approved than the newest")
        return f"{len(stored)} shown, the newest with digest {shown[:16]}..." if stored else "it was never previewed"

    def check_decisions(self) -> str:
        told = [
            (body["inputs"], body["decision"]["digest"])
            for body in self._told("decision")
            if body["decision"] and "digest" in body["decision"]  # a refused approval keeps its own
        ]
        stored = [
            tuple(hashlib.sha256(row[name].encode()).hexdigest() for name in ("inputs", "outcome"))
            for row in self.json("decisions.json")
        ]
        need(stored == told, "the decisions are not those of the entries")
        return f"{len(stored)}, each with its inputs"

    def check_approvals(self) -> str:
        told = [body["approval"] for body in self._told("approval")]
        stored = self.json("approvals.json")
        need([row["content"] for row in stored] == told, "the approvals are not those of the entries")
        spent = [row["content"]["approval_id"] for row in stored if row["status"] == "consumed"]
        sent = [entry["body"]["approval_id"] for entry in self.entries if entry["kind"] == "order.send"]
        need(spent == sent, "what was spent is not what was sent")
        return f"{len(stored)} given, {len(spent)} spent"

    def check_submission(self) -> str:
        sent = [entry["body"] for entry in self.entries if entry["kind"] == "order.send"]
        stored = self.json("submission.json")
        if not sent:
            need(stored is None, "there is a submission that no entry tells of")
            return "it was never sent"
        need(len(sent) == 1 and stored is not None, "an order is sent once")
        for name in ("approval_id", "idempotency_key"):
            need(stored[name] == sent[0][name], f"its {name} is not that of the entry")
        return f"sent once, under {stored['idempotency_key']}"

    def check_executions(self) -> str:
        names = ("exec_id", "quantity", "price")
        told = {tuple(body[name] for name in names) for body in self._told("exec_id")}
        stored = {tuple(row[name] for name in names) for row in self.json("executions.json")}
        need(told == stored, "the executions are not those of the entries")
        return f"{len(stored)} executions"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verify the evidence in the folder of this file.")
    parser.add_argument("--fingerprint", help="of the desk's key, as you were told it on another way")
    arguments = parser.parse_args(argv)
    failed = 0
    try:
        pack = Pack(Path(__file__).resolve().parent, arguments.fingerprint)
    except (OSError, ValueError, IndexError) as error:
        print(f"FAIL  the public key cannot be read: {error}")
        return 1
    checks: list[tuple[str, Callable[[], str]]] = [
        ("key", pack.check_key),
        ("files", pack.check_files),
        ("chain", pack.check_chain),
        ("entries", pack.check_entries),
        ("preview", pack.check_preview),
        ("decisions", pack.check_decisions),
        ("approvals", pack.check_approvals),
        ("submission", pack.check_submission),
        ("executions", pack.check_executions),
    ]
    for name, check in checks:
        try:
            print(f"ok    {name}: {check()}")
        except Wrong as error:
            failed += 1
            print(f"FAIL  {name}: {error}")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            failed += 1
            print(f"FAIL  {name}: cannot be read ({type(error).__name__}: {error})")
    print("NOT VERIFIED" if failed else "VERIFIED")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
