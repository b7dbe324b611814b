"""Whatever is done to the file behind the log's back, verification says what it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from ibgw_tui.core.audit import AuditVerdict, ChainVerdict
from ibgw_tui.core.checkpoint import Checkpoint
from ibgw_tui.core.errors import OrderStoreError
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.service.verifying import AuditReport, verify
from ibgw_tui.service.witness import Witness
from ibgw_tui.store import OrderStore
from ibgw_tui.store.audit_file import AuditFile
from ibgw_tui.store.checkpoints import Checkpoints
from tests.audit_desk import BEHIND_THE_LOG, TAMPERING, LivedIn, cut_ten, forced, last_seq, live, opened, rewrite
from tests.makers import SettableClock


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> LivedIn:
    return live(tmp_path_factory.mktemp("desk") / "lived")


@pytest.fixture
def desk(lived: LivedIn, tmp_path: Path) -> LivedIn:
    return lived.copied(tmp_path / "copy")


@pytest.fixture
def store(desk: LivedIn) -> Iterator[OrderStore]:
    opened_store = OrderStore.open(desk.database, clock=SettableClock())
    yield opened_store
    opened_store.close()


def looked_at(desk: LivedIn, mode: str = "full", **more: object) -> AuditReport:
    return verify(desk.database, desk.checkpoints, mode=mode, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["quick", "full", "deep"])
def test_an_honest_desk_is_intact(desk: LivedIn, mode: str) -> None:
    report = looked_at(desk, mode)
    assert (report.verdict, report.problems, report.divergences) == (AuditVerdict.INTACT, [], [])
    assert report.compared == (1 if mode == "quick" else 6) and report.size == last_seq(desk.database) > 60
    assert report.entries == (0 if mode == "quick" else report.size)


@pytest.mark.parametrize("what", TAMPERING)
def test_what_was_done_is_said(desk: LivedIn, what: str) -> None:
    act, verdict, _ = TAMPERING[what]
    act(desk)
    report = looked_at(desk)
    assert report.verdict is verdict, report.problems
    assert report.worst is not None and report.worst.words


@pytest.mark.parametrize("what", ["the newest ten deleted", "yesterday's copy", "the whole chain made anew"])
def test_the_quick_look_sees_what_a_checkpoint_can_tell(desk: LivedIn, what: str) -> None:
    act, verdict, _ = TAMPERING[what]
    act(desk)
    assert looked_at(desk, "quick").verdict is verdict


def test_the_place_is_named(desk: LivedIn) -> None:
    size = last_seq(desk.database)
    cut_ten(desk)
    worst = looked_at(desk).worst
    assert worst is not None and worst.at == size - 10 and f"saw {size}" in worst.words


def test_a_rewriting_is_dated_by_the_checkpoints_that_still_fit(desk: LivedIn) -> None:
    sizes = sorted(checkpoint.size for checkpoint in desk.checkpoints.read().good)
    rewrite(desk, sizes[1] + 1)
    worst = looked_at(desk).worst
    assert worst is not None and worst.at == sizes[1] + 1 and f"after entry {sizes[1]}" in worst.words


def test_every_byte_of_every_column_counts(desk: LivedIn) -> None:
    """As a bad disk or a hex editor would: one byte in the file, no SQL and no trigger."""
    with opened(desk.database) as shell:
        columns = [str(row[1]) for row in shell.execute("PRAGMA table_xinfo(audit)").fetchall()]
        seq, entry, stored = shell.execute(
            "SELECT seq, entry, hash FROM audit WHERE kind = 'switch.closed' ORDER BY seq LIMIT 1"
        ).fetchall()[0]
    assert columns == ["seq", "entry", "hash", "kind", "order_ref"]
    assert isinstance(entry, str) and isinstance(stored, bytes)
    written = entry.encode() + stored
    content = bytearray(desk.database.read_bytes())
    place = bytes(content).index(written)
    for position in range(place, place + len(written)):
        content[position] ^= 0x01
        desk.database.write_bytes(content)
        verdict = walked(desk)
        assert (verdict.verdict, verdict.broken_at) == (AuditVerdict.ALTERED, seq), written[position - place]
        content[position] ^= 0x01
    desk.database.write_bytes(content)
    assert walked(desk).ok


def test_a_number_cannot_be_changed_either(desk: LivedIn) -> None:
    forced(desk.database, "UPDATE audit SET seq = 100000 WHERE seq = 7")
    report = looked_at(desk)
    assert (report.verdict, report.worst and report.worst.at) == (AuditVerdict.GAP, 7)


@pytest.mark.parametrize("column", ["kind", "order_ref"])
def test_the_other_columns_are_made_from_the_entry(desk: LivedIn, column: str) -> None:
    with pytest.raises(apsw.SQLError, match="generated column"):
        forced(desk.database, f"UPDATE audit SET {column} = 'x' WHERE seq = 1")


def walked(desk: LivedIn) -> ChainVerdict:
    with AuditFile(desk.database) as file:
        return file.chain.verify()


@pytest.mark.parametrize("what", BEHIND_THE_LOG)
def test_a_table_changed_behind_the_log_is_found_by_replaying(desk: LivedIn, what: str) -> None:
    sql, table = BEHIND_THE_LOG[what]
    forced(desk.database, sql)
    assert looked_at(desk).verdict is AuditVerdict.INTACT, "the chain itself was not touched"
    report = looked_at(desk, "deep")
    assert report.verdict is AuditVerdict.TABLES_DIVERGE
    assert table in {found.table for found in report.divergences}, report.divergences


def test_dropped_guards_are_named(desk: LivedIn) -> None:
    TAMPERING["guards dropped"][0](desk)
    words = [problem.words for problem in looked_at(desk).problems]
    assert words == ["trigger audit_no_delete is missing", "trigger audit_no_update is missing"]


def test_guards_that_do_nothing_are_named(desk: LivedIn) -> None:
    with opened(desk.database) as shell:
        shell.execute("DROP TRIGGER audit_no_update")
        shell.execute("CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT 1; END")
        shell.execute("CREATE TRIGGER helper AFTER INSERT ON audit BEGIN SELECT 1; END")
    words = [problem.words for problem in looked_at(desk).problems]
    assert words == ["trigger audit_no_update was changed", "trigger helper was added"]


def test_everything_is_told_not_only_the_gravest(desk: LivedIn) -> None:
    TAMPERING["an entry altered"][0](desk)
    cut_ten(desk)
    spoil, _, _ = TAMPERING["a checkpoint changed"]
    forced(desk.database, "UPDATE orders SET status = 'cancelled' WHERE status = 'filled'")
    report = looked_at(desk, "deep")
    assert {problem.verdict for problem in report.problems} == {
        AuditVerdict.ALTERED,
        AuditVerdict.TRUNCATED,
        AuditVerdict.TABLES_DIVERGE,
    }
    spoil(desk)
    assert AuditVerdict.CHECKPOINT_INVALID in {problem.verdict for problem in looked_at(desk).problems}


def test_a_kept_checkpoint_sees_what_the_desks_own_no_longer_can(desk: LivedIn) -> None:
    """Log and checkpoints were cut together: only a copy elsewhere knows."""
    kept = desk.checkpoints.read().good
    cut_ten(desk)
    lines = desk.checkpoints.path.read_bytes().splitlines(keepends=True)
    desk.checkpoints.path.write_bytes(b"".join(lines[:-1]))
    assert looked_at(desk).verdict is AuditVerdict.INTACT
    assert looked_at(desk, against=kept).verdict is AuditVerdict.TRUNCATED
    assert looked_at(desk, "quick", against=kept).verdict is AuditVerdict.TRUNCATED


def test_a_database_that_is_gone_is_no_new_desk(desk: LivedIn, tmp_path: Path) -> None:
    desk.database.unlink()
    report = looked_at(desk, "quick")
    assert report.verdict is AuditVerdict.TRUNCATED and report.worst is not None and "gone" in report.worst.words
    fresh = verify(tmp_path / "new" / "desk.sqlite3", Checkpoints(tmp_path / "w", tmp_path / "new" / "desk.sqlite3"))
    assert fresh.verdict is AuditVerdict.INTACT and fresh.remarks == ["there is no order store yet"]


def test_without_any_checkpoint_it_says_what_it_cannot_see(desk: LivedIn) -> None:
    desk.checkpoints.path.unlink()
    cut_ten(desk)
    report = looked_at(desk)
    assert report.verdict is AuditVerdict.INTACT and "no checkpoint" in report.remarks[0]


# ---- at start, and while it works


@pytest.mark.parametrize(
    "what",
    ["the newest ten deleted", "yesterday's copy", "the whole chain made anew", "a checkpoint changed", "another key"],
)
def test_a_desk_that_was_tampered_with_does_not_pass_the_audit_gate(desk: LivedIn, what: str) -> None:
    TAMPERING[what][0](desk)
    store = OrderStore.open(desk.database, clock=SettableClock())
    health = AuditHealth(store, desk.checkpoints)
    facts = health.facts()
    assert not facts.available and facts.problem
    with pytest.raises(OrderStoreError):
        Witness(desk.checkpoints, clock=SettableClock()).write(store, "interval")
    assert not health.facts().available, "and it stays so"
    store.close()


def test_an_honest_desk_passes_and_goes_on(desk: LivedIn, store: OrderStore) -> None:
    health = AuditHealth(store, desk.checkpoints, every=2)
    size = store.last_seq()
    assert health.facts().verified_seq == size
    for _ in range(3):
        with store.write() as change:
            change.add_discrepancy("x")
    assert health.facts().verified_seq == size + 3
    made = Witness(desk.checkpoints, clock=SettableClock()).write(store, "interval")
    assert isinstance(made, Checkpoint) and made.size == size + 3
    assert looked_at(desk, "deep").verdict is AuditVerdict.INTACT


def test_a_log_that_shrinks_while_it_is_in_use_is_seen(desk: LivedIn, store: OrderStore) -> None:
    health = AuditHealth(store, desk.checkpoints)
    assert health.facts().available
    cut_ten(desk)
    facts = health.facts()
    assert not facts.available and "while it was in use" in facts.problem


def test_a_person_can_accept_what_was_restored(desk: LivedIn) -> None:
    TAMPERING["yesterday's copy"][0](desk)
    store = OrderStore.open(desk.database, clock=SettableClock())
    made = Witness(desk.checkpoints, clock=SettableClock()).accept(store, operator="operator-1", reason="disk died")
    entry = store.audit_entries(newest=True, limit=1)[0]
    assert (entry.kind, entry.body["reason"], entry.seq) == ("audit.accepted", "disk died", made.size)
    assert AuditHealth(store, desk.checkpoints).facts().available
    store.close()
    report = looked_at(desk, "deep")
    assert report.verdict is AuditVerdict.INTACT and any("disk died" in remark for remark in report.remarks)


def test_a_broken_chain_cannot_be_accepted(desk: LivedIn) -> None:
    TAMPERING["an entry altered"][0](desk)
    store = OrderStore.open(desk.database, clock=SettableClock())
    size = store.last_seq()
    with pytest.raises(OrderStoreError, match="cannot be accepted"):
        Witness(desk.checkpoints, clock=SettableClock()).accept(store, operator="operator-1", reason="never mind")
    assert store.last_seq() == size
    store.close()


def test_a_file_of_another_place_has_its_own_checkpoints(desk: LivedIn, tmp_path: Path) -> None:
    other = Checkpoints(desk.folder / "witness", tmp_path / "elsewhere" / "desk.sqlite3")
    assert other.path != desk.checkpoints.path and other.newest() is None
