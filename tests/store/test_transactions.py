"""A transaction is whole or nothing: also when the code in it looks away, and when the file goes away."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from ibgw_tui.core.errors import Conflict, NotFound, OrderStoreError
from ibgw_tui.core.lifecycle import Actor, Signal, Status
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.store import OrderStore
from ibgw_tui.store.thread import StoreThread
from tests.makers import NOON, SettableClock, an_intent
from tests.store._helpers import DATABASE, a_store, approved, pending, stage


def fill_up(store: OrderStore) -> None:
    pages = store._connection.rows("PRAGMA page_count")[0][0]
    store._connection.rows(f"PRAGMA max_page_count = {pages}")


def test_an_error_that_is_passed_over_still_undoes_everything(tmp_path: Path) -> None:
    """On a full disk SQLite rolls back by itself: what follows must not be committed piece by piece."""
    with a_store(tmp_path) as store:
        stage(store)
        fill_up(store)
        refused: list[str] = []
        with pytest.raises(OrderStoreError, match="passed over"), store.write() as change:
            change.note(change.order("o-aaaa1"), submit_asked=True)
            for number in range(100):
                try:
                    change.insert_order(f"o-full{number}", an_intent(rationale="x" * 4000), staged_by="agent-1")
                except OrderStoreError as error:
                    refused.append(error.message)
        assert "the disk is full" in refused[0]
        store._connection.rows("PRAGMA max_page_count = 1000000")
        record = store.order("o-aaaa1")
        assert record is not None and not record.submit_asked
        assert len(store.orders()) == 1 and store.last_seq() == 1 and store.verify_audit().ok


def test_an_error_that_undid_one_statement_only_undoes_everything_too(tmp_path: Path) -> None:
    """SQLite would let the rest be committed; what was refused would be missing from it."""
    with a_store(tmp_path) as store:
        record = stage(store)
        refused = pytest.raises(OrderStoreError, match="breaks its rules")
        with pytest.raises(OrderStoreError, match="passed over"), store.write() as change:
            change.note(record, submit_asked=True)
            with refused:
                change.claim_key("a", "k", operation="stage", request_hash="h")
                change.finish_key("a", "k", state="nonsense", order_ref=None, result=None)
        again = store.order(record.order_ref)
        assert again is not None and not again.submit_asked
        with store.write() as change:
            assert change.claim_key("a", "k", operation="stage", request_hash="h").is_new
            change.note(record, submit_asked=True)
        again = store.order(record.order_ref)
        assert again is not None and again.submit_asked, "the next transaction is a new one"


def test_a_status_is_never_changed_without_its_audit_entry(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        record = pending(store)
        looked_away = pytest.raises(UnicodeEncodeError)
        with pytest.raises(OrderStoreError, match="passed over"), store.write() as change, looked_away:
            change.move(record, Signal.REJECT, actor=Actor.OPERATOR, principal="o", detail={"text": "\ud800"})
        again = store.order(record.order_ref)
        assert again is not None and again.status is Status.PENDING


def test_a_conflict_may_be_caught_and_the_rest_goes_on(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        stage(store)
        with store.write() as change:
            with pytest.raises(Conflict):
                change.insert_order("o-aaaa1", an_intent(), staged_by="agent-2")
            with pytest.raises(NotFound):
                change.order("o-nothing")
            change.insert_order("o-aaaa2", an_intent(), staged_by="agent-2")
        assert [order.order_ref for order in store.orders()] == ["o-aaaa1", "o-aaaa2"]
        assert store.verify_audit().entries == 2


@pytest.mark.parametrize("fails", [False, True])
def test_a_change_is_of_no_use_after_its_transaction(tmp_path: Path, fails: bool) -> None:
    with a_store(tmp_path) as store:
        try:
            with store.write() as change:
                if fails:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        with pytest.raises(RuntimeError, match="after its transaction"):
            change.insert_order("o-late1", an_intent(), staged_by="agent-1")
        with pytest.raises(RuntimeError, match="after its transaction"):
            change.append_audit("late", actor=Actor.AGENT, principal="agent-1")
        assert store.orders() == [] and store.last_seq() == 0


def test_errors_of_the_caller_stay_the_callers(tmp_path: Path) -> None:
    with a_store(tmp_path) as store, pytest.raises(ConnectionResetError), store.write():
        raise ConnectionResetError(104, "peer")


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_nothing_is_acknowledged_into_a_deleted_file(tmp_path: Path, suffix: str) -> None:
    with a_store(tmp_path) as store:
        stage(store)
        os.unlink(tmp_path / f"{DATABASE}{suffix}")
        with pytest.raises(OrderStoreError) as caught:
            stage(store, "o-bbbb1")
        assert not caught.value.retryable or suffix == ""


def test_a_file_that_goes_while_a_transaction_is_open_takes_no_record_with_it(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        with pytest.raises(OrderStoreError, match="replaced, moved"), store.write() as change:
            change.insert_order("o-aaaa1", an_intent(), staged_by="agent-1")
            os.unlink(tmp_path / f"{DATABASE}-wal")
        assert store.order("o-aaaa1") is None


def test_a_second_name_given_while_it_is_open_stops_writing(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        os.link(tmp_path / DATABASE, tmp_path / "other.sqlite3")
        with pytest.raises(OrderStoreError, match="hard links"):
            stage(store)
        os.unlink(tmp_path / "other.sqlite3")
        stage(store)


def test_a_store_that_was_upgraded_under_us_is_not_written(tmp_path: Path) -> None:
    with a_store(tmp_path) as store, a_store(tmp_path) as newer:
        newer._connection.execute("PRAGMA user_version = 99")
        with pytest.raises(OrderStoreError, match="newer version"):
            stage(store)


def test_a_closed_store_does_not_open_itself_again(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        stage(store)
    store.close()
    for use in (lambda: store.order("o-aaaa1"), lambda: stage(store, "o-bbbb1"), store.last_seq):
        with pytest.raises(OrderStoreError, match="closed"):
            use()
    assert store.switch().state is KillSwitch.CLOSED and store.switch().source == "unreadable"


def test_another_thread_gets_no_connection_of_its_own(tmp_path: Path) -> None:
    seen: list[BaseException] = []

    def use() -> None:
        try:
            store.last_seq()
        except OrderStoreError as error:
            seen.append(error)

    with a_store(tmp_path) as store:
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    assert len(seen) == 1


def test_numbers_beyond_the_store_are_refused_whole(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        record = stage(store)
        with pytest.raises(OrderStoreError, match="too large"), store.write() as change:
            change.note(record, perm_id=2**70)
        again = store.order(record.order_ref)
        assert again is not None and again.perm_id is None


# ---- the clock


def test_the_log_is_never_dated_backwards(tmp_path: Path) -> None:
    clock = SettableClock()
    with a_store(tmp_path, clock) as store:
        stage(store)
        clock.forward(hours=-1)
        stage(store, "o-aaaa2")
        clock.forward(hours=2)
        stage(store, "o-aaaa3")
        first, second, third = store.audit_entries()
        assert first.at == second.at == NOON and third.at == NOON + timedelta(hours=1)
        assert second.body["clock_said"] == "2026-11-23T14:00:00.000000Z"
        assert "clock_said" not in first.body and "clock_said" not in third.body
        assert store.verify_audit().ok


def test_an_approval_of_the_future_is_not_spent(tmp_path: Path) -> None:
    """A clock that was ahead for a moment must not leave approvals that outlive their time."""
    clock = SettableClock()
    with a_store(tmp_path, clock) as store:
        record = approved(store)
        clock.forward(microseconds=-1)
        with pytest.raises(Conflict), store.write() as change:
            change.spend_approval(f"a-{record.order_ref}")
        clock.forward(microseconds=1)
        with store.write() as change:
            change.spend_approval(f"a-{record.order_ref}")
        assert store.lines(statuses=[Status.APPROVED])[0].approval_expires_at is None, "only a live one has an end"


# ---- the thread


async def test_the_store_thread_is_one_thread_and_hands_errors_back(tmp_path: Path) -> None:
    thread = StoreThread(tmp_path / DATABASE, clock=SettableClock())
    names = {await thread.run(lambda _: threading.get_ident()) for _ in range(5)}
    assert len(names) == 1 and threading.get_ident() not in names
    assert await thread.run(lambda store, ref: stage(store, ref).order_ref, "o-aaaa1") == "o-aaaa1"
    with pytest.raises(NotFound):
        await thread.run(lambda store: store.find_order("nothing-like-it"))
    thread.close()
    thread.close()
    with a_store(tmp_path) as store:
        assert store.order("o-aaaa1") is not None


def test_a_store_thread_that_cannot_open_says_why(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_text("not a database " * 500)
    with pytest.raises(OrderStoreError, match="not a database"):
        StoreThread(tmp_path / DATABASE, clock=SettableClock())
