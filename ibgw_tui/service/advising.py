"""What an agent may know without the broker: would an order pass, what is left of the limits, the market as last seen.

Everything here is read from what the router recorded, with the time it was true. What was never recorded is
*unknown*, and said so. Nothing is written, and nothing here can make an order go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ibgw_tui.core.broker import Position, Quote
from ibgw_tui.core.cases import Case
from ibgw_tui.core.context import Hours
from ibgw_tui.core.decision import Decision
from ibgw_tui.core.errors import InvalidRequest
from ibgw_tui.core.hints import Hints, hints
from ibgw_tui.core.orders import Contract, Estimate, OrderIntent, Preview, Session, order_sentence, parse_intent
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.records import LeaseState, Tally
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.core.terms import AssetClass, CheckStatus, Mode
from ibgw_tui.service.assessment import SESSION_FRESH_SECONDS, case_of, read_checklist, session_of, stored_facts
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.store import OrderStore

ROUTER_ALIVE_SECONDS = 6
_UNLISTED = ("stock", "etf")
"""Classes whose multiplier is 1 and whose contract is known from symbol and currency: the rest is resolved first."""


@dataclass(frozen=True, slots=True)
class RouterState:
    """Whether somebody keeps what is read here fresh."""

    lease: LeaseState | None
    alive: bool
    link: tuple[str, str, datetime] | None
    """(state, text, since) of the connection to the broker, as the router last wrote it."""

    @property
    def words(self) -> str:
        if self.lease is None:
            return "no router is running: nothing is previewed, sent or heard; ask the operator to start one"
        if not self.alive:
            return f"the router has not been heard of since {self.lease.heartbeat_at:%Y-%m-%d %H:%M:%S} UTC"
        return f"the router is running; link to the broker: {self.link[0] if self.link else 'not known'}"


@dataclass(frozen=True, slots=True)
class Advice:
    """A dry run of one order on recorded facts."""

    sentence: str
    verdict: str
    """'pass', 'refuse', or 'unknown' when only something that is not known stands in the way."""
    decision: Decision
    hints: Hints
    contract: Contract | None
    """None: this desk has not seen the contract; `assumed` says what was taken for granted."""
    assumed: tuple[str, ...]
    quote: Quote | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Headroom:
    """The numbers of the policy in force, and what is used of them."""

    account: str
    policy_id: str | None
    policy: LimitPolicy | None
    tally: Tally | None
    session_start: datetime
    waiting: int
    """Orders of the asking agent that wait or are approved."""
    max_waiting: int
    now: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The newest quote of one contract, as the router saw it."""

    contract: Contract
    quote: Quote | None
    now: datetime


@dataclass(frozen=True, slots=True)
class SessionHours:
    """Trading hours of one contract, as the broker told them when it was resolved."""

    contract: Contract
    known_at: datetime
    state: str
    """Now: 'liquid' (regular hours), 'trading' (outside of them), 'closed' or 'unknown'."""
    next_liquid: Session | None
    """The regular session that runs or comes next, of those that are known."""
    now: datetime


