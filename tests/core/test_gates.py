"""The ten gates one by one, and the headline over every combination of them."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from ibgw_tui.core.checks import LIMITS
from ibgw_tui.core.context import ApprovalFacts, AuditFacts, KeyFacts, Operation, PreviewFacts, SessionFacts
from ibgw_tui.core.decision import Decision, Finding
from ibgw_tui.core.errors import ErrorCode
from ibgw_tui.core.gates import GATES, evaluate, refuses_for_good
from ibgw_tui.core.orders import ApprovalStatus
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.terms import CheckStatus, KillSwitch, Mode, Scope
from tests.makers import (
    NOON,
    a_checklist,
    a_market,
    a_policy,
    a_switch,
    an_approval,
    counters,
    gate_context,
    limit_context,
    terms,
)


def a_yes(**changes: Any) -> ApprovalFacts:
    return ApprovalFacts.of(an_approval(**changes))


OTHER = PreviewFacts("p2", "d2", a_policy().digest, NOON + timedelta(minutes=5))


def decide(policy: LimitPolicy | None = None, limits: dict[str, Any] | None = None, **gates: Any) -> Decision:
    return evaluate(terms(), policy or a_policy(), limit_context(**(limits or {})), gate_context(**gates))


def test_the_baseline_submits() -> None:
    decision = decide()
    assert decision.allowed and decision.error_code is None and decision.refusal_code is None
    assert [f.check for f in decision.gates] == [gate.name for gate in GATES]
    assert len(decision.findings) == len(GATES) + len(LIMITS) == 32
    assert {f.status for f in decision.gates} == {CheckStatus.PASS}
    assert {f.status for f in decision.limits} == {CheckStatus.PASS, CheckStatus.OFF}


BREAKS: list[tuple[str, dict[str, Any], str, ErrorCode]] = [
    ("feature_enabled", {"enabled": False}, "LIVE_FEATURE_DISABLED", ErrorCode.LIVE_TRADING_DISABLED),
    ("feature_enabled", {"invocation_enabled": False}, "LIVE_FEATURE_DISABLED", ErrorCode.LIVE_TRADING_DISABLED),
    ("account_allowed", {"allowed_accounts": ()}, "LIVE_ACCOUNT_NOT_ALLOWLISTED", ErrorCode.LIVE_GATE_MISSING),
    ("account_allowed", {"session": SessionFacts(None)}, "LIVE_ACCOUNT_NOT_ALLOWLISTED", ErrorCode.LIVE_GATE_MISSING),
    ("account_allowed", {"session": SessionFacts(("DU1234567",))}, "LIVE_ACCOUNT_NOT_ALLOWLISTED", ErrorCode.LIVE_GATE_MISSING),
    ("scope_granted", {"scopes": frozenset()}, "LIVE_SCOPE_MISSING", ErrorCode.LIVE_GATE_MISSING),
    ("scope_granted", {"scopes": None}, "LIVE_SCOPE_MISSING", ErrorCode.LIVE_GATE_MISSING),
    ("scope_granted", {"scopes": frozenset({Scope.LIVE_CANCEL.value})}, "LIVE_SCOPE_MISSING", ErrorCode.LIVE_GATE_MISSING),
    ("preview_unexpired", {"preview": PreviewFacts("p1", "d1", a_policy().digest, NOON)}, "LIVE_PREVIEW_EXPIRED", ErrorCode.LIVE_GATE_MISSING),
    ("idempotency_key", {"idempotency_key": None}, "LIVE_IDEMPOTENCY_KEY_MISSING", ErrorCode.LIVE_GATE_MISSING),
    ("idempotency_key", {"idempotency_key": "  "}, "LIVE_IDEMPOTENCY_KEY_MISSING", ErrorCode.LIVE_GATE_MISSING),
    ("idempotency_key", {"key": KeyFacts(False)}, "LIVE_IDEMPOTENCY_KEY_MISSING", ErrorCode.LIVE_GATE_MISSING),
    ("kill_switch", {"switch": a_switch(KillSwitch.CLOSED)}, "LIVE_KILL_SWITCH_CLOSED", ErrorCode.LIVE_KILL_SWITCH_CLOSED),
    ("kill_switch", {"switch": None}, "LIVE_KILL_SWITCH_CLOSED", ErrorCode.LIVE_KILL_SWITCH_CLOSED),
    ("audit_available", {"audit": None}, "LIVE_AUDIT_UNAVAILABLE", ErrorCode.LIVE_GATE_MISSING),
    ("audit_available", {"audit": AuditFacts(False, 3, problem="broken")}, "LIVE_AUDIT_UNAVAILABLE", ErrorCode.LIVE_GATE_MISSING),
    ("paper_to_live", {"checklist": None}, "LIVE_MIGRATION_CHECKLIST_MISSING", ErrorCode.LIVE_MIGRATION_REQUIRED),
    ("paper_to_live", {"checklist": a_checklist(kill_switch_tested=False)}, "LIVE_MIGRATION_CHECKLIST_MISSING", ErrorCode.LIVE_MIGRATION_REQUIRED),
    ("paper_to_live", {"checklist": a_checklist(acknowledged_by=None)}, "LIVE_MIGRATION_CHECKLIST_MISSING", ErrorCode.LIVE_MIGRATION_REQUIRED),
]  # fmt: skip


@pytest.mark.parametrize(("gate", "change", "code", "headline"), BREAKS)
def test_each_gate_alone(gate: str, change: dict[str, Any], code: str, headline: ErrorCode) -> None:
    decision = decide(**change)
    broken = [f for f in decision.gates if f.blocks]
    assert [f.check for f in broken] == [gate]
    assert (broken[0].code, decision.refusal_code, decision.error_code) == (code, code, headline)
    assert broken[0].user_action and code in decision.message


APPROVALS: list[tuple[dict[str, Any], ErrorCode]] = [
    ({"approval": None}, ErrorCode.LIVE_GATE_MISSING),
    ({"approval": a_yes(status=ApprovalStatus.CONSUMED)}, ErrorCode.APPROVAL_CONSUMED),
    ({"approval": a_yes(status=ApprovalStatus.CONSUMED, account="U9999999")}, ErrorCode.APPROVAL_CONSUMED),
    ({"approval": a_yes(status=ApprovalStatus.REVOKED)}, ErrorCode.LIVE_GATE_MISSING),
    ({"approval": a_yes(status=ApprovalStatus.EXPIRED)}, ErrorCode.LIVE_GATE_MISSING),
    ({"approval": a_yes(account="U9999999")}, ErrorCode.LIVE_GATE_MISSING),
    ({"approval": a_yes(expires_at=NOON)}, ErrorCode.LIVE_GATE_MISSING),
    ({"approval": a_yes(switch_epoch=2)}, ErrorCode.LIVE_GATE_MISSING),
    ({"preview": OTHER}, ErrorCode.APPROVAL_PREVIEW_MISMATCH),
    ({"approval": a_yes(preview_digest="d0")}, ErrorCode.APPROVAL_PREVIEW_MISMATCH),
    ({"approval": a_yes(policy_digest="old")}, ErrorCode.APPROVAL_PREVIEW_MISMATCH),
    ({"policy_digest": "new"}, ErrorCode.APPROVAL_PREVIEW_MISMATCH),
    (
        {"preview": PreviewFacts("p1", "d1", a_policy().digest, NOON + timedelta(minutes=5), replaced_by="o-2")},
        ErrorCode.APPROVAL_PREVIEW_MISMATCH,
    ),
]


@pytest.mark.parametrize(("change", "error"), APPROVALS)
def test_a_failing_approval_alone_gives_its_own_error(change: dict[str, Any], error: ErrorCode) -> None:
    decision = decide(**change)
    assert [f.check for f in decision.gates if f.blocks] == ["approval_record"]
    assert (decision.error_code, decision.refusal_code) == (error, "LIVE_APPROVAL_MISSING")


def test_a_failing_approval_beside_another_gate_is_the_gates_error() -> None:
    decision = decide(approval=a_yes(status=ApprovalStatus.CONSUMED), switch=a_switch(KillSwitch.CLOSED, epoch=3))
    assert decision.error_code is ErrorCode.LIVE_GATE_MISSING
    assert decision.refusal_code == "LIVE_APPROVAL_MISSING"


def test_a_paper_order_without_approval_says_so_in_paper_words() -> None:
    paper: dict[str, Any] = {
        "mode": Mode.PAPER,
        "session": SessionFacts(("U1234567",), Mode.PAPER),
        "scopes": frozenset({Scope.PAPER_SUBMIT.value}),
        "checklist": None,
        "approval": None,
    }
    assert decide(**paper).error_code is ErrorCode.PAPER_APPROVAL_REQUIRED
    assert decide(**{**paper, "approval": a_yes()}).allowed
    assert decide(**{**paper, "approval": a_yes(), "enabled": False}).error_code is ErrorCode.PAPER_TRADING_DISABLED


def test_the_policy_comes_before_everything() -> None:
    decision = decide(risk_policy_id=None, enabled=False)
    assert decision.error_code is ErrorCode.LIVE_GATE_MISSING
    assert decision.refusal_code == "LIVE_RISK_POLICY_REFUSED"
    unknown = evaluate(terms(), None, limit_context(), gate_context(enabled=False, policy_digest=None))
    assert unknown.error_code is ErrorCode.LIVE_POLICY_UNKNOWN
    assert unknown.user_action == "define [policies.example] in the configuration"
    assert decision.user_action == "name a policy in the configuration"


def test_limits_alone_give_the_first_limit_code() -> None:
    decision = decide(limits={"market": a_market(age_seconds=None), "counters": counters(window=9)})
    assert decision.error_code is ErrorCode.LIVE_LIMIT_REFUSED
    assert decision.refusal_code == "LIVE_STALE_QUOTE"
    assert {f.code for f in decision.limits if f.blocks} == {"LIVE_STALE_QUOTE", "LIVE_FREQUENCY_LIMIT_REFUSED"}


def test_limits_beside_another_gate_give_the_first_gate() -> None:
    decision = decide(limits={"counters": counters(window=9)}, switch=a_switch(KillSwitch.CLOSED))
    assert decision.error_code is ErrorCode.LIVE_GATE_MISSING
    assert decision.refusal_code == "LIVE_RISK_POLICY_REFUSED"


SINGLE: dict[str, dict[str, Any]] = {
    "feature_enabled": {"enabled": False},
    "account_allowed": {"allowed_accounts": ()},
    "scope_granted": {"scopes": frozenset()},
    "approval_record": {"approval": None},
    "idempotency_key": {"idempotency_key": None},
    "kill_switch": {"switch": None},
    "audit_available": {"audit": None},
    "paper_to_live": {"checklist": None},
}


@pytest.mark.parametrize("names", [names for size in (2, 3) for names in itertools.combinations(SINGLE, size)])
def test_of_several_failing_gates_the_first_in_the_table_is_the_headline(names: tuple[str, ...]) -> None:
    decision = decide(**{key: value for name in names for key, value in SINGLE[name].items()})
    assert {f.check for f in decision.gates if f.blocks} == set(names)
    first = next(gate for gate in GATES if gate.name in names)
    assert decision.error_code is first.headline
    assert not decision.allowed


def test_a_cancel_passes_a_closed_switch_and_every_limit() -> None:
    decision = decide(
        operation=Operation.CANCEL,
        switch=a_switch(KillSwitch.CLOSED),
        approval=None,
        preview=None,
        enabled=False,
        scopes=frozenset(),
        checklist=None,
        risk_policy_id=None,
        limits={"counters": counters(window=99)},
    )
    assert decision.allowed
    assert decide(operation=Operation.CANCEL, idempotency_key="").refusal_code == "LIVE_IDEMPOTENCY_KEY_MISSING"
    assert decide(operation=Operation.CANCEL, allowed_accounts=()).refusal_code == "LIVE_ACCOUNT_NOT_ALLOWLISTED"
    assert decide(operation=Operation.CANCEL, audit=None).refusal_code == "LIVE_AUDIT_UNAVAILABLE"


def test_a_review_does_not_ask_for_approval_or_key() -> None:
    decision = decide(operation=Operation.REVIEW, approval=None, idempotency_key=None)
    assert decision.allowed
    off = [f.check for f in decision.gates if f.status is CheckStatus.OFF]
    assert off == ["approval_record", "idempotency_key"]


def test_every_gate_shows_what_it_measured_and_where() -> None:
    for found in decide().gates:
        assert found.source and found.observed is not None


@pytest.mark.parametrize(
    ("limits", "gates", "for_good"),
    [
        ({}, {}, False),
        ({}, {"switch": a_switch(KillSwitch.CLOSED)}, False),
        ({}, {"checklist": None}, False),
        ({"market": None}, {}, False),
        ({"market": a_market(ask="98")}, {}, False),
        ({"counters": counters(window=9)}, {}, False),
        ({"counters": counters(session=99)}, {}, True),
        ({}, {"allowed_accounts": ()}, True),
        ({}, {"enabled": False}, True),
        ({}, {"risk_policy_id": None}, True),
    ],
)
def test_what_waiting_can_clear(limits: dict[str, Any], gates: dict[str, Any], for_good: bool) -> None:
    assert refuses_for_good(decide(limits=limits, operation=Operation.REVIEW, **gates)) is for_good


ALWAYS_CLEARS = {
    "kill_switch", "audit_available", "paper_to_live", "market_snapshot", "quote_age", "reference_price", "frequency",
    "quote_reliable", "market_hours", "self_cross",
}  # fmt: skip
CLEARS_WHEN_UNKNOWN = {"trigger_price", "max_position", "buying_power", "modify_target", "bracket_prices"}
NEEDS_THE_MARKET = {"max_notional", "price_collar", "session_notional"}


def a_refusal(*failing: tuple[str, CheckStatus]) -> Decision:
    """Of limits alone, so that the gate of the limits stands beside them."""
    gate = Finding("risk_policy", "LIVE_RISK_POLICY_REFUSED", CheckStatus.REFUSE, "")
    limits = tuple(Finding(check, "LIVE_CODE", status, "") for check, status in failing)
    return Decision((gate,), limits, ErrorCode.LIVE_LIMIT_REFUSED, "LIVE_CODE")


def test_what_waiting_can_clear_check_by_check() -> None:
    checks = {finding.check for finding in decide().findings} | CLEARS_WHEN_UNKNOWN
    for check in checks - {"risk_policy"}:
        for status in (CheckStatus.REFUSE, CheckStatus.UNKNOWN):
            waits = check in ALWAYS_CLEARS or (check in CLEARS_WHEN_UNKNOWN and status is CheckStatus.UNKNOWN)
            assert refuses_for_good(a_refusal((check, status))) is not waits, (check, status)
    for quote in ("market_snapshot", "reference_price"):
        for check in NEEDS_THE_MARKET:
            without = (quote, CheckStatus.UNKNOWN)
            assert not refuses_for_good(a_refusal(without, (check, CheckStatus.UNKNOWN)))
            assert refuses_for_good(a_refusal(without, (check, CheckStatus.REFUSE)))
            assert refuses_for_good(a_refusal((quote, CheckStatus.PASS), (check, CheckStatus.UNKNOWN)))
    for harmless in (CheckStatus.PASS, CheckStatus.WARN, CheckStatus.OFF):
        assert not refuses_for_good(a_refusal(("symbol", harmless), ("quote_age", CheckStatus.REFUSE)))
    assert refuses_for_good(a_refusal())  # the gate of the limits alone, without any limit that tells why


def test_a_decision_survives_being_written_and_read() -> None:
    decision = decide(switch=None, limits={"market": None})
    assert Decision.from_json(decision.as_json()) == decision
