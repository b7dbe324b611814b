"""A ring reaches whoever listens, and nothing that is wrong with the bell ever stops a commit."""

from __future__ import annotations

import os
import select
import socket
import stat
import time
from pathlib import Path

import pytest

from ibgw_tui.store.doorbell import Doorbell, Listener, bell_folder
from tests.makers import SettableClock
from tests.store._helpers import DATABASE, a_store, stage, started


def rings(listener: Listener, patience: float = 2.0) -> bool:
    heard = bool(select.select([listener.fileno()], [], [], patience)[0])
    listener.drain()
    return heard


def silent(listener: Listener) -> bool:
    return not rings(listener, 0.05)


def test_every_commit_rings_every_listener(home: Path) -> None:
    with a_store(home) as store, a_store(home) as other:
        listeners = [store.listen(), store.listen(), other.listen()]
        stage(other)
        assert all(rings(listener) for listener in listeners)
        assert all(silent(listener) for listener in listeners), "drained"
        with pytest.raises(ZeroDivisionError), other.write():
            raise ZeroDivisionError
        other.put_facts(link=("connected", "x", SettableClock()()))
        assert all(silent(listener) for listener in listeners), "no ring for what was not committed, nor for facts"
        for listener in listeners:
            listener.close()
            listener.close()
        assert not (home / "run").exists(), "the last one takes the folder away"
        stage(other, "o-bbbb1")
        late = store.listen()
        stage(other, "o-cccc1")
        assert rings(late)
        late.close()


def test_a_ring_comes_after_the_commit_and_within_moments(home: Path) -> None:
    """Another process commits; we wake, and what it did is there."""
    with a_store(home) as store:
        listener = store.listen()
        process = started(
            """
store = desk(); say("ready")
for line in sys.stdin:
    stage(store, line.strip())
    say(time.monotonic())
""",
            home / DATABASE,
        )
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        spans = []
        for number in range(10):
            process.stdin.write(f"o-ring{number}\n")
            process.stdin.flush()
            assert rings(listener, 10)
            heard = time.monotonic()
            assert store.order(f"o-ring{number}") is not None
            spans.append(heard - float(process.stdout.readline()))
        process.communicate(timeout=30)
        listener.close()
    assert sorted(spans)[5] < 0.5


def test_a_full_queue_and_a_dead_listener_harm_nobody(home: Path) -> None:
    with a_store(home) as store:
        listener = store.listen()
        left_behind = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        left_behind.bind(str(home / "run" / "99999-1.sock"))
        left_behind.close()
        (home / "run" / "odd.sock").mkdir()
        for number in range(40):
            stage(store, f"o-many{number:02}")
        assert not (home / "run" / "99999-1.sock").exists()
        assert rings(listener) and silent(listener)
        listener.close()


def test_a_bell_in_a_folder_open_to_others_is_made_private(home: Path) -> None:
    (home / "run").mkdir()
    (home / "run").chmod(0o777)
    with a_store(home) as store:
        listener = store.listen()
        assert stat.S_IMODE((home / "run").stat().st_mode) == 0o700
        stage(store)
        assert rings(listener)
        listener.close()


@pytest.mark.parametrize("obstacle", ["file", "link"])
def test_a_bell_that_cannot_be_hung_does_not_ring_and_stops_nothing(home: Path, obstacle: str) -> None:
    if obstacle == "file":
        (home / "run").touch()
    else:
        (home / "elsewhere").mkdir()
        (home / "run").symlink_to(home / "elsewhere")
    with a_store(home) as store:
        listener = store.listen()
        stage(store)
        assert silent(listener) and listener.fileno() >= 0
        listener.close()
    assert not (home / "elsewhere").exists() or list((home / "elsewhere").iterdir()) == []


def test_a_long_path_is_heard_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    home = tmp_path / ("long" * 20) / ("longer" * 10)
    home.mkdir(parents=True)
    folder = bell_folder(home / DATABASE)
    assert len(os.fsencode(folder)) < 70 and folder.name.startswith(f"ibgw-{os.getuid()}-")
    assert folder == bell_folder(home / ".." / home.name / DATABASE), "one desk, one bell"
    assert folder != bell_folder(home / "more" / DATABASE)
    with a_store(home) as store:
        listener = store.listen()
        try:
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            stage(store)
            assert rings(listener)
        finally:
            listener.close()
    assert not folder.exists(), "nothing is left in the temporary folder"


def test_nobody_is_rung_through_a_folder_of_somebody_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home / "run"
    listener, bell = Listener(folder), Doorbell(folder)
    bell.ring()
    assert rings(listener)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    bell.ring()
    assert silent(listener)
    listener.close()
    bell.close()
