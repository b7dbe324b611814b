"""Several processes on one file: one wins, all others are told, and a killed one loses nothing it was told."""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
import time
from pathlib import Path

import apsw
import pytest

from ibgw_tui.core.errors import OrderStoreError
from ibgw_tui.core.orders import ApprovalStatus
from ibgw_tui.store import OrderStore
from tests.store._helpers import DATABASE, a_store, approved, stage, started

Crowd = list[subprocess.Popen[str]]


def at_once(crowd: Crowd) -> list[str]:
    """Start all on one word when all are ready; the last line of each."""
    for process in crowd:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in crowd:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = []
    for process in crowd:
        output, errors = process.communicate(timeout=90)
        assert process.returncode == 0, errors
        answers.append(output.strip())
    return answers


SPEND = """
store = desk(); say("ready"); sys.stdin.readline()
won = []
for number in range(20):
    ref = f"o-race{number:02}"
    try:
        with store.write() as change:
            change.spend_approval("a-" + ref)
            change.insert_submission(change.order(ref), approval_id="a-" + ref, idempotency_key=f"{ref}-{sys.argv[2]}",
                                     request_hash="h", notional=usd("100"))
            change.move(change.order(ref), Signal.SEND, actor=Actor.ROUTER, principal="router")
        won.append(ref)
    except Conflict:
        pass
store.close()
say(*won)
"""


def test_each_approval_is_spent_once_however_many_try(tmp_path: Path) -> None:
    references = [f"o-race{number:02}" for number in range(20)]
    with a_store(tmp_path) as store:
        for reference in references:
            approved(store, reference)
    won = [line.split() for line in at_once([started(SPEND, tmp_path / DATABASE, n) for n in range(5)])]
    assert sorted(itertools.chain(*won)) == references
    with a_store(tmp_path) as store:
        for reference in references:
            record = store.order(reference)
            assert record is not None and record.approval is not None
            assert record.approval.status is ApprovalStatus.CONSUMED
        kinds = [entry.kind for entry in store.audit_entries(limit=1000)]
        assert kinds.count("order.send") == 20 and store.verify_audit().ok


CLAIM = """
store = desk(); say("ready"); sys.stdin.readline()
for number in range(10):
    with store.write() as change:
        claimed = change.claim_key("agent-1", f"key-{number}", operation="stage", request_hash="h")
        if claimed.is_new:
            ref = f"o-{number}-{sys.argv[2]}"
            change.insert_order(ref, an_intent(), staged_by="agent-1")
            change.finish_key("agent-1", f"key-{number}", state="completed", order_ref=ref, result={"ref": ref})
        else:
            ref = claimed.result["ref"]
    say(ref)
store.close()
"""


def test_one_key_is_one_order_for_whoever_asks(tmp_path: Path) -> None:
    with a_store(tmp_path):
        pass
    answers = at_once([started(CLAIM, tmp_path / DATABASE, n) for n in range(4)])
    assert len(set(answers)) == 1, "all were told the same ten orders"
    with a_store(tmp_path) as store:
        assert sorted(answers[0].split()) == sorted(order.order_ref for order in store.orders())


LEASE = """
store = desk()
with store.write() as change:
    lease = change.take_lease("router-dead", 4242)
say(lease.token)
time.sleep(60)
"""


def test_the_lease_of_a_killed_router_is_taken_over_when_it_is_stale(tmp_path: Path) -> None:
    process = started(LEASE, tmp_path / DATABASE)
    assert process.stdout is not None
    token = int(process.stdout.readline())
    process.kill()
    process.communicate()
    with a_store(tmp_path) as store:
        seen = store.lease()
        with store.write() as change:
            assert change.take_lease("router-2", 2) is None, "it may only be slow"
        with store.write() as change:
            taken = change.take_lease("router-2", 2, over=seen)
        assert taken is not None and taken.token > token


HOLD = """
import apsw
held = apsw.Connection(sys.argv[1]); held.execute("BEGIN IMMEDIATE"); say("held"); sys.stdin.readline()
"""


def test_a_lock_of_another_process_is_waited_for_then_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibgw_tui.store.database.BUSY_SECONDS", 0.3)
    with a_store(tmp_path) as store:
        stage(store)
        process = started(HOLD, tmp_path / DATABASE)
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        began = time.monotonic()
        with pytest.raises(OrderStoreError, match="busy") as caught:
            stage(store, "o-bbbb1")
        assert caught.value.retryable and caught.value.user_action
        assert 0.3 <= time.monotonic() - began < 3
        assert store.order("o-aaaa1") is not None, "reading goes on"
        process.communicate("go\n", timeout=30)
        stage(store, "o-bbbb1")


LIVES = """
store = desk()
for number in range(100000):
    ref = f"o-{sys.argv[2]}-{number:05}"
    sent(store, ref)
    say(ref)
"""


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_process_loses_nothing_it_was_told(tmp_path: Path, seed: int) -> None:
    """Two writers, killed at a random moment. What they said is there, and no step is half done."""
    with a_store(tmp_path) as store:
        stage(store, "o-first")
    crowd = [started(LIVES, tmp_path / DATABASE, name) for name in ("left", "right")]
    said: list[str] = []
    for process in crowd:
        assert process.stdout is not None
        said.append(process.stdout.readline().strip())
    time.sleep(random.Random(seed).uniform(0.1, 0.6))
    for process in crowd:
        process.send_signal(signal.SIGKILL)
    for process in crowd:
        output, _ = process.communicate(timeout=30)
        # The last line may have been cut; what has its line end was said.
        said += [line.strip() for line in output.splitlines(keepends=True) if line.endswith("\n")]
    with a_store(tmp_path) as store:
        assert store.verify_audit().ok
        assert_no_half_steps(store)
        for reference in said:
            record = store.order(reference)
            assert record is not None and record.status.value == "sending", reference
        stage(store, "o-after")
    shell = apsw.Connection(str(tmp_path / DATABASE))
    assert shell.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert shell.execute("PRAGMA foreign_key_check").fetchall() == []
    shell.close()


def assert_no_half_steps(store: OrderStore) -> None:
    """Sent, spent and submitted are one step; so are an order and each of its audit entries."""
    halves = store._connection.rows(
        """
        SELECT o.order_ref, o.status, a.status, s.order_seq FROM orders o
        LEFT JOIN approvals a ON a.order_seq = o.seq LEFT JOIN submissions s ON s.order_seq = o.seq
        WHERE (o.status = 'sending') + (a.status IS 'consumed') + (s.order_seq IS NOT NULL) NOT IN (0, 3)
           OR (o.status = 'approved') <> (a.status IS 'approved')
        """
    )
    assert halves == []
    steps = {"staged": 1, "pending": 2, "approved": 3, "sending": 4}
    rows = store._connection.rows(
        "SELECT o.status, count(*) FROM orders o JOIN audit e ON e.order_ref = o.order_ref GROUP BY o.seq"
    )
    assert all(steps[status] == count for status, count in rows)
