"""What each gate says, to the letter: what it measured, where and when, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest

from ibgw_tui.core.context import ApprovalFacts, AuditFacts, Checklist, KeyFacts, Operation, PreviewFacts, SessionFacts
from ibgw_tui.core.decision import Finding
from ibgw_tui.core.gates import GATES, evaluate
from ibgw_tui.core.orders import ApprovalStatus
from ibgw_tui.core.records import SwitchState
from ibgw_tui.core.terms import CheckStatus, KillSwitch, Mode
from tests.makers import (
    NOON,
    a_checklist,
    a_policy,
    a_switch,
    an_approval,
    an_armed_policy,
    counters,
    gate_context,
    limit_context,
    terms,
)

PASS, REFUSE, UNKNOWN, OFF = CheckStatus.PASS, CheckStatus.REFUSE, CheckStatus.UNKNOWN, CheckStatus.OFF


class Row(NamedTuple):
    gate: str
    about: str
    changes: Mapping[str, Any]
    status: CheckStatus
    message: str
    observed: str | None = None
    limit: str | None = None
    user_action: str | None = None
    as_of: datetime | None = None
    source: str | None = None


def a_yes(**changes: Any) -> ApprovalFacts:
    return ApprovalFacts.of(an_approval(**changes))


def a_preview(**changes: Any) -> PreviewFacts:
    data: dict[str, Any] = {
        "preview_id": "p1",
        "digest": "d1",
        "policy_digest": a_policy().digest,
        "expires_at": NOON + timedelta(minutes=5),
        "created_at": NOON - timedelta(seconds=7),
    }
    return PreviewFacts(**{**data, **changes})


# ruff: noqa: C408 - changes read like the arguments they become
# fmt: off
ROWS = [
    Row("feature_enabled", "live", {},
        PASS, "live trading is enabled",
        "live: configured yes, this start yes, connected live", "yes", None, NOON, "configuration and broker session"),
    Row("feature_enabled", "without a session", dict(session=None, configured_at=NOON - timedelta(hours=1)),
        PASS, "live trading is enabled",
        "live: configured yes, this start yes", "yes", None, NOON - timedelta(seconds=3600), "configuration"),
    Row("feature_enabled", "a session that does not tell its mode", dict(session=SessionFacts(("U1234567",), None, NOON), configured_at=NOON - timedelta(hours=1)),
        PASS, "live trading is enabled",
        "live: configured yes, this start yes", "yes", None, NOON - timedelta(seconds=3600), "configuration"),
    Row("feature_enabled", "not configured", dict(enabled=False),
        REFUSE, "live trading is not enabled",
        "live: configured no, this start yes, connected live", "yes", "enable live trading in the configuration", NOON, "configuration and broker session"),
    Row("feature_enabled", "not asked for at this start", dict(invocation_enabled=False),
        REFUSE, "live trading is not enabled",
        "live: configured yes, this start no, connected live", "yes", "enable live trading in the configuration", NOON, "configuration and broker session"),
    Row("feature_enabled", "not known", dict(enabled=None),
        UNKNOWN, "whether live trading is enabled is not known",
        "live: configured unknown, this start yes, connected live", "yes", "name it", NOON, "configuration and broker session"),
    Row("feature_enabled", "this start not known", dict(invocation_enabled=None),
        UNKNOWN, "whether live trading is enabled is not known",
        "live: configured yes, this start unknown, connected live", "yes", "name it", NOON, "configuration and broker session"),
    Row("feature_enabled", "the other session", dict(session=SessionFacts(("U1234567",), Mode.PAPER, NOON)),
        REFUSE, "the connected session is paper, not live",
        "live: configured yes, this start yes, connected paper", "yes", "connect the live session", NOON, "configuration and broker session"),
    Row("feature_enabled", "paper", dict(mode=Mode.PAPER, session=SessionFacts(("U1234567",), Mode.PAPER, NOON)),
        PASS, "paper trading is enabled",
        "paper: configured yes, this start yes, connected paper", "yes", None, NOON, "configuration and broker session"),
    Row("feature_enabled", "paper, on a live session", dict(mode=Mode.PAPER),
        REFUSE, "the connected session is live, not paper",
        "paper: configured yes, this start yes, connected live", "yes", "connect the paper session", NOON, "configuration and broker session"),
    Row("feature_enabled", "paper, off", dict(mode=Mode.PAPER, enabled=False, session=None),
        REFUSE, "paper trading is not enabled",
        "paper: configured no, this start yes", "yes", "enable paper trading in the configuration", None, "configuration"),
    Row("account_allowed", "listed and managed", dict(allowed_accounts=("U7654321", "U1234567")),
        PASS, "U1234567 is allowed",
        "U1234567", "U7654321, U1234567", None, NOON, "configuration and broker session"),
    Row("account_allowed", "not listed", dict(allowed_accounts=("U7654321",)),
        REFUSE, "U1234567 is not an allowed account",
        "U1234567", "U7654321", "use a listed account", NOON, "configuration and broker session"),
    Row("account_allowed", "nothing is listed", dict(allowed_accounts=()),
        REFUSE, "U1234567 is not an allowed account",
        "U1234567", "none", "use a listed account", NOON, "configuration and broker session"),
    Row("account_allowed", "the list is not known", dict(allowed_accounts=None, configured_at=NOON - timedelta(hours=1)),
        UNKNOWN, "the allowed accounts are not known",
        "U1234567", None, "list the allowed accounts", NOON, "configuration and broker session"),
    Row("account_allowed", "the session names nobody", dict(session=SessionFacts(None, Mode.LIVE, NOON), configured_at=NOON - timedelta(hours=1)),
        UNKNOWN, "the broker session has not named its accounts",
        "U1234567", "U1234567", "connect to the broker", NOON - timedelta(seconds=3600), "broker session"),
    Row("account_allowed", "no session", dict(session=None),
        UNKNOWN, "the broker session has not named its accounts",
        "U1234567", "U1234567", "connect to the broker", None, "broker session"),
    Row("account_allowed", "no session, in a written case", dict(session=None, asks_session=False, configured_at=NOON - timedelta(hours=1)),
        PASS, "U1234567 is allowed",
        "U1234567", "U1234567", None, NOON - timedelta(seconds=3600), "configuration"),
    Row("account_allowed", "another login", dict(session=SessionFacts(("U7654321", "U7654322"), Mode.LIVE, NOON)),
        REFUSE, "U1234567 is not an account of the connected session",
        "U1234567", "U7654321, U7654322", "connect the session that manages this account", NOON, "broker session"),
    Row("account_allowed", "another login, in a written case", dict(session=SessionFacts(("U7654321",), Mode.LIVE, NOON), asks_session=False),
        REFUSE, "U1234567 is not an account of the connected session",
        "U1234567", "U7654321", "connect the session that manages this account", NOON, "broker session"),
    Row("scope_granted", "submit", dict(configured_at=NOON),
        PASS, "the scope orders:live:submit is granted",
        "orders:live:submit", "orders:live:submit", None, NOON, "configuration"),
    Row("scope_granted", "several", dict(scopes=frozenset({"orders:live:submit", "orders:live:cancel"})),
        PASS, "the scope orders:live:submit is granted",
        "orders:live:submit", "orders:live:submit", None, None, "configuration"),
    Row("scope_granted", "another", dict(scopes=frozenset({"orders:live:modify", "orders:live:cancel"})),
        REFUSE, "the scope orders:live:submit is not granted",
        "orders:live:cancel, orders:live:modify", "orders:live:submit", "grant the scope", None, "configuration"),
    Row("scope_granted", "none", dict(scopes=frozenset()),
        REFUSE, "the scope orders:live:submit is not granted",
        "none", "orders:live:submit", "grant the scope", None, "configuration"),
    Row("scope_granted", "not known", dict(scopes=None),
        UNKNOWN, "the scopes of the submitting principal are not known",
        None, "orders:live:submit", "grant the scope", None, "configuration"),
    Row("scope_granted", "modify", dict(operation=Operation.MODIFY, scopes=frozenset({"orders:live:modify"})),
        PASS, "the scope orders:live:modify is granted",
        "orders:live:modify", "orders:live:modify", None, None, "configuration"),
    Row("scope_granted", "modify with the scope to submit", dict(operation=Operation.MODIFY),
        REFUSE, "the scope orders:live:modify is not granted",
        "orders:live:submit", "orders:live:modify", "grant the scope", None, "configuration"),
    Row("scope_granted", "review", dict(operation=Operation.REVIEW),
        PASS, "the scope orders:live:submit is granted",
        "orders:live:submit", "orders:live:submit", None, None, "configuration"),
    Row("scope_granted", "paper", dict(mode=Mode.PAPER, scopes=frozenset({"orders:paper:submit"})),
        PASS, "the scope orders:paper:submit is granted",
        "orders:paper:submit", "orders:paper:submit", None, None, "configuration"),
    Row("scope_granted", "paper with the live scope", dict(mode=Mode.PAPER),
        PASS, "the scope orders:paper:submit is granted",
        "orders:live:submit", "orders:paper:submit", None, None, "configuration"),
    Row("scope_granted", "paper with the live scopes", dict(mode=Mode.PAPER, scopes=frozenset({"orders:live:submit", "orders:live:cancel"})),
        PASS, "the scope orders:paper:submit is granted",
        "orders:live:submit", "orders:paper:submit", None, None, "configuration"),
    Row("scope_granted", "paper with both", dict(mode=Mode.PAPER, scopes=frozenset({"orders:live:submit", "orders:paper:submit"})),
        PASS, "the scope orders:paper:submit is granted",
        "orders:paper:submit", "orders:paper:submit", None, None, "configuration"),
    Row("scope_granted", "paper modify", dict(mode=Mode.PAPER, operation=Operation.MODIFY, scopes=frozenset({"orders:paper:modify"})),
        PASS, "the scope orders:paper:modify is granted",
        "orders:paper:modify", "orders:paper:modify", None, None, "configuration"),
    Row("scope_granted", "live with the paper scope", dict(scopes=frozenset({"orders:paper:submit"})),
        REFUSE, "the scope orders:live:submit is not granted",
        "orders:paper:submit", "orders:live:submit", "grant the scope", None, "configuration"),
    Row("scope_granted", "cancel", dict(operation=Operation.CANCEL),
        OFF, "not asked for a cancel"),
    Row("preview_unexpired", "good", dict(preview=a_preview()),
        PASS, "the preview is good until 2026-11-23T15:05:00.000000Z",
        "2026-11-23T15:00:00.000000Z", "2026-11-23T15:05:00.000000Z", None, NOON - timedelta(seconds=7), "store"),
    Row("preview_unexpired", "expired", dict(preview=a_preview(expires_at=NOON)),
        REFUSE, "the preview expired at 2026-11-23T15:00:00.000000Z",
        "2026-11-23T15:00:00.000000Z", "2026-11-23T15:00:00.000000Z", "stage and approve a fresh preview", NOON - timedelta(seconds=7), "store"),
    Row("preview_unexpired", "none", dict(preview=None),
        UNKNOWN, "there is no preview",
        None, None, "stage and approve a fresh preview", None, "store"),
    Row("preview_unexpired", "no expiry", dict(preview=a_preview(expires_at=None)),
        UNKNOWN, "when the preview expires is not known",
        None, None, "stage and approve a fresh preview", None, "store"),
    Row("preview_unexpired", "cancel", dict(operation=Operation.CANCEL),
        OFF, "not asked for a cancel"),
    Row("approval_record", "approved", {},
        PASS, "approved by operator-1",
        "a1", None, None, NOON, "store"),
    Row("approval_record", "none", dict(approval=None),
        REFUSE, "the preview is not approved",
        None, "approved", "approve the preview", None, "store"),
    Row("approval_record", "spent", dict(approval=a_yes(status=ApprovalStatus.CONSUMED)),
        REFUSE, "the approval was spent already",
        "consumed", "approved", "approve the preview", NOON, "store"),
    Row("approval_record", "revoked", dict(approval=a_yes(status=ApprovalStatus.REVOKED)),
        REFUSE, "the approval is revoked",
        "revoked", "approved", "approve the preview", NOON, "store"),
    Row("approval_record", "another account", dict(approval=a_yes(account="U7654321")),
        REFUSE, "the approval is for U7654321, not U1234567",
        "approved", "approved", "approve the preview", NOON, "store"),
    Row("approval_record", "expired", dict(approval=a_yes(expires_at=NOON)),
        REFUSE, "the approval expired at 2026-11-23T15:00:00.000000Z",
        "approved", "approved", "approve the preview", NOON, "store"),
    Row("approval_record", "no expiry", dict(approval=replace(a_yes(), expires_at=None)),
        REFUSE, "when the approval expires is not known",
        "approved", "approved", "approve the preview", NOON, "store"),
    Row("approval_record", "by the one who staged it", dict(preview=a_preview(staged_by="operator-1")),
        REFUSE, "operator-1 staged the order and cannot approve it",
        "approved", "approved", "approve the preview", NOON, "store"),
    Row("approval_record", "staged by another", dict(preview=a_preview(staged_by="agent")),
        PASS, "approved by operator-1",
        "a1", None, None, NOON, "store"),
    Row("approval_record", "before the switch was closed", dict(approval=a_yes(switch_epoch=2)),
        REFUSE, "the kill switch was closed after the approval was given",
        "approved", "approved", "approve the preview", NOON, "store"),
    Row("approval_record", "the switch is not known", dict(switch=None),
        PASS, "approved by operator-1",
        "a1", None, None, NOON, "store"),
    Row("approval_record", "an epoch that was not told", dict(approval=replace(a_yes(), switch_epoch=None)),
        PASS, "approved by operator-1",
        "a1", None, None, NOON, "store"),
    Row("approval_record", "another preview", dict(preview=a_preview(preview_id="p2")),
        REFUSE, "the approval is for another preview",
        "approved", "approved", "approve the preview", NOON, "store"),
    Row("approval_record", "another digest", dict(preview=a_preview(digest="d2")),
        REFUSE, "the approval is for another preview",
        "approved", "approved", "approve the preview", NOON, "store"),
    Row("approval_record", "no preview", dict(preview=None),
        REFUSE, "the approval is for another preview",
        "approved", "approved", "approve the preview", NOON, "store"),
    Row("approval_record", "replaced", dict(preview=a_preview(replaced_by="o-9")),
        REFUSE, "the preview was replaced by o-9",
        "approved", "approved", "approve the preview", NOON, "store"),
    Row("approval_record", "another policy now", dict(policy_digest="new"),
        REFUSE, "the limit policy changed since the approval",
        "approved", "approved", "approve the preview", NOON, "store"),
    Row("approval_record", "another policy at preview", dict(preview=a_preview(policy_digest="old")),
        REFUSE, "the limit policy changed since the approval",
        "approved", "approved", "approve the preview", NOON, "store"),
    Row("approval_record", "another policy at approval", dict(approval=a_yes(policy_digest="old")),
        REFUSE, "the limit policy changed since the approval",
        "approved", "approved", "approve the preview", NOON, "store"),
    Row("approval_record", "policies that were not told", dict(policy_digest=None, approval=replace(a_yes(), policy_digest=None)),
        PASS, "approved by operator-1",
        "a1", None, None, NOON, "store"),
    Row("approval_record", "review", dict(operation=Operation.REVIEW, approval=None),
        OFF, "waits for the operator's yes",
        None, None, None, None, "store"),
    Row("approval_record", "cancel", dict(operation=Operation.CANCEL),
        OFF, "not asked for a cancel"),
    Row("idempotency_key", "fresh", {},
        PASS, "the key is present, never used before and not known at the broker",
        "k1", "unused", None, NOON, "store"),
    Row("idempotency_key", "not looked up at the broker", dict(key=KeyFacts(True)),
        PASS, "the key is present, never used before",
        "k1", "unused", None, NOON, "store"),
    Row("idempotency_key", "not looked up", dict(key=KeyFacts(None)),
        PASS, "the key is present",
        "k1", "unused", None, NOON, "store"),
    Row("idempotency_key", "written case", dict(key=None),
        PASS, "the key is present",
        "k1", "unused", None, None, "store"),
    Row("idempotency_key", "none", dict(idempotency_key=None),
        REFUSE, "there is no idempotency key",
        None, None, "give a key", None, "request"),
    Row("idempotency_key", "blank", dict(idempotency_key=" "),
        REFUSE, "there is no idempotency key",
        None, None, "give a key", None, "request"),
    Row("idempotency_key", "used", dict(key=KeyFacts(False, True)),
        REFUSE, "the idempotency key was used before",
        "k1", "unused", "read the first result, or give a new key", NOON, "store"),
    Row("idempotency_key", "known at the broker", dict(key=KeyFacts(True, False)),
        REFUSE, "the order reference is known at the broker already",
        "k1", "unknown at the broker", "read what became of it", NOON, "broker"),
    Row("idempotency_key", "review", dict(operation=Operation.REVIEW, idempotency_key=None),
        OFF, "made when it is submitted",
        None, None, None, None, "store"),
    Row("risk_policy", "pass", {},
        PASS, "all 15 armed limit checks pass",
        "example", "all pass", None, NOON, "policy example"),
    Row("risk_policy", "none named", dict(risk_policy_id=None),
        UNKNOWN, "no limit policy is configured",
        None, None, "name a policy in the configuration", None, "configuration"),
    Row("kill_switch", "open", {},
        PASS, "the kill switch is open (operator-1: start of day)",
        "open", "open", None, NOON, "store"),
    Row("kill_switch", "open, nobody named", dict(switch=SwitchState(KillSwitch.OPEN, 0, "", "", None, "case")),
        PASS, "the kill switch is open",
        "open", "open", None, None, "case"),
    Row("kill_switch", "closed", dict(switch=a_switch(KillSwitch.CLOSED)),
        REFUSE, "the kill switch is closed (operator-1: start of day)",
        "closed", "open", "open it after review", NOON, "store"),
    Row("kill_switch", "never opened", dict(switch=SwitchState(KillSwitch.CLOSED, 0, "", "", None, "default")),
        REFUSE, "the kill switch is closed (default: never opened)",
        "closed", "open", "open it after review", None, "default"),
    Row("kill_switch", "not readable", dict(switch=None),
        UNKNOWN, "the kill switch cannot be read, so it counts as closed",
        None, "open", "open it after review", None, "store"),
    Row("kill_switch", "cancel", dict(operation=Operation.CANCEL, switch=None),
        OFF, "not asked for a cancel"),
    Row("audit_available", "verified", {},
        PASS, "entry 12 is the head, verified to 12",
        "12", None, None, NOON, "store"),
    Row("audit_available", "verified some time ago", dict(audit=AuditFacts(True, 12, 7, verified_at=NOON - timedelta(minutes=3))),
        PASS, "entry 12 is the head, verified to 7",
        "12", None, None, NOON - timedelta(seconds=180), "store"),
    Row("audit_available", "never verified", dict(audit=AuditFacts(True, 12)),
        PASS, "entry 12 is the head",
        "12", None, None, NOON, "store"),
    Row("audit_available", "nothing known but that it takes entries", dict(audit=AuditFacts(True, 0)),
        PASS, "the audit log takes entries",
        None, None, None, NOON, "store"),
    Row("audit_available", "not intact", dict(audit=AuditFacts(False, 12, 6, "entry 7 was altered", NOON - timedelta(minutes=3))),
        REFUSE, "entry 7 was altered",
        "12", None, "restore audit storage", NOON - timedelta(seconds=180), "store"),
    Row("audit_available", "not writable", dict(audit=AuditFacts(False, 0)),
        REFUSE, "the audit log cannot be written",
        None, None, "restore audit storage", None, "store"),
    Row("audit_available", "not reached", dict(audit=None),
        UNKNOWN, "the audit log was not reached",
        None, None, "restore audit storage", None, "store"),
    Row("audit_available", "cancel", dict(operation=Operation.CANCEL),
        PASS, "entry 12 is the head, verified to 12",
        "12", None, None, NOON, "store"),
    Row("paper_to_live", "acknowledged", {},
        PASS, "acknowledged by operator-1",
        "complete", "complete", None, NOON - timedelta(seconds=172800), "store"),
    Row("paper_to_live", "with evidence", dict(checklist=a_checklist(evidence={"switch": "closed in 0.2 s", "paper": "o-1 filled"})),
        PASS, "acknowledged by operator-1 (paper: o-1 filled; switch: closed in 0.2 s)",
        "complete", "complete", None, NOON - timedelta(seconds=172800), "store"),
    Row("paper_to_live", "items missing", dict(checklist=a_checklist(kill_switch_tested=False, acknowledged_at=None, acknowledged_by=" ")),
        REFUSE, "the checklist lacks kill_switch_tested, acknowledged_by, acknowledged_at",
        "kill_switch_tested, acknowledged_by, acknowledged_at", "complete", "complete the checklist", None, "store"),
    Row("paper_to_live", "nothing acknowledged", dict(checklist=Checklist()),
        REFUSE, "the checklist lacks paper_trading_validated, approvals_reviewed, limits_reviewed, kill_switch_tested, incident_runbook_reviewed, acknowledged_by, acknowledged_at",
        "paper_trading_validated, approvals_reviewed, limits_reviewed, kill_switch_tested, incident_runbook_reviewed, acknowledged_by, acknowledged_at", "complete", "complete the checklist", None, "store"),
    Row("paper_to_live", "none", dict(checklist=None),
        UNKNOWN, "the paper-to-live checklist was not acknowledged",
        None, "complete", "complete the checklist", None, "store"),
    Row("paper_to_live", "paper", dict(mode=Mode.PAPER, checklist=None, configured_at=NOON - timedelta(hours=1)),
        PASS, "not needed for paper",
        "paper", None, None, NOON - timedelta(seconds=3600), "configuration"),
]
# fmt: on
CODES = {gate.name: gate.code for gate in GATES}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.gate}: {row.about}")
def test_what_the_gate_says(row: Row) -> None:
    found = evaluate(terms(), a_policy(), limit_context(), gate_context(**row.changes)).gates
    assert next(finding for finding in found if finding.check == row.gate) == Finding(
        row.gate, CODES[row.gate], row.status, row.message, row.observed, row.limit, None, None, row.user_action,
        row.as_of, row.source,
    )  # fmt: skip


def the_policy_gate(policy: Any = None, **limits: Any) -> Finding:
    return evaluate(terms(), policy, limit_context(**limits), gate_context()).gates[6]


def test_the_gate_of_the_limits() -> None:
    code = "LIVE_RISK_POLICY_REFUSED"
    words = "the limit policy 'example' is not defined"
    action = "define [policies.example] in the configuration"
    assert the_policy_gate() == Finding(
        "risk_policy", code, UNKNOWN, words, "example", user_action=action, source="configuration"
    )
    words = "3 of 22 limit checks refuse, first LIVE_STALE_QUOTE"
    found = the_policy_gate(a_policy(max_quote_age_seconds=0), counters=counters(5, 20))
    assert found == Finding(
        "risk_policy", code, REFUSE, words, "example", "all pass", None, None, "read the limit findings", NOON,
        "policy example",
    )  # fmt: skip
    assert the_policy_gate(a_policy(), steps=None).message == "all 15 armed limit checks pass, 1 with a warning"
    assert the_policy_gate(an_armed_policy(), steps=None).status is REFUSE


def test_the_table_of_gates() -> None:
    """Decisions, section 3: order, codes, headlines. A cancel is asked for account, key and audit only."""
    assert [(gate.name, gate.code, gate.headline.value, gate.asked_for_cancel) for gate in GATES] == [
        ("feature_enabled", "LIVE_FEATURE_DISABLED", "LIVE_TRADING_DISABLED", False),
        ("account_allowed", "LIVE_ACCOUNT_NOT_ALLOWLISTED", "LIVE_GATE_MISSING", True),
        ("scope_granted", "LIVE_SCOPE_MISSING", "LIVE_GATE_MISSING", False),
        ("preview_unexpired", "LIVE_PREVIEW_EXPIRED", "LIVE_GATE_MISSING", False),
        ("approval_record", "LIVE_APPROVAL_MISSING", "LIVE_GATE_MISSING", False),
        ("idempotency_key", "LIVE_IDEMPOTENCY_KEY_MISSING", "LIVE_GATE_MISSING", True),
        ("risk_policy", "LIVE_RISK_POLICY_REFUSED", "LIVE_GATE_MISSING", False),
        ("kill_switch", "LIVE_KILL_SWITCH_CLOSED", "LIVE_KILL_SWITCH_CLOSED", False),
        ("audit_available", "LIVE_AUDIT_UNAVAILABLE", "LIVE_GATE_MISSING", True),
        ("paper_to_live", "LIVE_MIGRATION_CHECKLIST_MISSING", "LIVE_MIGRATION_REQUIRED", False),
    ]
    assert all(gate.question.endswith((".", "?")) for gate in GATES)
