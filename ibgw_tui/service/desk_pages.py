"""Reads the store into the terminal's pages. Short, bounded queries; decides nothing and writes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from ibgw_tui.core.broker import AccountFacts, OrderReport, Position
from ibgw_tui.core.lifecycle import Actor, Status
from ibgw_tui.core.pace import DECISIONS, Pace, answer_of, pace_of
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.records import Exposure, Tally
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.core.terms import EXACT, CheckStatus, Money, Side
from ibgw_tui.service.assessment import managed
from ibgw_tui.service.checklist import view_checklist
from ibgw_tui.service.pages import (
    AccountUse,
    AgentsPage,
    AgentView,
    FoundEntries,
    NoView,
    OverrideView,
    PoliciesPage,
    PolicyView,
    PositionRow,
    PositionsPage,
    SwitchPage,
    entry_contains,
)
from ibgw_tui.service.policy_views import remarks, settings, shown
from ibgw_tui.service.standing import standing
from ibgw_tui.service.views import LimitBar
from ibgw_tui.store import OrderStore

SWITCH_KINDS = ("switch.closed", "switch.opened", "switch.refused", "switch.override")
"""Audit entries that tell what became of the kill switch."""
HISTORY = 200
MOST_ANSWERS = 200
"""Of each kind: more are not decided in the minutes that are looked at."""
MOST_CONTRACTS = 500
NEWEST_ORDERS = 5000
"""Agents are judged by the newest orders, so that the page costs the same in a large file."""
NOES_EACH = 3
SCAN, SCAN_WHOLE = 20_000, 2_000
"""Entries of the audit log in one look of a search: as bytes, and where each has to be read whole."""
_ZERO = Decimal(0)


class Pages:
    """What the terminal's pages show. One look each."""

    def __init__(self, store: OrderStore, *, rules: DeskRules, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock

    # ---- positions and limits

    def positions(self) -> PositionsPage:
        store, rules, now = self._store, self._rules, self._clock()
        facts = store.account_facts()
        fresh = managed(facts, rules.mode, now)
        foreign = store.foreign_orders()
        held, exposed = store.positions(), store.exposed_contracts(MOST_CONTRACTS)
        names = dict.fromkeys([*(fresh or rules.mode_rules.allowed_accounts), *(one.account for one in exposed)])
        uses = []
        for account in names:
            contracts = {p.con_id: p.symbol for p in held if p.account == account}
            contracts |= {one.con_id: one.symbol for one in exposed if one.account == account}
            # A foreign order in a contract that we know nothing of has no symbol: it is on the kill switch's page.
            rows = [
                self._position(account, con_id, symbol, held, foreign, known=fresh is not None)
                for con_id, symbol in sorted(contracts.items(), key=lambda item: (item[1], item[0]))[:MOST_CONTRACTS]
            ]
            tally, bars = self._limits(account, now)
            uses.append(
                AccountUse(account, tuple(rows), bars, self._unconverted(account, tally), _funds(facts, account))
            )
        return PositionsPage(now, rules.risk_policy_id, fresh is not None, rules.session_start(now), tuple(uses))

    def _position(
        self,
        account: str,
        con_id: int,
        symbol: str,
        held: Sequence[Position],
        foreign: Sequence[OrderReport] | None,
        *,
        known: bool,
    ) -> PositionRow:
        mine = [p for p in held if p.account == account and p.con_id == con_id]
        exposure = self._store.exposure(account, con_id)
        others = [r for r in foreign or () if r.account == account and r.con_id == con_id]
        buys, sells = (
            EXACT.add(own, sum((r.remaining for r in others if r.side is side), _ZERO))
            for own, side in ((exposure.open_buys, Side.BUY), (exposure.open_sells, Side.SELL))
        )
        quantity = sum((p.quantity for p in mine), _ZERO) if known else None
        # Without the list of foreign orders the worst case is not known, however plain our own orders are.
        is_told = quantity is not None and foreign is not None
        longest = EXACT.add(quantity, buys) if quantity is not None and is_told else None
        shortest = EXACT.subtract(quantity, sells) if quantity is not None and is_told else None
        policy = self._policy(account, symbol)
        return PositionRow(
            symbol=symbol,
            con_id=con_id,
            held=quantity,
            average_cost=mine[0].average_cost if len(mine) == 1 else None,
            buys=buys,
            sells=sells,
            in_doubt=_doubt(exposure),
            longest=longest,
            shortest=shortest,
            worst=_worst(symbol, longest, shortest, policy) if longest is not None and shortest is not None else None,
        )

    def _policy(self, account: str, symbol: str = "") -> LimitPolicy | None:
        return self._rules.policy.effective(account, symbol) if self._rules.policy else None

    def _limits(self, account: str, now: datetime) -> tuple[Tally, tuple[LimitBar, ...]]:
        """The account's own limits, then those of symbols that have tighter ones of their own."""
        policy = self._policy(account)
        session_start = self._rules.session_start(now)
        if policy is None:
            return self._store.tally(account, window_start=now, session_start=session_start), ()
        bars: list[LimitBar] = []
        first: Tally | None = None
        given = (policy.frequency_limit, policy.session_limit)
        symbols = [
            name
            for name in policy.symbols
            if (only := policy.effective(account, name)) and (only.frequency_limit, only.session_limit) != given
        ]
        for symbol in ("", *symbols):
            effective = policy.effective(account, symbol)
            window = effective.frequency_limit.window_seconds if effective.frequency_limit else 0
            tally = self._store.tally(
                account, window_start=now - timedelta(seconds=window), session_start=session_start
            )
            first = first or tally
            bars += usage_bars(effective, tally, symbol)
        assert first is not None
        return first, tuple(bars)

    def _unconverted(self, account: str, tally: Tally) -> tuple[Money, ...]:
        policy = self._policy(account)
        cap = policy.session_limit.max_session_notional if policy and policy.session_limit else None
        return tuple(
            Money(amount=amount, currency=currency)
            for currency, amount in sorted(tally.session_notional.items())
            if cap is None or currency != cap.currency
        )

    # ---- kill switch, policies, agents

    def switch(self) -> SwitchPage:
        store, now = self._store, self._clock()
        history = store.entries_of_kinds(SWITCH_KINDS, HISTORY)
        return SwitchPage(now, store.switch(), tuple(history), standing(store, now))

    def policies(self) -> PoliciesPage:
        rules, now = self._rules, self._clock()
        views = [policy_view(name, policy, rules) for name, policy in rules.policies.items()]
        views.sort(key=lambda view: not view.in_force)
        return PoliciesPage(now, rules.mode, tuple(views), view_checklist(self._store, rules, now))

    def pace(self) -> Pace:
        """How fast the operator of this desk has been approving."""
        entries = self._store.entries_of_kinds(DECISIONS, MOST_ANSWERS)
        mine = (e for e in entries if e.actor == Actor.OPERATOR and e.principal == self._rules.operator)
        return pace_of(map(answer_of, mine), self._clock())

    def audit_before(self, before_seq: int, text: str, limit: int) -> FoundEntries:
        """Older entries of the audit log that contain every word; one bounded look, the next goes on below it."""
        words = text.lower().split()
        # A word as the file has it: where JSON or SQLite would write or fold it otherwise, the entry itself is asked.
        plain = [word for word in words if word.isascii() and not {'"', "\\"} & set(word)]
        scan = SCAN if len(plain) == len(words) else SCAN_WHOLE
        found, looked_to = self._store.entries_before(before_seq, words=plain, limit=limit, scan=scan)
        return FoundEntries(tuple(entry for entry in found if entry_contains(entry, words)), looked_to)

    def agents(self) -> AgentsPage:
        store = self._store
        counts: dict[str, dict[Status, int]] = defaultdict(dict)
        approved: dict[str, int] = defaultdict(int)
        newest: dict[str, datetime] = {}
        for line in store.stager_counts(NEWEST_ORDERS):
            counts[line.staged_by][line.status] = line.orders
            approved[line.staged_by] += line.approved
            newest[line.staged_by] = max(line.newest_at, newest.get(line.staged_by, line.newest_at))
        noes: dict[str, list[NoView]] = defaultdict(list)
        for said in store.said_no(NEWEST_ORDERS, NOES_EACH):
            noes[said.staged_by].append(NoView(*said[1:]))
        waiting = store.open_by_stager()
        agents = [
            AgentView(
                name=name,
                counts=found,
                approved=approved[name],
                rejected=found.get(Status.REJECTED, 0) + found.get(Status.CHANGES_REQUESTED, 0),
                waiting=waiting.get(name, 0),
                budget=self._rules.max_pending_per_agent,
                newest_at=newest[name],
                noes=tuple(noes[name]),
            )
            for name, found in counts.items()
        ]
        agents.sort(key=lambda agent: agent.newest_at, reverse=True)
        return AgentsPage(self._clock(), NEWEST_ORDERS, tuple(agents))


def usage_bars(policy: LimitPolicy, tally: Tally, symbol: str = "") -> list[LimitBar]:
    """The limits that count orders over time, with what is used of them."""
    frequency, session = policy.frequency_limit, policy.session_limit
    cap = session.max_session_notional if session else None
    of = f" ({symbol})" if symbol else ""
    rows = [
        (
            f"orders in {frequency.window_seconds} s" if frequency else "orders in a window",
            Decimal(tally.submitted_in_window),
            Decimal(frequency.max_orders) if frequency else None,
            "orders",
        ),
        (
            "orders in session",
            Decimal(tally.submitted_in_session),
            Decimal(session.max_orders_per_session) if session else None,
            "orders",
        ),
        (
            "session notional",
            tally.session_notional.get(cap.currency, _ZERO) if cap else _ZERO,
            cap.amount if cap else None,
            cap.currency if cap else "",
        ),
    ]
    return [LimitBar(name + of, used, _ZERO, limit, unit, _use(used, limit)) for name, used, limit, unit in rows]


def _use(used: Decimal, limit: Decimal | None) -> CheckStatus:
    """Of a limit without which nothing is allowed: not set refuses, and so does the next order when it is used up."""
    return CheckStatus.REFUSE if limit is None or used >= limit else CheckStatus.PASS


def _worst(symbol: str, longest: Decimal, shortest: Decimal, policy: LimitPolicy | None) -> LimitBar:
    worst = max(longest, shortest.copy_negate(), _ZERO)
    limit = policy.max_position if policy else None
    status = CheckStatus.OFF if limit is None else CheckStatus.REFUSE if worst > limit else CheckStatus.PASS
    return LimitBar(f"{symbol} worst position", worst, _ZERO, limit, "units", status)


def _doubt(exposure: Exposure) -> Decimal:
    return EXACT.add(exposure.in_doubt_buys, exposure.in_doubt_sells)


def _funds(facts: Iterable[AccountFacts], account: str) -> tuple[tuple[str, Money], ...]:
    mine = next((one for one in facts if one.account == account), None)
    if mine is None:
        return ()
    told = (
        ("net liquidation", mine.net_liquidation),
        ("available funds", mine.available_funds),
        ("excess liquidity", mine.excess_liquidity),
    )
    return tuple((name, amount) for name, amount in told if amount is not None)


def policy_view(name: str, policy: LimitPolicy, rules: DeskRules) -> PolicyView:
    """One table of the configuration with what it means."""
    overrides = []
    for table, given in (("accounts", policy.accounts), ("symbols", policy.symbols)):
        for where, override in given.items():
            effective = policy.effective(where, "") if table == "accounts" else policy.effective("", where)
            fields = tuple((field, shown(getattr(override, field))) for field in sorted(override.model_fields_set))
            overrides.append(OverrideView(f"{table}.{where}", effective.digest, fields))
    return PolicyView(
        policy_id=name,
        digest=policy.digest,
        in_force=name == rules.risk_policy_id,
        settings=tuple(settings(name, policy)),
        overrides=tuple(overrides),
        remarks=tuple(remarks(policy)),
    )
