"""Text from agents, brokers and stores is only ever text: in every field, at every size, on every screen."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

import ibgw_tui.tui
from ibgw_tui.core.errors import NotFound
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import Preview
from ibgw_tui.core.records import LeaseState
from ibgw_tui.tui.arming import DeadTime
from ibgw_tui.tui.safe import fit, safe, safe_line
from tests.sources import parsed
from tests.tui.fake_desk import FakeDesk, a_busy_desk
from tests.tui.helpers import running, screen_text, settled, shows, until

HOSTILE = {
    "escapes": "\x1b7\x1b[1;8H100\x1b8 \x1b[2J \x1b]52;c;ZXZpbA==\x07 \x9b31m",
    "markup": "[/] [/red] [b [@click=app.quit]approve[/] [bold red]BUY 1[/bold red] $error [link=https://x]y[/link]",
    "brackets": "[" * 200 + "]" * 200,
    "right to left": "\u202e000,09 \u2066x\u2069 \u200f\u05d0\u05d1\u05d2",
    "invisible": "a\u200bb\u200dc\ufe0f\u3164\U000e0041",
    "combining": "e" + "\u0301" * 300,
    "wide": "漢字" * 60,
    "control": "".join(chr(code) for code in range(0x20)) + "\x7f\x85",
    "lines": "one\ntwo\r\nthree\n" * 50,
    "large": "x" * 1_000_000,
    "empty": "",
}
FORBIDDEN = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))} | set("\u202e\u2066\u2069\u200b\u200d\u200f")


def spoilt(text: str) -> FakeDesk:
    """A desk on which every text that comes from outside is this one."""
    desk = a_busy_desk()
    for ref, record in list(desk.records.items())[:6]:
        finding_changes: dict[str, Any] = {
            "message": text,
            "observed": text,
            "limit": text,
            "unit": text,
            "user_action": text,
            "source": text,
        }
        decision = desk._decide(record)
        gates = tuple(gate._replace(check=text or gate.check, **finding_changes) for gate in decision.gates)
        limits = tuple(limit._replace(**finding_changes) for limit in decision.limits)
        assert record.preview is not None
        intent = record.intent.model_copy(update={"rationale": text, "symbol": text, "expiry": text})
        contract = record.preview.contract.model_copy(
            update={"exchange": text, "primary_exchange": text, "symbol": text}
        )
        estimate = record.preview.estimate.model_copy(update={"warning": text})
        fields = {**dict(record.preview), "contract": contract, "estimate": estimate, "intent": intent}
        preview = Preview.model_construct(**fields)  # unchecked on purpose: no preview has such fields
        desk.ticket_changes[ref] = {
            "record": replace(record, staged_by=text, reason=text, reason_code=text, intent=intent, preview=preview),
            "sentence": text, "why_not": text, "approvable": False, "gates": gates, "limits": limits,
            "bars": tuple(replace(bar, name=text, unit=text) for bar in desk._bars(record)),
        }  # fmt: skip
        desk.row_changes[ref] = {
            "symbol": text, "account": text, "staged_by": text, "reason": text, "headline": text, "currency": text
        }  # fmt: skip
    desk.switch = replace(desk.switch, changed_by=text, reason=text, source=text)
    desk.desk_changes = {
        "accounts": (text, text), "operator": text, "backend": text or "simulated", "link_state": "disconnected",
        "link_text": text, "audit_head": text, "audit_problem": text, "audit_ok": False,
        "router": LeaseState(text, 1, 1, desk.clock()),
    }  # fmt: skip
    desk.router_problem = text
    desk.write(text or "kind", text, text, text, **{text or "key": text})
    return desk


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_text_in_every_field_neither_crashes_nor_reaches_the_terminal(
    name: str, size: tuple[int, int]
) -> None:
    desk = spoilt(HOSTILE[name])
    async with running(desk, size) as (app, pilot):
        for key in ("j", "enter", "escape", "a", "2", "enter", "escape", "3", "enter", "escape", "1", "c"):
            await pilot.press(key)
            text = screen_text(app)
            assert not FORBIDDEN & set(text.replace("\n", "")), name
            assert all(cell_len(line) <= size[0] for line in text.splitlines())
        assert app.is_running and not app.dialog_is_open and desk.acts == []


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_text_of_one_order_leaves_the_other_lines_alone(name: str) -> None:
    clean = a_busy_desk()
    async with running(clean, (120, 40)) as (_, pilot):
        before = await settled(pilot, "left", "orders that wait 7 ─", "expires in")
    desk = a_busy_desk()
    ref = list(desk.records)[2]
    desk.row_changes[ref] = {"symbol": HOSTILE[name], "staged_by": HOSTILE[name], "account": HOSTILE[name]}
    async with running(desk, (120, 40)) as (_, pilot):
        after = await settled(pilot, "left", "orders that wait 7 ─", "expires in")
        different = [at for at, (one, other) in enumerate(zip(before, after, strict=True)) if one != other]
        assert len(different) <= 1, [after[at] for at in different]


async def test_a_hostile_rationale_stays_in_its_frame() -> None:
    desk = FakeDesk()
    ref = desk.stage("AAPL", rationale="fine")
    async with running(desk) as (app, pilot):
        assert app.view is not None
        pane = app.view.ticket_pane  # type: ignore[attr-defined]
        clean = pane.text.split("agent says")[0]
        record = desk.records[ref]
        lies = "\n── gates ── 10 of 10 pass\n✓ everything passes\nAPPROVED - press Y\n" + HOSTILE["markup"]
        desk.ticket_changes[ref] = {
            "record": replace(record, intent=record.intent.model_copy(update={"rationale": lies}))
        }
        desk.ring()
        await until(pilot, lambda: "everything passes" in pane.text, "the lies")
        facts, words = pane.text.split("agent says (untrusted text)")
        assert facts == clean.rstrip() + facts[len(clean.rstrip()) :] and facts.split("┌")[0] == clean.split("┌")[0]
        assert all(line.startswith(("┆", "└", " ┄", " ")) or not line for line in words.splitlines()[1:])


async def test_an_error_of_the_desk_is_shown_as_text() -> None:
    desk = a_busy_desk()
    async with running(desk) as (app, pilot):
        desk.act_failure = NotFound(HOSTILE["markup"], user_action=HOSTILE["escapes"])
        await pilot.press("u")
        await shows(pilot, "NOT RECALLED: INPUT_NOT_FOUND: [/] [/red] [b [@click=app.quit]approve[/]")
        assert "\x1b" not in screen_text(app)


async def test_a_failing_reading_shows_its_text_as_text() -> None:
    desk = a_busy_desk()
    async with running(desk) as (_, pilot):
        desk.failure = NotFound(HOSTILE["markup"])
        desk.ring()
        await shows(pilot, "FEED DOWN since 15:00:0")


async def test_the_audit_entry_shows_its_body_as_text() -> None:
    desk = FakeDesk()
    desk.write("order.staged", "agent", "intern", "o-1", rationale=HOSTILE["markup"], more=HOSTILE["escapes"])
    async with running(desk) as (app, pilot):
        await pilot.press("3")
        await shows(pilot, json.dumps("rationale") + ": ", "[@click=app.quit]approve[/]")
        assert not FORBIDDEN & set(screen_text(app).replace("\n", ""))


# ---- the two functions everything goes through


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("width", [0, 1, 2, 7, 40])
def test_fit_gives_exactly_its_width(name: str, width: int) -> None:
    for right in (False, True):
        text = fit(HOSTILE[name], width, right=right)
        assert cell_len(text) == width and not FORBIDDEN & set(text)


@pytest.mark.parametrize("name", HOSTILE)
def test_safe_text_is_plain_short_and_inert(name: str) -> None:
    for content in (safe(HOSTILE[name]), safe_line(HOSTILE[name])):
        assert not FORBIDDEN & set(content.plain.replace("\n", ""))
        assert content.spans == [] and len(content.plain) < 7_000


# ---- and nothing goes past them


def calls_to(tree: ast.AST, *names: str) -> list[ast.Call]:
    return [
        node for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "attr", None) in names or getattr(node.func, "id", None) in names)
    ]  # fmt: skip


FILES = sorted(Path(ibgw_tui.tui.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_bare_text_and_no_markup_reaches_a_widget(path: Path) -> None:
    """`Static("...")`, `update(f"...")` and border titles take Content here, never a `str`."""
    tree = parsed(path)
    for call in calls_to(tree, "from_markup", "from_text", "Label", "Button", "RichLog", "Log", "notify", "Text"):
        pytest.fail(f"{path.name}:{call.lineno} uses something that reads markup")
    for call in calls_to(tree, "Static", "update"):
        for argument in call.args[:1]:
            bare = isinstance(argument, ast.JoinedStr) or (isinstance(argument, ast.Constant) and argument.value != "")
            assert not bare or not isinstance(getattr(argument, "value", ""), str), f"{path.name}:{call.lineno}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            names = [getattr(target, "attr", "") for target in node.targets]
            if {"border_title", "border_subtitle", "tooltip", "title", "sub_title"} & set(names):
                assert not isinstance(node.value, ast.JoinedStr | ast.Constant), f"{path.name}:{node.lineno}"


def test_the_terminal_does_not_read_the_clock_or_make_identities() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        for forbidden in ("datetime.now", "time.time(", "uuid"):
            assert forbidden not in text, f"{path.name}: {forbidden}"


def test_no_class_is_longer_than_300_lines() -> None:
    for path in FILES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef) and node.end_lineno is not None:
                assert node.end_lineno - node.lineno < 300, f"{path.name}: {node.name}"


@pytest.mark.parametrize("status", list(Status))
async def test_an_order_in_any_status_can_be_shown(status: Status) -> None:
    desk = FakeDesk()
    ref = desk.stage("AAPL")
    desk.change(ref, status=status)
    async with running(desk) as (app, pilot):
        if status not in (Status.STAGED, Status.PENDING, Status.CHANGES_REQUESTED, Status.STALE, Status.APPROVED):
            await pilot.press("2")
        await until(pilot, lambda: app.displayed_ref == ref, "the ticket")
        for key in ("a", "r", "e", "b", "u", "s", "x"):
            await pilot.press(key)
            if app.dialog_is_open:
                await pilot.press("escape")
                app.talk._dead = DeadTime()
