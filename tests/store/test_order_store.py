"""The store: exact values in and out, one write path, a log that refuses change, and clear errors."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibgw_tui.core.audit import GENESIS
from ibgw_tui.core.broker import AccountFacts, Position
from ibgw_tui.core.errors import Conflict, InvalidRequest, NotFound, NotPermitted, OrderStoreError, SettingsError
from ibgw_tui.core.lifecycle import Actor, IllegalTransition, Signal, Status
from ibgw_tui.core.orders import digest_of
from ibgw_tui.core.terms import KillSwitch, Mode
from ibgw_tui.store import OrderStore
from tests.makers import (
    NOON,
    SettableClock,
    a_quote,
    an_approval,
    an_intent,
    usd,
)
from tests.service.bench_desk import fill
from tests.store._helpers import a_store, approved, forced, pending, preview_of, sent, stage

# ---- values


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(
    quantity=st.decimals(min_value="0.00000001", max_value=10**11, places=8),
    price=st.decimals(min_value="0.00000001", max_value=10**11, places=8),
    number=st.integers(0, 10**9),
)
def test_amounts_come_back_exactly(tmp_path: Path, quantity: Decimal, price: Decimal, number: int) -> None:
    with a_store(tmp_path / str(number)) as store:
        stage(store, quantity=format(quantity, "f"), limit_price=format(price, "f"))
        record, line = store.order("o-aaaa1"), store.lines(statuses=[Status.STAGED])[0]
        assert record is not None
        assert record.intent.quantity == line.quantity == quantity
        assert record.intent.limit_price == line.limit_price == price
    for side_file in (tmp_path / str(number)).glob("desk*"):
        side_file.unlink()


def test_a_whole_life_comes_back_as_it_was_written(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        record = sent(
            store, rationale="naïve ␛ text\nwith lines", time_in_force="gtd", good_till="2026-12-01T00:00:00Z"
        )
        with store.write() as change:
            change.add_execution(record, fill(record, SettableClock(), "0.4", "e1", price=Decimal("99.5")))
            change.add_execution(record, fill(record, SettableClock(), "0.6", "e2", price=Decimal("100.5")))
            change.add_commission("e1", usd("0.35"))
        again = store.order(record.order_ref)
        assert again is not None and again.preview == preview_of(record)
        assert again.filled == 1 and again.average_price == Decimal("100.1") and again.commission == Decimal("0.35")
        assert again.approval is not None and again.approval.status.value == "consumed"
        assert [row["quantity"] for row in store.executions(record.order_ref)] == [Decimal("0.4"), Decimal("0.6")]
    with a_store(tmp_path) as store:
        assert store.order(record.order_ref) == again


def test_facts_keep_the_newest_value_only(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        assert store.quote(265598) is None and store.link() is None
        held = Position(account="DU1234567", con_id=265598, symbol="AAPL", quantity=Decimal(5))
        account = AccountFacts(account="DU1234567", mode=Mode.PAPER, net_liquidation=usd("100000"), as_of=NOON)
        store.put_facts(quotes=[a_quote()], positions=[held], accounts=[account], link=("connected", "x", NOON))
        store.put_facts(quotes=[a_quote("98", "99")])
        assert store.quote(265598) == a_quote("98", "99")
        assert store.positions("DU1234567") == [held] and store.positions("U1234567") == []
        assert store.account_facts() == [account] and store.link() == ("connected", "x", NOON)
        store.put_facts(positions=[])
        assert store.positions() == []
        assert store.last_seq() == 0, "facts are not changes"


# ---- one write path


def test_a_change_is_whole_or_not_at_all(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        with pytest.raises(ZeroDivisionError), store.write() as change:
            change.insert_order("o-aaaa1", an_intent(), staged_by="agent-1")
            raise ZeroDivisionError
        assert store.order("o-aaaa1") is None and store.last_seq() == 0


def test_transactions_do_not_nest(tmp_path: Path) -> None:
    nested = pytest.raises(RuntimeError, match="inside another")
    with a_store(tmp_path) as store, store.write(), nested, store.write():
        pass


def test_a_status_changes_only_from_what_was_read(tmp_path: Path) -> None:
    with a_store(tmp_path) as store, a_store(tmp_path) as other:
        record = pending(store)
        with other.write() as change:
            change.move(change.order(record.order_ref), Signal.REJECT, actor=Actor.OPERATOR, principal="operator-2")
        with pytest.raises(Conflict, match="no longer pending"), store.write() as change:
            change.move(record, Signal.APPROVE, actor=Actor.OPERATOR, principal="operator-1")
        with pytest.raises(IllegalTransition), store.write() as change:
            change.move(change.order(record.order_ref), Signal.APPROVE, actor=Actor.OPERATOR, principal="x")
        assert [e.kind for e in store.audit_entries()] == ["order.staged", "order.previewed", "order.reject"]


def test_a_reference_a_submission_and_a_live_approval_exist_once(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        record = approved(store)
        with pytest.raises(Conflict):
            stage(store)
        with pytest.raises(Conflict), store.write() as change:
            change.insert_approval(record, an_approval(approval_id="a-2", preview_id="p"))
        with store.write() as change:
            change.spend_approval(f"a-{record.order_ref}")
        with pytest.raises(Conflict, match="spent"), store.write() as change:
            change.spend_approval(f"a-{record.order_ref}")
        for number in (1, 2):
            approval = f"a-{record.order_ref}"
            if number == 2:
                with pytest.raises(Conflict), store.write() as change:
                    change.insert_submission(
                        record, approval_id=approval, idempotency_key="k2", request_hash="h", notional=usd("1")
                    )
            else:
                with store.write() as change:
                    change.insert_submission(
                        record, approval_id=approval, idempotency_key="k1", request_hash="h", notional=usd("1")
                    )


def test_an_expired_approval_cannot_be_spent(tmp_path: Path) -> None:
    clock = SettableClock()
    with a_store(tmp_path, clock) as store:
        record = approved(store)
        clock.forward(minutes=5)
        with pytest.raises(Conflict), store.write() as change:
            change.spend_approval(f"a-{record.order_ref}")


def test_of_eight_that_spend_one_approval_one_succeeds(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        record = approved(store)

    def spend(_: int) -> bool:
        with a_store(tmp_path) as own:
            try:
                with own.write() as change:
                    change.spend_approval(f"a-{record.order_ref}")
            except Conflict:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(spend, range(8))) == 1


def test_an_altered_preview_is_never_shown(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        record = pending(store)
    forced(tmp_path, 'UPDATE previews SET body = replace(body, \'"quantity":"1"\', \'"quantity":"9"\')')
    with a_store(tmp_path) as store, pytest.raises(OrderStoreError, match="was altered"):
        store.order(record.order_ref)


# ---- counting


def test_the_tally_counts_what_was_sent_and_may_trade(tmp_path: Path) -> None:
    clock = SettableClock()
    with a_store(tmp_path, clock) as store:
        sent(store, "o-aaaa1")
        cut = sent(store, "o-aaaa2")
        with store.write() as change:
            change.move(cut, Signal.NOT_SENT, actor=Actor.ROUTER, principal="router")
        other = stage(store, "o-aaaa3", account="DU7654321")
        assert other.intent.account == "DU7654321"
        at_start = store.tally("DU1234567", window_start=NOON, session_start=NOON)
        assert (at_start.submitted_in_window, at_start.session_notional) == (1, {"USD": Decimal(100)})
        later = store.tally("DU1234567", window_start=NOON + timedelta(microseconds=1), session_start=NOON)
        assert (later.submitted_in_window, later.submitted_in_session) == (0, 1)


def test_exposure_keeps_buys_and_sells_apart(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        buy = sent(store, "o-aaaa1", quantity="10")
        sent(store, "o-aaaa2", quantity="4", side="sell")
        with store.write() as change:
            change.add_execution(buy, fill(buy, SettableClock(), "3"))
        exposure = store.exposure("DU1234567", 265598)
        assert exposure.open_buys == 7 and exposure.open_sells == 4


def test_what_has_lapsed(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        pending(store, "o-aaaa1")
        approved(store, "o-aaaa2")
        stage(store, "o-aaaa3")
        early = NOON - timedelta(seconds=1)
        assert store.lapsed(NOON, staged_before=early) == []
        assert store.lapsed(NOON + timedelta(minutes=5), staged_before=early) == ["o-aaaa2"]
        assert set(store.lapsed(NOON + timedelta(minutes=15), staged_before=NOON)) == {"o-aaaa1", "o-aaaa2", "o-aaaa3"}


def test_finding_an_order_by_a_part_of_its_reference(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        for ref in ("o-abcdef1234", "o-abcdzz9999"):
            stage(store, ref)
        assert store.find_order("abcdef").order_ref == "o-abcdef1234"
        assert store.find_order("9999").order_ref == "o-abcdzz9999"
        with pytest.raises(InvalidRequest, match="could be"):
            store.find_order("abcd")
        for bad in ("abc", "nothing", "%%%%", "o-a' OR 1=1 --", "\x1b[2J"):
            with pytest.raises(NotFound) as caught:
                store.find_order(bad)
            assert "\x1b" not in caught.value.message


# ---- the log


def test_the_log_refuses_change(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        stage(store)
        for sql in ("UPDATE audit SET entry = 'x'", "DELETE FROM audit"):
            with pytest.raises((OrderStoreError, Conflict)):
                store._connection.execute(sql)
        assert store.verify_audit().ok


@pytest.mark.parametrize(
    "sql",
    ["UPDATE audit SET entry = replace(entry, 'agent-1', 'agent-2') WHERE seq = 3", "DELETE FROM audit WHERE seq = 3"],
)
def test_whoever_forces_a_change_is_found_out(tmp_path: Path, sql: str) -> None:
    with a_store(tmp_path) as store:
        for number in range(5):
            stage(store, f"o-aaaa{number}")
        store._connection.execute("DROP TRIGGER audit_no_update")
        store._connection.execute("DROP TRIGGER audit_no_delete")
        store._connection.execute(sql)
        verdict = store.verify_audit()
        assert not verdict.ok and verdict.broken_at == 3
        assert not store.verify_audit_tail(4).ok
    with pytest.raises(OrderStoreError, match="lacks what it was made with: trigger audit_no"):
        OrderStore.open(tmp_path / "desk.sqlite3", clock=SettableClock())


def test_reading_the_log(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        assert store.audit_head() == (0, GENESIS.hex())
        for number in range(5):
            stage(store, f"o-aaaa{number}")
        assert [e.seq for e in store.audit_entries(limit=2, newest=True)] == [4, 5]
        assert [e.seq for e in store.audit_entries(after_seq=2)] == [3, 4, 5]
        assert [e.order_ref for e in store.audit_entries(order_ref="o-aaaa3")] == ["o-aaaa3"]
        newest = store.latest_audit("order.staged")
        assert newest is not None and newest.hash == store.audit_head()[1]
        seen: list[int] = []
        assert store.verify_audit(progress=lambda done, _: seen.append(done)).entries == 5
        assert seen == [5]


# ---- kill switch and lease


def test_the_switch_is_closed_until_somebody_opens_it(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        assert (store.switch().state, store.switch().source) == (KillSwitch.CLOSED, "default")
        for state, epoch in [
            (KillSwitch.OPEN, 0),
            (KillSwitch.CLOSED, 1),
            (KillSwitch.CLOSED, 1),
            (KillSwitch.OPEN, 1),
            (KillSwitch.CLOSED, 2),
        ]:
            with store.write() as change:
                assert change.set_switch(state, actor=Actor.OPERATOR, principal="o", reason="r").epoch == epoch
        assert len(store.audit_entries()) == 5
    with a_store(tmp_path) as store:
        assert store.switch().state is KillSwitch.CLOSED and store.switch().epoch == 2


def test_a_switch_that_cannot_be_read_is_closed(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        with store.write() as change:
            change.set_switch(KillSwitch.OPEN, actor=Actor.OPERATOR, principal="o", reason="r")
        (tmp_path / "KILL").touch()
        assert (store.switch().state, store.switch().source) == (KillSwitch.CLOSED, "sentinel file")
        with pytest.raises(NotPermitted, match="KILL"), store.write() as change:
            change.set_switch(KillSwitch.OPEN, actor=Actor.OPERATOR, principal="o", reason="r")
        (tmp_path / "KILL").unlink()
        assert store.switch().state is KillSwitch.OPEN
        store._connection.execute("DROP TABLE kill_switch")
        assert (store.switch().state, store.switch().source) == (KillSwitch.CLOSED, "unreadable")


def test_one_router_at_a_time(tmp_path: Path) -> None:
    clock = SettableClock()
    with a_store(tmp_path, clock) as store, a_store(tmp_path, clock) as other:
        with store.write() as change:
            first = change.take_lease("router-1", 1)
        assert first is not None
        seen = other.lease()
        with other.write() as change:
            assert change.take_lease("router-2", 2) is None
        with store.write() as change:
            assert change.beat(first.token)
        with other.write() as change:
            assert change.take_lease("router-2", 2, over=seen) is None, "it has given a sign of life since"
            second = change.take_lease("router-2", 2, over=other.lease())
        assert second is not None and second.token > first.token
        with store.write() as change:
            assert not change.beat(first.token)
        with pytest.raises(Conflict, match="lease"), store.write(lease_token=first.token) as change:
            change.add_discrepancy("a stale router speaks")
        with other.write(lease_token=second.token) as change:
            change.release_lease(second.token)
        assert other.lease() is None
        with store.write() as change:
            third = change.take_lease("router-1", 1)
        assert third is not None and third.token > second.token


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_does_not_free_the_lease(tmp_path: Path, hours: int) -> None:
    clock = SettableClock()
    with a_store(tmp_path, clock) as store:
        with store.write() as change:
            change.take_lease("router-1", 1)
        clock.forward(hours=hours)
        with store.write() as change:
            assert change.take_lease("router-2", 2) is None


# ---- idempotency


def test_keys_are_never_forgotten(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        with store.write() as change:
            assert change.claim_key("a", "k", operation="stage", request_hash="h").is_new
            change.finish_key("a", "k", state="completed", order_ref="o-1", result={"x": "1"})
        with store.write() as change:
            known = change.claim_key("a", "k", operation="stage", request_hash="other")
            assert (known.is_new, known.request_hash, known.state, known.result) == (
                False,
                "h",
                "completed",
                {"x": "1"},
            )
            change.release_key("a", "k")  # only a pending key can be released
        with store.write() as change:
            assert not change.claim_key("a", "k", operation="stage", request_hash="h").is_new
            assert change.claim_key("a", "k2", operation="stage", request_hash="h").is_new
            change.release_key("a", "k2")
            assert change.claim_key("a", "k2", operation="stage", request_hash="h").is_new


# ---- the file


def test_folder_and_file_are_private(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with a_store(tmp_path / "home") as store:
            stage(store)
            assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
            for file in (tmp_path / "home").glob("desk.sqlite3*"):
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    finally:
        os.umask(old)


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.sqlite3").write_text("hello, this is not a database at all" * 40)
    with pytest.raises(OrderStoreError, match="not a database"):
        OrderStore.open(tmp_path / "text.sqlite3", clock=SettableClock())
    foreign = apsw.Connection(str(tmp_path / "foreign.sqlite3"))
    foreign.execute("CREATE TABLE t (x)")
    foreign.close()
    with pytest.raises(SettingsError, match="another program"):
        OrderStore.open(tmp_path / "foreign.sqlite3", clock=SettableClock())


def test_a_newer_file_is_refused_and_not_touched(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store._connection.execute("PRAGMA user_version = 99")
    with pytest.raises(SettingsError, match="newer version"):
        OrderStore.open(tmp_path / "desk.sqlite3", clock=SettableClock())


def test_a_hard_link_is_refused(tmp_path: Path) -> None:
    with a_store(tmp_path):
        pass
    os.link(tmp_path / "desk.sqlite3", tmp_path / "other.sqlite3")
    with pytest.raises(OrderStoreError, match="hard links"):
        OrderStore.open(tmp_path / "desk.sqlite3", clock=SettableClock())


def test_a_replaced_file_is_not_written(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        stage(store)
        os.rename(tmp_path / "desk.sqlite3", tmp_path / "away.sqlite3")
        (tmp_path / "desk.sqlite3").touch()
        with pytest.raises(OrderStoreError, match="replaced, moved"):
            stage(store, "o-bbbb1")


def test_a_full_disk_is_an_error_and_loses_nothing(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        kept = stage(store)
        pages = store._connection.rows("PRAGMA page_count")[0][0]
        store._connection.rows(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(OrderStoreError, match="disk is full"):
            for number in range(200):
                stage(store, f"o-full{number}", rationale="x" * 4000)
        assert store.order(kept.order_ref) == kept and store.verify_audit().ok
        store._connection.rows("PRAGMA max_page_count = 1000000")
        stage(store, "o-after1")


def test_a_database_that_somebody_holds_is_said_to_be_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibgw_tui.store.database.BUSY_SECONDS", 0.05)
    with a_store(tmp_path) as store:
        holder = apsw.Connection(str(tmp_path / "desk.sqlite3"))
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(OrderStoreError, match="busy") as caught:
            stage(store)
        assert caught.value.retryable
        holder.execute("ROLLBACK")
        holder.close()
        stage(store)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        stage(store)
    reader = OrderStore.open(tmp_path / "desk.sqlite3", clock=SettableClock(), read_only=True)
    assert reader.order("o-aaaa1") is not None
    with pytest.raises(OrderStoreError, match="for reading"), reader.write():
        pass
    reader.close()


def test_three_openers_at_once_make_one_schema(tmp_path: Path) -> None:
    def open_and_look(_: int) -> int:
        with a_store(tmp_path) as store:
            return store.last_seq()

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(open_and_look, range(3))) == [0, 0, 0]


def test_the_settings_that_keep_commits_are_in_force(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        found = {
            name: store._connection.rows(f"PRAGMA {name}")[0][0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
        assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_preview_of_an_earlier_version_keeps_the_digest_it_was_approved_with(tmp_path: Path) -> None:
    """A field that did not exist then is not in its bytes, and must not make them look altered."""
    with a_store(tmp_path) as store:
        record = pending(store)
        assert record.preview is not None
        body = record.preview.model_dump(mode="json")
        del body["intent"]["modifies"]
        old = digest_of("preview", body)
        assert old != record.preview.digest
    forced(tmp_path, f"UPDATE previews SET body = '{json.dumps(body)}', digest = '{old}'")
    with a_store(tmp_path) as store:
        again = store.order(record.order_ref)
        assert again is not None and again.preview is not None and again.preview.digest == old
