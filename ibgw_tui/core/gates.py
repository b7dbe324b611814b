"""The ten gates, the headline, and `evaluate`: the one answer to 'may this go?'.

Each gate is a question with a code, a reason and a next step, and shows what it measured, where and
when. A gate that cannot be measured is UNKNOWN and refuses. Gate 7 is the limit policy: its finding
stands for all limit findings, which travel beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ibgw_tui.core.checks import check_limits
from ibgw_tui.core.context import GateContext, LimitContext, Operation, OrderTerms
from ibgw_tui.core.decision import Decision, Finding
from ibgw_tui.core.errors import ErrorCode
from ibgw_tui.core.orders import ApprovalStatus
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.terms import CheckStatus, KillSwitch, Mode, Scope, iso

PASS, REFUSE, UNKNOWN, OFF = CheckStatus.PASS, CheckStatus.REFUSE, CheckStatus.UNKNOWN, CheckStatus.OFF

# A cancel is not asked for its scope: the way out must never be locked.
_LIVE_SCOPES: dict[Operation, Scope] = {
    Operation.REVIEW: Scope.LIVE_SUBMIT,
    Operation.SUBMIT: Scope.LIVE_SUBMIT,
    Operation.MODIFY: Scope.LIVE_MODIFY,
}
_PAPER_SCOPES: dict[Operation, Scope] = {
    Operation.REVIEW: Scope.PAPER_SUBMIT,
    Operation.SUBMIT: Scope.PAPER_SUBMIT,
    Operation.MODIFY: Scope.PAPER_MODIFY,
}


def feature_enabled(order: OrderTerms, context: GateContext) -> Finding:
    gate, code, mode = "feature_enabled", "LIVE_FEATURE_DISABLED", context.mode.value
    configured, started, session = context.enabled, context.invocation_enabled, context.session
    connected = session.mode if session else None
    observed = f"{mode}: configured {_yes(configured)}, this start {_yes(started)}"
    observed += f", connected {connected.value}" if connected else ""
    source = "configuration and broker session" if connected else "configuration"
    as_of = session.as_of if session and connected else context.configured_at
    status, words, action = PASS, f"{mode} trading is enabled", None
    if configured is None or started is None:
        status, words, action = UNKNOWN, f"whether {mode} trading is enabled is not known", "name it"
    elif not (configured and started):
        status, words, action = REFUSE, f"{mode} trading is not enabled", f"enable {mode} trading in the configuration"
    elif connected is not None and connected is not context.mode:
        status, words = REFUSE, f"the connected session is {connected.value}, not {mode}"
        action = f"connect the {mode} session"
    return Finding(gate, code, status, words, observed, "yes", None, None, action, as_of, source)


def account_allowed(order: OrderTerms, context: GateContext) -> Finding:
    gate, code, account = "account_allowed", "LIVE_ACCOUNT_NOT_ALLOWLISTED", order.account
    listed, session = context.allowed_accounts, context.session
    managed = session.managed_accounts if session else None
    as_of = session.as_of if session and managed is not None else context.configured_at
    shown = ", ".join(listed) or "none" if listed is not None else None
    source = "configuration and broker session" if managed is not None else "configuration"
    status, words, action = PASS, f"{account} is allowed", None
    if listed is None:
        status, words, action = UNKNOWN, "the allowed accounts are not known", "list the allowed accounts"
    elif account not in listed:
        status, words, action = REFUSE, f"{account} is not an allowed account", "use a listed account"
    elif context.asks_session and managed is None:
        status, words, action = UNKNOWN, "the broker session has not named its accounts", "connect to the broker"
        source = "broker session"
    elif managed is not None and account not in managed:
        status, words = REFUSE, f"{account} is not an account of the connected session"
        action, shown, source = "connect the session that manages this account", ", ".join(managed), "broker session"
    return Finding(gate, code, status, words, account, shown, None, None, action, as_of, source)


def scope_granted(order: OrderTerms, context: GateContext) -> Finding:
    gate, code, granted = "scope_granted", "LIVE_SCOPE_MISSING", context.scopes
    needed = _LIVE_SCOPES[context.operation].value
    enough = {needed}
    if context.mode is Mode.PAPER:  # who may do it with real money may do it with play money
        needed = _PAPER_SCOPES[context.operation].value
        enough.add(needed)
    observed, action = (", ".join(sorted(granted)) or "none") if granted is not None else None, "grant the scope"
    status, words = PASS, f"the scope {needed} is granted"
    if granted is None:
        status, words = UNKNOWN, "the scopes of the submitting principal are not known"
    elif enough.isdisjoint(granted):
        status, words = REFUSE, f"the scope {needed} is not granted"
    else:
        observed = needed if needed in granted else min(enough & granted)
    return Finding(
        gate,
        code,
        status,
        words,
        observed,
        needed,
        None,
        None,
        action if status is not PASS else None,
        context.configured_at,
        "configuration",
    )


def preview_unexpired(order: OrderTerms, context: GateContext) -> Finding:
    gate, code, preview = "preview_unexpired", "LIVE_PREVIEW_EXPIRED", context.preview
    action = "stage and approve a fresh preview"
    if preview is None or preview.expires_at is None:
        words = "there is no preview" if preview is None else "when the preview expires is not known"
        return Finding(gate, code, UNKNOWN, words, None, None, None, None, action, None, "store")
    until, now = iso(preview.expires_at), iso(context.now)
    if preview.expires_at <= context.now:
        words = f"the preview expired at {until}"
        return Finding(gate, code, REFUSE, words, now, until, None, None, action, preview.created_at, "store")
    words = f"the preview is good until {until}"
    return Finding(gate, code, PASS, words, now, until, None, None, None, preview.created_at, "store")


def approval_record(order: OrderTerms, context: GateContext) -> Finding:
    gate, code, approval = "approval_record", "LIVE_APPROVAL_MISSING", context.approval
    if context.operation is Operation.REVIEW:
        return Finding(gate, code, OFF, "waits for the operator's yes", source="store")
    error, words = _approval_error(order, context)
    if error is None and approval is not None:
        words = f"approved by {approval.operator}"
        observed, as_of = approval.approval_id, approval.approved_at
        return Finding(gate, code, PASS, words, observed, None, None, None, None, as_of, "store")
    observed_status = approval.status.value if approval else None
    as_of = approval.approved_at if approval else None
    return Finding(
        gate, code, REFUSE, words, observed_status, "approved", None, None, "approve the preview", as_of, "store"
    )


def _approval_error(order: OrderTerms, context: GateContext) -> tuple[ErrorCode | None, str]:
    """First hit wins (decisions, section 6)."""
    missing = ErrorCode.LIVE_GATE_MISSING if context.mode is Mode.LIVE else ErrorCode.PAPER_APPROVAL_REQUIRED
    approval, preview = context.approval, context.preview
    if approval is None:
        return missing, "the preview is not approved"
    if approval.status is ApprovalStatus.CONSUMED:
        return ErrorCode.APPROVAL_CONSUMED, "the approval was spent already"
    if approval.status is not ApprovalStatus.APPROVED:
        return missing, f"the approval is {approval.status.value}"
    if approval.account != order.account:
        return missing, f"the approval is for {approval.account}, not {order.account}"
    if approval.expires_at is None:
        return missing, "when the approval expires is not known"
    if approval.expires_at <= context.now:
        return missing, f"the approval expired at {iso(approval.expires_at)}"
    if preview is not None and preview.staged_by is not None and preview.staged_by == approval.operator:
        return missing, f"{approval.operator} staged the order and cannot approve it"
    epoch = approval.switch_epoch
    if epoch is not None and context.switch is not None and epoch != context.switch.epoch:
        return missing, "the kill switch was closed after the approval was given"
    if preview is None or approval.preview_id != preview.preview_id or approval.digest != preview.digest:
        return ErrorCode.APPROVAL_PREVIEW_MISMATCH, "the approval is for another preview"
    if preview.replaced_by is not None:
        return ErrorCode.APPROVAL_PREVIEW_MISMATCH, f"the preview was replaced by {preview.replaced_by}"
    digests = {d for d in (approval.policy_digest, preview.policy_digest, context.policy_digest) if d is not None}
    if len(digests) > 1:
        return ErrorCode.APPROVAL_PREVIEW_MISMATCH, "the limit policy changed since the approval"
    return None, ""


def idempotency_key(order: OrderTerms, context: GateContext) -> Finding:
    gate, code, key, known = "idempotency_key", "LIVE_IDEMPOTENCY_KEY_MISSING", context.idempotency_key, context.key
    if context.operation is Operation.REVIEW:
        return Finding(gate, code, OFF, "made when it is submitted", source="store")
    if key is None or not key.strip():
        return Finding(gate, code, REFUSE, "there is no idempotency key", user_action="give a key", source="request")
    if known is not None and known.is_fresh is False:
        words, action = "the idempotency key was used before", "read the first result, or give a new key"
        return Finding(gate, code, REFUSE, words, key, "unused", None, None, action, context.now, "store")
    if known is not None and known.is_unknown_to_broker is False:
        words, action = "the order reference is known at the broker already", "read what became of it"
        return Finding(
            gate, code, REFUSE, words, key, "unknown at the broker", None, None, action, context.now, "broker"
        )
    words = "the key is present"
    if known is not None and known.is_fresh:
        words += ", never used before"
        words += " and not known at the broker" if known.is_unknown_to_broker else ""
    return Finding(gate, code, PASS, words, key, "unused", as_of=context.now if known else None, source="store")


def risk_policy(order: OrderTerms, context: GateContext, limits: tuple[Finding, ...] | None) -> Finding:
    gate, code, name = "risk_policy", "LIVE_RISK_POLICY_REFUSED", context.risk_policy_id
    if name is None:
        words, action = "no limit policy is configured", "name a policy in the configuration"
        return Finding(gate, code, UNKNOWN, words, user_action=action, source="configuration")
    if limits is None:
        words, action = f"the limit policy {name!r} is not defined", f"define [policies.{name}] in the configuration"
        return Finding(gate, code, UNKNOWN, words, name, user_action=action, source="configuration")
    statuses = [finding.status for finding in limits]
    broken = [limits[at] for at, status in enumerate(statuses) if status is REFUSE or status is UNKNOWN]
    source = f"policy {name}"
    if broken:
        words = f"{len(broken)} of {len(limits)} limit checks refuse, first {broken[0].code}"
        action = "read the limit findings"
        return Finding(gate, code, REFUSE, words, name, "all pass", None, None, action, context.now, source)
    warned, armed = statuses.count(CheckStatus.WARN), len(statuses) - statuses.count(OFF)
    words = f"all {armed} armed limit checks pass" + (f", {warned} with a warning" if warned else "")
    return Finding(gate, code, PASS, words, name, "all pass", as_of=context.now, source=source)


def kill_switch_open(order: OrderTerms, context: GateContext) -> Finding:
    gate, code, switch = "kill_switch", "LIVE_KILL_SWITCH_CLOSED", context.switch
    action = "open it after review"
    if switch is None:
        words = "the kill switch cannot be read, so it counts as closed"
        return Finding(gate, code, UNKNOWN, words, None, "open", user_action=action, source="store")
    if switch.state is KillSwitch.OPEN:
        words = "the kill switch is open" + (f" ({switch.changed_by}: {switch.reason})" if switch.changed_by else "")
        return Finding(gate, code, PASS, words, "open", "open", as_of=switch.changed_at, source=switch.source)
    words = f"the kill switch is closed ({switch.changed_by or switch.source}: {switch.reason or 'never opened'})"
    as_of, source = switch.changed_at, switch.source
    return Finding(gate, code, REFUSE, words, "closed", "open", None, None, action, as_of, source)


def audit_available(order: OrderTerms, context: GateContext) -> Finding:
    gate, code, audit, action = "audit_available", "LIVE_AUDIT_UNAVAILABLE", context.audit, "restore audit storage"
    if audit is None:
        return Finding(gate, code, UNKNOWN, "the audit log was not reached", user_action=action, source="store")
    head = str(audit.seq) if audit.seq else None
    if not audit.available:
        words = audit.problem or "the audit log cannot be written"
        return Finding(gate, code, REFUSE, words, head, None, None, None, action, audit.verified_at, "store")
    words = f"entry {audit.seq} is the head" if audit.seq else "the audit log takes entries"
    words += f", verified to {audit.verified_seq}" if audit.verified_seq is not None else ""
    return Finding(gate, code, PASS, words, head, as_of=audit.verified_at or context.now, source="store")


def paper_to_live(order: OrderTerms, context: GateContext) -> Finding:
    gate, code, checklist = "paper_to_live", "LIVE_MIGRATION_CHECKLIST_MISSING", context.checklist
    if context.mode is Mode.PAPER:
        words, as_of = "not needed for paper", context.configured_at
        return Finding(gate, code, PASS, words, "paper", as_of=as_of, source="configuration")
    action = "complete the checklist"
    if checklist is None:
        words = "the paper-to-live checklist was not acknowledged"
        return Finding(gate, code, UNKNOWN, words, None, "complete", user_action=action, source="store")
    gaps, as_of = checklist.missing(), checklist.acknowledged_at
    if gaps:
        words = f"the checklist lacks {', '.join(gaps)}"
        return Finding(gate, code, REFUSE, words, ", ".join(gaps), "complete", None, None, action, as_of, "store")
    evidence = "; ".join([f"{name}: {value}" for name, value in sorted(checklist.evidence.items())])
    words = f"acknowledged by {checklist.acknowledged_by}" + (f" ({evidence})" if evidence else "")
    return Finding(gate, code, PASS, words, "complete", "complete", as_of=as_of, source="store")


@dataclass(frozen=True, slots=True)
class Gate:
    """One row of the table in decisions, section 3."""

    name: str
    code: str
    headline: ErrorCode
    question: str
    check: Callable[[OrderTerms, GateContext], Finding] | None
    """None for gate 7, which is made of the limit findings."""
    asked_for_cancel: bool = False


RISK_POLICY, APPROVAL, FEATURE = "risk_policy", "approval_record", "feature_enabled"

GATES: tuple[Gate, ...] = (
    Gate(
        FEATURE,
        "LIVE_FEATURE_DISABLED",
        ErrorCode.LIVE_TRADING_DISABLED,
        "Is trading in this mode enabled by the configuration and for this start, and is the session of that mode?",
        feature_enabled,
    ),
    Gate(
        "account_allowed",
        "LIVE_ACCOUNT_NOT_ALLOWLISTED",
        ErrorCode.LIVE_GATE_MISSING,
        "Is the order's account listed in the configuration, and does the connected session manage it?",
        account_allowed,
        asked_for_cancel=True,
    ),
    Gate(
        "scope_granted",
        "LIVE_SCOPE_MISSING",
        ErrorCode.LIVE_GATE_MISSING,
        "Does the principal that submits hold the scope of this operation?",
        scope_granted,
    ),
    Gate(
        "preview_unexpired",
        "LIVE_PREVIEW_EXPIRED",
        ErrorCode.LIVE_GATE_MISSING,
        "Is the preview still good? At its expiry it is not.",
        preview_unexpired,
    ),
    Gate(
        APPROVAL,
        "LIVE_APPROVAL_MISSING",
        ErrorCode.LIVE_GATE_MISSING,
        "Did another person than the stager approve exactly this preview, under this policy, since the switch opened?",
        approval_record,
    ),
    Gate(
        "idempotency_key",
        "LIVE_IDEMPOTENCY_KEY_MISSING",
        ErrorCode.LIVE_GATE_MISSING,
        "Is there a key that was never used before, for an order that the broker does not know?",
        idempotency_key,
        asked_for_cancel=True,
    ),
    Gate(
        RISK_POLICY,
        "LIVE_RISK_POLICY_REFUSED",
        ErrorCode.LIVE_GATE_MISSING,
        "Do all armed limit checks of the policy pass?",
        None,
    ),
    Gate(
        "kill_switch",
        "LIVE_KILL_SWITCH_CLOSED",
        ErrorCode.LIVE_KILL_SWITCH_CLOSED,
        "Is the kill switch open, read just now?",
        kill_switch_open,
    ),
    Gate(
        "audit_available",
        "LIVE_AUDIT_UNAVAILABLE",
        ErrorCode.LIVE_GATE_MISSING,
        "Does the audit log take an entry in this very transaction, and is its chain intact?",
        audit_available,
        asked_for_cancel=True,
    ),
    Gate(
        "paper_to_live",
        "LIVE_MIGRATION_CHECKLIST_MISSING",
        ErrorCode.LIVE_MIGRATION_REQUIRED,
        "Did a person acknowledge all five items of the paper-to-live checklist?",
        paper_to_live,
    ),
)
# A cancel is asked for account, key and audit only: the way out must never be locked.


def evaluate(
    order: OrderTerms, policy: LimitPolicy | None, limit_context: LimitContext, gate_context: GateContext
) -> Decision:
    """Every check, all findings, one headline. Pure and total: asks no clock, raises nothing on data."""
    is_cancel = gate_context.operation is Operation.CANCEL
    named = gate_context.risk_policy_id is not None
    limits = check_limits(order, policy, limit_context) if policy is not None and named and not is_cancel else None
    gates = tuple([_gate_finding(gate, order, gate_context, limits) for gate in GATES])
    error, refusal, message, action = _headline(order, gates, limits, gate_context)
    return Decision(gates, limits or (), error, refusal, message, action)


def _gate_finding(gate: Gate, order: OrderTerms, context: GateContext, limits: tuple[Finding, ...] | None) -> Finding:
    if context.operation is Operation.CANCEL and not gate.asked_for_cancel:
        return Finding(gate.name, gate.code, OFF, "not asked for a cancel")
    return gate.check(order, context) if gate.check is not None else risk_policy(order, context, limits)


def _headline(
    order: OrderTerms, gates: tuple[Finding, ...], limits: tuple[Finding, ...] | None, context: GateContext
) -> tuple[ErrorCode | None, str | None, str, str]:
    """Decisions, section 5: the one code that exit codes and error payloads need."""
    if limits is None and context.operation is not Operation.CANCEL:
        finding = next(finding for finding in gates if finding.check == RISK_POLICY)
        action = finding.user_action or ""
        if context.risk_policy_id is not None:
            return ErrorCode.LIVE_POLICY_UNKNOWN, None, finding.message, action
        return ErrorCode.LIVE_GATE_MISSING, finding.code, f"{finding.code}: {finding.message}", action
    failing = [at for at, found in enumerate(gates) if found.status is REFUSE or found.status is UNKNOWN]
    if not failing:
        return None, None, "every gate passes", ""
    gate, finding = GATES[failing[0]], gates[failing[0]]
    error = gate.headline
    if len(failing) == 1 and gate.name == RISK_POLICY and limits:
        finding = next(limit for limit in limits if limit.blocks)
        error = ErrorCode.LIVE_LIMIT_REFUSED
    elif len(failing) == 1 and gate.name == APPROVAL:
        error = _approval_error(order, context)[0] or gate.headline
    elif gate.name == FEATURE and context.mode is Mode.PAPER:
        error = ErrorCode.PAPER_TRADING_DISABLED
    return error, finding.code, f"{finding.code}: {finding.message}", finding.user_action or ""


def _yes(value: bool | None) -> str:
    return "unknown" if value is None else "yes" if value else "no"


_MAY_CLEAR = frozenset(
    {"kill_switch", "audit_available", "paper_to_live", "market_snapshot", "quote_age", "reference_price", "frequency"}
    | {"quote_reliable", "market_hours", "self_cross"}
)
_NEEDS_BROKER = frozenset({"trigger_price", "max_position", "buying_power", "modify_target", "bracket_prices"})
"""UNKNOWN here is a quote or a broker's answer that may still come."""
_NEEDS_MARKET = frozenset({"max_notional", "price_collar", "session_notional"})


def refuses_for_good(decision: Decision) -> bool:
    """Whether waiting cannot help: some check refuses that no passing time and no person's act will clear.

    A closed kill switch, a missing quote or a full minute clears while the preview is alive, so such
    an order waits (and cannot be approved); a forbidden symbol does not, so the order is refused and
    the agent learns why at once.
    """
    no_market = any(
        finding.check in ("market_snapshot", "reference_price") and finding.blocks for finding in decision.limits
    )
    told_by_limits = any(finding.blocks for finding in decision.limits)
    for finding in decision.findings:
        if not finding.blocks or (finding.check == RISK_POLICY and told_by_limits):
            continue
        waits_for_market = no_market and finding.check in _NEEDS_MARKET and finding.status is CheckStatus.UNKNOWN
        waits_for_broker = finding.check in _NEEDS_BROKER and finding.status is UNKNOWN
        if finding.check not in _MAY_CLEAR and not waits_for_market and not waits_for_broker:
            return True
    return False
