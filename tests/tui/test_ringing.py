"""The operator is called: new orders and alarms ring, with counts and nothing else, and never hold the screen up."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.tui.app import DeskApp
from ibgw_tui.tui.comfort import Comfort
from ibgw_tui.tui.heralds import Messenger, apprise_messenger, desktop_kind, desktop_sequence
from tests.pty.harness import Terminal
from tests.tui.fake_desk import FakeDesk, TickingClock, a_busy_desk
from tests.tui.helpers import running, screen_text, shows, until


class Listener:
    """Hears every ring."""

    name, problem = "listener", ""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def tell(self, text: str) -> None:
        self.heard.append(text)


async def read_again(app: DeskApp, pilot: Pilot[Any], desk: FakeDesk) -> None:
    readings = app.feed.readings
    desk.ring()
    await until(pilot, lambda: app.feed.readings > readings, "another reading")


async def test_what_waits_at_the_start_does_not_ring_and_a_new_order_does() -> None:
    desk, listener = a_busy_desk(), Listener()
    async with running(desk, comfort=Comfort(heralds=[listener], ring_every_seconds=0.05)) as (app, pilot):
        await read_again(app, pilot, desk)
        assert listener.heard == []
        desk.stage("MSFT", agent="momentum-1")
        desk.ring()
        await until(pilot, lambda: listener.heard == ["1 new order waits"], "the ring")
        desk.stage("SPY"), desk.stage("AAPL")
        desk.ring()
        await until(pilot, lambda: listener.heard[1:] == ["2 new orders wait"], "the second ring")


async def test_a_herald_that_fails_does_not_stop_the_reading_of_the_desk() -> None:
    class Broken(Listener):
        def tell(self, text: str) -> None:
            raise RuntimeError("can't start new thread")

    desk, listener = a_busy_desk(), Listener()
    async with running(desk, comfort=Comfort(heralds=[Broken(), listener])) as (app, pilot):
        desk.stage("MSFT")
        await read_again(app, pilot, desk)
        await until(pilot, lambda: listener.heard == ["1 new order waits"], "the other one to hear")
        assert app.session.health.down_since is None


async def test_nothing_that_an_agent_wrote_is_in_a_ring() -> None:
    desk, listener = a_busy_desk(), Listener()
    async with running(desk, comfort=Comfort(heralds=[listener])) as (_, pilot):
        desk.stage("TSLA", agent="evil-agent", rationale="\x1b]9;approved\x07 ring ring")
        desk.ring()
        await until(pilot, lambda: listener.heard, "the ring")
    assert listener.heard == ["1 new order waits"]


async def test_an_order_that_waits_again_and_one_that_gates_refused_do_not_ring() -> None:
    desk, listener = a_busy_desk(), Listener()
    waiting = next(record.order_ref for record in desk.records.values() if record.status is Status.PENDING)
    async with running(desk, comfort=Comfort(heralds=[listener])) as (app, pilot):
        desk.change(waiting, status=Status.APPROVED)
        await read_again(app, pilot, desk)
        desk.change(waiting, status=Status.PENDING)
        desk.stage("NVDA", status=Status.REFUSED)
        await read_again(app, pilot, desk)
        assert listener.heard == []


async def test_an_alarm_rings_once_and_those_of_the_start_do_not() -> None:
    desk, listener = a_busy_desk(), Listener()
    desk.desk_changes = {"in_doubt": 1}
    async with running(desk, comfort=Comfort(heralds=[listener])) as (app, pilot):
        await read_again(app, pilot, desk)
        assert listener.heard == []
        desk.desk_changes = {"in_doubt": 1, "audit_ok": False, "audit_problem": "entry 3 was changed"}
        await read_again(app, pilot, desk)
        await read_again(app, pilot, desk)
    assert listener.heard == ["an alarm stands on the desk"]


async def test_a_flood_is_named_in_a_banner_with_its_count_and_a_remedy() -> None:
    desk = FakeDesk(clock=TickingClock())
    desk.stage("AAPL", staged_at=desk.clock())
    async with running(desk, comfort=Comfort(flood_per_minute=20), size=(80, 24)) as (app, pilot):
        for _ in range(25):
            desk.stage("MSFT", agent="intern-bot", staged_at=desk.clock())
        desk.ring()
        text = await shows(
            pilot, "FLOOD: intern-bot staged 25 in the last minute", "7 shows who", "K closes the switch"
        )
        assert "momentum-1 staged" not in text
        assert isinstance(desk.clock, TickingClock)
        desk.clock.forward(seconds=61)
        await until(pilot, lambda: "FLOOD" not in screen_text(app), "the flood to be over")


def test_the_bell_and_the_notification_reach_a_real_terminal_with_nothing_of_the_order(tmp_path: Path) -> None:
    report = tmp_path / "report"
    command = [sys.executable, "-m", "tests.tui.ringing_app", str(report)]
    terminal = Terminal(report, command=command, environment={"TMUX": ""})
    try:
        notification = b"\x1b]9;ibgw: 1 new order waits\x07"
        terminal.wait_for("the notification", lambda: notification in terminal.raw)
        before, _, _ = terminal.raw.partition(notification)
        assert before.endswith(b"\x07"), "the bell, just before"
        assert b"]9;EVIL" not in terminal.raw
        terminal.wait_for("the order", lambda: "MSFT" in terminal.text)
        terminal.type("q")
        assert terminal.wait_exit() == 0
    finally:
        terminal.close()


# ---- the terminal's own notification


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({"TERM": "xterm-256color"}, "osc9"),
        ({"TERM": "xterm-kitty"}, "osc9"),
        ({"TERM": "foot"}, "osc777"),
        ({"TERM": "rxvt-unicode-256color"}, "osc777"),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, "osc777"),
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux"}, "osc9"),
        ({"TERM": "screen-256color"}, "off"),
        ({"TERM": "linux"}, "off"),
        ({"TERM": "dumb"}, "off"),
        ({}, "off"),
    ],
)
def test_the_kind_of_notification_suits_the_terminal(environ: dict[str, str], kind: str) -> None:
    assert desktop_kind("auto", environ) == kind
    assert desktop_kind("off", environ) == "off"


def test_the_sequences_are_whole_and_hold_only_letters_digits_and_commas() -> None:
    assert desktop_sequence("osc9", "2 new orders wait", {}) == "\x1b]9;ibgw: 2 new orders wait\x07"
    assert desktop_sequence("osc777", "1,200 new orders wait", {}) == "\x1b]777;notify;ibgw;1,200 new orders wait\x07"
    assert desktop_sequence("off", "2 new orders wait", {}) == ""
    assert desktop_sequence("osc9", "a\x07\x1b]52;c;x\x07;", {}) == "\x1b]9;ibgw: a52cx\x07"
    wrapped = desktop_sequence("osc9", "1 new order waits", {"TMUX": "x"})
    assert wrapped == "\x1bPtmux;\x1b\x1b]9;ibgw: 1 new order waits\x07\x1b\\"


# ---- the messenger


def soon(condition: Any) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_message_is_sent_on_a_thread_of_its_own() -> None:
    threads: list[str] = []

    def send(text: str) -> bool:
        threads.append(f"{threading.current_thread().name}: {text}")
        return True

    messenger = Messenger("post", send)
    messenger.tell("1 new order waits")
    soon(lambda: messenger.sent == 1)
    assert threads == ["post messenger: 1 new order waits"]
    assert messenger.problem == ""


def test_a_sender_that_hangs_holds_nobody_up_and_the_newest_ring_is_kept() -> None:
    let_go, sent = threading.Event(), list[str]()

    def send(text: str) -> bool:
        let_go.wait(20)
        sent.append(text)
        return True

    messenger = Messenger("post", send)
    began = time.monotonic()
    messenger.tell("first")
    soon(lambda: messenger._next.empty())
    for number in range(50):
        messenger.tell(str(number))
    assert time.monotonic() - began < 5
    assert "only the newest" in messenger.problem
    let_go.set()
    soon(lambda: messenger.sent == 2)
    assert sent == ["first", "49"]
    assert messenger.problem == ""


def test_a_failing_sender_is_told_by_its_kind_alone_and_tried_again() -> None:
    outcomes: Iterator[Any] = iter([OSError("https://user:secret@example.org"), False, True])

    def send(text: str) -> bool:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return bool(outcome)

    messenger = Messenger("post", send)
    messenger.tell("a")
    soon(lambda: messenger.problem)
    assert messenger.problem == "it failed (OSError)"
    messenger.tell("b")
    soon(lambda: "did not get through" in messenger.problem)
    messenger.tell("c")
    soon(lambda: messenger.sent == 1)
    assert messenger.problem == ""


def test_what_apprise_lacks_is_said_before_the_first_order(tmp_path: Any) -> None:
    messenger = apprise_messenger(tmp_path / "nowhere.conf")
    assert "not installed" in messenger.problem or "there is no file" in messenger.problem


async def test_the_settings_page_shows_who_is_told_and_what_is_wrong() -> None:
    listener = Listener()
    listener.problem = "it failed (OSError)"
    async with running(a_busy_desk(), comfort=Comfort(bell=True, desktop="osc9", heralds=[listener])) as (_, pilot):
        await pilot.press("8")
        await shows(pilot, "bell on, desktop notification osc9", "listener: it failed (OSError)")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_apprise_delivers_a_ring(tmp_path: Any) -> None:
    """With the real library and a server of ours, where the extra is installed."""
    pytest.importorskip("apprise")
    import http.server
    import json

    from ibgw_tui.tui.heralds import apprise_sender

    got: list[dict[str, Any]] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    file = tmp_path / "apprise.conf"
    file.write_text(f"json://127.0.0.1:{server.server_port}/\n")
    assert apprise_sender(file)("2 new orders wait")
    server.shutdown()
    server.server_close()
    assert (got[0]["title"], got[0]["message"]) == ("ibgw", "2 new orders wait")
