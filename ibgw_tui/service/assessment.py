"""Gathers what the store and the broker know into one case and asks the core for a decision.

One place, so that an order is judged by the same facts whether it is previewed, shown on a screen,
approved or submitted. Reading only; what to do about the answer is the roles' affair. The case is kept
with the decision, so that anybody can decide it again later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from ibgw_tui.core.broker import AccountFacts, OrderReport, Position, Quote
from ibgw_tui.core.cases import Case
from ibgw_tui.core.context import (
    ApprovalFacts,
    AuditFacts,
    Checklist,
    Counters,
    FxRate,
    GateContext,
    Hours,
    KeyFacts,
    LimitContext,
    Market,
    Modification,
    Operation,
    OrderTerms,
    OwnOrder,
    PositionFacts,
    PreviewFacts,
    Price,
    SessionFacts,
    Steps,
    WhatIfFacts,
)
from ibgw_tui.core.lifecycle import CHANGEABLE
from ibgw_tui.core.orders import Approval, Contract, Preview
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.records import Exposure, OrderRecord, SwitchState, Tally
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.core.terms import EXACT, Mode, Money, OrderType, QuoteStatus, Scope, Side
from ibgw_tui.store import OrderStore

CHECKLIST_KIND = "checklist.acknowledged"
"""Kind of the audit entry that is the paper-to-live checklist."""

OPERATOR_SCOPES = frozenset(scope.value for scope in Scope)
SESSION_FRESH_SECONDS = 60
"""What the router said longer ago of the session counts as not said."""


class Known(Protocol):
    """What can be read both outside a transaction (the store) and inside one (a change)."""

    def switch(self) -> SwitchState: ...

    def tally(self, account: str, *, window_start: datetime, session_start: datetime) -> Tally: ...

    def exposure(self, account: str, con_id: int, *, besides: Sequence[str] = ()) -> Exposure: ...

    def own_orders(
        self, account: str, con_id: int, *, now: datetime, since: datetime, besides: Sequence[str]
    ) -> list[OwnOrder]:
        """Staged since then and pending, approved, sent or filled; age included."""
        ...

    def own_working(self, con_id: int, *, now: datetime, besides: Sequence[str]) -> list[OwnOrder]: ...

    def carrier(self, wire_ref: str) -> OrderRecord | None: ...

    def counted(self, order_ref: str) -> Money | None: ...

    def is_ours(self, order_ref: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class FxQuote:
    """The quote of a currency pair."""

    base: str
    quoted: str
    quote: Quote


@dataclass(frozen=True, slots=True)
class Facts:
    """What the broker said, fetched before any transaction is opened. None is 'it did not say'."""

    quote: Quote | None = None
    session: SessionFacts | None = None
    positions: tuple[Position, ...] | None = None
    positions_at: datetime | None = None
    open_orders: tuple[OrderReport, ...] | None = None
    """Of every client, ours and foreign."""
    what_if: WhatIfFacts | None = None
    fx: tuple[FxQuote, ...] = ()
    is_unknown_to_broker: bool | None = None
    """The order reference was looked for in open and completed orders and executions, and not found."""
    working: OrderReport | None = None
    """Of a modify: the order it changes, as the broker shows it now."""


@dataclass(frozen=True, slots=True)
class Submitting:
    """The request that gates 5 and 6 are asked about."""

    approval: Approval | None
    key: str
    key_is_fresh: bool


def case_of(
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
) -> Case:
    """Everything that a decision on this preview looks at as of `now`: for review, or (with `submitting`) for the wire."""
    order = OrderTerms.of(preview.intent, preview.contract)
    approval = submitting.approval if submitting else None
    modifies = preview.intent.modifies
    limits = _limits(preview, order, rules, now, known, facts, approval, was_approved=submitting is not None)
    gates = GateContext(
        now=now,
        operation=Operation.REVIEW if not submitting else Operation.MODIFY if modifies else Operation.SUBMIT,
        mode=preview.mode,
        # A preview made in the other mode can never pass: its own mode's rules are not in force here.
        enabled=rules.mode_rules.enabled and preview.mode is rules.mode,
        invocation_enabled=rules.mode_rules.invocation_enabled,
        allowed_accounts=rules.mode_rules.allowed_accounts,
        scopes=OPERATOR_SCOPES,
        preview=PreviewFacts.of(preview, replaced_by),
        approval=ApprovalFacts.of(approval) if approval else None,
        idempotency_key=submitting.key if submitting else None,
        # The order that a modify changes is known at the broker; that is the point of it.
        key=KeyFacts(submitting.key_is_fresh, None if modifies else facts.is_unknown_to_broker) if submitting else None,
        risk_policy_id=rules.risk_policy_id,
        policy_digest=rules.policy_digest,
        switch=known.switch(),
        audit=audit,
        checklist=checklist if preview.mode is Mode.LIVE else None,
        session=facts.session or SessionFacts(None),
        configured_at=rules.read_at,
    )
    return Case(preview.order_ref, order, rules.policy, limits, gates)


def _limits(
    preview: Preview,
    order: OrderTerms,
    rules: DeskRules,
    now: datetime,
    known: Known,
    facts: Facts,
    approval: Approval | None,
    *,
    was_approved: bool,
) -> LimitContext:
    contract, account = preview.contract, preview.intent.account
    target = known.carrier(preview.intent.modifies) if preview.intent.modifies else None
    besides = (preview.order_ref, *((target.order_ref,) if target else ()))
    policy = (rules.policy or LimitPolicy()).effective(account, order.symbol)
    window = policy.frequency_limit.window_seconds if policy.frequency_limit else 0
    tally = known.tally(account, window_start=now - timedelta(seconds=window), session_start=rules.session_start(now))
    twins = policy.duplicate_window_seconds
    since = now - timedelta(seconds=twins or 0)
    return LimitContext(
        now=now,
        market=Market.of(facts.quote, now) if facts.quote else None,
        counters=_counters(tally, known.counted(target.order_ref) if target else None),
        mode=preview.mode,
        steps=Steps(contract.price_steps, contract.size_increment),
        position=_position(order, known.exposure(account, contract.con_id, besides=besides), known, facts),
        what_if=facts.what_if,
        hours=_hours(contract),
        fx=tuple(rate for pair in facts.fx if (rate := _rate(pair, now)) is not None),
        # Only what an armed check looks at is read: the store may be large.
        recent_orders=tuple(known.own_orders(account, contract.con_id, now=now, since=since, besides=besides))
        if twins is not None
        else None,
        working_orders=_working(order, known, facts, now, besides) if policy.refuse_self_cross else None,
        approved_market=_approved_market(approval, now),
        was_approved=was_approved,
        modifies=_modification(order, target, facts.working, contract) if preview.intent.modifies else None,
    )


def _counters(tally: Tally, replaced: Money | None) -> Counters:
    """What was counted for the order that a modify replaces is not counted twice."""
    counters = Counters.of(tally)
    if replaced is None or counters.session_notional is None:
        return counters
    totals = tuple(
        Money(amount=max(Decimal(0), total.amount - replaced.amount), currency=total.currency)
        if total.currency == replaced.currency
        else total
        for total in counters.session_notional
    )
    return Counters(counters.submitted_in_window, counters.submitted_in_session, totals)


def _modification(
    order: OrderTerms, target: OrderRecord | None, working: OrderReport | None, contract: Contract
) -> Modification:
    if target is None:
        return Modification(order, None)  # what cannot be found cannot be changed
    recorded = OrderTerms.of(target.intent, contract)
    if working is None or working.order_type is None or target.status not in CHANGEABLE:
        return Modification(recorded, None, target.filled)
    shown = replace(
        recorded,
        account=working.account,
        con_id=working.con_id,
        side=working.side,
        quantity=working.quantity,
        order_type=working.order_type,
        limit_price=working.limit_price,
        stop_price=working.stop_price,
        trailing_amount=working.trailing_amount,
        trailing_percent=working.trailing_percent,
    )
    return Modification(recorded, shown, target.filled)


def _position(order: OrderTerms, exposure: Exposure, known: Known, facts: Facts) -> PositionFacts:
    """The broker's position, our own open orders, and those of other clients of the account."""
    held = None
    if facts.positions is not None:
        mine = (p.quantity for p in facts.positions if p.con_id == order.con_id and p.account == order.account)
        held = sum(mine, Decimal(0))
    foreign = None
    if facts.open_orders is not None:
        foreign = [report for report in facts.open_orders if _is_foreign(report, order, known)]
    return PositionFacts(
        filled=held,
        working_buys=None if foreign is None else exposure.working_buys + _remaining(foreign, Side.BUY),
        working_sells=None if foreign is None else exposure.working_sells + _remaining(foreign, Side.SELL),
        reserved_buys=exposure.reserved_buys,
        reserved_sells=exposure.reserved_sells,
        in_doubt_buys=exposure.in_doubt_buys,
        in_doubt_sells=exposure.in_doubt_sells,
        as_of=facts.positions_at,
    )


