"""A store with orders at each step of their life, and ways to damage it from outside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import apsw

from ibgw_tui.core.cases import Case
from ibgw_tui.core.lifecycle import Actor, Signal
from ibgw_tui.core.orders import Estimate, Preview
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.terms import Mode
from ibgw_tui.store import OrderStore
from tests.makers import (
    NOON,
    SettableClock,
    a_contract,
    a_policy,
    an_approval,
    an_intent,
    gate_context,
    limit_context,
    terms,
    usd,
)

DATABASE = "desk.sqlite3"
PROJECT = Path(__file__).parents[2]


@contextmanager
def a_store(folder: Path, clock: SettableClock | None = None) -> Iterator[OrderStore]:
    store = OrderStore.open(folder / DATABASE, clock=clock or SettableClock())
    try:
        yield store
    finally:
        store.close()


def stage(store: OrderStore, ref: str = "o-aaaa1", **changes: object) -> OrderRecord:
    with store.write() as change:
        return change.insert_order(ref, an_intent(**changes), staged_by="agent-1")


def preview_of(record: OrderRecord) -> Preview:
    return Preview(
        preview_id=f"p-{record.order_ref}", order_ref=record.order_ref, mode=Mode.PAPER, staged_by=record.staged_by,
        intent=record.intent, contract=a_contract(), estimate=Estimate(notional=usd("100")), policy_id="example",
        policy_digest=a_policy().digest, created_at=NOON, expires_at=NOON + timedelta(minutes=15),
    )  # fmt: skip


def pending(store: OrderStore, ref: str = "o-aaaa1", **changes: object) -> OrderRecord:
    record = stage(store, ref, **changes)
    case = Case(ref, terms(), a_policy(), limit_context(), gate_context())
    with store.write() as change:
        change.record_preview(record, preview_of(record), case, case.decide())
        return change.move(change.order(ref), Signal.PREVIEWED, actor=Actor.ROUTER, principal="router")


def approved(store: OrderStore, ref: str = "o-aaaa1", **changes: object) -> OrderRecord:
    record = pending(store, ref, **changes)
    with store.write() as change:
        change.insert_approval(record, an_approval(approval_id=f"a-{ref}", preview_id=f"p-{ref}"))
        return change.move(record, Signal.APPROVE, actor=Actor.OPERATOR, principal="operator-1")


def sent(store: OrderStore, ref: str = "o-aaaa1", **changes: object) -> OrderRecord:
    record = approved(store, ref, **changes)
    with store.write() as change:
        change.spend_approval(f"a-{ref}")
        change.insert_submission(
            record, approval_id=f"a-{ref}", idempotency_key=f"k-{ref}", request_hash="h", notional=usd("100")
        )
        return change.move(record, Signal.SEND, actor=Actor.ROUTER, principal="router")


def forced(folder: Path, sql: str) -> None:
    """What somebody with a database shell can do: take the guards off, change, and put them back."""
    shell = apsw.Connection(str(folder / DATABASE))
    guards = shell.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in guards:
        shell.execute(f"DROP TRIGGER {name}")
    shell.execute(sql)
    for _, text in guards:
        shell.execute(str(text))
    shell.close()


def flipped(folder: Path, old: bytes, new: bytes) -> None:
    """Change bytes in the file itself, as a bad disk would. Nobody may have it open."""
    path = folder / DATABASE
    assert not path.with_name(path.name + "-wal").exists(), "close the store first"
    content = path.read_bytes()
    assert len(old) == len(new) and content.count(old) == 1
    path.write_bytes(content.replace(old, new))


def started(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process of the same desk, running `code` with what tests use imported."""
    return subprocess.Popen(
        [sys.executable, "-c", _PRELUDE + code, *map(str, arguments)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


_PRELUDE = """
import sys, time
from pathlib import Path
from ibgw_tui.core.errors import Conflict, GatewayError
from ibgw_tui.core.lifecycle import Actor, Signal
from ibgw_tui.store import OrderStore
from tests.makers import SettableClock, an_approval, an_intent, usd
from tests.store._helpers import approved, pending, sent, stage
def desk():
    return OrderStore.open(Path(sys.argv[1]), clock=SettableClock())
def say(*words):
    print(*words, flush=True)
"""
