"""Gathers what the store knows into the two contexts and asks the core for a decision.

One place, so that an order is judged by the same facts whether it is previewed, shown on a screen,
approved or submitted. Reading only; what to do about the answer is the roles' affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ibgw_tui.core.broker import AccountFacts, Quote
from ibgw_tui.core.context import (
    AuditFacts,
    Checklist,
    Counters,
    GateContext,
    LimitContext,
    Market,
    Operation,
    OrderTerms,
    PreviewFacts,
)
from ibgw_tui.core.decision import Decision
from ibgw_tui.core.gates import evaluate
from ibgw_tui.core.orders import Approval, Preview
from ibgw_tui.core.records import SwitchState, Tally
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.core.terms import Mode, Scope
from ibgw_tui.store import OrderStore

CHECKLIST_KIND = "checklist.acknowledged"
"""Kind of the audit entry that is the paper-to-live checklist."""

OPERATOR_SCOPES = frozenset(
    {
        Scope.LIVE_SUBMIT,
        Scope.LIVE_CANCEL,
        Scope.LIVE_MODIFY,
        Scope.PAPER_SUBMIT,
        Scope.PAPER_CANCEL,
        Scope.PAPER_MODIFY,
    }
)


class Known(Protocol):
    """What can be read both outside a transaction (the store) and inside one (a change)."""

    def switch(self) -> SwitchState: ...

    def tally(self, account: str, *, window_start: datetime, session_start: datetime) -> Tally: ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What the broker said, fetched before any transaction is opened."""

    quote: Quote | None = None
    managed_accounts: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Submitting:
    """The request that gates 5 and 6 are asked about."""

    approval: Approval | None
    key: str
    key_is_fresh: bool


def assess(
    preview: Preview,
    *,
    rules: DeskRules,
    now: datetime,
    known: Known,
    facts: Facts,
    audit: AuditFacts | None,
    checklist: Checklist | None,
    replaced_by: str | None = None,
    submitting: Submitting | None = None,
) -> Decision:
    """All findings on one preview as of `now`: for review, or (with `submitting`) for the wire."""
    policy, account = rules.policy, preview.intent.account
    window = policy.frequency_limit.window_seconds if policy and policy.frequency_limit else 0
    tally = known.tally(account, window_start=now - timedelta(seconds=window), session_start=rules.session_start(now))
    limits = LimitContext(
        now=now,
        market=Market.of(facts.quote, now) if facts.quote else None,
        counters=Counters.of(tally),
    )
    gates = GateContext(
        now=now,
        operation=Operation.SUBMIT if submitting else Operation.REVIEW,
        mode=preview.mode,
        # A preview made in the other mode can never pass: its own mode's rules are not in force here.
        enabled=rules.mode_rules.enabled and preview.mode is rules.mode,
        invocation_enabled=rules.mode_rules.invocation_enabled,
        allowed_accounts=rules.mode_rules.allowed_accounts,
        managed_accounts=facts.managed_accounts,
        scopes=frozenset(scope.value for scope in OPERATOR_SCOPES),
        preview=PreviewFacts(
            preview.preview_id, preview.digest, preview.policy_digest, preview.expires_at, replaced_by
        ),
        approval=submitting.approval if submitting else None,
        idempotency_key=submitting.key if submitting else None,
        key_is_fresh=submitting.key_is_fresh if submitting else None,
        risk_policy_id=rules.risk_policy_id,
        policy_digest=rules.policy_digest,
        switch=known.switch(),
        audit=audit,
        checklist=checklist if preview.mode is Mode.LIVE else None,
    )
    return evaluate(OrderTerms.of(preview.intent, preview.contract), policy, limits, gates)


def managed(
    accounts: Sequence[AccountFacts], mode: Mode, now: datetime, *, fresh_seconds: int = 60
) -> tuple[str, ...] | None:
    """Accounts that the router reported lately in this mode; None when it reported none."""
    fresh = [
        facts.account
        for facts in accounts
        if facts.mode is mode and now - facts.as_of <= timedelta(seconds=fresh_seconds)
    ]
    return tuple(fresh) or None


def read_checklist(store: OrderStore) -> Checklist | None:
    """The newest acknowledgement of the paper-to-live checklist."""
    entry = store.latest_audit(CHECKLIST_KIND)
    return None if entry is None else Checklist.model_validate(entry.body, strict=False)
