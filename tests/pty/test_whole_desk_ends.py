"""How the whole program ends and begins: killed in the middle of an approval, told to go, in odd terminals."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from ibgw_tui.core.lifecycle import OPEN, Status
from tests.pty.desk import Operator, WholeDesk
from tests.pty.test_terminal_left_clean import assert_restored

CONFIRMED = 0.16
"""Seconds from the key to the moment it counts: then the approval is written."""


def test_killed_in_the_middle_of_an_approval_nothing_is_sent_twice(tmp_path: Path) -> None:
    desk = WholeDesk(tmp_path / "desk", hold_back=1)
    with desk.terminal() as terminal:
        operator = Operator(desk, terminal)
        order = desk.stage()
        operator.reads(order)
        operator.reviews(order)
        terminal.type("Y")
        terminal.listen(CONFIRMED)
        os.kill(terminal.process.pid, signal.SIGKILL)
        terminal.process.wait(timeout=10)
    approvals = len(desk.entries("order.approve", order.order_ref))
    assert approvals <= 1
    with desk.terminal() as terminal:  # the router's lease of the dead one has to lapse first
        if approvals:
            desk.until(order.order_ref, *(set(Status) - OPEN))
        terminal.listen(1.0)
    assert len(desk.entries("order.send", order.order_ref)) == approvals
    assert desk.market_orders(order.order_ref) <= approvals
    assert desk.verifies()


def test_told_to_go_it_leaves_terminal_and_store_in_order(tmp_path: Path) -> None:
    """Also: what the environment says to Textual is not done, and a plain terminal shows words and marks."""
    desk = WholeDesk(tmp_path / "desk")
    environment = {"TEXTUAL_PRESS": "a,Y", "NO_COLOR": "1", "TERM": "xterm", "COLORTERM": ""}
    with desk.terminal(environment) as terminal:
        operator = Operator(desk, terminal)
        order = desk.stage()
        operator.reads(order)
        operator.sees("▶ ▲ BUY", "SIMULATED", "kill switch open", "○ waits", "✓")
        colours = re.findall(rb"[34]8;2;(\d+);(\d+);(\d+)", terminal.raw)
        assert all(red == green == blue for red, green, blue in colours), "NO_COLOR: greys at most"
        os.kill(terminal.process.pid, signal.SIGHUP)
        assert terminal.wait_exit() == 128 + signal.SIGHUP
        assert_restored(terminal)
    assert desk.approvals() == 0
    assert desk.record(order.order_ref).status is Status.PENDING
    assert desk.verifies()
    assert not list(desk.folder.glob("crash-*"))
