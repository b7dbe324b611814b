"""What the world does to a store: a full disk, a lock, a lost file, a bad page, a clock that steps back.

Of each: a clear error with what to do, the kill switch reads closed while nothing can be recorded,
nothing that was acknowledged is lost, and once the cause is gone work goes on.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from ibgw_tui.core.errors import Conflict, ErrorCode, GatewayError, OrderStoreError, SettingsError
from ibgw_tui.core.lifecycle import Actor, Status
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.store import OrderStore
from ibgw_tui.store.backup import back_up
from ibgw_tui.wiring import emergency
from ibgw_tui.wiring.paths import Home
from tests.makers import SettableClock
from tests.store._helpers import DATABASE, a_store, approved, sent, stage, started
from tests.store.test_backup import damage_page, opened
from tests.store.test_migration import a_first_file

NOBODY = 65534


def a_morning(store: OrderStore) -> None:
    """What was acknowledged before the fault."""
    opened(store)
    approved(store, "o-approved1")
    sent(store, "o-sent1")


def assert_all_there(folder: Path) -> None:
    """Everything acknowledged is there for whoever opens it next, and work goes on."""
    with a_store(folder) as store:
        for reference, status in (("o-approved1", Status.APPROVED), ("o-sent1", Status.SENDING)):
            record = store.order(reference)
            assert record is not None and record.status is status
        assert store.verify_audit().ok and store.switch().state is KillSwitch.OPEN
        stage(store, "o-after1")
    shell = apsw.Connection(str(folder / DATABASE))
    assert shell.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    shell.close()


def refused(store: OrderStore, words: str) -> OrderStoreError:
    """The next write fails in our words, and the switch reads closed because of it."""
    with pytest.raises(OrderStoreError, match=words) as caught:
        for number in range(10_000):
            stage(store, f"o-lost{number:04}")
    assert caught.value.code is ErrorCode.ORDER_STORE_UNAVAILABLE and caught.value.user_action
    switch = store.switch()
    assert (switch.state, switch.source) == (KillSwitch.CLOSED, "unreadable") and caught.value.message in switch.reason
    return caught.value


# ---- a full disk


@contextmanager
def a_small_disk() -> Iterator[Path]:
    """A disk of a megabyte, where that may be mounted."""
    with tempfile.TemporaryDirectory(prefix="small-") as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", folder], capture_output=True, check=False
        )
        if mounted.returncode != 0:
            pytest.skip("only who may mount has a small disk")
        try:
            yield Path(folder).resolve()
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def filled(folder: Path) -> Path:
    """Somebody else's file takes what is left."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    return ballast


def test_a_full_disk() -> None:
    with a_small_disk() as home:
        with a_store(home) as store:
            a_morning(store)
            before = store.last_seq()
            ballast = filled(home)
            error = refused(store, "the disk is full")
            assert error.retryable and "make room" in error.user_action
            assert store.order("o-sent1") is not None, "reading goes on"
            told = store.last_seq() - before
            assert store.verify_audit().ok
            ballast.unlink()
            stage(store, "o-again1")
            assert store.switch().state is KillSwitch.OPEN, "as it was before: nobody closed it"
            staged = store.orders(statuses=[Status.STAGED], limit=10_000)
            assert len(staged) == told + 1, "what was told before the disk was full, and nothing half"
        assert_all_there(home)


def test_the_switch_closes_on_a_full_disk() -> None:
    """By the file beside the store, which needs no room."""
    with a_small_disk() as home:
        with a_store(home) as store:
            a_morning(store)
            ballast = filled(home)
            stopped = emergency.stop(Home(home, "flag"), principal="agent-1", reason="runaway")
            assert stopped.switch.state is KillSwitch.CLOSED and stopped.file == home / "KILL"
            assert store.switch().state is KillSwitch.CLOSED
            ballast.unlink()
            assert store.switch().source == "sentinel file", "room alone opens nothing"
            (home / "KILL").unlink()
        assert_all_there(home)


