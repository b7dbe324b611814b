"""`policy list`, `show`, `check`, `diff`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Answer, Cli

DRAFT = """\
[policies.careful]
enabled = true
max_notional = { amount = "500", currency = "USD" }
max_quantity = "20"
allowed_symbols = ["AAPL"]
allowed_asset_classes = ["stock"]
frequency_limit = { max_orders = 5, window_seconds = 300 }
session_limit = { max_orders_per_session = 20, max_session_notional = { amount = "5000", currency = "USD" } }
max_price_deviation_bps = 500
max_quote_age_seconds = 30
symbols.AAPL = { max_quantity = "5" }
accounts.DU1234567 = { max_price_deviation_bps = 100 }
"""


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    file = tmp_path / "draft.toml"
    file.write_text(DRAFT)
    file.chmod(0o600)
    return file


def test_the_list(cli: Cli, draft: Path) -> None:
    (example,) = cli("policy", "list", "--json").json["policies"]
    assert (example["id"], example["in_force"], len(example["digest"])) == ("example", ["paper"], 64)
    assert example["settings"]["max_quantity"] == "10"
    assert "1000 USD" in cli("policy", "list").out
    draft.write_text('risk.policy_id = "careful"\nlive.risk_policy_id = "careful"\n' + DRAFT)
    (careful,) = cli("policy", "list", "--json", "--config", str(draft)).json["policies"]
    assert careful["in_force"] == ["paper", "live"]


def test_one_policy_with_origins(cli: Cli, draft: Path) -> None:
    draft.write_text('risk.policy_id = "careful"\n' + DRAFT)
    asked = ["policy", "show", "careful", "--config", str(draft)]
    body = cli(*asked, "--account", "DU1234567", "--symbol", "AAPL", "--json").json["policy"]
    found = {setting["name"]: setting for setting in body["settings"]}
    assert found["max_quantity"] == {
        "name": "max_quantity", "value": "5", "origin": ["policies.careful.symbols.AAPL"], "unset_means": None,
    }  # fmt: skip
    assert found["max_price_deviation_bps"]["value"] == 100
    assert found["max_drift_bps"]["unset_means"] == "the check price_drift is OFF"
    assert found["max_notional"]["value"] == {"amount": "500", "currency": "USD"}
    assert body["other_overrides"] == []
    shown = cli(*asked, "--account", "DU1234567").out
    assert "policies.careful.accounts.DU1234567" in shown and "tighter for others: symbols.AAPL" in shown


def test_a_policy_that_is_not_there(cli: Cli) -> None:
    assert cli("policy", "show", "--json").json == cli("policy", "show", "example", "--json").json, "the one in force"
    answer = cli("policy", "show", "exampel", "--json")
    assert answer.code == 3 and "did you mean example?" in answer.json["error"]["message"]


def test_checking_warns_and_is_no_error(cli: Cli, draft: Path) -> None:
    body = cli("policy", "check", "--json").json
    assert body["ok"] and {warning["kind"] for warning in body["policies"][0]["warnings"]} == {"off"}
    draft.write_text(DRAFT + 'symbols.MSFT = { max_quantity = "90" }\n[policies.empty]\n')
    answer = cli("policy", "check", str(draft))
    assert answer.code == 0
    assert "careful: right" in answer.out and "the check price_drift is OFF" in answer.out
    assert "symbols.MSFT MSFT is not in allowed_symbols" in answer.out
    assert "symbols.MSFT.max_quantity 90 is not tighter than the policy's 20" in answer.out
    assert "max_notional is not set: allows nothing" in answer.out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[policies.x]\nmax_quantty = 3", "did you mean max_quantity?"),
        ("[policies.x.accounts.DU1234567]\nmax_quantty = 3", "did you mean max_quantity?"),
        ("[desk]", "no table [policies.<id>]"),
        ("[policies", "not valid TOML"),
    ],
)
def test_what_is_wrong_with_a_draft_is_an_error(text: str, says: str, cli: Cli, draft: Path) -> None:
    draft.write_text(text)
    for command in (["check"], ["test"], ["diff", "example"]):
        answer = cli("policy", *command, str(draft), "--json")
        assert answer.code == 78
        assert says in answer.json["error"]["message"]
    assert cli("policy", "check", "/nonexistent.toml").code == 78


def changes(answer: Answer) -> dict[str, str]:
    return {change["field"]: change["direction"] for change in answer.json["changes"]}


def test_a_difference_is_tighter_or_looser(cli: Cli, draft: Path) -> None:
    answer = cli("policy", "diff", "example", f"{draft}:careful", "--json")
    assert answer.code == 4 and answer.json["looser"]
    assert changes(answer) == {
        "max_notional": "tighter",
        "max_quantity": "looser",
        "accounts.DU1234567.max_price_deviation_bps": "tighter",
        "symbols.AAPL.max_quantity": "tighter",
    }
    shown = cli("policy", "diff", "example", str(draft))
    assert shown.code == 4 and "1 looser" in shown.out
    back = cli("policy", "diff", f"{draft}:careful", "example", "--json")
    assert changes(back)["max_notional"] == "looser" and changes(back)["symbols.AAPL.max_quantity"] == "looser"


def test_nothing_looser_is_no_refusal(cli: Cli, draft: Path) -> None:
    draft.write_text(DRAFT.replace('"20"', '"9"'))
    answer = cli("policy", "diff", "example", str(draft))
    assert answer.code == 0 and "nothing is looser" in answer.out
    same = cli("policy", "diff", "example", "example")
    assert (same.code, same.out) == (0, "nothing differs\n")


def test_a_file_of_several_needs_a_name(cli: Cli, draft: Path) -> None:
    draft.write_text(DRAFT + "[policies.other]\n")
    answer = cli("policy", "diff", "example", str(draft), "--json")
    assert answer.code == 3 and "FILE:ID" in answer.json["error"]["user_action"]
    assert cli("policy", "diff", "example", f"{draft}:othr").code == 3
    tested = cli("policy", "test", str(draft), "--json")
    assert tested.code == 3 and "--policy" in tested.json["error"]["user_action"]
