"""Older files are led to the newest tables, whole or not at all, with a copy of what they were."""

from __future__ import annotations

import stat
from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from ibgw_tui.core.audit import GENESIS, chain_hash, entry_bytes
from ibgw_tui.core.errors import ErrorCode, OrderStoreError, SettingsError
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.store import OrderStore, migration
from ibgw_tui.store.recognition import APPLICATION_ID
from ibgw_tui.store.schema import FIRST, MIGRATIONS
from tests.makers import NOON, SettableClock, an_intent, usd
from tests.store._helpers import DATABASE, a_store, stage, started


def a_first_file(folder: Path) -> None:
    """A file as the first version left it: one order, filled in two parts of which one was corrected."""
    old = apsw.Connection(str(folder / DATABASE))
    old.execute("PRAGMA journal_mode = wal").fetchall()
    for statement in FIRST:
        old.execute(statement)
    intent = an_intent(quantity="10")
    old.execute(
        "INSERT INTO orders (order_ref, revision, status, staged_by, account, symbol, side, order_type, quantity, "
        "limit_price, staged_us, updated_us, filled, commission, intent) "
        "VALUES ('o-old1', 1, 'filled', 'agent-1', 'DU1234567', 'AAPL', 'buy', 'limit', '10', '100', 1, 1, '10', '1.5', ?)",
        (intent.model_dump_json(),),
    )
    for exec_id, quantity, replaced_by, commission in [
        ("e1", "9", "e1.2", "9"),
        ("e1.2", "8", None, "1"),
        ("e2", "2", None, "0.5"),
    ]:
        old.execute(
            "INSERT INTO executions VALUES (?, 1, ?, '100', 1, ?, ?, 'USD')",
            (exec_id, quantity, replaced_by, commission),
        )
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    old.execute("PRAGMA user_version = 1")
    old.close()


def test_an_older_file_keeps_everything(tmp_path: Path) -> None:
    a_first_file(tmp_path)
    with a_store(tmp_path) as store:
        record = store.order("o-old1")
        assert record is not None and record.filled == 10 and record.status is Status.FILLED
        found = [(fill["exec_id"], fill["quantity"], fill["commission"]) for fill in store.executions("o-old1")]
        assert found == [("e1.2", 8, 1), ("e2", 2, Decimal("0.5"))]
        with store.write() as change:
            change.add_commission("e2", usd("0.6"))
        again = store.order("o-old1")
        assert again is not None and again.commission == Decimal("1.6")
    with a_store(tmp_path):
        pass


def test_a_checked_private_copy_is_kept_of_what_was(tmp_path: Path) -> None:
    a_first_file(tmp_path)
    (tmp_path / f"{DATABASE}.version-1.copy-1").write_text("an earlier copy")
    with a_store(tmp_path) as store:
        stage(store)
    copy = tmp_path / f"{DATABASE}.version-1.copy-2"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert (tmp_path / f"{DATABASE}.version-1.copy-1").read_text() == "an earlier copy"
    kept = apsw.Connection(str(copy))
    assert kept.execute("PRAGMA user_version").fetchall() == [(1,)]
    assert kept.execute("SELECT order_ref, filled FROM orders").fetchall() == [("o-old1", "10")]
    kept.close()
    assert sorted(path.name for path in tmp_path.glob("*.copy-*")) == [
        f"{DATABASE}.version-1.copy-{number}" for number in (1, 2)
    ]


def test_a_new_file_needs_no_copy(tmp_path: Path) -> None:
    with a_store(tmp_path):
        assert not list(tmp_path.glob("*.copy-*"))


def test_a_reader_does_not_upgrade(tmp_path: Path) -> None:
    a_first_file(tmp_path)
    with pytest.raises(OrderStoreError, match="has to be upgraded"):
        OrderStore.open(tmp_path / DATABASE, clock=SettableClock(), read_only=True)
    assert not list(tmp_path.glob("*.copy-*"))