def _is_foreign(report: OrderReport, order: OrderTerms, known: Known) -> bool:
    same = report.con_id == order.con_id and report.account == order.account
    return same and not (report.order_ref and known.is_ours(report.order_ref))


def _remaining(reports: Sequence[OrderReport], side: Side) -> Decimal:
    return sum((report.remaining for report in reports if report.side is side), Decimal(0))


def _working(
    order: OrderTerms, known: Known, facts: Facts, now: datetime, besides: Sequence[str]
) -> tuple[OwnOrder, ...] | None:
    """Own working orders of every account, and foreign ones, whose prices are not told: those may trade at any."""
    if facts.open_orders is None:
        return None
    own = known.own_working(order.con_id, now=now, besides=besides)
    foreign = [
        OwnOrder(report.account, report.con_id, report.side, report.remaining, OrderType.MARKET)
        for report in facts.open_orders
        if report.con_id == order.con_id and not (report.order_ref and known.is_ours(report.order_ref))
    ]
    return (*own, *foreign)


def _hours(contract: Contract) -> Hours | None:
    if contract.liquid_hours is None or contract.trading_hours is None:
        return None
    return Hours(contract.liquid_hours, contract.trading_hours)


def _rate(pair: FxQuote, now: datetime) -> FxRate | None:
    """The middle of a two-sided live quote; anything less is no rate."""
    market = Market.of(pair.quote, now)
    if market.bid is None or market.ask is None or market.status is not QuoteStatus.LIVE:
        return None
    middle = EXACT.divide(EXACT.add(market.bid.amount, market.ask.amount), Decimal(2))
    return FxRate(pair.base, pair.quoted, middle, market.age_seconds)