def test_a_disk_that_is_full_for_the_backup() -> None:
    with a_small_disk() as small, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with a_store(home) as store:
            a_morning(store)
            for number in range(400):
                stage(store, f"o-more{number:03}")
        filled(small)
        with pytest.raises(OrderStoreError, match=r"full|No space left"):
            back_up(home / DATABASE, small / "copy")
        assert [path.name for path in small.iterdir()] == ["ballast"], "no half copy is left"


def test_a_disk_that_is_full_for_the_copy_before_an_upgrade() -> None:
    """No upgrade without its copy; when there is room, it climbs."""
    with a_small_disk() as home:
        a_first_file(home)
        before = (home / DATABASE).read_bytes()
        ballast = filled(home)
        with pytest.raises(OrderStoreError) as caught:
            OrderStore.open(home / DATABASE, clock=SettableClock())
        assert caught.value.user_action
        ballast.unlink()
        assert not [path.name for path in home.iterdir() if "copy" in path.name]
        shell = apsw.Connection(str(home / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
        assert shell.execute("PRAGMA user_version").fetchall() == [(1,)]
        shell.close()
        assert len(before) == (home / DATABASE).stat().st_size
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / DATABASE).write_bytes(before)
        with a_store(Path(folder)) as store:
            assert store.order("o-old1") is not None


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """The same on any machine: SQLite is told that there are no more pages."""
    with a_store(tmp_path) as store:
        a_morning(store)
        raw = store._connection._raw
        pages = int(str(raw.execute("PRAGMA page_count").fetchall()[0][0]))
        raw.execute(f"PRAGMA max_page_count = {pages}").fetchall()
        refused(store, "the disk is full")
        raw.execute("PRAGMA max_page_count = 1000000").fetchall()
        stage(store, "o-again1")
        assert store.switch().state is KillSwitch.OPEN
    assert_all_there(tmp_path)


# ---- a lock


HOLD = """
import apsw
held = apsw.Connection(sys.argv[1]); held.execute("BEGIN EXCLUSIVE"); say("held"); sys.stdin.readline()
"""


def test_a_store_that_another_process_has_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibgw_tui.store.database.BUSY_SECONDS", 0.2)
    with a_store(tmp_path) as store:
        a_morning(store)
        holder = started(HOLD, tmp_path / DATABASE)
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        assert refused(store, "the database is busy").retryable
        assert store.order("o-sent1") is not None
        home = Home(tmp_path, "flag")
        assert emergency.stop(home, principal="agent-1", reason="runaway", patience=0.05).file == home.sentinel
        holder.communicate("go\n", timeout=30)
        home.sentinel.unlink()
        stage(store, "o-again1")
        assert store.switch().state is KillSwitch.OPEN
    assert_all_there(tmp_path)


# ---- files that may not be written, or are somebody else's


def a_try(database: Path) -> list[list[str]]:
    """What somebody finds who opens it, reads, writes and looks at the switch."""
    try:
        store = OrderStore.open(database, clock=SettableClock())
    except GatewayError as error:
        return [["open", error.code.value, error.message, error.user_action]]
    record = store.order("o-sent1")
    said = [["read", record.status.value if record else "none"]]
    try:
        stage(store, "o-lost1")
    except GatewayError as error:
        said.append(["write", error.code.value, error.message, error.user_action])
    return [*said, ["switch", store.switch().state.value]]


def as_an_ordinary_user(database: Path) -> list[list[str]]:
    """The same in a process of a user for whom file modes count."""
    if os.getuid() != 0:
        return a_try(database)
    reads, writes = os.pipe()
    with warnings.catch_warnings(action="ignore"):  # other threads of the tests do not matter to this child
        child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            said = a_try(database)
        except BaseException as error:
            said = [["failed", repr(error)]]
        os.write(writes, json.dumps(said).encode())
        os._exit(0)
    os.close(writes)
    os.waitpid(child, 0)
    with os.fdopen(reads, "rb") as answer:
        found: list[list[str]] = json.loads(answer.read())
    return found


@pytest.fixture
def their_home() -> Iterator[Path]:
    """A desk of an ordinary user."""
    folder = Path(tempfile.mkdtemp(prefix="desk-"))
    with a_store(folder) as store:
        a_morning(store)
    if os.getuid() == 0:
        for path in (folder, folder / DATABASE):
            os.chown(path, NOBODY, NOBODY)
    try:
        yield folder
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_may_not_be_written(their_home: Path, what: str) -> None:
    place = their_home / DATABASE if what == "file" else their_home
    place.chmod(0o400 if what == "file" else 0o500)
    said = as_an_ordinary_user(their_home / DATABASE)
    failures = [line for line in said if line[0] not in ("read", "switch")]
    assert failures and all(code == ErrorCode.ORDER_STORE_UNAVAILABLE.value and to_do for _, code, _, to_do in failures)
    assert ["switch", "open"] not in said
    place.chmod(0o600 if what == "file" else 0o700)
    assert as_an_ordinary_user(their_home / DATABASE) == [["read", "sending"], ["switch", "open"]]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_belongs_to_another_user(their_home: Path, what: str) -> None:
    place = their_home / DATABASE if what == "file" else their_home
    os.chown(place, 12345, 12345)
    place.chmod(0o666 if what == "file" else 0o777)
    ((step, code, words, to_do),) = as_an_ordinary_user(their_home / DATABASE)
    assert (step, code) == ("open", ErrorCode.CONFIG_INVALID.value) and "belongs to another user" in words and to_do
    os.chown(place, NOBODY, NOBODY)
    place.chmod(0o600 if what == "file" else 0o700)
    assert as_an_ordinary_user(their_home / DATABASE) == [["read", "sending"], ["switch", "open"]]


def test_what_was_open_to_others_is_closed_before_it_is_used(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        a_morning(store)
    (tmp_path / DATABASE).chmod(0o666)
    assert_all_there(tmp_path)
    assert stat.S_IMODE((tmp_path / DATABASE).stat().st_mode) == 0o600


# ---- damage


@pytest.mark.parametrize("table", ["orders", "audit", "kill_switch"])
def test_a_damaged_page(tmp_path: Path, table: str) -> None:
    """Once damage was seen nothing that is read counts any more, not even a row that still reads well."""
    with a_store(tmp_path) as store:
        a_morning(store)
        for number in range(60):
            stage(store, f"o-more{number:03}")
    backup = tmp_path / "backup"
    back_up(tmp_path / DATABASE, backup)
    damage_page(tmp_path / DATABASE, table)
    with a_store(tmp_path) as store:
        with pytest.raises(OrderStoreError, match="damaged") as caught:
            for record in store.orders(limit=1000):
                store.order(record.order_ref)
            store.verify_audit()
            store._connection.rows("SELECT * FROM kill_switch")
        assert not caught.value.retryable and "ibgw restore" in caught.value.user_action
        for _ in range(2):
            assert (store.switch().state, store.switch().source) == (KillSwitch.CLOSED, "unreadable")
            try:
                with store.write() as change:
                    assert change.switch().state is KillSwitch.CLOSED, "inside a transaction, too"
            except OrderStoreError:
                pass
    shutil.copyfile(backup, tmp_path / DATABASE)  # nobody has it open
    for suffix in ("-wal", "-shm"):
        Path(f"{tmp_path / DATABASE}{suffix}").unlink(missing_ok=True)
    assert_all_there(tmp_path)


@pytest.mark.parametrize("suffixes", [("-wal",), ("-shm",), ("-wal", "-shm")], ids=" ".join)
def test_a_log_that_is_deleted_under_a_running_process(tmp_path: Path, suffixes: tuple[str, ...]) -> None:
    """It would go on acknowledging into a file that is gone. Closing it in order saves what was told before."""
    store = OrderStore.open(tmp_path / DATABASE, clock=SettableClock())
    a_morning(store)
    assert store.switch().state is KillSwitch.OPEN
    for suffix in suffixes:
        Path(f"{tmp_path / DATABASE}{suffix}").unlink()
    switch = store.switch()
    assert (switch.state, switch.source) == (KillSwitch.CLOSED, "unreadable"), "before anybody tries to write"
    assert not refused(store, "replaced, moved or deleted").retryable
    store.close()
    assert_all_there(tmp_path)


@pytest.mark.parametrize("how", ["moved", "replaced", "deleted"])
def test_a_store_that_loses_its_name_under_a_running_process(tmp_path: Path, how: str) -> None:
    store = OrderStore.open(tmp_path / DATABASE, clock=SettableClock())
    a_morning(store)
    (tmp_path / DATABASE).rename(tmp_path / "moved")
    if how == "replaced":
        (tmp_path / DATABASE).write_bytes(b"")
    elif how == "deleted":
        (tmp_path / "moved").unlink()
    with pytest.raises(OrderStoreError) as caught:
        stage(store, "o-lost1")
    assert caught.value.user_action
    assert (store.switch().state, store.switch().source) == (KillSwitch.CLOSED, "unreadable")
    if how == "moved":
        (tmp_path / "moved").rename(tmp_path / DATABASE)
        stage(store, "o-again1")
        assert store.switch().state is KillSwitch.OPEN
        store.close()
        assert_all_there(tmp_path)
    store.close()


# ---- the clock


def test_a_clock_that_steps_back_an_hour(tmp_path: Path) -> None:
    """Nothing that was given in the future is used; the log stays in order and says what the clock said."""
    clock = SettableClock()
    with a_store(tmp_path, clock) as store:
        a_morning(store)
        with store.write() as change:
            lease = change.take_lease("router-1", 1)
        assert lease is not None
        clock.forward(hours=-1)
        with pytest.raises(Conflict) as caught, store.write() as change:
            change.spend_approval("a-o-approved1")
        assert caught.value.user_action
        record = store.order("o-approved1")
        assert record is not None and record.status is Status.APPROVED, "nothing was spent"
        with store.write() as change:
            assert change.take_lease("router-2", 2) is None, "the first may be alive"
        with store.write(lease_token=lease.token) as change:
            assert change.beat(lease.token), "and goes on"
        stage(store, "o-early1")
        entries = store.audit_entries(limit=100)
        assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
        assert entries[-1].body["clock_said"].startswith("2026-11-23T14:00:00")
        assert store.verify_audit().ok
        with store.write() as change:
            closed = change.set_switch(
                KillSwitch.CLOSED, actor=Actor.OPERATOR, principal="operator-1", reason="the clock"
            )
        assert closed.state is store.switch().state is KillSwitch.CLOSED, "stopping works at any time of day"
        clock.forward(hours=1, seconds=1)
        with store.write() as change:
            change.set_switch(
                KillSwitch.OPEN, actor=Actor.OPERATOR, principal="operator-1", reason="the clock is right"
            )
        with store.write() as change:
            change.spend_approval("a-o-approved1")


# ---- every error of the library has words and a remedy


@pytest.mark.parametrize(
    "code",
    ["BUSY", "LOCKED", "FULL", "READONLY", "PERM", "IOERR", "CORRUPT", "NOTADB", "CANTOPEN", "NOMEM", "PROTOCOL"],
)
def test_every_failure_of_the_library_says_what_to_do(tmp_path: Path, code: str) -> None:
    """Raised by the library itself, from inside a statement."""
    number = int(getattr(apsw, f"SQLITE_{code}"))
    with a_store(tmp_path) as store:
        a_morning(store)

        def fail(*_: object) -> None:
            raise apsw.exception_for(number)

        store._connection._raw.create_scalar_function("fail", fail, 0)
        with pytest.raises(GatewayError) as caught, store.write():
            store._connection.rows("SELECT fail()")
        assert isinstance(caught.value, OrderStoreError | SettingsError)
        assert caught.value.user_action and "fail" not in caught.value.message
        assert store.switch().state is KillSwitch.CLOSED
    assert_all_there(tmp_path)
