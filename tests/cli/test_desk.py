from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ibgw_tui.core.lifecycle import Actor
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.paths import remove_demo_note, write_demo_note
from tests.cli.conftest import ORDER, Cli


def test_status_of_a_new_desk(cli: Cli) -> None:
    cli("stage", *ORDER)
    desk = cli("status", "--json").json["desk"]
    assert desk["kill_switch"]["state"] == "closed"
    assert desk["router"]["active"] is False
    assert desk["orders"]["by_status"] == {"staged": 1}
    assert desk["audit"]["seq"] == 1
    assert desk["audit"]["ok"] is True
    assert desk["now"].endswith("Z")


def test_status_for_people(cli: Cli, store: OrderStore) -> None:
    cli("stage", *ORDER)
    with store.write() as change:
        change.set_switch(KillSwitch.OPEN, actor=Actor.OPERATOR, principal="operator-1", reason="fi\x1b[2Jne")
    out = cli("status").out
    for words in ("paper", "kill switch open", "none is active", "1 staged", "audit     entry 2"):
        assert words in out
    assert "\x1b" not in out


def stand_in(monkeypatch: pytest.MonkeyPatch, module: str, name: str, answer: int) -> list[Any]:
    """A module that only remembers how it was called."""
    calls: list[Any] = []

    def record(*arguments: Any, **named: Any) -> int:
        calls.append((arguments, named))
        return answer

    monkeypatch.setitem(sys.modules, module, SimpleNamespace(**{name: record}))
    return calls


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits before it. (What happens in a real terminal is tried in tests/pty.)"""
    monkeypatch.setattr("ibgw_tui.cli.person.has_screen", lambda: True)


@pytest.mark.parametrize("command", [("tui",), ("tui", "--read-only"), ("demo",)])
def test_a_screen_is_not_drawn_for_nobody(command: tuple[str, ...], tmp_path: Path) -> None:
    """As started by cron, or with its output in a pipe: it wrote escape sequences there until it was killed."""
    done = subprocess.run(
        [sys.executable, "-m", "ibgw_tui", "--home", str(tmp_path / "desk"), *command],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2 and "a screen needs a terminal" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.usefixtures("screen")
def test_the_terminal_is_started_as_asked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stand_in(monkeypatch, "ibgw_tui.tui.run", "run_terminal", 0)
    assert cli("tui").code == 0
    assert cli("tui", "--read-only", "--enable-live").code == 0
    assert [named for _, named in calls] == [
        {"read_only": False, "enable_live": False},
        {"read_only": True, "enable_live": True},
    ]


@pytest.mark.usefixtures("screen")
def test_the_demo_is_started_as_asked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stand_in(monkeypatch, "ibgw_tui.demo.run", "run_demo", 3)
    assert cli("demo", "--headless", "--seed", "7", "--mode", "live", "--json", "--quiet").code == 3
    assert cli("demo", "--backend", "ibkr").code == 3
    shared = {"headless": True, "as_json": True, "seed": 7, "mode": "live", "quiet": True}
    assert calls[0] == ((), {**shared, "backend": "simulated"}) and calls[1][1]["backend"] == "ibkr"


def test_a_running_demo_is_used_and_said(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IBGW_DESK__HOME")
    demo = tmp_path / "demo"
    demo.mkdir()
    write_demo_note(demo)
    staged = cli("stage", *ORDER, "--json")
    assert staged.err == f"note: a demo is running; using its store ({demo})\n"
    assert (demo / "desk.sqlite3").exists()
    assert cli("list", "--quiet", "--json").err == ""
    assert len(cli("list", "--json").json["orders"]) == 1
    remove_demo_note()
    assert cli("list", "--json").json["orders"] == []
