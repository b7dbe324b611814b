"""A terminal that takes no output: a closed laptop, a hung connection. The desk behind it goes on working."""

from __future__ import annotations

import time
from pathlib import Path

from ibgw_tui.core.lifecycle import Status
from tests.pty.desk import ARMED, Operator, WholeDesk
from tests.pty.harness import DEADLINE, Terminal

ENOUGH = 40
"""So many arrivals are far more output than a terminal keeps for somebody who does not read."""


def test_a_terminal_that_nobody_reads_does_not_stop_the_router(tmp_path: Path) -> None:
    desk = WholeDesk(tmp_path / "desk", hold_back=0)
    with desk.terminal() as terminal:
        orders = [desk.stage() for _ in range(ENOUGH)]  # each is waited for: the router in that process previews it
        desk.approve_elsewhere(orders[0].order_ref)
        desk.until(orders[0].order_ref, Status.WORKING, Status.FILLED)
        terminal.wait_for("what came meanwhile", lambda: f"{ENOUGH - 1} wait" in terminal.text)
        _is_drawn_whole(terminal)


def test_nothing_can_be_approved_blindly_while_nobody_reads(tmp_path: Path) -> None:
    """Keys that were typed into a picture that does not move: the review starts its dwell anew when it can be read."""
    desk = WholeDesk(tmp_path / "desk")
    with desk.terminal() as terminal:
        operator = Operator(desk, terminal)
        first = desk.stage()
        operator.reads(first)
        _stop_reading(desk)
        terminal.type("a")
        time.sleep(3)
        terminal.type("Y")
        time.sleep(1)
        assert desk.approvals() == 0
        operator.sees(ARMED, first.order_ref)
        assert desk.record(first.order_ref).status is Status.PENDING
        terminal.type("Y")
        desk.until(first.order_ref, Status.APPROVED)


def test_leaving_a_terminal_that_nobody_reads_does_not_hang(tmp_path: Path) -> None:
    desk = WholeDesk(tmp_path / "desk")
    with desk.terminal() as terminal:
        _stop_reading(desk)
        terminal.process.terminate()
        began = time.monotonic()
        terminal.process.wait(timeout=DEADLINE)
        assert time.monotonic() - began < 8


def _stop_reading(desk: WholeDesk) -> None:
    """What arrives meanwhile fills every buffer on the way."""
    for _ in range(ENOUGH):
        desk.stage(wait=False)
    time.sleep(2)


def _is_drawn_whole(terminal: Terminal) -> None:
    """The picture is the same as one that is drawn anew."""
    terminal.listen(1.5)
    before = terminal.text
    terminal.resize(121, 40)
    terminal.listen(1.0)
    terminal.resize(120, 40)

    def is_same() -> bool:
        terminal.listen(0.3)
        return _without_clocks(terminal.text) == _without_clocks(before)

    terminal.wait_for("the same picture", is_same)


def _without_clocks(text: str) -> str:
    return "".join("#" if character.isdigit() else character for character in text)