class Advising:
    """Reads for one principal. Writes nothing."""

    def __init__(
        self,
        store: OrderStore,
        *,
        rules: DeskRules,
        clock: Callable[[], datetime],
        health: AuditHealth,
        principal: str,
    ) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock
        self._health = health
        self._principal = principal

    def router(self) -> RouterState:
        lease, now = self._store.lease(), self._clock()
        alive = lease is not None and abs(now - lease.heartbeat_at) <= timedelta(seconds=ROUTER_ALIVE_SECONDS)
        return RouterState(lease, alive, self._store.link())

    def explain(self, data: Mapping[str, Any]) -> Advice:
        """Would this order pass, and which quantity or price would? Nothing is recorded. Raises InvalidRequest."""
        intent, now = parse_intent(data), self._clock()
        found = self._resolved(intent)
        contract, assumed = (found[0].contract, ()) if found else self._assumed(intent)
        preview = self._trial(intent, contract, now)
        facts = stored_facts(self._store, preview, self._rules, now)
        case = case_of(
            preview,
            rules=self._rules,
            now=now,
            known=self._store,
            facts=facts,
            audit=self._health.facts(),
            checklist=read_checklist(self._store),
        )
        decision = case.decide()
        return Advice(
            sentence=order_sentence(intent, contract.currency),
            verdict=_verdict(decision),
            decision=decision,
            hints=hints(case),
            contract=contract if found else None,
            assumed=assumed,
            quote=facts.quote,
            now=now,
        )

    def hints_for(self, order_ref: str) -> Hints | None:
        """Which quantity and price would pass, of an order that was previewed; by the facts as of now."""
        record = self._store.find_order(order_ref)
        if record.preview is None:
            return None
        now = self._clock()
        case: Case = case_of(
            record.preview,
            rules=self._rules,
            now=now,
            known=self._store,
            facts=stored_facts(self._store, record.preview, self._rules, now),
            audit=self._health.facts(),
            checklist=None,
        )
        return hints(case)

    def headroom(self, account: str, symbol: str = "") -> Headroom:
        """By the policy for this account (and symbol). Raises InvalidRequest when the account is none of this desk's."""
        self._check_account(account)
        now, policy = self._clock(), self._rules.policy
        policy = policy.effective(account, symbol) if policy else None
        window = policy.frequency_limit.window_seconds if policy and policy.frequency_limit else 0
        start = self._rules.session_start(now)
        tally = self._store.tally(account, window_start=now - timedelta(seconds=window), session_start=start)
        return Headroom(
            account=account,
            policy_id=self._rules.risk_policy_id,
            policy=policy,
            tally=tally,
            session_start=start,
            waiting=self._store.count_open(self._principal),
            max_waiting=self._rules.max_pending_per_agent,
            now=now,
        )

    def market(self, symbol: str) -> list[Snapshot]:
        """One for each contract of this symbol that the desk has seen; empty: never seen, so nothing is known."""
        now = self._clock()
        return [
            Snapshot(preview.contract, self._store.quote(preview.contract.con_id), now)
            for preview in self._store.newest_previews(symbol)
        ]

    def hours(self, symbol: str) -> list[SessionHours]:
        """The same for trading hours."""
        now = self._clock()
        return [_hours_of(preview, now) for preview in self._store.newest_previews(symbol)]

    def positions(self, account: str) -> tuple[list[Position], datetime | None]:
        """Positions as the router last saw them and when that was; None: not known now. Raises InvalidRequest."""
        self._check_account(account)
        session = session_of(self._store.account_facts(), self._rules.mode, self._clock())
        named = session.managed_accounts or ()
        return self._store.positions(account), session.as_of if account in named else None

    @property
    def accounts(self) -> tuple[str, ...]:
        return self._rules.mode_rules.allowed_accounts

    @property
    def mode(self) -> Mode:
        return self._rules.mode

    def _check_account(self, account: str) -> None:
        if account not in self.accounts:
            raise InvalidRequest(
                f"account: {account!r} is not an account of this desk",
                user_action=f"give one of {', '.join(self.accounts) or '(none is configured)'}",
            )

    def _resolved(self, intent: OrderIntent) -> list[Preview]:
        """Previews whose contract is the one that is meant; more than one: the caller has to say which."""
        found = [p for p in self._store.newest_previews(intent.symbol) if _is_meant(intent, p.contract)]
        if len(found) > 1:
            names = "; ".join(
                f"con_id {p.contract.con_id}: {p.contract.description or p.contract.exchange}" for p in found
            )
            raise InvalidRequest(
                f"{intent.symbol} could be more than one contract ({names})",
                user_action="give con_id, or currency, asset_class, expiry, strike and right",
            )
        return found

    def _assumed(self, intent: OrderIntent) -> tuple[Contract, tuple[str, ...]]:
        """A contract that the desk has not seen, where symbol and currency are all there is to it."""
        kind = intent.asset_class or AssetClass.STOCK
        policy = self._rules.policy
        money = policy.max_notional.currency if policy and policy.max_notional else None
        currency = intent.currency or money
        if kind.value not in _UNLISTED or currency is None:
            raise InvalidRequest(
                f"this desk has not seen {intent.symbol} ({kind.value}) yet, so nothing is known of it",
                user_action="stage the order: the router resolves the contract and its preview says everything",
            )
        assumed = [f"the contract of {intent.symbol} is not known to this desk yet"]
        assumed += [f"asset_class: {kind.value}"] if intent.asset_class is None else []
        assumed += [f"currency: {currency}"] if intent.currency is None else []
        contract = Contract(
            con_id=intent.con_id or 0, symbol=intent.symbol, asset_class=kind, currency=currency, exchange=""
        )
        return contract, tuple(assumed)

    def _trial(self, intent: OrderIntent, contract: Contract, now: datetime) -> Preview:
        """A preview that is never stored: the question needs its shape."""
        return Preview(
            preview_id="dry-run",
            order_ref="dry-run",
            mode=self._rules.mode,
            staged_by=self._principal,
            intent=intent,
            contract=contract,
            estimate=Estimate(),
            policy_id=self._rules.risk_policy_id or "",
            policy_digest=self._rules.policy_digest,
            created_at=now,
            expires_at=now + timedelta(seconds=self._rules.preview_ttl_seconds),
        )


def _is_meant(intent: OrderIntent, contract: Contract) -> bool:
    if intent.con_id is not None:
        return contract.con_id == intent.con_id
    asked = (
        (getattr(intent, name), getattr(contract, name))
        for name in ("asset_class", "currency", "expiry", "strike", "right")
    )
    return all(wanted is None or wanted == known for wanted, known in asked)


def _verdict(decision: Decision) -> str:
    # The gate of the limits refuses for a limit that is not known, too: the limits are asked themselves.
    blocking = [finding for finding in decision.findings if finding.blocks and finding.check != "risk_policy"]
    if decision.allowed:
        return "pass"
    return "refuse" if any(finding.status is CheckStatus.REFUSE for finding in blocking) else "unknown"


def _hours_of(preview: Preview, now: datetime) -> SessionHours:
    contract = preview.contract
    state = "unknown"
    if contract.liquid_hours is not None and contract.trading_hours is not None:
        hours = Hours(contract.liquid_hours, contract.trading_hours)
        if hours.covers(now):
            kind = hours.kind_at(now)
            state = kind.value if kind else "closed"
    coming = [session for session in contract.liquid_hours or () if session.closes > now]
    return SessionHours(
        contract=contract,
        known_at=preview.created_at,
        state=state,
        next_liquid=min(coming, key=lambda session: session.opens, default=None),
        now=now,
    )


def is_fresh(at: datetime | None, now: datetime) -> bool:
    """Whether what the router said then still counts as said."""
    return at is not None and abs(now - at) <= timedelta(seconds=SESSION_FRESH_SECONDS)


def left_of(limit: Decimal | None, used: Decimal) -> Decimal | None:
    """What is left of a limit that is set; never below zero."""
    return None if limit is None else max(Decimal(0), limit - used)
