from __future__ import annotations

from datetime import time
from typing import Any

from ibgw_tui.config import EXAMPLE_POLICY, Config
from ibgw_tui.core.terms import Mode
from ibgw_tui.wiring.rules import desk_rules

LIVE: dict[str, Any] = {
    "broker": {"mode": "live"},
    "live": {
        "enabled": True,
        "allow_live_trading": True,
        "allowed_accounts": ("U1234567",),
        "risk_policy_id": "strict",
    },
    "policies": {"example": EXAMPLE_POLICY, "strict": EXAMPLE_POLICY.replaced(enabled=False)},
}


def test_the_default_allows_paper_and_nothing_live() -> None:
    rules = desk_rules(Config())
    assert (rules.mode, rules.backend, rules.risk_policy_id) == (Mode.PAPER, "simulated", "example")
    assert (rules.paper.enabled, rules.paper.invocation_enabled) == (True, True)
    assert (rules.live.enabled, rules.live.invocation_enabled) == (False, False)


def test_paper_that_is_off_is_not_asked_for_either() -> None:
    rules = desk_rules(Config.model_validate({"paper": {"enabled": False}}))
    assert (rules.paper.enabled, rules.paper.invocation_enabled) == (False, False)


def test_live_is_only_asked_for_by_the_invocation() -> None:
    config = Config.model_validate(LIVE)
    assert desk_rules(config).live.enabled is True
    assert desk_rules(config).live.invocation_enabled is False
    assert desk_rules(config, enable_live=True).live.invocation_enabled is True


def test_live_orders_are_judged_by_the_live_policy() -> None:
    rules = desk_rules(Config.model_validate(LIVE))
    assert rules.risk_policy_id == "strict"
    assert rules.policy is not None
    assert rules.policy.enabled is False


def test_one_yes_is_not_two() -> None:
    config = Config.model_validate({"live": {"enabled": True}})
    assert desk_rules(config, enable_live=True).live.enabled is False


def test_times_are_carried_over() -> None:
    rules = desk_rules(Config.model_validate({"desk": {"session_roll": "17:30", "time_zone": "America/New_York"}}))
    assert (rules.session_roll, rules.session_zone) == (time(17, 30), "America/New_York")
