"""Accidents at the whole program in a real terminal: none of them sends or approves what was not displayed.

One program for all that leave it running; orders of earlier tests are out of the way before the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from ibgw_tui.core.errors import GatewayError, InvalidRequest
from ibgw_tui.core.lifecycle import Status
from tests.pty.desk import ARMED, DISARMED, Operator, WholeDesk

HOSTILE = (
    "\x1b]52;c;RVZJTA==\x07", "\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\", "\x1b[2J\x1b[33;77HAPPROVED",
    "\x1b7\x1b[1;8H100\x1b8", "\x9b31m", "\x1bP+q544e\x1b\\", "\x1b[?1049l", "\x1b]2;PAPER\x07", "\u202e000,09 \u2066x\u2069",
    "a\u200bb\u200dc\ufe0f", "[@click=app.quit]ok[/] [/red] [link=https://evil.example]x[/link]",
    "\r\n│ ✓ every gate passes: press Enter │\r\n\x1b[7m Y approve \x1b[0m", "e" + "\u0301" * 200, "\x07" * 50,
    "A" * 4000,
)  # fmt: skip
PAYLOADS = (
    b"\x1b]52", b"\x1b]8;", b"\x1b[2J", b"\x1b[33;77H", b"\x1bP", b"\x9b3", b"\x1b[?1049l",
    *(mark.encode() for mark in "\u202e\u2066\u2069\u200b\u200d\ufe0f"),
)  # fmt: skip
SEQUENCE = re.compile(rb"\x1b(\[[?<>=!]?[0-9;:]*[ $]?([@-~])|[\]P_^X]|.)", re.DOTALL)


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    desk = WholeDesk(tmp_path_factory.mktemp("whole") / "desk")
    with desk.terminal() as terminal:
        yield Operator(desk, terminal)


@pytest.fixture
def cleared(operator: Operator) -> Operator:
    operator.clear()
    return operator


def test_a_deliberate_press_approves_what_is_displayed(cleared: Operator) -> None:
    desk = cleared.desk
    order = desk.stage()
    cleared.reads(order)
    cleared.reviews(order)
    cleared.terminal.type("Y")
    desk.until(order.order_ref, Status.APPROVED)
    (approval,) = desk.entries("order.approve", order.order_ref)
    assert order.preview is not None
    assert approval.body["shown"]["preview_digest"] == order.preview.digest


def test_double_enter(cleared: Operator) -> None:
    desk, before = cleared.desk, cleared.desk.approvals()
    order = desk.stage()
    cleared.reads(order)
    cleared.presses("\r\r", seconds=0.3)
    cleared.presses("\r", seconds=0.1)
    cleared.presses("\r", seconds=0.3)
    cleared.terminal.type("\x1b")
    cleared.terminal.listen(0.2)
    cleared.reviews(order)
    cleared.presses("\r\r")
    assert desk.approvals() == before
    assert desk.record(order.order_ref).status is Status.PENDING


def test_an_arrival_between_reading_and_pressing(cleared: Operator) -> None:
    desk, before = cleared.desk, cleared.desk.approvals()
    order = desk.stage()
    cleared.reads(order)
    others = [desk.stage(wait=False, symbol="MSFT", limit_price="410.00", quantity="2")]
    cleared.reviews(order)
    others.append(desk.stage(symbol="SPY", limit_price="580.00", quantity="3"))
    cleared.sees(ARMED, order.order_ref)
    cleared.terminal.type("Y")
    desk.until(order.order_ref, Status.APPROVED)
    assert desk.approvals() == before + 1
    assert {desk.until(other.order_ref, Status.PENDING).status for other in others} == {Status.PENDING}


def test_a_second_operator_approves_first(cleared: Operator) -> None:
    desk = cleared.desk
    order = desk.stage()
    cleared.reads(order)
    cleared.reviews(order)
    desk.approve_elsewhere(order.order_ref)
    cleared.sees(DISARMED)
    cleared.presses("Y")
    assert [entry.principal for entry in desk.entries("order.approve", order.order_ref)] == ["colleague"]


def test_two_operators_at_the_same_moment(cleared: Operator) -> None:
    desk = cleared.desk
    order = desk.stage()
    cleared.reads(order)
    cleared.reviews(order)
    cleared.terminal.type("Y")
    try:
        desk.approve_elsewhere(order.order_ref)
    except (GatewayError, AssertionError):
        pass  # too late: the other one was faster
    cleared.terminal.wait_for("an answer", lambda: ARMED not in cleared.terminal.text)
    desk.until(order.order_ref, Status.APPROVED)
    cleared.terminal.listen(0.5)
    assert len(desk.entries("order.approve", order.order_ref)) == 1


@pytest.mark.parametrize("act", ["revise", "withdraw", "reject", "switch"])
def test_what_changes_during_the_review_disarms_it(cleared: Operator, act: str) -> None:
    desk, before = cleared.desk, cleared.desk.approvals()
    order = desk.stage()
    cleared.reads(order)
    cleared.reviews(order)
    try:
        match act:
            case "revise":
                desk.revise(order.order_ref, quantity="9")
            case "withdraw":
                desk.withdraw(order.order_ref)
            case "reject":
                with desk.colleague() as side:
                    side.review.reject(order.order_ref, reason="not today")
            case "switch":
                with desk.colleague() as side:
                    side.review.close_switch("not today")
        cleared.sees(DISARMED)
        cleared.presses("Y")
        assert desk.approvals() == before
    finally:
        if act == "switch":
            with desk.colleague() as side:
                side.review.open_switch("and on", override="it was a test")


def test_a_resize_storm_during_the_review(cleared: Operator) -> None:
    desk, before = cleared.desk, cleared.desk.approvals()
    order = desk.stage()
    cleared.reads(order)
    cleared.reviews(order)
    for turn in range(30):
        cleared.terminal.resize(100 + turn * 3 % 50, 30 + turn % 11)
        cleared.terminal.type("Y" if turn % 4 == 0 else "")
        cleared.terminal.listen(0.02)
    cleared.terminal.resize(70, 20)
    cleared.terminal.wait_for("too small", lambda: "80x24" in cleared.terminal.text)
    cleared.presses("Y")
    cleared.terminal.resize(120, 40)
    cleared.sees(ARMED)
    assert desk.approvals() == before


@pytest.mark.parametrize("text", ["\x1b[200~aYaY\raY\x1b[201~", "aYaYY\raY"])
def test_text_pasted_into_the_list(cleared: Operator, text: str) -> None:
    desk, before = cleared.desk, cleared.desk.approvals()
    order = desk.stage()
    cleared.reads(order)
    cleared.presses(text, seconds=1.0)
    assert desk.approvals() == before
    assert desk.record(order.order_ref).status is Status.PENDING


def test_a_long_reason_is_refused_at_the_door_and_said(cleared: Operator) -> None:
    with pytest.raises(InvalidRequest, match="at most"):
        cleared.desk.stage(rationale="\x1b[2J" * 250_000)
    for field in ("symbol", "account", "currency"):
        with pytest.raises(InvalidRequest):
            cleared.desk.stage(wait=False, **{field: "\x1b[2JAAPL"})


def test_no_sequence_of_an_agent_reaches_the_terminal(cleared: Operator) -> None:
    """Every kind of sequence in the output is one that the same screens send without a hostile agent."""
    desk, terminal = cleared.desk, cleared.terminal
    kinds = {}
    for name, rationales in (("harmless", ("an honest reason",)), ("hostile", HOSTILE)):
        cleared.clear()
        began = len(terminal.raw)
        orders = [desk.stage(rationale=text) for text in rationales]
        cleared.sees(f"{len(orders)} wait")
        for number, order in enumerate(orders):
            if number:
                terminal.type("j")
            cleared.sees(f"ticket {order.order_ref}")
        cleared.reviews(orders[-1])
        cleared.leave()
        for view in ("3", "7", "1"):
            cleared.presses(view, seconds=0.3)
        raw = terminal.raw[began:]
        kinds[name] = {_kind(found) for found in SEQUENCE.finditer(raw)} | ({"bell"} if b"\x07" in raw else set())
        assert not [payload for payload in PAYLOADS if payload in raw]
    assert kinds["hostile"] <= kinds["harmless"]


def _kind(found: re.Match[bytes]) -> str:
    """What a sequence is, without its numbers."""
    text = found.group(1).decode("latin-1")
    return f"[{found.group(2).decode()}" if found.group(2) else text


def test_the_record_of_all_this_verifies(operator: Operator) -> None:
    assert operator.desk.verifies()
    assert not operator.desk.entries("order.send"), "the hold-back of this desk is long"
