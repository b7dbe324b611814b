"""The ten gates, the headline, and `evaluate`: the one answer to 'may this go?'.

Each gate is a question with a code, a reason and a next step, and shows what it measured. A gate
that cannot be measured is UNKNOWN and refuses. Gate 7 is the limit policy: its finding stands for all
limit findings, which travel beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ibgw_tui.core.context import GateContext, LimitContext, Operation, OrderTerms
from ibgw_tui.core.decision import Decision, Finding
from ibgw_tui.core.errors import ErrorCode
from ibgw_tui.core.limits import check_limits
from ibgw_tui.core.orders import ApprovalStatus
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.terms import CheckStatus, KillSwitch, Mode, Scope, iso

_SCOPES: dict[tuple[Mode, Operation], Scope] = {
    (Mode.LIVE, Operation.REVIEW): Scope.LIVE_SUBMIT,
    (Mode.LIVE, Operation.SUBMIT): Scope.LIVE_SUBMIT,
    (Mode.LIVE, Operation.MODIFY): Scope.LIVE_MODIFY,
    (Mode.LIVE, Operation.CANCEL): Scope.LIVE_CANCEL,
    (Mode.PAPER, Operation.REVIEW): Scope.PAPER_SUBMIT,
    (Mode.PAPER, Operation.SUBMIT): Scope.PAPER_SUBMIT,
    (Mode.PAPER, Operation.MODIFY): Scope.PAPER_MODIFY,
    (Mode.PAPER, Operation.CANCEL): Scope.PAPER_CANCEL,
}


def feature_enabled(order: OrderTerms, context: GateContext) -> Finding:
    code, mode = "LIVE_FEATURE_DISABLED", context.mode.value
    observed = f"{mode}: configured {_yes(context.enabled)}, this start {_yes(context.invocation_enabled)}"
    if context.enabled and context.invocation_enabled:
        return _passed("feature_enabled", code, f"{mode} trading is enabled", observed, "configuration", context)
    return _refused(
        "feature_enabled",
        code,
        f"{mode} trading is not enabled",
        observed,
        f"enable {mode} trading in the configuration",
        "configuration",
        context,
    )


def account_allowed(order: OrderTerms, context: GateContext) -> Finding:
    code, account = "LIVE_ACCOUNT_NOT_ALLOWLISTED", order.account
    listed = ", ".join(context.allowed_accounts) or "none"
    if account not in context.allowed_accounts:
        return _refused(
            "account_allowed",
            code,
            f"{account} is not an allowed account",
            account,
            "use a listed account",
            "configuration",
            context,
            listed,
        )
    if context.needs_managed_account:
        if context.managed_accounts is None:
            return _unknown(
                "account_allowed",
                code,
                "the broker session has not named its accounts",
                account,
                "connect to the broker",
                "broker session",
                context,
            )
        if account not in context.managed_accounts:
            return _refused(
                "account_allowed",
                code,
                f"{account} is not an account of the connected session",
                account,
                "connect the session that manages this account",
                "broker session",
                context,
                ", ".join(context.managed_accounts),
            )
    return _passed(
        "account_allowed", code, f"{account} is allowed", account, "configuration and broker session", context, listed
    )


def scope_granted(order: OrderTerms, context: GateContext) -> Finding:
    code, needed = "LIVE_SCOPE_MISSING", _SCOPES[context.mode, context.operation].value
    if context.scopes is None:
        return _unknown(
            "scope_granted",
            code,
            "the scopes of the submitting principal are not known",
            None,
            "grant the scope",
            "configuration",
            context,
        )
    if needed not in context.scopes:
        return _refused(
            "scope_granted",
            code,
            f"the scope {needed} is not granted",
            ", ".join(sorted(context.scopes)) or "none",
            "grant the scope",
            "configuration",
            context,
            needed,
        )
    return _passed("scope_granted", code, f"the scope {needed} is granted", needed, "configuration", context, needed)


def preview_unexpired(order: OrderTerms, context: GateContext) -> Finding:
    code = "LIVE_PREVIEW_EXPIRED"
    if context.preview is None:
        return _unknown(
            "preview_unexpired",
            code,
            "there is no preview",
            None,
            "stage and approve a fresh preview",
            "store",
            context,
        )
    until = iso(context.preview.expires_at)
    if context.preview.expires_at <= context.now:
        return _refused(
            "preview_unexpired",
            code,
            f"the preview expired at {until}",
            iso(context.now),
            "stage and approve a fresh preview",
            "store",
            context,
            until,
        )
    return _passed(
        "preview_unexpired", code, f"the preview is good until {until}", iso(context.now), "store", context, until
    )


def approval_record(order: OrderTerms, context: GateContext) -> Finding:
    code = "LIVE_APPROVAL_MISSING"
    if context.operation is Operation.REVIEW:
        return Finding("approval_record", code, CheckStatus.OFF, "waits for the operator's yes", source="store")
    error, message = _approval_error(order, context)
    if error is None:
        assert context.approval is not None
        return _passed(
            "approval_record",
            code,
            f"approved by {context.approval.operator}",
            context.approval.approval_id,
            "store",
            context,
        )
    return _refused(
        "approval_record",
        code,
        message,
        context.approval.status.value if context.approval else None,
        "approve the preview",
        "store",
        context,
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
    if approval.expires_at <= context.now:
        return missing, f"the approval expired at {iso(approval.expires_at)}"
    if context.switch is not None and approval.switch_epoch != context.switch.epoch:
        return missing, "the kill switch was closed after the approval was given"
    if preview is None or approval.preview_id != preview.preview_id or approval.preview_digest != preview.digest:
        return ErrorCode.APPROVAL_PREVIEW_MISMATCH, "the approval is for another preview"
    if preview.replaced_by is not None:
        return ErrorCode.APPROVAL_PREVIEW_MISMATCH, f"the preview was replaced by {preview.replaced_by}"
    if not (approval.policy_digest == preview.policy_digest == context.policy_digest):
        return ErrorCode.APPROVAL_PREVIEW_MISMATCH, "the limit policy changed since the approval"
    return None, ""


def idempotency_key(order: OrderTerms, context: GateContext) -> Finding:
    code = "LIVE_IDEMPOTENCY_KEY_MISSING"
    if context.operation is Operation.REVIEW:
        return Finding("idempotency_key", code, CheckStatus.OFF, "made when it is submitted", source="store")
    key = context.idempotency_key
    if key is None or not key.strip():
        return _refused("idempotency_key", code, "there is no idempotency key", None, "give a key", "request", context)
    if context.key_is_fresh is False:
        return _refused(
            "idempotency_key",
            code,
            "the idempotency key was used before",
            key,
            "read the first result, or give a new key",
            "store",
            context,
        )
    return _passed(
        "idempotency_key",
        code,
        "the key is present" + (" and never used before" if context.key_is_fresh else ""),
        key,
        "store",
        context,
    )


def risk_policy(order: OrderTerms, context: GateContext, limits: tuple[Finding, ...] | None) -> Finding:
    code, name = "LIVE_RISK_POLICY_REFUSED", context.risk_policy_id
    if name is None:
        return _unknown(
            "risk_policy",
            code,
            "no limit policy is configured",
            None,
            "name a policy in the configuration",
            "configuration",
            context,
        )
    if limits is None:
        return _unknown(
            "risk_policy",
            code,
            f"the limit policy {name!r} is not defined",
            name,
            f"define [policies.{name}] in the configuration",
            "configuration",
            context,
        )
    broken = [finding for finding in limits if finding.blocks]
    if broken:
        return _refused(
            "risk_policy",
            code,
            f"{len(broken)} of {len(limits)} limit checks refuse, first {broken[0].code}",
            name,
            "read the limit findings",
            f"policy {name}",
            context,
        )
    checked = sum(finding.status is not CheckStatus.OFF for finding in limits)
    return _passed("risk_policy", code, f"all {checked} armed limit checks pass", name, f"policy {name}", context)


def kill_switch_open(order: OrderTerms, context: GateContext) -> Finding:
    code, switch = "LIVE_KILL_SWITCH_CLOSED", context.switch
    if switch is None:
        return _unknown(
            "kill_switch",
            code,
            "the kill switch cannot be read, so it counts as closed",
            None,
            "open it after review",
            "store",
            context,
            "open",
        )
    if switch.state is KillSwitch.OPEN:
        return Finding(
            "kill_switch",
            code,
            CheckStatus.PASS,
            f"the kill switch is open ({switch.changed_by}: {switch.reason})",
            "open",
            "open",
            as_of=switch.changed_at,
            source=switch.source,
        )
    return Finding(
        "kill_switch",
        code,
        CheckStatus.REFUSE,
        f"the kill switch is closed ({switch.changed_by or switch.source}: {switch.reason or 'never opened'})",
        "closed",
        "open",
        user_action="open it after review",
        as_of=switch.changed_at,
        source=switch.source,
    )


def audit_available(order: OrderTerms, context: GateContext) -> Finding:
    code, audit = "LIVE_AUDIT_UNAVAILABLE", context.audit
    if audit is None:
        return _unknown(
            "audit_available", code, "the audit log was not reached", None, "restore audit storage", "store", context
        )
    if not audit.available:
        return _refused(
            "audit_available",
            code,
            audit.problem or "the audit log cannot be written",
            str(audit.seq),
            "restore audit storage",
            "store",
            context,
        )
    verified = f", verified to {audit.verified_seq}" if audit.verified_seq is not None else ""
    return _passed(
        "audit_available", code, f"entry {audit.seq} is the head{verified}", str(audit.seq), "store", context
    )


def paper_to_live(order: OrderTerms, context: GateContext) -> Finding:
    code = "LIVE_MIGRATION_CHECKLIST_MISSING"
    if context.mode is Mode.PAPER:
        return _passed("paper_to_live", code, "not needed for paper", "paper", "configuration", context)
    if context.checklist is None:
        return _unknown(
            "paper_to_live",
            code,
            "the paper-to-live checklist was not acknowledged",
            None,
            "complete the checklist",
            "store",
            context,
        )
    gaps = context.checklist.missing()
    if gaps:
        return _refused(
            "paper_to_live",
            code,
            f"the checklist lacks {', '.join(gaps)}",
            ", ".join(gaps),
            "complete the checklist",
            "store",
            context,
        )
    return Finding(
        "paper_to_live",
        code,
        CheckStatus.PASS,
        f"acknowledged by {context.checklist.acknowledged_by}",
        "complete",
        "complete",
        as_of=context.checklist.acknowledged_at,
        source="store",
    )


@dataclass(frozen=True, slots=True)
class Gate:
    """One row of the table in decisions, section 3."""

    name: str
    headline: ErrorCode
    asked_for_cancel: bool = False
    check: Callable[[OrderTerms, GateContext], Finding] | None = None
    """None for gate 7, which is made of the limit findings."""


RISK_POLICY, APPROVAL = "risk_policy", "approval_record"

GATES: tuple[Gate, ...] = (
    Gate("feature_enabled", ErrorCode.LIVE_TRADING_DISABLED, check=feature_enabled),
    Gate("account_allowed", ErrorCode.LIVE_GATE_MISSING, asked_for_cancel=True, check=account_allowed),
    Gate("scope_granted", ErrorCode.LIVE_GATE_MISSING, check=scope_granted),
    Gate("preview_unexpired", ErrorCode.LIVE_GATE_MISSING, check=preview_unexpired),
    Gate(APPROVAL, ErrorCode.LIVE_GATE_MISSING, check=approval_record),
    Gate("idempotency_key", ErrorCode.LIVE_GATE_MISSING, asked_for_cancel=True, check=idempotency_key),
    Gate(RISK_POLICY, ErrorCode.LIVE_GATE_MISSING),
    Gate("kill_switch", ErrorCode.LIVE_KILL_SWITCH_CLOSED, check=kill_switch_open),
    Gate("audit_available", ErrorCode.LIVE_GATE_MISSING, asked_for_cancel=True, check=audit_available),
    Gate("paper_to_live", ErrorCode.LIVE_MIGRATION_REQUIRED, check=paper_to_live),
)
# A cancel is asked for account, key and audit only: the way out must never be locked.


def evaluate(
    order: OrderTerms, policy: LimitPolicy | None, limit_context: LimitContext, gate_context: GateContext
) -> Decision:
    """Every check, all findings, one headline. Pure and total: asks no clock, raises nothing on data."""
    limits = (
        check_limits(order, policy, limit_context)
        if policy is not None and gate_context.operation is not Operation.CANCEL
        else None
    )
    gates = tuple(_gate_finding(gate, order, gate_context, limits) for gate in GATES)
    error, refusal, message, action = _headline(order, gates, limits, gate_context)
    return Decision(gates, limits or (), error, refusal, message, action)


def _gate_finding(gate: Gate, order: OrderTerms, context: GateContext, limits: tuple[Finding, ...] | None) -> Finding:
    if context.operation is Operation.CANCEL and not gate.asked_for_cancel:
        return Finding(gate.name, "", CheckStatus.OFF, "not asked for a cancel")
    return gate.check(order, context) if gate.check is not None else risk_policy(order, context, limits)


def _headline(
    order: OrderTerms, gates: tuple[Finding, ...], limits: tuple[Finding, ...] | None, context: GateContext
) -> tuple[ErrorCode | None, str | None, str, str]:
    """Decisions, section 5: the one code that exit codes and error payloads need."""
    if context.operation is not Operation.CANCEL:
        policy_finding = next(finding for gate, finding in zip(GATES, gates, strict=True) if gate.name == RISK_POLICY)
        if context.risk_policy_id is None:
            return (
                ErrorCode.LIVE_GATE_MISSING,
                policy_finding.code,
                policy_finding.message,
                policy_finding.user_action or "",
            )
        if limits is None:
            return ErrorCode.LIVE_POLICY_UNKNOWN, None, policy_finding.message, policy_finding.user_action or ""
    failing = [(gate, finding) for gate, finding in zip(GATES, gates, strict=True) if finding.blocks]
    if not failing:
        return None, None, "every gate passes", ""
    gate, finding = failing[0]
    error, code = gate.headline, finding.code
    if len(failing) == 1 and gate.name == RISK_POLICY and limits:
        finding = next(limit for limit in limits if limit.blocks)
        error, code = ErrorCode.LIVE_LIMIT_REFUSED, finding.code
    elif len(failing) == 1 and gate.name == APPROVAL:
        error = _approval_error(order, context)[0] or gate.headline
    elif gate.name == "feature_enabled" and context.mode is Mode.PAPER:
        error = ErrorCode.PAPER_TRADING_DISABLED
    return error, code, f"{code}: {finding.message}", finding.user_action or ""


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _passed(
    gate: str,
    code: str,
    message: str,
    observed: str | None,
    source: str,
    context: GateContext,
    limit: str | None = None,
) -> Finding:
    return Finding(gate, code, CheckStatus.PASS, message, observed, limit, as_of=context.now, source=source)


def _refused(
    gate: str,
    code: str,
    message: str,
    observed: str | None,
    action: str,
    source: str,
    context: GateContext,
    limit: str | None = None,
) -> Finding:
    return Finding(
        gate, code, CheckStatus.REFUSE, message, observed, limit, user_action=action, as_of=context.now, source=source
    )


def _unknown(
    gate: str,
    code: str,
    message: str,
    observed: str | None,
    action: str,
    source: str,
    context: GateContext,
    limit: str | None = None,
) -> Finding:
    return Finding(
        gate, code, CheckStatus.UNKNOWN, message, observed, limit, user_action=action, as_of=context.now, source=source
    )


_MAY_CLEAR = frozenset(
    {"kill_switch", "audit_available", "paper_to_live", "market_snapshot", "quote_age", "reference_price", "frequency"}
)
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
        if finding.check not in _MAY_CLEAR and not waits_for_market:
            return True
    return False
