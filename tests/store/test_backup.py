"""A backup is whole, private and verified, also beside writers; a restore leaves nothing of the past that could be sent."""

from __future__ import annotations

import os
import shutil
import stat
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from ibgw_tui.core.errors import Conflict, ErrorCode, InvalidRequest, OrderStoreError, SettingsError
from ibgw_tui.core.lifecycle import OPEN, Actor, Status
from ibgw_tui.core.orders import ApprovalStatus
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.store import OrderStore
from ibgw_tui.store.audit_file import AuditFile
from ibgw_tui.store.backup import back_up
from ibgw_tui.store.inspection import verified
from ibgw_tui.store.recognition import VERSION
from ibgw_tui.store.replay import Replay
from ibgw_tui.store.restoring import Restored, _alone, _exchange, look_before, restore
from tests.makers import SettableClock
from tests.store._helpers import DATABASE, a_store, approved, forced, pending, sent, stage, started
from tests.store.test_migration import a_first_file

ALIVE = timedelta(seconds=6)


def put_back(backup: Path, folder: Path, clock: SettableClock | None = None) -> Restored:
    return restore(backup, folder / DATABASE, clock=clock or SettableClock(), principal="operator-1", lease_alive=ALIVE)


def opened(store: OrderStore) -> None:
    with store.write() as change:
        change.set_switch(KillSwitch.OPEN, actor=Actor.OPERATOR, principal="operator-1", reason="start of day")


def a_day(folder: Path) -> Path:
    """A desk with an order at each step, and a backup of it."""
    with a_store(folder) as store:
        opened(store)
        stage(store, "o-staged1")
        pending(store, "o-pending1")
        approved(store, "o-approved1")
        sent(store, "o-sent1")
    backup = folder.parent / "backup.sqlite3"
    back_up(folder / DATABASE, backup)
    return backup


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "desk").mkdir(mode=0o700)
    return tmp_path / "desk"


# ---- backup


def test_a_backup_is_one_private_file_that_holds_everything(desk: Path) -> None:
    with a_store(desk) as store:
        approved(store)
        seq, head = store.audit_head()
        told: list[tuple[str, int, int]] = []
        contents = back_up(desk / DATABASE, desk / "copy", progress=lambda *words: told.append(words))
    assert (contents.orders, contents.audit_entries, contents.audit_head) == (1, seq, head)
    assert contents.version == VERSION and contents.size_bytes == (desk / "copy").stat().st_size
    assert stat.S_IMODE((desk / "copy").stat().st_mode) == 0o600
    assert sorted(path.name for path in desk.iterdir()) == ["copy", DATABASE]
    assert {what for what, _, _ in told} == {"copying", "verifying"}
    assert all(0 <= done <= total for _, done, total in told)


WRITE = """
store = desk(); say("ready")
for number in range(100000):
    ref = f"o-{sys.argv[2]}-{number:05}"
    sent(store, ref)
    say(ref)
"""


def test_a_backup_beside_writers_has_all_that_was_told_before(desk: Path) -> None:
    """Several commits a millisecond: a copy in steps would never end."""
    with a_store(desk) as store:
        stage(store)
    writers = [started(WRITE, desk / DATABASE, name) for name in ("left", "right")]
    try:
        said = []
        for process in writers:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            said += [process.stdout.readline().strip() for _ in range(15)]
        contents = back_up(desk / DATABASE, desk / "copy")
    finally:
        for process in writers:
            process.kill()
            process.communicate(timeout=30)
    with AuditFile(desk / "copy") as copy:
        there = {row[0] for row in copy.rows("SELECT order_ref FROM orders WHERE status = 'sending'")}
        assert set(said) <= there
    assert contents.orders >= len(said)


@pytest.mark.parametrize("shape", ["file", "link to nowhere"])
def test_a_backup_never_takes_the_place_of_anything(desk: Path, shape: str) -> None:
    with a_store(desk) as store:
        stage(store)
    target = desk.parent / "kept"
    if shape == "file":
        target.write_text("yesterday's backup")
    else:
        target.symlink_to(desk / "nowhere")
    with pytest.raises(InvalidRequest, match="exists already"):
        back_up(desk / DATABASE, target)
    if shape == "file":
        assert target.read_text() == "yesterday's backup"
    assert sorted(path.name for path in desk.iterdir()) == [DATABASE]


