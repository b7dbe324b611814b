"""The file and its folder: private, local, single-named, and never somebody else's."""

from __future__ import annotations

import os
import select
import stat
from pathlib import Path

import apsw
import pytest

from ibgw_tui.core.errors import OrderStoreError, SettingsError
from ibgw_tui.core.lifecycle import Actor
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.store import OrderStore, files
from tests.makers import SettableClock
from tests.store._helpers import DATABASE, a_store, stage


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277])
def test_whatever_the_umask_nobody_else_may_look(tmp_path: Path, umask: int) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    before = os.umask(umask)
    try:
        with a_store(home) as store:
            stage(store)
            for suffix in ("", "-wal", "-shm"):
                assert mode(home / f"{DATABASE}{suffix}") == 0o600
    finally:
        os.umask(before)


def test_what_was_open_to_others_is_closed(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        stage(store)
    (tmp_path / DATABASE).chmod(0o664)
    tmp_path.chmod(0o755)
    with a_store(tmp_path):
        assert mode(tmp_path / DATABASE) == 0o600 and mode(tmp_path) == 0o700


def test_a_folder_that_all_users_share_is_refused_and_left_alone(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(SettingsError, match="many users share"):
        OrderStore.open(shared / DATABASE, clock=SettableClock())
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777 and not (shared / DATABASE).exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chown(tmp_path, 12345, 12345)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    with pytest.raises(SettingsError, match="another user"):
        OrderStore.open(tmp_path / DATABASE, clock=SettableClock())


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    """The kill switch's file lies beside the database: two folders would be two switches."""
    (tmp_path / "real").mkdir()
    (tmp_path / "home").mkdir()
    with a_store(tmp_path / "real"):
        pass
    (tmp_path / "home" / DATABASE).symlink_to(tmp_path / "real" / DATABASE)
    for read_only in (False, True):
        with pytest.raises(SettingsError, match="symbolic link") as caught:
            OrderStore.open(tmp_path / "home" / DATABASE, clock=SettableClock(), read_only=read_only)
        assert str(tmp_path / "real") in caught.value.user_action


def test_a_folder_behind_a_link_is_one_desk(home: Path) -> None:
    (home / "real").mkdir()
    (home / "link").symlink_to(home / "real")
    with a_store(home / "real") as one, a_store(home / "link") as two:
        with one.write() as change:
            change.set_switch(KillSwitch.OPEN, actor=Actor.OPERATOR, principal="o", reason="r")
        (home / "link" / "KILL").touch()
        assert one.switch().state is two.switch().state is KillSwitch.CLOSED
        listener = one.listen()
        stage(two)
        assert select.select([listener.fileno()], [], [], 2)[0]
        listener.close()


def test_a_hard_link_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / DATABASE).touch()
    os.link(tmp_path / DATABASE, tmp_path / "other.sqlite3")
    with pytest.raises(OrderStoreError, match="hard links"):
        OrderStore.open(tmp_path / DATABASE, clock=SettableClock())
    assert (tmp_path / DATABASE).stat().st_size == 0


@pytest.mark.parametrize(
    "prepare",
    ["CREATE TABLE t (x)", "PRAGMA application_id = 1", "PRAGMA user_version = 3"],
    ids=["tables", "identity", "version"],
)
def test_a_foreign_file_is_refused_and_left_byte_for_byte(tmp_path: Path, prepare: str) -> None:
    foreign = apsw.Connection(str(tmp_path / DATABASE))
    foreign.execute(prepare)
    foreign.close()
    before = (tmp_path / DATABASE).read_bytes()
    with pytest.raises(SettingsError, match="another program"):
        OrderStore.open(tmp_path / DATABASE, clock=SettableClock())
    assert (tmp_path / DATABASE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [DATABASE]


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(OrderStoreError) as caught:
        OrderStore.open(tmp_path / "none" / DATABASE, clock=SettableClock(), read_only=True)
    assert not (tmp_path / "none").exists() and caught.value.user_action


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ("ext /  ext4 rw 0 0\nserver:/x {home} nfs4 rw 0 0", "nfs4"),
        ("ext / ext4 rw 0 0\n//server/x {up} cifs rw 0 0\nt {home} tmpfs rw 0 0", "tmpfs"),
        ("ext / ext4 rw 0 0\nt {home} tmpfs rw 0 0\nhost {home} 9p rw 0 0", "9p"),
        ("ext / ext4 rw 0 0\nsshfs {up} fuse.sshfs rw 0 0\nnonsense\n\n", "fuse.sshfs"),
        ("server:/x {home}ish nfs rw 0 0\next / ext4 rw 0 0", "ext4"),
        ("", ""),
    ],
)
def test_the_file_system_is_the_innermost_and_newest_mount(tmp_path: Path, mounts: str, kind: str) -> None:
    home = tmp_path / "my home"
    home.mkdir()
    table = tmp_path / "mounts"
    escaped = str(home.resolve()).replace(" ", "\\040")
    table.write_text(mounts.replace("{home}", escaped).replace("{up}", str(tmp_path.resolve())))
    assert files.filesystem(home, table) == kind


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_network_share_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, read_only: bool
) -> None:
    table = tmp_path / "mounts"
    table.write_text(f"server:/x / {kind} rw 0 0\n")
    monkeypatch.setattr(files.filesystem, "__defaults__", (table,))
    with pytest.raises(SettingsError, match=kind):
        OrderStore.open(tmp_path / DATABASE, clock=SettableClock(), read_only=read_only)
    assert not (tmp_path / DATABASE).exists()


# ---- the kill switch's file


def opened(store: OrderStore) -> OrderStore:
    with store.write() as change:
        change.set_switch(KillSwitch.OPEN, actor=Actor.OPERATOR, principal="o", reason="r")
    return store


@pytest.mark.parametrize("shape", ["file", "folder", "link to nowhere"])
def test_anything_of_that_name_closes_the_switch(tmp_path: Path, shape: str) -> None:
    with a_store(tmp_path) as store:
        opened(store)
        kill = tmp_path / "KILL"
        if shape == "file":
            kill.touch()
        elif shape == "folder":
            kill.mkdir()
        else:
            kill.symlink_to(tmp_path / "nowhere")
        assert (store.switch().state, store.switch().source) == (KillSwitch.CLOSED, "sentinel file")


def test_a_place_that_cannot_be_looked_at_closes_the_switch(tmp_path: Path) -> None:
    """Any error but 'not there': here the folder's name has become too long to ask for."""
    with a_store(tmp_path) as store:
        assert opened(store).switch().state is KillSwitch.OPEN
        store._connection.path = tmp_path / ("x" * 300) / DATABASE
        assert (store.switch().state, store.switch().source) == (KillSwitch.CLOSED, "unreadable")


def test_a_word_in_the_row_that_is_neither_closes_the_switch(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        opened(store)
        store._connection.execute("PRAGMA ignore_check_constraints = 1")
        store._connection.execute("UPDATE kill_switch SET state = 'ajar'")
        assert (store.switch().state, store.switch().source) == (KillSwitch.CLOSED, "unreadable")
