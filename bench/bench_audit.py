"""How fast the audit log is verified, and how long the look at start takes.

    python -m bench.bench_audit [--entries 500000] [--own 60000]

The floor, measured in the same run over the same file, is what no verification can go below: fetching the
bytes and one SHA-256 of each, on one core. Two logs: lean entries of about 300 bytes (acknowledgements,
fills, the switch), and the mix this program writes, in which every preview, approval and submit carries
the digest of its decision. Aims: above 500,000 entries a second, the look at start under 5 ms.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw

from bench.report import Figure, of_times, run
from ibgw_tui.core.audit import GENESIS, chain_hash, entry_bytes
from ibgw_tui.core.checkpoint import Checkpoint
from ibgw_tui.service.verifying import quick_look
from ibgw_tui.service.witness import ENTRIES
from ibgw_tui.store import OrderStore
from ibgw_tui.store.audit_file import AuditFile
from ibgw_tui.store.chain import PAGE_SQL
from ibgw_tui.store.checkpoints import Checkpoints
from tests.audit_desk import live, opened
from tests.makers import NOON, SettableClock

SINCE = ENTRIES
"""Entries after the newest checkpoint when the desk starts after a crash: a router writes one after so many."""

Kind = tuple[str, str | None, dict[str, Any]]


def lean() -> Iterator[Kind]:
    body = {"from": "sending", "to": "working", "reason_code": None, "reason": "held until the market opens " * 4}
    number = 0
    while True:
        number += 1
        yield "order.acknowledge", f"o-{number // 10:08d}", body


def own(folder: Path) -> Iterator[Kind]:
    """What a desk that lived a little wrote, again and again."""
    import json

    with opened(live(folder).database) as shell:
        entries = [json.loads(str(row[0])) for row in shell.execute("SELECT entry FROM audit ORDER BY seq").fetchall()]
    while True:
        for entry in entries:
            yield entry["kind"], entry["order_ref"], entry["body"]


def build(path: Path, kinds: Iterator[Kind], count: int) -> float:
    """A database of this program with so many entries. Returns their mean size."""
    OrderStore.open(path, clock=SettableClock()).close()
    previous, size, rows = GENESIS, 0, []
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA synchronous = 0").fetchall()
    for seq in range(1, count + 1):
        kind, ref, body = next(kinds)
        entry = entry_bytes(seq=seq, at=NOON, kind=kind, actor="broker", principal="broker", order_ref=ref, body=body)
        previous = chain_hash(seq, previous, entry)
        size += len(entry)
        rows.append((seq, entry.decode(), previous))
        if len(rows) == 5000 or seq == count:
            with connection:
                connection.executemany("INSERT INTO audit (seq, entry, hash) VALUES (?, ?, ?)", rows)
            rows = []
    connection.close()
    return size / count


def plain(path: Path) -> None:
    """The floor."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    after, sha256 = 0, hashlib.sha256
    while rows := connection.execute(PAGE_SQL, (after,)).fetchall():
        for _, entry, _ in rows:
            sha256(entry).digest()  # type: ignore[arg-type]
        after = int(rows[-1][0])  # type: ignore[arg-type]
    connection.close()


def verify(path: Path) -> None:
    with AuditFile(path) as file:
        assert file.chain.verify().ok


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def full(name: str, path: Path, size: float, count: int, rounds: int) -> Figure:
    floors, verified = [], []
    for _ in range(rounds):  # in turns: a busy machine slows both
        floors.append(count / timed(lambda: plain(path)))
        verified.append(count / timed(lambda: verify(path)))
    return Figure(
        f"full verification, {name}: {count:,} of {size:,.0f} bytes",
        max(verified),
        "entries/s",
        beside="fetching and one SHA-256 of each",
        base=max(floors),
        aim=500_000,
        is_rate=True,
    )


def at_start(path: Path, folder: Path, count: int, rounds: int) -> Figure:
    """The look at start, on the store's own connection, with a checkpoint a thousand entries ago."""
    saved = Checkpoints(folder, path)
    store = OrderStore.open(path, clock=SettableClock())
    origin, head = store.chain.hash_at(1), store.chain.hash_at(count - SINCE)
    assert origin is not None and head is not None
    with saved.alone():
        saved.append(Checkpoint(origin.hex(), count - SINCE, head.hex(), NOON, "interval", store.chain.marks()))
    assert quick_look(store.chain, saved).problem is None  # also loads the signature library
    looks = [timed(lambda: quick_look(store.chain, saved)) for _ in range(rounds)]
    floors = [timed(lambda: _tail(store, count)) for _ in range(rounds)]
    store.close()
    beside = f"fetching and hashing the {SINCE:,} entries"
    return of_times(f"look at start, log of {count:,}", looks, beside=beside, base=floors, aim=5)


def _tail(store: OrderStore, count: int) -> None:
    for page in store.chain.pages(count - SINCE):
        for _, entry, _ in page:
            hashlib.sha256(entry).digest()


def measure(given: argparse.Namespace) -> list[Figure]:
    found = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        for kind, kinds, count in (("lean", lean(), given.entries), ("own mix", own(folder / "lived"), given.own)):
            path = folder / kind.replace(" ", "-") / "desk.sqlite3"
            size = build(path, kinds, count)
            found.append(full(f"{kind} entries", path, size, count, given.rounds))
            found.append(at_start(path, folder / "witness", count, 200))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=500_000, help="lean entries")
    parser.add_argument("--own", type=int, default=60_000, help="entries of the program's own mix")
    parser.add_argument("--rounds", type=int, default=5)
    return run(parser, measure)


if __name__ == "__main__":
    raise SystemExit(main())
