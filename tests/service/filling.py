"""A store with very many orders that have ended, made quickly: the rows of one real life, with other names.

The orders, previews, approvals, submissions, executions and audit entries (five an order, with a true hash chain)
are complete. Recorded decisions and the findings inside audit entries are left out: they are 30 KB an order, are
read by nothing that is measured here, and a million of them would fill the disk rather than test an index.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from ibgw_tui.core.audit import GENESIS, chain_hash
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import Preview
from ibgw_tui.core.policy import FrequencyLimit, SessionLimit
from ibgw_tui.core.written import canonical_json
from ibgw_tui.service.hearing import hear
from tests.makers import a_policy, usd
from tests.service.bench_desk import BenchDesk, bench_desk, working
from tests.service.bench_desk import fill as execution

PAGE = 5_000
_KEPT = ("from", "to", "reason_code", "reason", "digest", "preview_id")


def fill(database: Path, template_ref: str, count: int) -> None:
    """Add `count` copies of one filled order. Nobody may have the file open."""
    raw = apsw.Connection(str(database))
    guards = raw.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in guards:
        raw.execute(f"DROP TRIGGER {name}")
    raw.execute("PRAGMA synchronous = OFF")
    raw.execute("PRAGMA cache_size = -200000")
    row = raw.execute("SELECT seq FROM orders WHERE order_ref = ?", (template_ref,)).fetchall()[0]
    template = _Template(raw, template_ref, int(str(row[0])))
    for first in range(0, count, PAGE):
        with raw:
            template.write(range(first, min(first + PAGE, count)))
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for _, sql in guards:
        raw.execute(str(sql))
    raw.close()


MANY = 1_000_000
ROOMY = a_policy(
    frequency_limit=FrequencyLimit(max_orders=MANY, window_seconds=300),
    session_limit=SessionLimit(max_orders_per_session=MANY, max_session_notional=usd("1000000000")),
)
"""The example policy with room for as many orders as are measured."""


async def make(folder: Path, size: int) -> None:
    """A file with `size` orders that have ended."""
    async with bench_desk(folder, policies={"example": ROOMY}) as desk:
        order = await desk.sent()
        await desk.do(lambda: hear(desk.store, working(order, desk.clock), desk.lease_token))
        await desk.do(lambda: hear(desk.store, execution(order, desk.clock, "1"), desk.lease_token))
        assert (await desk.read(order.order_ref)).status is Status.FILLED
        await desk.do(partial(release, desk))
    fill(folder / "desk" / "desk.sqlite3", order.order_ref, size - 1)


def release(desk: BenchDesk) -> None:
    with desk.store.write() as change:
        change.release_lease(desk.lease_token)


class _Template:
    """The rows of one order's life."""

    def __init__(self, raw: apsw.Connection, order_ref: str, seq: int) -> None:
        self._raw, self._ref = raw, order_ref
        self._rows = {
            table: self._dicts(f"SELECT * FROM {table} WHERE {key} = ?", seq)
            for table, key in (
                ("orders", "seq"), ("previews", "order_seq"), ("approvals", "order_seq"), ("submissions", "order_seq"),
                ("executions", "order_seq"),
            )
        }  # fmt: skip
        texts = raw.execute("SELECT entry FROM audit WHERE order_ref = ? ORDER BY seq", (order_ref,)).fetchall()
        self._entries = [json.loads(str(text)) for (text,) in texts]
        for entry in self._entries:
            entry["body"] = {key: value for key, value in entry["body"].items() if key in _KEPT}
        self._next = int(str(raw.execute("SELECT max(seq) FROM orders").fetchall()[0][0])) + 1
        head = raw.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchall()
        self._seq, self._hash = (int(str(head[0][0])), bytes(head[0][1])) if head else (0, GENESIS)  # type: ignore[arg-type]

    def _dicts(self, sql: str, seq: int) -> list[dict[str, Any]]:
        cursor = self._raw.execute(sql, (seq,))
        rows = cursor.fetchall()
        if not rows:
            return []
        names = [part[0] for part in self._raw.execute(sql, (seq,)).get_description()]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def write(self, numbers: range) -> None:
        made: dict[str, list[dict[str, Any]]] = {table: [] for table in self._rows}
        entries: list[tuple[int, str, bytes]] = []
        for number in numbers:
            ref, seq = f"o-f{number:09}", self._next + number
            # A million orders are twenty years of a busy desk: one every ten minutes, the newest a day ago.
            back = 86_400_000_000 + (1_000_000 - number % 1_000_000) * 600_000_000
            for table, rows in self._rows.items():
                made[table] += [self._copy(table, row, ref, seq, number, back) for row in rows]
            entries += self._chained(ref)
        for table, copies in made.items():
            if copies:
                names = list(copies[0])
                marks = ", ".join("?" * len(names))
                self._raw.executemany(
                    f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})",
                    [tuple(copy.values()) for copy in copies],
                )
        self._raw.executemany("INSERT INTO audit (seq, entry, hash) VALUES (?, ?, ?)", entries)

    def _copy(self, table: str, row: dict[str, Any], ref: str, seq: int, number: int, back: int) -> dict[str, Any]:
        copy = dict(row)
        for name, value in row.items():
            if name.endswith("_us") and value is not None:
                copy[name] = value - back
        if "order_ref" in copy:
            copy["order_ref"] = ref
        if table == "orders":
            copy["seq"] = seq
        else:
            copy["order_seq"] = seq
        if table == "previews":
            preview = Preview.model_validate_json(row["body"]).replaced(order_ref=ref, preview_id=f"p-{number}")
            copy |= {
                "seq": None,
                "preview_id": preview.preview_id,
                "body": preview.model_dump_json(),
                "digest": preview.digest,
            }
        elif table == "approvals":
            copy |= {"seq": None, "approval_id": f"a-{number}"}
        elif table == "submissions":
            copy |= {"approval_id": f"a-{number}", "idempotency_key": f"k-{number}"}
        elif table == "executions":
            copy["exec_id"] = f"e-{number}"
        return copy

    def _chained(self, ref: str) -> Iterator[tuple[int, str, bytes]]:
        for entry in self._entries:
            self._seq += 1
            text = canonical_json({**entry, "seq": self._seq, "order_ref": ref})
            self._hash = chain_hash(self._seq, self._hash, text)
            yield self._seq, text.decode(), self._hash