def _approved_market(approval: Approval | None, now: datetime) -> Market | None:
    told = approval.market if approval else None
    if told is None:
        return None
    age = Decimal((now - told.as_of) // datetime.resolution) / 1_000_000
    return Market(
        currency=told.currency,
        status=QuoteStatus.LIVE,
        age_seconds=age if age >= 0 else None,
        bid=_priced(told.bid, told.currency),
        ask=_priced(told.ask, told.currency),
        last=_priced(told.last, told.currency),
        as_of=told.as_of,
        source="approval",
    )


def _priced(value: Decimal | None, currency: str) -> Price | None:
    return None if value is None else Price(value, currency)


def stored_facts(store: OrderStore, preview: Preview, rules: DeskRules, now: datetime) -> Facts:
    """What the router last wrote down: for review and for screens, which hold no broker."""
    session = session_of(store.account_facts(), rules.mode, now)
    fresh = session.managed_accounts is not None
    left, foreign = preview.estimate.excess_liquidity_after, store.foreign_orders()
    return Facts(
        quote=store.quote(preview.contract.con_id),
        session=session,
        positions=tuple(store.positions(preview.intent.account)) if fresh else None,
        positions_at=session.as_of,
        open_orders=tuple(foreign) if fresh and foreign is not None else None,
        what_if=WhatIfFacts(left, preview.created_at) if left is not None else None,
        working=store.working_order(preview.intent.modifies) if preview.intent.modifies else None,
        fx=tuple(_fx_quote(pair, quote) for pair, quote in store.fx_quotes().items()),
    )


def _fx_quote(pair: str, quote: Quote) -> FxQuote:
    base, _, quoted = pair.partition(".")
    return FxQuote(base, quoted, quote)


def session_of(accounts: Sequence[AccountFacts], mode: Mode, now: datetime) -> SessionFacts:
    """Accounts that the router reported lately; none at all when it reported none in this mode."""
    fresh = [facts for facts in accounts if now - facts.as_of <= timedelta(seconds=SESSION_FRESH_SECONDS)]
    named = [facts for facts in fresh if facts.mode is mode]
    if not named:
        return SessionFacts(None, fresh[0].mode if fresh else None, fresh[0].as_of if fresh else None)
    return SessionFacts(tuple(facts.account for facts in named), mode, max(facts.as_of for facts in named))


def managed(accounts: Sequence[AccountFacts], mode: Mode, now: datetime) -> tuple[str, ...] | None:
    """Accounts that the router reported lately in this mode; None when it reported none."""
    return session_of(accounts, mode, now).managed_accounts


def read_checklist(store: OrderStore) -> Checklist | None:
    """The newest acknowledgement of the paper-to-live checklist."""
    entry = store.latest_audit(CHECKLIST_KIND)
    if entry is None:
        return None
    # Where the clock stepped back, the log adds what it said; that is no part of the checklist.
    told = {name: value for name, value in entry.body.items() if name != "clock_said"}
    return Checklist.model_validate(told, strict=False)
