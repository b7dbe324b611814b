"""Another policy on the recorded history: what it would have changed, so that nobody tightens or loosens blind.

A decision is only judged where its record can answer. What the policy of that day did not ask for was
not gathered: such a decision is counted as not decidable, never as passed or refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ibgw_tui.core.cases import Case
from ibgw_tui.core.context import PositionFacts
from ibgw_tui.core.decision import Decision
from ibgw_tui.core.gates import RISK_POLICY
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.prices import notional_of, worst_case_price
from ibgw_tui.core.records import RecordedDecision
from ibgw_tui.core.terms import Mode, Money, Side
from ibgw_tui.service.replaying import decide_again


class Outcome(StrEnum):
    UNCHANGED = "unchanged"
    WOULD_REFUSE = "would be refused"
    WOULD_ALLOW = "would be allowed"
    NOT_DECIDABLE = "not decidable"
    """The record cannot answer what the policy asks."""
    NOT_REPLAYED = "does not replay"
    """The record itself is not what was decided: look at that first."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One recorded decision under the other policy."""

    seq: int
    order_ref: str
    step: str
    made_at: datetime
    outcome: Outcome
    why: str = ""
    """Of what is not decidable or does not replay."""
    was: str | None = None
    """Headline of the recorded decision; None when it was allowed."""
    would_be: str | None = None
    codes: tuple[str, ...] = ()
    """Every refusing code under the other policy, headline first."""
    mode: Mode | None = None
    """None where the record does not replay."""
    account: str = ""
    symbol: str = ""
    side: Side | None = None
    quantity: str = ""
    notional: tuple[str, str] | None = None
    """(amount, currency) at the order's worst-case price; None when it cannot be measured."""


def try_policy(record: RecordedDecision, policy: LimitPolicy) -> Tried:
    """Decide one record again, as it was and then under `policy`."""
    again = decide_again(record)
    key = (record.seq, record.order_ref, record.step, record.made_at)
    case, before = again.case, again.decision
    if again.problem or case is None or before is None:
        return Tried(*key, Outcome.NOT_REPLAYED, again.problem)
    after = case.under(policy).decide()
    open_questions = _unanswered(case, policy, after)
    if open_questions and not _refuses_anyhow(after, open_questions):
        why = "; ".join(sorted(set(open_questions.values())))
        return Tried(*key, Outcome.NOT_DECIDABLE, why, mode=case.gates.mode)
    order, price = case.order, worst_case_price(case.order, case.policy or policy, case.limits.market)
    outcome = Outcome.UNCHANGED
    if before.allowed != after.allowed:
        outcome = Outcome.WOULD_ALLOW if after.allowed else Outcome.WOULD_REFUSE
    return Tried(
        *key,
        outcome,
        "",
        _headline(before),
        _headline(after),
        _codes(after),
        case.gates.mode,
        order.account,
        order.symbol,
        order.side,
        format(order.quantity, "f"),
        (format(notional_of(order, price), "f"), price.currency) if price else None,
    )


def _headline(decision: Decision) -> str | None:
    if decision.allowed:
        return None
    return decision.refusal_code or (decision.error_code.value if decision.error_code else None)


def _codes(decision: Decision) -> tuple[str, ...]:
    found = [finding.code for finding in decision.findings if finding.blocks and finding.check != RISK_POLICY]
    first = _headline(decision)
    return tuple(dict.fromkeys(([first] if first else []) + found))


def _refuses_anyhow(decision: Decision, open_questions: dict[str, str]) -> bool:
    """Whether something refuses that does not hang on what was never asked."""
    return any(
        finding.blocks and finding.check != RISK_POLICY and finding.check not in open_questions
        for finding in decision.findings
    )


def _unanswered(case: Case, policy: LimitPolicy, after: Decision) -> dict[str, str]:
    """Check -> why its input was not gathered under the policy of that day."""
    account, symbol, facts = case.order.account, case.order.symbol, case.limits
    old, new = (case.policy or LimitPolicy()).effective(account, symbol), policy.effective(account, symbol)
    found: dict[str, str] = {}
    if case.gates.risk_policy_id is None:
        return {RISK_POLICY: "no policy was configured, so the limits were not asked"}
    found |= _frequency(old, new, after)
    twins, asked = new.duplicate_window_seconds, old.duplicate_window_seconds
    if twins is not None and (asked is None or twins > asked):
        found["duplicate"] = f"equal orders of the last {twins} s were not gathered"
    if new.refuse_self_cross and not old.refuse_self_cross and facts.working_orders is None:
        found["self_cross"] = "own working orders were not gathered"
    if new.max_position is not None and old.max_position is None and not _is_known(facts.position):
        found["max_position"] = "open orders were not gathered"
    if new.min_excess_liquidity is not None and old.min_excess_liquidity is None and facts.what_if is None:
        found["buying_power"] = "the broker's what-if was not asked"
    return found | _rates(case, old, new)


def _is_known(held: PositionFacts | None) -> bool:
    return held is not None and None not in (held.filled, held.open_buys(), held.open_sells())


def _frequency(old: LimitPolicy, new: LimitPolicy, after: Decision) -> dict[str, str]:
    """Orders were counted in the window of that day; of another window that is a bound, which may be enough."""
    asked, wanted = old.frequency_limit, new.frequency_limit
    if wanted is None or (asked is not None and asked.window_seconds == wanted.window_seconds):
        return {}
    blocks = any(finding.check == "frequency" and finding.blocks for finding in after.limits)
    is_shorter = asked is not None and wanted.window_seconds < asked.window_seconds
    # Fewer in a shorter window: what passes, passes. More in a longer one: what is refused, is.
    if blocks != is_shorter:
        return {}
    return {"frequency": f"orders in {wanted.window_seconds} s were not counted"}


def _rates(case: Case, old: LimitPolicy, new: LimitPolicy) -> dict[str, str]:
    """Rates are only asked for the limits' currencies, and only by a policy that converts."""
    if new.max_fx_age_seconds is None:
        return {}
    known = {frozenset((rate.base, rate.quote)) for rate in case.limits.fx}
    asked = _currencies(old) if old.max_fx_age_seconds is not None else set()
    left = case.limits.what_if.excess_liquidity_after if case.limits.what_if else None
    sources = {case.order.currency} | ({left.currency} if left else set())
    missing = {
        currency
        for currency in _currencies(new) - asked
        for source in sources
        if source != currency and frozenset((source, currency)) not in known
    }
    if not missing:
        return {}
    words = f"rates for {', '.join(sorted(missing))} were not asked"
    return dict.fromkeys(("max_notional", "session_notional", "currency", "buying_power"), words)


def _currencies(policy: LimitPolicy) -> set[str]:
    session = policy.session_limit.max_session_notional if policy.session_limit else None
    limits: tuple[Money | None, ...] = (policy.max_notional, session, policy.min_excess_liquidity)
    return {limit.currency for limit in limits if limit is not None}
