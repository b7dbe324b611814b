"""What only a real terminal shows: keys that come too early, too fast, torn apart, or not from a hand.

The headless tests cannot find these: they wait for the program after every key. Nothing here may
approve except the deliberate press; and the deliberate press must.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pty.harness import Terminal, running

PAUSE = 0.55
"""Longer than the dead time after a decision."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """One program for all hazards that leave it running: starting costs more than testing."""
    with running(tmp_path_factory.mktemp("review") / "report") as terminal:
        yield terminal


@pytest.fixture
def desk(shared: Terminal) -> Iterator[Terminal]:
    """The shared program, at the desk, with nothing approved so far; and still nothing afterwards."""
    close_review(shared)
    approved = shared.count("APPROVED")
    yield shared
    assert shared.count("APPROVED") == approved


def close_review(terminal: Terminal) -> None:
    terminal.wait_for("a phase", lambda: bool(terminal.phases))
    if terminal.phases[-1] != "desk":
        terminal.type("\x1b")
        terminal.wait_for("the desk", lambda: terminal.phases[-1] == "desk")


def open_review(terminal: Terminal) -> None:
    """Until it is open: the dead time after the last one drops keys, and the review itself ignores them."""
    opened = terminal.count("opened")
    while terminal.count("opened") == opened:
        terminal.type("a")
        terminal.listen(0.15)


def arm_review(terminal: Terminal) -> None:
    open_review(terminal)
    terminal.wait_for("a new review", lambda: terminal.phases[-1] != "desk")
    terminal.wait_armed()
    terminal.listen(0.2)


def rearmed(terminal: Terminal) -> None:
    """The keys were seen, dropped, and their penalty is over: what had been queued would have acted by now."""
    terminal.wait_armed()
    terminal.listen(0.25)


# ---- keys that come before the picture


def test_type_ahead_in_one_write(desk: Terminal) -> None:
    opened = desk.count("opened")
    desk.listen(PAUSE)
    desk.type("aY")
    desk.wait_event("opened", opened + 1)
    rearmed(desk)


def test_type_ahead_ten_milliseconds_apart(desk: Terminal) -> None:
    desk.listen(PAUSE)
    desk.type("a")
    desk.listen(0.01)
    desk.type("Y")
    desk.wait_for("the review", lambda: desk.phases[-1] != "desk")
    rearmed(desk)


def test_keys_typed_while_the_loop_hangs(desk: Terminal) -> None:
    opened, blocked = desk.count("opened"), desk.count("blocked")
    desk.listen(PAUSE)
    desk.type("b")
    desk.listen(0.3)
    desk.type("a")
    desk.listen(0.1)
    desk.type("Y")
    desk.wait_event("blocked", blocked + 1)
    desk.wait_event("opened", opened + 1)
    desk.wait_for("the review", lambda: desk.phases[-1] != "desk")
    rearmed(desk)


def test_a_key_typed_into_an_armed_review_that_hangs(desk: Terminal) -> None:
    arm_review(desk)
    blocked = desk.count("blocked")
    os.kill(desk.process.pid, signal.SIGUSR1)
    desk.listen(0.4)
    desk.type("Y")
    desk.wait_event("blocked", blocked + 1)
    rearmed(desk)


def test_a_key_typed_while_the_program_is_stopped(desk: Terminal) -> None:
    arm_review(desk)
    seen = len(desk.phases)
    os.kill(desk.process.pid, signal.SIGTSTP)
    desk.listen(0.5)
    desk.type("Y")
    desk.listen(0.2)
    os.kill(desk.process.pid, signal.SIGCONT)
    desk.wait_for("the dwell to begin anew", lambda: len(desk.phases) > seen)
    rearmed(desk)


# ---- keys that are held


@pytest.mark.parametrize("delay", [0.0, 0.5])
def test_the_confirming_key_held_since_before(desk: Terminal, delay: float) -> None:
    open_review(desk)
    desk.hold("Y", 1.5, delay=delay)


def test_the_opening_key_held(desk: Terminal) -> None:
    opened = desk.count("opened")
    desk.listen(PAUSE)
    desk.hold("a", 1.5)
    assert desk.count("opened") == opened + 1


def test_enter_held(desk: Terminal) -> None:
    arm_review(desk)
    desk.hold("\r", 1.5)


# ---- pastes


@pytest.mark.parametrize("paste", ["\x1b[200~Y\nY\x1b[201~", "Yes, please\r", "nYn"])
def test_pastes(desk: Terminal, paste: str) -> None:
    arm_review(desk)
    desk.type(paste)
    desk.listen(0.6)


# ---- escape sequences that a slow link tears apart


@pytest.mark.parametrize(("first", "rest"), [("\x1b", "[A"), ("\x1b[1;", "2H")])
def test_torn_escape_sequences(desk: Terminal, first: str, rest: str) -> None:
    arm_review(desk)
    desk.type(first)
    desk.listen(0.15)
    desk.type(rest)
    desk.listen(0.5)


# ---- the picture changes


def test_a_resize_starts_the_dwell_anew(desk: Terminal) -> None:
    arm_review(desk)
    seen = len(desk.phases)
    desk.resize(110, 34)
    desk.type("Y")
    desk.wait_for("the dwell to begin anew", lambda: len(desk.phases) > seen)
    rearmed(desk)
    desk.resize(79, 24)
    desk.wait_for("too small", lambda: desk.phases[-1] == "held")
    desk.wait_for("the reason", lambda: "80x24" in desk.text)
    desk.listen(0.6)
    desk.type("Y")
    desk.listen(0.5)
    desk.resize(100, 32)
    rearmed(desk)


def test_a_storm_of_resizes(desk: Terminal) -> None:
    arm_review(desk)
    for turn in range(40):
        desk.resize(90 + turn, 26 + turn % 9)
        if turn % 5 == 0:
            desk.type("Y")
        desk.listen(0.02)
    desk.resize(100, 32)
    rearmed(desk)
    assert "press Y" in desk.text


def test_expiry_during_the_review(desk: Terminal) -> None:
    desk.listen(PAUSE)
    desk.type("e")
    arm_review(desk)
    desk.wait_for("the expiry", lambda: desk.phases[-1] == "disarmed")
    desk.wait_for("the reason", lambda: "it has expired" in desk.text)
    desk.type("Y")
    desk.listen(0.5)


def test_lost_focus_starts_the_dwell_anew(desk: Terminal) -> None:
    arm_review(desk)
    desk.type("\x1b[O")
    desk.wait_for("no focus", lambda: desk.phases[-1] == "held")
    desk.type("\x1b[I")
    desk.type("Y")
    rearmed(desk)


# ---- and what must work


def test_a_deliberate_press_approves(tmp_path: Path) -> None:
    with running(tmp_path / "report") as terminal:
        arm_review(terminal)
        terminal.type("Y")
        terminal.wait_event("APPROVED")
        # At once again: the dead time drops the key that would open the next one.
        terminal.type("a")
        terminal.listen(0.3)
        assert terminal.count("opened") == 1
        terminal.listen(PAUSE)
        # And once more, as a terminal with the newer keyboard protocol says it.
        terminal.type("\x1b[97;;97u")
        terminal.wait_event("opened", 2)
        terminal.wait_for("armed again", lambda: terminal.phases[-2:] == ["dwelling", "armed"])
        terminal.listen(0.2)
        terminal.type("\x1b[121;2;89u")
        terminal.wait_event("APPROVED", 2)


def test_an_unusual_order_wants_its_code_typed(tmp_path: Path) -> None:
    with running(tmp_path / "report", "--market") as terminal:
        code = terminal.events[0].split()[2]
        arm_review(terminal)
        terminal.type("Y")  # not without the code
        terminal.listen(0.35)
        terminal.type(code)  # not at once
        terminal.listen(0.35)
        terminal.type("Y")
        terminal.listen(0.35)
        terminal.type(f"\x1b[200~{code}\x1b[201~")
        terminal.listen(0.35)
        terminal.type("Y")
        terminal.listen(0.35)
        assert terminal.count("APPROVED") == 0
        terminal.type("\x15")  # whatever stands there: away with it
        for letter in code:
            terminal.listen(0.2)
            terminal.type(letter)
        terminal.listen(0.4)
        terminal.type("Y")
        terminal.wait_event("APPROVED")


# ---- words of an agent

INJECTED = (
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b[2J",
    "\x1b[5;5HAPPROVED",
    "\x1b[31m",
    "\x9b31m",
    "\u202e",
    "\u200b",
    "\x1b7",
    "\x1b8",
    "\x07",
)


def test_no_byte_of_an_agents_escape_reaches_the_terminal(tmp_path: Path) -> None:
    rationale = "buy" + "".join(f"{sequence}x" for sequence in INJECTED) + "[@click=app.quit]now[/] [/red]"
    plain = {}
    for name, text in (("harmless", "buy now"), ("hostile", rationale)):
        with running(tmp_path / name, "--rationale", text.encode("unicode_escape").decode()) as terminal:
            arm_review(terminal)
            plain[name] = terminal.raw
            shown = terminal.text
    for sequence in INJECTED:
        assert plain["hostile"].count(sequence.encode()) == plain["harmless"].count(sequence.encode()), sequence
    assert "[@click=app.quit]now[/] [/red]" in shown  # shown as the text it is
    assert "␛" in shown
