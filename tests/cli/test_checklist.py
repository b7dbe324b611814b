"""`checklist show` and `checklist acknowledge`."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ibgw_tui.service.assessment import CHECKLIST_KIND, read_checklist
from ibgw_tui.service.checklist import ITEMS
from ibgw_tui.store import OrderStore
from tests.cli.conftest import Cli, Shown
from tests.service.bench_desk import bench_desk
from tests.service.test_checklist import drill, filled

REVIEWED = ("approvals_reviewed", "limits_reviewed", "incident_runbook_reviewed")


def test_a_new_desk(cli: Cli) -> None:
    body = cli("checklist", "show", "--json").json["checklist"]
    assert not body["complete"] and body["acknowledged_by"] is None
    assert [item["name"] for item in body["items"]] == list(ITEMS)
    assert all(item["missing"] and item["user_action"] for item in body["items"])
    shown = cli("checklist", "show")
    assert shown.code == 0 and "NOT COMPLETE; never acknowledged" in shown.out and "ibgw kill close" in shown.out


def test_what_leaves_no_trace_can_be_acknowledged(cli: Cli, store: OrderStore) -> None:
    named = [word for name in REVIEWED for word in ("--item", name)]
    answer = cli("checklist", "acknowledge", *named, "--yes", "--json")
    assert answer.code == 0 and not answer.json["checklist"]["complete"]
    done = {item["name"] for item in answer.json["checklist"]["items"] if item["acknowledged"]}
    assert done == set(REVIEWED)
    known = read_checklist(store)
    assert known is not None and known.acknowledged_at is not None and known.acknowledged_by
    assert "yes  limits_reviewed" in cli("checklist", "show").out


def test_what_leaves_a_trace_needs_it(cli: Cli, store: OrderStore) -> None:
    answer = cli("checklist", "acknowledge", "--all", "--yes", "--json")
    assert answer.code == 4
    error = answer.json["error"]
    assert "paper_trading_validated" in error["message"] and "kill_switch_tested" in error["message"]
    assert "ibgw kill open" in error["user_action"]
    assert store.latest_audit(CHECKLIST_KIND) is None


async def test_a_desk_that_has_done_it_all(tmp_path: Path, at: Shown) -> None:
    async with bench_desk(tmp_path) as desk:
        ref = await filled(desk)
        await drill(desk, seconds=30)
        cli = at(desk)
    before = {item["name"]: item for item in cli("checklist", "show", "--json").json["checklist"]["items"]}
    assert ref in before["paper_trading_validated"]["evidence"]
    assert before["paper_trading_validated"]["missing"] == "not acknowledged"
    assert isinstance(before["kill_switch_tested"]["evidence_age_seconds"], int)
    answer = cli("checklist", "acknowledge", "--all", "--yes", "--json")
    assert answer.code == 0 and answer.json["checklist"]["complete"]
    shown = cli("checklist", "show").out
    assert "paper-to-live checklist: complete" in shown and ref in shown and "closed for 30 s" in shown


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["--all", "--item", "limits_reviewed", "--yes"], 2),
        (["--item", "limits", "--yes"], 2),
        (["--item", "limits_reviewed"], 4),  # nobody to ask
        (["--item", "limits_reviewed", "--no-input"], 4),
    ],
)
def test_wrong_usage_records_nothing(arguments: list[str], code: int, cli: Cli, store: OrderStore) -> None:
    assert cli("checklist", "acknowledge", *arguments, "--json").code == code
    assert store.latest_audit(CHECKLIST_KIND) is None


def test_an_agent_acknowledges_nothing(cli: Cli, store: OrderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBGW_AGENT", "momentum-1")
    answer = cli("checklist", "acknowledge", "--item", "limits_reviewed", "--yes", "--json")
    assert answer.code == 4 and "agent" in answer.json["error"]["message"]
    assert store.latest_audit(CHECKLIST_KIND) is None


@pytest.mark.parametrize(("typed", "code"), [("ACKNOWLEDGE\n", 0), ("yes\n", 4), ("\n", 4)])
def test_a_person_at_a_terminal_types_the_word(typed: str, code: int, store: OrderStore, home: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ibgw_tui", "--home", str(home), "checklist", "acknowledge"]
    process = subprocess.Popen(
        [*command, "--item", "limits_reviewed"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "NO_COLOR": "1"},
    )
    os.close(theirs)
    seen, asked, deadline = b"", False, time.monotonic() + 20
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                seen += os.read(ours, 4096)
            except OSError:
                break
        if not asked and b"Type ACKNOWLEDGE" in seen:
            asked = True
            os.write(ours, typed.encode())
        if process.poll() is not None and not select.select([ours], [], [], 0)[0]:
            break
    assert process.wait(timeout=5) == code, seen.decode()
    os.close(ours)
    assert b"what this account can bear" in seen
    assert (store.latest_audit(CHECKLIST_KIND) is not None) is (code == 0)