def test_a_newer_file_is_left_byte_for_byte(tmp_path: Path) -> None:
    a_first_file(tmp_path)
    newer = apsw.Connection(str(tmp_path / DATABASE))
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    before = (tmp_path / DATABASE).read_bytes()
    with pytest.raises(SettingsError, match="newer version"):
        OrderStore.open(tmp_path / DATABASE, clock=SettableClock())
    assert (tmp_path / DATABASE).read_bytes() == before


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_first_file(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(
            migration,
            "MIGRATIONS",
            (*MIGRATIONS, ("broken", ("CREATE TABLE half (x)", "INSERT INTO nowhere VALUES (1)"))),
        )
        patch.setattr(migration, "VERSION", len(MIGRATIONS) + 1)
        with pytest.raises(OrderStoreError):
            OrderStore.open(tmp_path / DATABASE, clock=SettableClock())
    shell = apsw.Connection(str(tmp_path / DATABASE))
    assert shell.execute("PRAGMA user_version").fetchall() == [(1,)]
    assert shell.execute("SELECT count(*) FROM sqlite_schema WHERE name IN ('half', 'commissions')").fetchall() == [
        (0,)
    ]
    shell.close()
    with a_store(tmp_path) as store:
        assert store.order("o-old1") is not None


@pytest.mark.parametrize("older", [True, False], ids=["an older file", "no file"])
def test_three_processes_that_start_at_once_climb_once(tmp_path: Path, older: bool) -> None:
    if older:
        a_first_file(tmp_path)
    crowd = [
        started(
            "say('ready'); sys.stdin.readline(); store = desk(); stage(store, 'o-' + sys.argv[2]); store.close(); say('ok')",
            tmp_path / DATABASE,
            f"proc{number}",
        )
        for number in range(3)
    ]
    for process in crowd:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in crowd:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in crowd:
        output, errors = process.communicate(timeout=60)
        assert output == "ok\n", errors
    with a_store(tmp_path) as store:
        assert len(store.orders(statuses=[Status.STAGED])) == 3 and store.verify_audit().entries == 3
    assert len(list(tmp_path.glob("*.copy-*"))) == int(older)


def test_the_schema_is_strict_throughout(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        rows = store._connection.rows(
            "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'"
        )
        assert len(rows) > 10 and all(strict for _, strict in rows)


@pytest.mark.parametrize("altered", [False, True])
def test_an_older_file_is_upgraded_only_when_its_copy_is_whole(tmp_path: Path, altered: bool) -> None:
    """The audit log, too: an upgrade must not be where a broken chain is lost sight of."""
    a_first_file(tmp_path)
    shell = apsw.Connection(str(tmp_path / DATABASE))
    previous = GENESIS
    for seq in (1, 2, 3):
        entry = entry_bytes(
            seq=seq, at=NOON, kind="order.staged", actor="agent", principal="a", order_ref="o-old1", body={"n": seq}
        )
        previous = chain_hash(seq, previous, entry)
        text = entry.decode().replace('"n":2', '"n":7') if altered else entry.decode()
        shell.execute("INSERT INTO audit (seq, entry, hash) VALUES (?, ?, ?)", (seq, text, previous))
    shell.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    shell.close()
    if not altered:
        with a_store(tmp_path) as store:
            assert store.verify_audit().entries == 3
        assert len(list(tmp_path.glob("*.copy-*"))) == 1
        return
    with pytest.raises(OrderStoreError, match="entry 2") as caught:
        OrderStore.open(tmp_path / DATABASE, clock=SettableClock())
    assert caught.value.code is ErrorCode.AUDIT_CHAIN_INVALID and "not changed" in caught.value.message
    assert [path.name for path in tmp_path.iterdir()] == [DATABASE]
    shell = apsw.Connection(str(tmp_path / DATABASE))
    assert shell.execute("PRAGMA user_version").fetchall() == [(1,)]
    shell.close()


def test_a_newer_file_is_refused_to_a_reader_as_well(tmp_path: Path) -> None:
    a_first_file(tmp_path)
    newer = apsw.Connection(str(tmp_path / DATABASE))
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(SettingsError, match="newer version") as caught:
        OrderStore.open(tmp_path / DATABASE, clock=SettableClock(), read_only=True)
    assert "update this program" in caught.value.user_action
