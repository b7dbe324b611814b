"""`checklist show` and `checklist acknowledge`."""

from __future__ import annotations

from pathlib import Path

import pytest

from ibgw_tui.service.assessment import CHECKLIST_KIND, read_checklist
from ibgw_tui.service.checklist import ITEMS
from ibgw_tui.store import OrderStore
from tests.cli.conftest import Cli, Shown
from tests.cli.terminal import at_terminal
from tests.service.bench_desk import bench_desk
from tests.service.test_checklist import drill, filled

ACKNOWLEDGE = ("checklist", "acknowledge")
REVIEWED = ("approvals_reviewed", "limits_reviewed", "incident_runbook_reviewed")


def test_a_new_desk(cli: Cli) -> None:
    body = cli("checklist", "show", "--json").json["checklist"]
    assert not body["complete"] and body["acknowledged_by"] is None
    assert [item["name"] for item in body["items"]] == list(ITEMS)
    assert all(item["missing"] and item["user_action"] for item in body["items"])
    shown = cli("checklist", "show")
    assert shown.code == 0 and "NOT COMPLETE; never acknowledged" in shown.out and "ibgw kill close" in shown.out


def test_what_leaves_no_trace_can_be_acknowledged(cli: Cli, store: OrderStore, home: Path) -> None:
    named = [word for name in REVIEWED for word in ("--item", name)]
    code, seen = at_terminal(home, "ACKNOWLEDGE\n", *ACKNOWLEDGE, *named)
    assert code == 0, seen
    checklist = cli("checklist", "show", "--json").json["checklist"]
    assert not checklist["complete"]
    done = {item["name"] for item in checklist["items"] if item["acknowledged"]}
    assert done == set(REVIEWED)
    known = read_checklist(store)
    assert known is not None and known.acknowledged_at is not None and known.acknowledged_by
    assert "yes  limits_reviewed" in cli("checklist", "show").out


def test_what_leaves_a_trace_needs_it(store: OrderStore, home: Path) -> None:
    code, seen = at_terminal(home, "ACKNOWLEDGE\n", *ACKNOWLEDGE, "--all")
    assert code == 4
    assert "paper_trading_validated: no paper order" in seen and "kill_switch_tested: " in seen
    assert "ibgw kill open" in seen
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
    code, seen = at_terminal(desk.path.parent, "ACKNOWLEDGE\n", *ACKNOWLEDGE, "--all")
    assert code == 0, seen
    assert cli("checklist", "show", "--json").json["checklist"]["complete"]
    shown = cli("checklist", "show").out
    assert "paper-to-live checklist: complete" in shown and ref in shown and "closed for 30 s" in shown


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["--all", "--item", "limits_reviewed"], 2),
        (["--item", "limits"], 2),
        (["--item", "limits_reviewed"], 4),  # nobody to ask
        (["--item", "limits_reviewed", "--no-input"], 4),
        (["--item", "limits_reviewed", "--yes"], 2),  # nothing answers for a person
    ],
)
def test_wrong_usage_records_nothing(arguments: list[str], code: int, cli: Cli, store: OrderStore) -> None:
    assert cli("checklist", "acknowledge", *arguments, "--json").code == code
    assert store.latest_audit(CHECKLIST_KIND) is None


def test_an_agent_acknowledges_nothing(cli: Cli, store: OrderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBGW_AGENT", "momentum-1")
    answer = cli("checklist", "acknowledge", "--item", "limits_reviewed", "--json")
    assert answer.code == 4 and "agent" in answer.json["error"]["message"]
    assert store.latest_audit(CHECKLIST_KIND) is None


@pytest.mark.parametrize(("typed", "code"), [("ACKNOWLEDGE\n", 0), ("yes\n", 4), ("\n", 4)])
def test_a_person_at_a_terminal_types_the_word(typed: str, code: int, store: OrderStore, home: Path) -> None:
    answer, seen = at_terminal(home, typed, *ACKNOWLEDGE, "--item", "limits_reviewed")
    assert answer == code, seen
    assert "what this account can bear" in seen
    assert (store.latest_audit(CHECKLIST_KIND) is not None) is (code == 0)