@pytest.mark.parametrize("what", ["chain", "page", "guard", "missing", "foreign"])
def test_what_is_not_sound_becomes_no_backup(desk: Path, what: str) -> None:
    with a_store(desk) as store:
        for number in range(40):
            stage(store, f"o-aaaa{number:02}")
    if what == "chain":
        forced(desk, "UPDATE audit SET entry = replace(entry, 'o-aaaa07', 'o-bbbb07') WHERE seq = 8")
    elif what == "page":
        damage_page(desk / DATABASE, "audit")
    elif what == "guard":
        shell = apsw.Connection(str(desk / DATABASE))
        shell.execute("DROP TRIGGER audit_no_delete")
        shell.close()
    elif what == "missing":
        (desk / DATABASE).unlink()
    else:
        (desk / DATABASE).unlink()
        other = apsw.Connection(str(desk / DATABASE))
        other.execute("CREATE TABLE t (x)")
        other.close()
    with pytest.raises((OrderStoreError, SettingsError)) as caught:
        back_up(desk / DATABASE, desk.parent / "copy")
    assert caught.value.user_action
    assert (caught.value.code is ErrorCode.AUDIT_CHAIN_INVALID) == (what == "chain")
    assert [path.name for path in desk.parent.iterdir()] == ["desk"], "no half copy is left"
    assert (desk / DATABASE).exists() == (what != "missing"), "nothing was made"


def damage_page(database: Path, table: str) -> None:
    """Zero the first leaf page of a table, as a bad disk would."""
    shell = apsw.Connection(str(database))
    page = int(
        str(
            shell.execute("SELECT max(pageno) FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (table,)).fetchall()[
                0
            ][0]
        )
    )
    size = int(str(shell.execute("PRAGMA page_size").fetchall()[0][0]))
    shell.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    shell.close()
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))


# ---- restore


def test_nothing_of_the_past_can_be_sent_after_a_restore(desk: Path) -> None:
    backup = a_day(desk)
    with a_store(desk) as store:
        with store.write() as change:
            change.set_switch(KillSwitch.CLOSED, actor=Actor.OPERATOR, principal="operator-1", reason="evening")
            change.set_switch(KillSwitch.OPEN, actor=Actor.OPERATOR, principal="operator-1", reason="morning")
        newest = store.switch().epoch
        sent(store, "o-later1")
    done = put_back(backup, desk)
    assert done.ended == ("o-approved1", "o-pending1", "o-staged1")
    with a_store(desk) as store:
        switch = store.switch()
        assert switch.state is KillSwitch.CLOSED and switch.source == "store" and switch.epoch == newest + 1
        assert store.count(sorted(OPEN)) == 0
        record = store.order("o-approved1")
        assert record is not None and record.status is Status.EXPIRED and record.reason_code == "STORE_RESTORED"
        assert record.approval is not None and record.approval.status is ApprovalStatus.REVOKED
        with pytest.raises(Conflict), store.write() as change:
            change.spend_approval("a-o-approved1")
        kept = store.order("o-sent1")
        assert kept is not None and kept.status is Status.SENDING, "the broker's word on it is still to come"
        assert store.order("o-later1") is None
        last = store.audit_entries(newest=True, limit=1)[0]
        assert last.kind == "store.restored" and last.principal == "operator-1"
        assert last.body["backup"]["audit_head"] == done.backup.audit_head
        assert last.body["replaced"]["orders"] == 5 and last.body["replaced_kept_as"] == done.kept.name  # type: ignore[union-attr]
        stage(store, "o-after1")
    assert differences(desk / DATABASE) <= differences(backup), "the tables say what the log says"


def differences(database: Path) -> set[str]:
    """Between log and tables. Orders made in short by the helpers have some, and no step of ours may add one."""
    with AuditFile(database) as file:
        assert file.chain.verify().ok
        return {str(found) for found in Replay(file).run()}


