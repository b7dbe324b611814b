"""What is kept for good stays as it was, and whoever changes it all the same is found out."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from ibgw_tui.core.errors import OrderStoreError
from ibgw_tui.core.lifecycle import Actor, Status
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.store import OrderStore
from tests.makers import SettableClock
from tests.service.bench_desk import fill
from tests.store._helpers import DATABASE, a_store, flipped, forced, pending, sent, stage

FORBIDDEN = [
    "UPDATE audit SET entry = entry",
    "DELETE FROM audit",
    "INSERT OR REPLACE INTO audit (seq, entry, hash) SELECT 1, entry, hash FROM audit WHERE seq = 2",
    "INSERT INTO audit (seq, entry, hash) SELECT seq + 100, entry, hash FROM audit WHERE seq = 2",
    "INSERT INTO audit (entry, hash) SELECT entry, hash FROM audit WHERE seq = 2",
    "UPDATE approvals SET status = 'approved'",
    "UPDATE approvals SET expires_us = expires_us + 1",
    "UPDATE approvals SET body = '{}'",
    "DELETE FROM approvals",
    "DELETE FROM submissions",
    "UPDATE submissions SET notional_u = 0",
    "INSERT OR REPLACE INTO submissions SELECT * FROM submissions",
    "UPDATE previews SET body = '{}'",
    "DELETE FROM previews",
    "DELETE FROM orders",
    "UPDATE orders SET quantity = '1000'",
    "UPDATE orders SET intent = '{}'",
    "UPDATE orders SET account = 'U7654321'",
    "DELETE FROM executions",
    "DELETE FROM idempotency",
    "UPDATE idempotency SET request_hash = 'x'",
]


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_the_tables_refuse(tmp_path: Path, sql: str) -> None:
    with a_store(tmp_path) as store:
        record = sent(store)
        with store.write() as change:
            change.add_execution(record, fill(record, SettableClock(), "1"))
            change.claim_key("a", "k", operation="stage", request_hash="h")
            change.finish_key("a", "k", state="completed", order_ref=record.order_ref, result=None)
        before, head = store.order(record.order_ref), store.audit_head()
        with pytest.raises(OrderStoreError) as caught:
            store._connection.execute(sql)
        assert not caught.value.retryable
        assert store.order(record.order_ref) == before and store.audit_head() == head
        assert store.verify_audit().ok


def test_guards_also_hold_for_a_plain_shell(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        sent(store)
    shell = apsw.Connection(str(tmp_path / DATABASE))
    for sql in [*FORBIDDEN[:5], "UPDATE approvals SET status = 'approved'", "DELETE FROM submissions"]:
        with pytest.raises(apsw.ConstraintError):
            shell.execute(sql)
    shell.close()


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DROP TRIGGER approvals_end_once", "lacks what it was made with: trigger approvals_end_once"),
        ("DROP INDEX approvals_one_live", "lacks what it was made with: index approvals_one_live"),
        (
            "CREATE TRIGGER later AFTER INSERT ON approvals BEGIN UPDATE orders SET submit_asked = 1; END",
            "something was added to it: trigger later",
        ),
        ("CREATE TABLE more (x)", "something was added to it: table more"),
        ("ALTER TABLE lease ADD COLUMN more TEXT", "lacks what it was made with: table lease"),
    ],
)
def test_a_changed_schema_is_noticed_at_the_next_start(tmp_path: Path, sql: str, words: str) -> None:
    with a_store(tmp_path):
        pass
    shell = apsw.Connection(str(tmp_path / DATABASE))
    shell.execute(sql)
    shell.close()
    for read_only in (False, True):
        with pytest.raises(OrderStoreError, match=words):
            OrderStore.open(tmp_path / DATABASE, clock=SettableClock(), read_only=read_only)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"principal":"agent-1","seq":2', b'"principal":"agent-2","seq":2'),
        (b'"principal":"agent-1","seq":2', b'"principal":"agent-\xff","seq":2'),
        (b'"principal":"agent-1","seq":2', b'"principal":"agent-1"}"seq":2'),
    ],
    ids=["another word", "not text", "not JSON"],
)
def test_one_byte_of_the_log_that_changed_on_disk_is_found(tmp_path: Path, old: bytes, new: bytes) -> None:
    with a_store(tmp_path) as store:
        for number in range(3):
            stage(store, f"o-aaaa{number}")
    flipped(tmp_path, old, new)
    with a_store(tmp_path) as store:
        verdict = store.verify_audit()
        assert not verdict.ok and verdict.broken_at == 2 and verdict.entries == 1
        assert not store.verify_audit_tail(2).ok
        if b'"agent-2"' not in new:
            with pytest.raises(OrderStoreError, match="entry 2 was altered"):
                store.audit_entries()


def test_a_log_whose_last_entry_is_damaged_can_still_record_a_stop(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        stage(store)
    flipped(tmp_path, b'"principal":"agent-1","seq":1', b'"principal":"agent-1"}"seq":1')
    with a_store(tmp_path) as store:
        with store.write() as change:
            change.set_switch(KillSwitch.CLOSED, actor=Actor.OPERATOR, principal="operator-1", reason="stop")
        assert store.switch().state is KillSwitch.CLOSED and store.switch().source == "store"
        assert store.verify_audit().broken_at == 1


def test_a_tail_that_was_cut_off_shows_in_the_head_only(tmp_path: Path) -> None:
    """The chain cannot see it: that is why the head is shown and printed."""
    with a_store(tmp_path) as store:
        for number in range(5):
            stage(store, f"o-aaaa{number}")
        seq, head = store.audit_head()
    forced(tmp_path, "DELETE FROM audit WHERE seq > 3")
    with a_store(tmp_path) as store:
        assert store.verify_audit().ok
        assert store.audit_head() != (seq, head) and store.audit_head()[0] == 3


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE orders SET quantity = '9'",
        "UPDATE orders SET side = 'sell'",
        "UPDATE orders SET account = 'U7654321'",
        "UPDATE orders SET limit_price = NULL",
        """UPDATE orders SET quantity = '9', intent = replace(intent, '"quantity":"1"', '"quantity":"9"')""",
        "UPDATE orders SET intent = '{'",
        "UPDATE orders SET filled = 'many'",
        "UPDATE decisions SET outcome = '{}'",
        "UPDATE previews SET digest = 'x'",
    ],
)
def test_an_order_that_contradicts_itself_is_never_shown(tmp_path: Path, sql: str) -> None:
    with a_store(tmp_path) as store:
        record = pending(store)
    forced(tmp_path, sql)
    with a_store(tmp_path) as store:
        with pytest.raises(OrderStoreError, match="altered") as caught:
            store.order(record.order_ref)
        assert not caught.value.retryable
        with pytest.raises(OrderStoreError, match="altered"):
            store.orders(statuses=[Status.PENDING])


def test_facts_that_are_damaged_are_never_shown(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.put_facts(link=("connected", "x", SettableClock()()))
        store._connection.execute("UPDATE facts SET body = '[1]'")
        with pytest.raises(OrderStoreError, match="altered"):
            store.link()
