"""Reads the store into views. Knows the rules, decides by `core`, writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from ibgw_tui.core.broker import Position, Quote
from ibgw_tui.core.cases import Case
from ibgw_tui.core.context import Market, OrderTerms
from ibgw_tui.core.decision import Decision
from ibgw_tui.core.edits import Comparison, differences
from ibgw_tui.core.errors import ErrorCode, NotFound
from ibgw_tui.core.lifecycle import AT_BROKER, OPEN, TERMINAL, Status
from ibgw_tui.core.orders import EXIT_FIELDS, OrderIntent, order_sentence
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.prices import notional_of, reference_price, worst_case_price
from ibgw_tui.core.records import AuditEntry, OrderLine, OrderRecord, Tally
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.core.terms import EXACT, CheckStatus, KillSwitch, Mode, Money, Side
from ibgw_tui.service.assessment import SESSION_FRESH_SECONDS, case_of, managed, read_checklist, stored_facts
from ibgw_tui.service.batch_views import BatchReader
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.service.standing import obstacles, unexplained
from ibgw_tui.service.suggesting import suggestion
from ibgw_tui.service.views import (
    SESSION_BAR,
    Batch,
    DeskState,
    ExecutionRow,
    LimitBar,
    OrderRow,
    Shown,
    Ticket,
)
from ibgw_tui.store import OrderStore

LEASE_ALIVE_SECONDS = 6
"""A router whose heartbeat is older is shown as gone."""


class Views:
    """What screens and listings show."""

    def __init__(
        self, store: OrderStore, *, rules: DeskRules, clock: Callable[[], datetime], health: AuditHealth
    ) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock
        self._health = health

    def desk(self) -> DeskState:
        """The header: mode, switch, link, router, audit, counts."""
        now, store = self._clock(), self._store
        link, lease, audit = store.link(), store.lease(), self._health.facts()
        seq, head = store.audit_head()
        counts = store.live_counts()
        return DeskState(
            now=now,
            mode=self._rules.mode,
            backend=self._rules.backend,
            accounts=managed(store.account_facts(), self._rules.mode, now) or self._rules.mode_rules.allowed_accounts,
            operator=self._rules.operator,
            switch=store.switch(),
            link_state=link[0] if link else None,
            link_text=link[1] if link else "",
            link_at=link[2] if link else None,
            router=lease,
            router_alive=lease is not None and abs(now - lease.heartbeat_at) <= timedelta(seconds=LEASE_ALIVE_SECONDS),
            audit_seq=seq,
            audit_head=head,
            audit_ok=audit.available,
            audit_problem=audit.problem,
            pending=counts.get(Status.PENDING, 0),
            working=sum(counts.get(status, 0) for status in AT_BROKER - {Status.IN_DOUBT}),
            in_doubt=counts.get(Status.IN_DOUBT, 0),
            discrepancies=len(unexplained(store)),
            counts=counts,
            foreign=tuple(store.foreign_orders() or ()),
            against_opening=obstacles(store, now),
        )

    def queue(self, *, limit: int = 1000) -> list[OrderRow]:
        """Orders that wait for the operator or for the hold-back, oldest first."""
        is_open = self._store.switch().state is KillSwitch.OPEN
        return [
            _as_of_now(order_row(line), line, is_open) for line in self._store.lines(statuses=sorted(OPEN), limit=limit)
        ]

    def blotter(self, *, limit: int = 500) -> list[OrderRow]:
        """Everything at the broker, however old, and what has ended; newest first."""
        live = self._store.lines(statuses=sorted(AT_BROKER), newest_first=True)
        ended = self._store.lines(statuses=sorted(TERMINAL), limit=max(0, limit - len(live)), newest_first=True)
        return [order_row(line) for line in sorted((*live, *ended), key=lambda line: -line.seq)]

    def audit(self, *, after_seq: int = 0, limit: int = 200, newest: bool = True) -> list[AuditEntry]:
        """Audit entries, oldest first; with `newest` the last ones."""
        return self._store.audit_entries(after_seq=after_seq, limit=limit, newest=newest)

    def ticket(self, order_ref: str) -> Ticket:
        """One order, evaluated on the newest facts. Raises NotFound."""
        now, record = self._clock(), self._record(order_ref)
        preview = record.preview
        quote = self._store.quote(preview.contract.con_id) if preview else None
        case = self._case(record, now)
        decision = case.decide() if case else record.decision  # else what was decided then
        position = self._position(record)
        shown = self._shown(record)
        why_not = _why_not(record, decision, self._rules)
        approval = record.approval
        releases = approval.release_at if approval and record.status is Status.APPROVED else None
        return Ticket(
            record=record,
            now=now,
            sentence=order_sentence(record.intent, preview.contract.currency if preview else ""),
            quote=quote,
            quote_age_seconds=_seconds(now - quote.as_of) if quote else None,
            position=position,
            position_after=_position_after(record.intent, record.filled, position) if preview else None,
            bars=self._bars(record, quote, decision, now),
            decision=decision,
            gates=decision.gates if decision else (),
            limits=decision.limits if decision else (),
            executions=tuple(
                ExecutionRow(at=row["at"], quantity=row["quantity"], price=row["price"], exec_id=row["exec_id"])
                for row in self._store.executions(order_ref)
            ),
            shown=shown,
            approvable=not why_not,
            why_not=why_not,
            release_in_seconds=max(Decimal(0), _seconds(releases - now)) if releases else None,
            excess_before=self._excess(record, now),
            first_trade=self._is_first_trade(record, position),
            passing=suggestion(self._store, record, case),
            compared=self._compared(record),
            open_besides=self._open_besides(record),
        )

    def batch(self, order_refs: Sequence[str]) -> Batch:
        """Several orders, decided one after another as if those before were sent. Raises NotFound."""
        return BatchReader(self._store, self._rules, self._health, self.ticket).read(order_refs)

    def _open_besides(self, record: OrderRecord) -> Decimal | None:
        """Buys and sells are never netted: what is open on the other side may not fill."""
        if record.preview is None:
            return None
        target = self._store.carrier(record.intent.modifies) if record.intent.modifies else None
        besides = (record.order_ref, *((target.order_ref,) if target else ()))
        exposure = self._store.exposure(record.intent.account, record.preview.contract.con_id, besides=besides)
        return exposure.open_buys if record.intent.side is Side.BUY else exposure.open_sells

    def _compared(self, record: OrderRecord) -> tuple[Comparison, ...]:
        """With the working order that a modify changes, and with the revision that it follows."""
        found, by, modifies = [], record.edited_by or "", record.intent.modifies
        target = self._store.carrier(modifies) if modifies is not None and not record.took_over else None
        if target is not None:
            changed = differences(target.intent, record.intent)
            numbers = tuple(each for each in changed if each.name not in EXIT_FIELDS)  # exits are orders of their own
            found.append(Comparison("the working order", target.order_ref, "", numbers))
        former = self._store.order(record.revises) if record.revises else None
        if former is not None:
            told = differences(former.intent, record.intent)
            found.append(Comparison(f"revision {former.revision}", former.order_ref, by, told))
        return tuple(found)

    def _record(self, order_ref: str) -> OrderRecord:
        record = self._store.order(order_ref)
        if record is None:
            raise NotFound(f"there is no order {order_ref}")
        return record

    def _case(self, record: OrderRecord, now: datetime) -> Case | None:
        """What is to be decided now; None when nothing is to be decided any more."""
        if record.preview is None or record.status not in OPEN:
            return None
        return case_of(
            record.preview,
            rules=self._rules,
            now=now,
            known=self._store,
            facts=stored_facts(self._store, record.preview, self._rules, now),
            audit=self._health.facts(),
            checklist=read_checklist(self._store),
        )

    def _excess(self, record: OrderRecord, now: datetime) -> Money | None:
        """What the account has left before this order; nothing old is told as if it were known."""
        fresh = timedelta(seconds=SESSION_FRESH_SECONDS)
        found = (facts for facts in self._store.account_facts() if facts.account == record.intent.account)
        facts = next((each for each in found if now - each.as_of <= fresh), None)
        return facts.excess_liquidity if facts is not None and record.status in OPEN else None

    def _is_first_trade(self, record: OrderRecord, position: Position | None) -> bool:
        """Asked only of live orders that wait, and only where nothing is held."""
        preview = record.preview
        if preview is None or preview.mode is not Mode.LIVE or record.status is not Status.PENDING:
            return False
        if position is not None and position.quantity:
            return False
        return not self._store.has_filled(record.intent.account, preview.contract.con_id)

    def _shown(self, record: OrderRecord) -> Shown | None:
        if record.preview is None or record.status is not Status.PENDING:
            return None
        return Shown(
            order_ref=record.order_ref,
            preview_id=record.preview.preview_id,
            preview_digest=record.preview.digest,
            policy_digest=self._rules.policy_digest,
            switch_epoch=self._store.switch().epoch,
        )

    def _position(self, record: OrderRecord) -> Position | None:
        if record.preview is None:
            return None
        con_id = record.preview.contract.con_id
        held = (p for p in self._store.positions(record.intent.account) if p.con_id == con_id)
        return next(held, None) or Position(
            account=record.intent.account, con_id=con_id, symbol=record.intent.symbol, quantity=Decimal(0)
        )

    def _bars(
        self, record: OrderRecord, quote: Quote | None, decision: Decision | None, now: datetime
    ) -> tuple[LimitBar, ...]:
        policy, preview = self._rules.policy, record.preview
        if policy is None or preview is None:
            return ()
        policy = policy.effective(record.intent.account, record.intent.symbol)
        window = policy.frequency_limit.window_seconds if policy.frequency_limit else 0
        tally = self._store.tally(
            record.intent.account,
            window_start=now - timedelta(seconds=window),
            session_start=self._rules.session_start(now),
        )
        return limit_bars(record, quote, now, policy, tally) + armed_bars(decision)


def _as_of_now(row: OrderRow, line: OrderLine, switch_is_open: bool) -> OrderRow:
    """The verdict was recorded with the kill switch of then, which is what changes most while an order waits."""
    if not switch_is_open:
        return replace(row, worst=CheckStatus.REFUSE)
    if line.refusal_code == ErrorCode.LIVE_KILL_SWITCH_CLOSED.value:
        return replace(row, worst=CheckStatus.OFF)
    return row


def order_row(line: OrderLine) -> OrderRow:
    """One line of the store as a view."""
    expires = line.approval_expires_at if line.status is Status.APPROVED else line.preview_expires_at
    notional = (
        Money(amount=line.notional, currency=line.currency) if line.notional is not None and line.currency else None
    )
    return OrderRow(
        seq=line.seq,
        order_ref=line.order_ref,
        status=line.status,
        mode=line.mode or _mode_of(line.account),
        account=line.account,
        side=line.side,
        quantity=line.quantity,
        filled=line.filled,
        average_price=line.average_price,
        symbol=line.symbol,
        order_type=line.order_type,
        limit_price=line.limit_price,
        stop_price=line.stop_price,
        currency=line.currency or "",
        notional=notional,
        staged_by=line.staged_by,
        staged_at=line.staged_at,
        updated_at=line.updated_at,
        expires_at=expires if line.status in OPEN else None,
        worst=line.worst or CheckStatus.OFF,
        headline=line.reason_code or line.refusal_code,
        reason=line.reason,
    )


def limit_bars(
    record: OrderRecord, quote: Quote | None, now: datetime, policy: LimitPolicy, tally: Tally
) -> tuple[LimitBar, ...]:
    """Every number of the policy beside what is used and what this order adds."""
    preview = record.preview
    assert preview is not None
    order = OrderTerms.of(record.intent, preview.contract)
    market = Market.of(quote, now) if quote else None
    price = worst_case_price(order, policy, market)
    notional = notional_of(order, price) if price else Decimal(0)
    exits = [order.exit_leg(terms) for terms in order.exits]
    prices = [worst_case_price(leg, policy, market) for leg in exits]
    # Each leg of a bracket counts in the session; the other limits are of one order.
    in_session = sum((notional_of(leg, at) for leg, at in zip(exits, prices, strict=True) if at), notional)
    zero, legs = Decimal(0), Decimal(1 + len(exits))
    frequency, session = policy.frequency_limit, policy.session_limit
    session_cap = session.max_session_notional if session else None
    currency = order.currency
    base = reference_price(market) if market else None
    distance = zero
    if base is not None and price is not None and base.amount > 0:
        distance = EXACT.divide(
            EXACT.multiply(abs(EXACT.subtract(price.amount, base.amount)), Decimal(10_000)), base.amount
        )
        distance = distance.quantize(Decimal("0.01"), context=EXACT)
    age = market.age_seconds if market and market.age_seconds is not None else zero
    rows: list[tuple[str, Decimal, Decimal, Decimal | None, str]] = [
        ("quantity", zero, order.quantity, policy.max_quantity, "units"),
        ("notional", zero, notional, policy.max_notional.amount if policy.max_notional else None, currency),
        ("price collar", zero, distance, _number(policy.max_price_deviation_bps), "bps"),
        ("quote age", zero, age, _number(policy.max_quote_age_seconds), "s"),
        (
            f"orders in {frequency.window_seconds} s" if frequency else "orders in a window",
            Decimal(tally.submitted_in_window),
            legs,
            _number(frequency.max_orders if frequency else None),
            "orders",
        ),
        (
            "orders in session",
            Decimal(tally.submitted_in_session),
            legs,
            _number(session.max_orders_per_session if session else None),
            "orders",
        ),
        (
            SESSION_BAR,
            tally.session_notional.get(currency, zero),
            in_session,
            session_cap.amount if session_cap else None,
            currency,
        ),
    ]
    counts = record.status in OPEN  # a sent order is in the tally already
    return tuple(
        LimitBar(
            name, used, this if counts else zero, limit, unit, _bar_status(used + (this if counts else zero), limit)
        )
        for name, used, this, limit, unit in rows
    )


_ARMED = {"max_position": "worst position", "quote_reliable": "spread", "price_drift": "price drift"}
"""Checks that are off unless the policy sets a number: check -> name of its bar."""


def armed_bars(decision: Decision | None) -> tuple[LimitBar, ...]:
    """Bars of the checks that are armed by a field of their own, as they were measured."""
    bars = []
    for finding in decision.limits if decision else ():
        name = _ARMED.get(finding.check)
        if name and finding.leg is None and finding.observed and finding.limit and finding.headroom:
            observed, limit = Decimal(finding.observed), Decimal(finding.limit)
            bars.append(LimitBar(name, Decimal(0), observed, limit, finding.unit or "", finding.status))
    return tuple(bars)


def _bar_status(total: Decimal, limit: Decimal | None) -> CheckStatus:
    if limit is None:
        return CheckStatus.OFF
    return CheckStatus.REFUSE if total > limit else CheckStatus.PASS


def _number(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _mode_of(account: str) -> Mode:
    """Before the preview, by the account's prefix: D is paper; anything else counts as live."""
    return Mode.PAPER if account.startswith("D") else Mode.LIVE


def _position_after(intent: OrderIntent, filled: Decimal, position: Position | None) -> Decimal:
    held = position.quantity if position else Decimal(0)
    return held + intent.side.sign * (intent.quantity - filled)


def _seconds(span: timedelta) -> Decimal:
    return Decimal(span // timedelta(microseconds=1)) / 1_000_000


def _why_not(record: OrderRecord, decision: Decision | None, rules: DeskRules) -> str:
    """Empty when it can be approved; else what the operator reads instead of a control."""
    if record.status is Status.STAGED:
        return "the router has not previewed it yet"
    if record.status is not Status.PENDING:
        return f"it is {record.status.value.replace('_', ' ')}"
    if record.staged_by == rules.operator:
        return "AUTH_SELF_APPROVAL: you staged it, so another operator has to approve it"
    if decision is None:
        return "it has no decision yet"
    if not decision.allowed:
        return decision.message + (f" ({decision.user_action})" if decision.user_action else "")
    return ""