def test_the_replaced_store_is_kept_whole_and_dated(desk: Path) -> None:
    backup = a_day(desk)
    before = verified(desk / DATABASE, what="the file")
    first, second = put_back(backup, desk), put_back(backup, desk)
    assert first.kept is not None and second.kept is not None and first.kept != second.kept
    assert first.kept.name == f"{DATABASE}.replaced-20261123T150000Z"
    assert verified(first.kept, what="the file").audit_head == before.audit_head
    assert verified(second.kept, what="the file").audit_head == first.contents.audit_head
    assert {stat.S_IMODE(path.stat().st_mode) for path in desk.iterdir()} == {0o600}
    assert (desk / DATABASE).stat().st_nlink == first.kept.stat().st_nlink == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root can restore somebody else's desk")
@pytest.mark.parametrize("there", [True, False], ids=["a store", "no store"])
def test_who_owned_the_desk_owns_what_was_restored(desk: Path, there: bool) -> None:
    backup = a_day(desk)
    os.chown(desk, 12345, 12345)
    os.chown(desk / DATABASE, 12345, 12345)
    if not there:
        (desk / DATABASE).unlink()
    put_back(backup, desk)
    assert {path.stat().st_uid for path in desk.iterdir()} == {12345}


def test_an_older_backup_climbs_to_the_newest_tables(desk: Path) -> None:
    a_first_file(desk)
    backup = (desk / DATABASE).rename(desk.parent / "old")
    done = put_back(backup, desk)
    assert done.kept is None and done.backup.version == 1 and done.contents.version == VERSION
    with a_store(desk) as store:
        assert store.order("o-old1") is not None
    assert sorted(path.name for path in desk.iterdir()) == [DATABASE]


def test_a_restore_waits_for_no_router(desk: Path) -> None:
    """A router that gave a sign of life just now is at work; one that has been silent is not."""
    backup, clock = a_day(desk), SettableClock()
    with a_store(desk, clock) as store, store.write() as change:
        change.take_lease("router-1", 4242)
    with pytest.raises(Conflict, match="router-1") as caught:
        put_back(backup, desk, clock)
    assert "4242" in caught.value.message and caught.value.user_action
    clock.forward(seconds=7)
    put_back(backup, desk, clock)
    with a_store(desk, clock) as store, store.write() as change:
        lease = change.take_lease("router-2", 1)
        assert lease is not None and lease.token > 1, "the token of the one before never comes again"


HOLD = "store = desk(); store.switch(); say('open'); sys.stdin.readline(); stage(store, 'o-held1'); say('staged')"


@pytest.mark.parametrize("broken", [False, True], ids=["sound", "broken"])
def test_a_restore_needs_the_store_for_itself(desk: Path, broken: bool) -> None:
    """Also when the file can no longer be read: somebody may still be writing to it."""
    backup = a_day(desk)
    holder = started(HOLD, desk / DATABASE)
    assert holder.stdout is not None and holder.stdout.readline() == "open\n"
    if broken:
        with (desk / DATABASE).open("r+b") as file:
            file.write(b"x" * 100)
    before = sorted(path.name for path in desk.iterdir())
    with pytest.raises(Conflict, match="another process has the store open"):
        put_back(backup, desk)
    assert sorted(path.name for path in desk.iterdir()) == before
    holder.kill()
    holder.communicate(timeout=30)
    done = put_back(backup, desk)
    assert (done.before.contents is None) == broken


@pytest.mark.parametrize("state", ["none", "empty", "nonsense", "page"])
def test_a_restore_is_for_a_store_that_is_lost(desk: Path, state: str) -> None:
    backup = a_day(desk)
    if state == "none":
        (desk / DATABASE).unlink()
    elif state == "page":
        damage_page(desk / DATABASE, "audit")
    else:
        (desk / DATABASE).write_bytes(b"" if state == "empty" else b"this is no database " * 500)
    damaged = (desk / DATABASE).read_bytes() if state != "none" else b""
    done = put_back(backup, desk)
    assert done.before.problem and (done.kept is None) == (state == "none")
    if done.kept is not None:
        assert done.kept.read_bytes() == damaged, "the damaged file is evidence"
    with a_store(desk) as store:
        assert store.order("o-sent1") is not None and store.switch().state is KillSwitch.CLOSED


