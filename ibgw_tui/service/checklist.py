"""The paper-to-live checklist: five things a person does before real money, and the evidence for them.

Two of the five leave a trace in the store, and are not taken on anybody's word: a paper order that went
the whole way, and a kill switch that was closed and opened again. Reading only; acknowledging is the
operator's (`review`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from ibgw_tui.core.context import Checklist
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.core.terms import Mode, iso
from ibgw_tui.service.assessment import read_checklist
from ibgw_tui.store import OrderStore

PAPER, SWITCH, LIMITS = "paper_trading_validated", "kill_switch_tested", "limits_reviewed"

ITEMS: dict[str, tuple[str, str]] = {
    PAPER: (
        "An order was approved, submitted and filled on paper.",
        'with broker.mode = "paper": stage an order, approve it in `ibgw tui`, and let it fill',
    ),
    "approvals_reviewed": (
        "It is settled who approves, how long an approval lasts, and that nobody approves what they staged.",
        "read [desk] in `ibgw config show`, then acknowledge it",
    ),
    LIMITS: (
        "The limits of the policy are what this account can bear to lose.",
        "read `ibgw policy show` and `ibgw policy check`, then acknowledge it",
    ),
    SWITCH: (
        "The kill switch was closed, and opened again after review.",
        'run `ibgw kill close --reason drill`, see that nothing leaves, then `ibgw kill open --reason "drill is over"`',
    ),
    "incident_runbook_reviewed": (
        "Everybody at the desk knows what to do when an order runs away: close, cancel, look, only then open.",
        "go through it with those who will do it, then acknowledge it",
    ),
}
"""Item -> (what is acknowledged, what to do for it), in the order of gate 10."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is to show for an item, now."""

    text: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    name: str
    text: str
    acknowledged: bool
    recorded: str
    """The evidence that stood behind the acknowledgement; empty when there was none."""
    evidence: Evidence | None
    """The newest there is now."""
    missing: str
    """What still stands in the way; empty when nothing does."""
    user_action: str


@dataclass(frozen=True, slots=True)
class ChecklistView:
    now: datetime
    complete: bool
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    items: tuple[ChecklistItem, ...]


def evidence_of(store: OrderStore, rules: DeskRules) -> dict[str, Evidence]:
    """Item -> what the store has to show for it; an item without evidence is absent."""
    found = {}
    cycle, test = store.completed_cycle(Mode.PAPER), store.switch_test()
    if cycle is not None:
        words = f"{cycle.order_ref}, approved by {cycle.approved_by}, submitted {iso(cycle.submitted_at)}"
        found[PAPER] = Evidence(f"{words}, filled {iso(cycle.filled_at)}", cycle.filled_at)
    if test is not None:
        closed_for = f"{(test.opened_at - test.closed_at).total_seconds():.0f} s"
        words = f"closed {iso(test.closed_at)} by {test.closed_by}, opened {iso(test.opened_at)} by {test.opened_by}"
        found[SWITCH] = Evidence(f"{words}, closed for {closed_for}", test.opened_at)
    if rules.policy is not None:
        found[LIMITS] = Evidence(f"policy {rules.risk_policy_id}, digest {rules.policy_digest[:16]}", None)
    return found


NEEDED: dict[str, str] = {
    PAPER: "no paper order of this desk was approved, submitted and filled yet",
    SWITCH: "the kill switch was never closed and opened again",
}
"""Items that need evidence, and what is said when there is none."""


def lacking(items: Collection[str], evidence: Collection[str]) -> dict[str, str]:
    """Of these items, those that cannot be acknowledged: item -> why."""
    return {name: why for name, why in NEEDED.items() if name in items and name not in evidence}


def view_checklist(store: OrderStore, rules: DeskRules, now: datetime) -> ChecklistView:
    """The five items with what there is to show for each."""
    known = read_checklist(store) or Checklist()
    evidence = evidence_of(store, rules)
    items = []
    for name, (text, action) in ITEMS.items():
        acknowledged, recorded = bool(getattr(known, name)), known.evidence.get(name, "")
        missing = "" if acknowledged else lacking([name], evidence).get(name, "not acknowledged")
        if name == LIMITS and acknowledged and recorded and not recorded.startswith(_text(evidence, name)):
            missing = "the limit policy is another one since then: acknowledge it again"
        items.append(
            ChecklistItem(name, text, acknowledged, recorded, evidence.get(name), missing, action if missing else "")
        )
    return ChecklistView(now, not known.missing(), known.acknowledged_by, known.acknowledged_at, tuple(items))


def _text(evidence: dict[str, Evidence], name: str) -> str:
    return evidence[name].text if name in evidence else "no policy"


def acknowledged(before: Checklist, items: Collection[str], evidence: dict[str, Evidence]) -> Checklist:
    """The checklist with these items added; what others acknowledged earlier keeps their name and time."""
    told: dict[str, str] = {}
    for name in ITEMS:
        if name in items:
            if name in evidence:
                told[name] = evidence[name].text
        elif getattr(before, name):
            earlier = before.evidence.get(name, "")
            by = (
                f"acknowledged by {before.acknowledged_by} at {iso(before.acknowledged_at)}"
                if before.acknowledged_at
                else ""
            )
            told[name] = earlier if "acknowledged by" in earlier else "; ".join(part for part in (earlier, by) if part)
    flags = {name: name in items or bool(getattr(before, name)) for name in ITEMS}
    return Checklist(**flags, evidence=told)  # type: ignore[arg-type]