def test_what_was_only_in_the_log_of_the_replaced_store_is_kept(desk: Path) -> None:
    """A killed process leaves its newest commits in the log beside the file."""
    backup = a_day(desk)
    writer = started("store = desk(); stage(store, 'o-newest1'); say('told'); time.sleep(60)", desk / DATABASE)
    assert writer.stdout is not None and writer.stdout.readline() == "told\n"
    writer.kill()
    writer.communicate(timeout=30)
    assert Path(f"{desk / DATABASE}-wal").stat().st_size > 0
    done = put_back(backup, desk)
    assert done.kept is not None
    with AuditFile(done.kept) as kept:
        assert kept.rows("SELECT count(*) FROM orders WHERE order_ref = 'o-newest1'") == [(1,)]
    with a_store(desk) as store:
        assert store.order("o-newest1") is None


@pytest.mark.parametrize("what", ["newer", "foreign", "chain", "page", "empty", "itself"])
def test_a_file_that_is_no_sound_backup_changes_nothing(desk: Path, what: str) -> None:
    backup = a_day(desk)
    if what in ("newer", "foreign"):
        shell = apsw.Connection(str(backup))
        shell.execute("PRAGMA user_version = 99" if what == "newer" else "PRAGMA application_id = 7")
        shell.close()
    elif what == "chain":
        shutil.move(backup, backup.parent / DATABASE)
        forced(backup.parent, "UPDATE audit SET entry = replace(entry, 'agent-1', 'agent-2') WHERE seq = 2")
        shutil.move(backup.parent / DATABASE, backup)
    elif what == "page":
        damage_page(backup, "audit")
    elif what == "empty":
        backup.write_bytes(b"")
    else:
        backup = desk / DATABASE
    before = (desk / DATABASE).read_bytes()
    with pytest.raises((OrderStoreError, SettingsError, Conflict)) as caught:
        put_back(backup, desk)
    assert caught.value.user_action
    assert (desk / DATABASE).read_bytes() == before
    assert not [path.name for path in desk.iterdir() if "restoring" in path.name or "replaced" in path.name]


def test_a_machine_that_stops_in_the_middle_leaves_a_store_that_refuses(desk: Path) -> None:
    """Between the two last steps the old file has two names: nobody can open it and forget what its log held."""
    a_day(desk)
    (desk / "made").mkdir()
    with pytest.raises(NotADirectoryError):  # the last step fails: a folder takes no file's place
        _exchange(desk / "made", desk / DATABASE, desk / "kept")
    with pytest.raises(OrderStoreError, match="hard links"):
        OrderStore.open(desk / DATABASE, clock=SettableClock())
    (desk / "kept").unlink()
    with a_store(desk) as store:
        assert store.order("o-sent1") is not None


LATE = """
say("ready")
try:
    store = desk(); stage(store, "o-late1"); say("staged")
except GatewayError as error:
    say("refused", error.message)
"""


def test_who_waits_for_the_lock_does_not_write_beside_the_restored_store(desk: Path) -> None:
    """It opened the replaced file a moment before; giving that a log would give it the log of the new one."""
    backup = a_day(desk)
    made = desk.parent / "made"
    shutil.copy(backup, made)
    with _alone(desk / DATABASE):
        late = started(LATE, desk / DATABASE)
        assert late.stdout is not None and late.stdout.readline() == "ready\n"
        wait_until_open(late.pid, desk / DATABASE)
        os.link(desk / DATABASE, desk / "kept")
        made.replace(desk / DATABASE)
    output, errors = late.communicate(timeout=30)
    assert "refused" in output and "replaced" in output, output + errors
    log = Path(f"{desk / DATABASE}-wal")
    assert not log.exists() or log.stat().st_size == 0
    with a_store(desk) as store:
        stage(store, "o-after1")
    assert (
        verified(desk / DATABASE, what="the file").audit_entries == verified(desk / "kept", what="it").audit_entries + 1
    )


def wait_until_open(pid: int, path: Path) -> None:
    import time

    folder = Path(f"/proc/{pid}/fd")
    if not folder.is_dir():
        pytest.skip("needs /proc")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for entry in list(folder.iterdir()):
            try:
                if Path(os.readlink(entry)) == path:
                    return
            except OSError:
                continue
        time.sleep(0.01)
    pytest.fail("the other process never opened the store")


def test_looking_at_what_would_be_replaced_makes_nothing(tmp_path: Path) -> None:
    assert look_before(tmp_path / DATABASE).contents is None
    assert list(tmp_path.iterdir()) == []
