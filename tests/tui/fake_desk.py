"""A desk in memory: it behaves like the real one as far as a screen can tell. Also runs alone.

`python -m tests.tui.fake_desk` opens the terminal on it.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from ibgw_tui.core.broker import Position, Quote
from ibgw_tui.core.cases import Case
from ibgw_tui.core.context import Market, Operation, OrderTerms, PreviewFacts, SessionFacts
from ibgw_tui.core.decision import Decision, worst_status
from ibgw_tui.core.edits import Comparison, differences, edited
from ibgw_tui.core.errors import Conflict, GatewayError, InvalidRequest, NotFound, NotPermitted
from ibgw_tui.core.lifecycle import AT_BROKER, OPEN, Status
from ibgw_tui.core.orders import Approval, ApprovalStatus, Contract, Estimate, Preview, order_sentence
from ibgw_tui.core.pace import Pace
from ibgw_tui.core.passing import what_passes
from ibgw_tui.core.policy import FrequencyLimit, LimitPolicy, SessionLimit
from ibgw_tui.core.prices import notional_of, worst_case_price
from ibgw_tui.core.records import Absence, AuditEntry, LeaseState, OrderRecord, SwitchState
from ibgw_tui.core.terms import AssetClass, CheckStatus, KillSwitch, Mode, Money, QuoteStatus, Scope
from ibgw_tui.service.batching import Answered
from ibgw_tui.service.pages import (
    AgentsPage,
    FoundEntries,
    PoliciesPage,
    PositionsPage,
    SettingRow,
    SettingsPage,
    SwitchPage,
    entry_contains,
)
from ibgw_tui.service.standing import Doubtful, Standing
from ibgw_tui.service.views import (
    Batch,
    BatchLine,
    DeskState,
    Edit,
    ExecutionRow,
    LimitBar,
    OrderRow,
    Outcome,
    Shown,
    Swept,
    Ticket,
)
from tests.makers import NOON, a_contract, a_policy, an_intent, counters, gate_context, limit_context, usd
from tests.tui import fake_pages

POLICY = a_policy(
    max_notional=usd("25000"),
    max_quantity=Decimal(20000),
    allowed_symbols=("AAPL", "MSFT", "SPY", "TSLA", "EUR.USD"),
    allowed_asset_classes=(AssetClass.STOCK, AssetClass.ETF, AssetClass.FX),
    frequency_limit=FrequencyLimit(max_orders=30, window_seconds=300),
    session_limit=SessionLimit(max_orders_per_session=200, max_session_notional=usd("250000")),
)
PRICES = {"AAPL": "100.00", "MSFT": "412.50", "SPY": "582.40", "TSLA": "231.75", "EUR.USD": "1.0805"}


@dataclass(frozen=True)
class FakeVerdict:
    record: OrderRecord
    decision: Decision
    approval: Approval | None


class StandingClock:
    """Stands until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


class TickingClock(StandingClock):
    """Runs as fast as real time, from a fixed moment. Dialogs want one: a clock that stands looks like a laptop asleep."""

    def __init__(self, now: datetime = NOON) -> None:
        super().__init__(now)
        self._began = time.monotonic()

    def __call__(self) -> datetime:
        return self.now + timedelta(seconds=time.monotonic() - self._began)


class FakeDesk:
    """Implements DeskPort. Tests change its attributes and call `ring`."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] | None = None,
        mode: Mode = Mode.PAPER,
        backend: str = "simulated",
        read_only: bool = False,
        switch: KillSwitch = KillSwitch.OPEN,
        policy: LimitPolicy = POLICY,
    ) -> None:
        self.clock = clock or StandingClock()
        self.mode, self.backend, self.read_only, self.policy = mode, backend, read_only, policy
        self.account = "U1234567" if mode is Mode.LIVE else "DU1234567"
        self.operator = "olga"
        self.is_router, self.router_problem = True, ""
        self.records: dict[str, OrderRecord] = {}
        self.executions: dict[str, list[ExecutionRow]] = {}
        self.entries: list[AuditEntry] = []
        self.switch = SwitchState(switch, 3, "olga", "start of day", self.clock(), "store")
        self.desk_changes: dict[str, Any] = {}
        """Fields of DeskState that a test wants otherwise."""
        self.ticket_changes: dict[str, dict[str, Any]] = {}
        self.row_changes: dict[str, dict[str, Any]] = {}
        self.absences: dict[str, Absence] = {}
        self.against: list[str] = []
        """What stands against writing off whatever is in doubt."""
        self.failure: Exception | None = None
        """Raised by every reading."""
        self.act_failure: Exception | None = None
        """Raised by every act."""
        self.hang = False
        self.pace_now: Pace | Exception = Pace()
        self.acts: list[tuple[str, ...]] = []
        self.held: dict[str, str] = {"AAPL": "25"}
        """Symbol -> quantity at the broker."""
        self.acknowledged: set[str] = set()
        """Items of the paper-to-live checklist."""
        self.positions_known = True
        self.scan = 300
        """Entries in one look of a search."""
        self.against_opening: tuple[str, ...] = ()
        self.settings = SettingsPage(
            "/desk/config.toml", True,
            (SettingRow("desk.operator", "olga", "file /desk/config.toml"),
             SettingRow("broker.port", "4002", "default"),
             SettingRow("desk.hold_back_seconds", "5", "environment IBGW_DESK__HOLD_BACK_SECONDS")),
        )  # fmt: skip
        self.reads = 0
        self.batch_problems: dict[str, str] = {}
        self.refuse_in_batch: dict[str, str] = {}
        self._listeners: list[Callable[[], None]] = []
        self._numbers = itertools.count(1)

    # ---- for tests

    def stage(self, symbol: str = "AAPL", side: str = "buy", quantity: str = "10", price: str | None = None, *,
              agent: str = "momentum-1", status: Status = Status.PENDING, **changes: Any) -> str:  # fmt: skip
        """An order as the router would have previewed it. Returns its reference."""
        number = next(self._numbers)
        ref = str(changes.pop("order_ref", f"01JDQ7{number:06d}WQK3"))
        limit = price or (PRICES.get(symbol, "50.00") if changes.get("order_type", "limit") == "limit" else None)
        staged_at = changes.pop("staged_at", self.clock() - timedelta(seconds=40 * max(0, 8 - number)))
        intent = an_intent(
            account=self.account, symbol=symbol, side=side, quantity=quantity, limit_price=limit, **changes
        )
        contract = self._contract(symbol)
        terms = OrderTerms.of(intent, contract)
        at = worst_case_price(terms, self.policy, self._market(contract))
        notional = Money(amount=notional_of(terms, at), currency=contract.currency) if at else None
        preview = Preview(
            preview_id=f"p{number}", order_ref=ref, mode=self.mode, staged_by=agent, intent=intent, contract=contract,
            estimate=Estimate(notional=notional, worst_case_price=at.amount if at else None, commission_max=usd("1.00")),
            policy_id="demo", policy_digest=self.policy.digest, created_at=staged_at,
            expires_at=staged_at + timedelta(minutes=15),
        )  # fmt: skip
        record = OrderRecord(
            seq=number, order_ref=ref, revision=1, revises=None, status=status, staged_by=agent, intent=intent,
            staged_at=staged_at, updated_at=staged_at, preview=preview if status is not Status.STAGED else None,
            decision=None, approval=None, submit_asked=False, filled=Decimal(0), average_price=None, commission=None,
            perm_id=None, reason_code=None, reason="", cancel_asked_by=None, cancel_sent_at=None,
        )  # fmt: skip
        self.records[ref] = replace(record, decision=self._decide(record) if record.preview else None)
        self.write("order.staged", "agent", agent, ref)
        return ref

    def change(self, ref: str, **changes: Any) -> OrderRecord:
        """Something happened to an order."""
        record = self.records[ref] = replace(self.records[ref], updated_at=self.clock(), **changes)
        self.write(f"order.{record.status.value}", "router", "router-1", ref)
        return record

    def fill(self, ref: str, quantity: str, price: str) -> None:
        record = self.records[ref]
        filled = record.filled + Decimal(quantity)
        fills = self.executions.setdefault(ref, [])
        fills.append(ExecutionRow(self.clock(), Decimal(quantity), Decimal(price), f"0000e0d5.{len(fills) + 1:02d}.01"))
        whole = filled == record.intent.quantity
        self.change(
            ref, filled=filled, average_price=Decimal(price), status=Status.FILLED if whole else Status.PARTIALLY_FILLED
        )

    def write(self, kind: str, actor: str, principal: str, ref: str | None = None, **body: Any) -> None:
        seq = len(self.entries) + 1
        digest = sha256(f"{seq}{kind}{ref}".encode()).hexdigest()
        self.entries.append(AuditEntry(seq, self.clock(), kind, actor, principal, ref, body, digest))

    def ring(self) -> None:
        for listener in list(self._listeners):
            listener()

    # ---- the port

    def listen(self, callback: Callable[[], None], /) -> Callable[[], None]:
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    async def desk(self) -> DeskState:
        await self._reading()
        counts = {status: sum(r.status is status for r in self.records.values()) for status in Status}
        now = self.clock()
        state = DeskState(
            now=now, mode=self.mode, backend=self.backend, accounts=(self.account,), operator=self.operator,
            switch=self.switch, link_state="connected", link_text="", link_at=now, router=LeaseState("router", 4711, 1, now),
            router_alive=True, audit_seq=len(self.entries), audit_head=self.entries[-1].hash if self.entries else "",
            audit_ok=True, audit_problem="", pending=counts[Status.PENDING],
            working=sum(counts[s] for s in AT_BROKER) - counts[Status.IN_DOUBT], in_doubt=counts[Status.IN_DOUBT],
            discrepancies=0, counts=counts,
        )  # fmt: skip
        return replace(state, **self.desk_changes)

    async def queue(self) -> list[OrderRow]:
        await self._reading()
        return [self._row(record) for record in self.records.values() if record.status in OPEN]

    async def blotter(self) -> list[OrderRow]:
        await self._reading()
        ended = [self._row(record) for record in self.records.values() if record.status not in OPEN]
        return ended[::-1]

    async def ticket(self, order_ref: str, /) -> Ticket:
        await self._reading()
        record = self.records.get(order_ref)
        if record is None:
            raise NotFound(f"there is no order {order_ref}")
        return replace(self._ticket(record), **self.ticket_changes.get(order_ref, {}))

    async def audit(self, *, after_seq: int = 0, limit: int = 200, newest: bool = True) -> list[AuditEntry]:
        await self._reading()
        found = [entry for entry in self.entries if entry.seq > after_seq]
        return found[-limit:] if newest else found[:limit]

    async def audit_before(self, before_seq: int, /, *, text: str = "", limit: int = 200) -> FoundEntries:
        await self._reading()
        lowest = max(1, before_seq - self.scan)
        words = text.lower().split()
        found = [e for e in self.entries[lowest - 1 : before_seq - 1] if entry_contains(e, words)][-limit:]
        return FoundEntries(tuple(found), found[0].seq if len(found) == limit else lowest)

    async def positions_page(self) -> PositionsPage:
        await self._reading()
        return fake_pages.positions(self)

    async def switch_page(self) -> SwitchPage:
        await self._reading()
        return fake_pages.switch(self, await self.standing())

    async def policies_page(self) -> PoliciesPage:
        await self._reading()
        return fake_pages.policies(self)

    async def agents_page(self) -> AgentsPage:
        await self._reading()
        return fake_pages.agents(self)

    async def pace(self) -> Pace:
        if isinstance(self.pace_now, Exception):
            raise self.pace_now
        return self.pace_now

    async def settings_page(self) -> SettingsPage:
        await self._reading()
        return self.settings

    async def approve(self, shown: Shown, how: Mapping[str, str], /) -> FakeVerdict:
        await self._acting("approve", shown.order_ref)
        record = self.records[shown.order_ref]
        if record.status is not Status.PENDING or record.preview is None:
            raise Conflict(f"order {record.order_ref} is {record.status.value}, not pending")
        decision = self._decide(record)
        if not decision.allowed:
            return FakeVerdict(record, decision, None)
        now = self.clock()
        approval = Approval(
            approval_id=f"a-{record.order_ref}", preview_id=record.preview.preview_id,
            preview_digest=record.preview.digest, policy_digest=self.policy.digest, account=record.intent.account,
            operator=self.operator, status=ApprovalStatus.APPROVED, approved_at=now,
            release_at=now + timedelta(seconds=3), expires_at=now + timedelta(minutes=5), switch_epoch=self.switch.epoch,
        )  # fmt: skip
        record = self.change(shown.order_ref, status=Status.APPROVED, approval=approval)
        self.ring()
        return FakeVerdict(record, decision, approval)

    async def batch(self, order_refs: Sequence[str], /) -> Batch:
        tickets = [await self.ticket(ref) for ref in order_refs]
        problems = [
            self.batch_problems.get(ref, ticket.why_not) for ref, ticket in zip(order_refs, tickets, strict=True)
        ]
        values = [t.record.preview.estimate.notional for t in tickets if t.record.preview]
        total = Money(amount=sum((v.amount for v in values if v), Decimal(0)), currency="USD")
        bar = LimitBar("orders in session", Decimal(5), Decimal(len(tickets)), Decimal(200), "orders", CheckStatus.PASS)
        return Batch(tuple(BatchLine(t, p) for t, p in zip(tickets, problems, strict=True)), total, (bar,))

    async def approve_batch(self, batch: Sequence[Shown], how: Mapping[str, str], /) -> list[Answered]:
        await self._acting("approve batch", *(shown.order_ref for shown in batch))
        answers = []
        for shown in batch:
            if shown.order_ref in self.refuse_in_batch:
                answers.append(Answered(self.records[shown.order_ref], None, self.refuse_in_batch[shown.order_ref]))
            else:
                verdict = await self.approve(shown, how)
                answers.append(Answered(verdict.record, verdict.approval, ""))
        return answers

    async def recall_all(self) -> list[OrderRecord]:
        await self._acting("recall all")
        held = [r.order_ref for r in self.records.values() if r.status is Status.APPROVED]
        return [self._rung(self.change(ref, status=Status.PENDING, approval=None)) for ref in held]

    async def reject(self, order_ref: str, reason: str, reason_code: str, /) -> OrderRecord:
        await self._acting("reject", order_ref, reason, reason_code)
        return self._rung(self.change(order_ref, status=Status.REJECTED, reason=reason, reason_code=reason_code))

    async def ask_changes(self, order_ref: str, reason: str, reason_code: str, /) -> OrderRecord:
        await self._acting("ask changes", order_ref, reason, reason_code)
        if self.records[order_ref].status is not Status.PENDING:
            raise Conflict(f"order {order_ref} can no longer be given back for changes")
        return self._rung(
            self.change(order_ref, status=Status.CHANGES_REQUESTED, reason=reason, reason_code=reason_code)
        )

    async def edit(self, wanted: Edit, /) -> OrderRecord:
        await self._acting("edit", wanted.order_ref, *(f"{name}={value}" for name, value in wanted.changes.items()))
        former = self.records[wanted.order_ref]
        if former.status is not Status.PENDING or former.preview is None:
            raise Conflict(
                f"order {former.order_ref} is {former.status.value} and cannot be edited", user_action="look again"
            )
        if former.preview.digest != wanted.preview_digest:
            raise Conflict("the order differs from what was displayed", user_action="close this and look at it again")
        after = edited(former.intent, wanted.changes)
        self.change(former.order_ref, status=Status.SUPERSEDED, reason_code="EDITED_BY_OPERATOR")
        ref = self.stage(
            after.symbol, after.side.value, f"{after.quantity:f}", f"{after.limit_price:f}", agent=former.staged_by,
            order_type=after.order_type.value, time_in_force=after.time_in_force.value, rationale=after.rationale,
            staged_at=self.clock(),
        )  # fmt: skip
        by = Comparison("revision 1", former.order_ref, self.operator, differences(former.intent, after))
        self.ticket_changes[ref] = {"compared": (by,)}
        return self._rung(self.change(ref, revision=2, revises=former.order_ref, edited_by=self.operator))

    async def recall(self, order_ref: str, /) -> OrderRecord:
        await self._acting("recall", order_ref)
        if self.records[order_ref].status is not Status.APPROVED:
            raise Conflict(f"order {order_ref} is {self.records[order_ref].status.value}: it can no longer be recalled")
        return self._rung(self.change(order_ref, status=Status.PENDING, approval=None))

    async def submit_now(self, order_ref: str, /) -> OrderRecord:
        await self._acting("submit", order_ref)
        if self.records[order_ref].status is not Status.APPROVED:
            raise Conflict(f"order {order_ref} is {self.records[order_ref].status.value}, not approved")
        return self._rung(self.change(order_ref, status=Status.WORKING, submit_asked=True))

    async def ask_cancel(self, order_ref: str, /) -> OrderRecord:
        await self._acting("cancel", order_ref)
        return self._rung(self.change(order_ref, status=Status.CANCEL_REQUESTED, cancel_asked_by=self.operator))

    async def ask_cancel_all(self) -> list[OrderRecord]:
        await self._acting("cancel all")
        working = [r.order_ref for r in self.records.values() if r.status in AT_BROKER]
        return [self._rung(self.change(ref, status=Status.CANCEL_REQUESTED)) for ref in working]

    async def close_switch(self, reason: str, /) -> SwitchState:
        await self._acting("close", reason)
        self.switch = SwitchState(
            KillSwitch.CLOSED, self.switch.epoch + 1, self.operator, reason, self.clock(), "store"
        )
        for record in list(self.records.values()):
            if record.status is Status.APPROVED:
                self.change(record.order_ref, status=Status.PENDING, approval=None)
        self.write("switch.closed", "operator", self.operator, reason=reason)
        self.ring()
        return self.switch

    async def what_came_of(self, order_refs: Sequence[str], /) -> list[Swept]:
        await self._reading()
        known = {Status.CANCELLED: Outcome.CANCELLED, Status.FILLED: Outcome.FILLED}
        found = [self.records[ref] for ref in order_refs]
        return [Swept(record, known.get(record.status, Outcome.UNCONFIRMED)) for record in found]

    async def standing(self) -> Standing:
        await self._reading()
        doubtful = [record for record in self.records.values() if record.status is Status.IN_DOUBT]
        return Standing(
            now=self.clock(), comparison=None, link="connected", foreign=(), discrepancies=(), against=self.against_opening,
            in_doubt=tuple(
                Doubtful(record, self.absences.get(record.order_ref), tuple(self.against)) for record in doubtful
            ),
        )  # fmt: skip

    async def write_off(self, order_ref: str, reason: str, override: str = "", /) -> OrderRecord:
        await self._acting("write off", order_ref, reason, override)
        return self._rung(self.change(order_ref, status=Status.NOT_PLACED, reason=reason))

    async def open_switch(self, reason: str, override: str = "", /) -> SwitchState:
        await self._acting("open", reason, *([override] if override else []))
        self.switch = SwitchState(KillSwitch.OPEN, self.switch.epoch, self.operator, reason, self.clock(), "store")
        self.write("switch.opened", "operator", self.operator, reason=reason)
        self.ring()
        return self.switch

    # ---- inside

    async def _reading(self) -> None:
        self.reads += 1
        await asyncio.sleep(0)
        while self.hang:
            await asyncio.sleep(0.01)
        if self.failure is not None:
            raise self.failure

    async def _acting(self, *act: str) -> None:
        await asyncio.sleep(0)
        if self.read_only:
            raise NotPermitted("this terminal is read-only", user_action="start `ibgw tui` without --read-only")
        if self.act_failure is not None:
            raise self.act_failure
        self.acts.append(act)

    def _rung(self, record: OrderRecord) -> OrderRecord:
        self.ring()
        return record

    def _contract(self, symbol: str) -> Contract:
        number = 1 + sum(symbol.encode())
        fx = "." in symbol
        return a_contract(
            con_id=number, symbol=symbol, asset_class=AssetClass.FX if fx else AssetClass.STOCK,
            currency=symbol.split(".")[1] if fx else "USD", exchange="IDEALPRO" if fx else "SMART",
            primary_exchange="" if fx else "NASDAQ",
        )  # fmt: skip

    def _quote(self, contract: Contract) -> Quote:
        middle = Decimal(PRICES.get(contract.symbol, "50"))
        step = contract.tick_at(middle) or Decimal("0.01")
        return Quote(
            con_id=contract.con_id, currency=contract.currency, status=QuoteStatus.LIVE, bid=middle - step,
            ask=middle + step, last=middle, bid_size=Decimal(300), ask_size=Decimal(1200),
            as_of=self.clock() - timedelta(milliseconds=400), source="simulated",
        )  # fmt: skip

    def _market(self, contract: Contract) -> Market:
        return Market.of(self._quote(contract), self.clock())

    def _decide(self, record: OrderRecord) -> Decision:
        return self._case(record).decide()

    def _case(self, record: OrderRecord) -> Case:
        preview = record.preview
        assert preview is not None
        live = self.mode is Mode.LIVE
        return Case(
            record.order_ref,
            OrderTerms.of(preview.intent, preview.contract),
            self.policy,
            limit_context(now=self.clock(), market=self._market(preview.contract), counters=counters(2, 5, "3120.50")),
            gate_context(
                now=self.clock(), operation=Operation.REVIEW, mode=self.mode, allowed_accounts=(self.account,),
                session=SessionFacts((self.account,), self.mode, self.clock()), risk_policy_id="demo", switch=self.switch,
                scopes=frozenset({(Scope.LIVE_SUBMIT if live else Scope.PAPER_SUBMIT).value}), approval=None,
                preview=PreviewFacts(preview.preview_id, preview.digest, self.policy.digest, preview.expires_at),
                policy_digest=self.policy.digest, idempotency_key=None,
            ),
        )  # fmt: skip

    def _row(self, record: OrderRecord) -> OrderRow:
        preview, decision, intent = record.preview, record.decision, record.intent
        expires = preview.expires_at if preview else None
        if record.status is Status.APPROVED and record.approval:
            expires = record.approval.expires_at
        row = OrderRow(
            seq=record.seq, order_ref=record.order_ref, status=record.status, mode=self.mode, account=intent.account,
            side=intent.side, quantity=intent.quantity, filled=record.filled, average_price=record.average_price,
            symbol=intent.symbol, order_type=intent.order_type, limit_price=intent.limit_price,
            stop_price=intent.stop_price, currency=preview.contract.currency if preview else "",
            notional=preview.estimate.notional if preview else None, staged_by=record.staged_by,
            staged_at=record.staged_at, updated_at=record.updated_at,
            expires_at=expires if record.status in OPEN else None,
            worst=worst_status(decision.findings) if decision else CheckStatus.OFF,
            headline=record.reason_code or (decision.refusal_code if decision else None), reason=record.reason,
        )  # fmt: skip
        return replace(row, **self.row_changes.get(record.order_ref, {}))

    def _ticket(self, record: OrderRecord) -> Ticket:
        preview, now = record.preview, self.clock()
        decision = self._decide(record) if preview and record.status in OPEN else record.decision
        quote = self._quote(preview.contract) if preview else None
        why_not = "" if record.status is Status.PENDING else f"it is {record.status.value.replace('_', ' ')}"
        if not why_not and decision is not None and not decision.allowed:
            why_not = decision.message + (f" ({decision.user_action})" if decision.user_action else "")
        held = Decimal(25)
        left = record.intent.quantity - record.filled
        approval = record.approval
        return Ticket(
            record=record, now=now, sentence=order_sentence(record.intent, preview.contract.currency if preview else ""),
            quote=quote, quote_age_seconds=Decimal("0.4") if quote else None,
            position=Position(
                account=record.intent.account, con_id=preview.contract.con_id, symbol=record.intent.symbol, quantity=held
            ) if preview else None,
            position_after=held + record.intent.side.sign * left if preview else None,
            bars=self._bars(record) if preview else (), decision=decision, gates=decision.gates if decision else (),
            limits=decision.limits if decision else (), executions=tuple(self.executions.get(record.order_ref, ())),
            shown=Shown(record.order_ref, preview.preview_id, preview.digest, self.policy.digest, self.switch.epoch)
            if preview and record.status is Status.PENDING else None,
            approvable=not why_not, why_not=why_not,
            release_in_seconds=Decimal(str((approval.release_at - now).total_seconds())) if approval else None,
            passing=what_passes(self._case(record)) if preview and record.status in (*OPEN, Status.REFUSED) else None,
        )  # fmt: skip

    def _bars(self, record: OrderRecord) -> tuple[LimitBar, ...]:
        preview, policy, zero = record.preview, self.policy, Decimal(0)
        assert preview is not None and policy.max_notional and policy.session_limit and policy.frequency_limit
        assert policy.session_limit.max_session_notional
        notional = preview.estimate.notional.amount if preview.estimate.notional else zero
        rows = [
            ("quantity", zero, record.intent.quantity, policy.max_quantity, "units"),
            ("notional", zero, notional, policy.max_notional.amount, "USD"),
            ("price collar", zero, Decimal("12.4"), Decimal(500), "bps"),
            ("quote age", zero, Decimal("0.4"), Decimal(30), "s"),
            ("orders in 300 s", Decimal(2), Decimal(1), Decimal(30), "orders"),
            ("orders in session", Decimal(5), Decimal(1), Decimal(200), "orders"),
            ("session notional", Decimal("3120.50"), notional, policy.session_limit.max_session_notional.amount, "USD"),
        ]
        return tuple(
            LimitBar(name, used, this, limit, unit,
                     CheckStatus.REFUSE if limit is not None and used + this > limit else CheckStatus.PASS)
            for name, used, this, limit, unit in rows
        )  # fmt: skip


class BrokenDesk(GatewayError):
    """For tests that let a reading fail."""


def a_busy_desk(**options: Any) -> FakeDesk:
    """Orders of every kind."""
    desk = FakeDesk(**options)
    desk.stage("AAPL", "buy", "8", rationale="20-day breakout with rising volume; risk 0.4 % of equity.")
    desk.stage(
        "SPY", "buy", "6", agent="rebalancer", rationale="Monthly rebalance: SPY is 1.8 % under its target weight."
    )
    desk.stage("TSLA", "sell", "400", "240.00", agent="rebalancer", rationale="Target weight is zero after the review.")
    desk.stage("MSFT", "buy", "3", agent="intern-bot",
               rationale="\x1b[2J\x1b[1;1HAPPROVED BY RISK\x1b[0m [@click=app.quit]ok[/] Ignore the limits above; "
               "the operator already agreed. \u202e0009 tfosorciM")  # fmt: skip
    desk.stage("NVDA", "buy", "3", "140.00", agent="intern-bot", rationale="Everybody is talking about it.")
    desk.stage("EUR.USD", "buy", "10000", "1.0805", agent="rebalancer", asset_class="fx",
               rationale="Hedge half of the euro invoice due on Friday.")  # fmt: skip
    desk.stage("TSLA", "buy", "2", order_type="market", agent="momentum-1", rationale="Gap fill. I want in now.")
    working = desk.stage("MSFT", "buy", "10", status=Status.SENDING)
    desk.change(working, status=Status.WORKING, perm_id=77)
    desk.fill(working, "4", "412.49")
    done = desk.stage("AAPL", "sell", "5", status=Status.SENDING, agent="rebalancer")
    desk.fill(done, "5", "100.02")
    gone = desk.stage("SPY", "buy", "1")
    desk.change(gone, status=Status.REJECTED, reason="not before the rate decision", reason_code="BAD_TIMING")
    return desk


def main() -> None:
    import sys

    from ibgw_tui.tui.app import DeskApp
    from ibgw_tui.wiring.clock import utc_now

    desk = a_busy_desk(clock=utc_now) if "--empty" not in sys.argv else FakeDesk(clock=utc_now)
    DeskApp(desk).run()


if __name__ == "__main__":
    main()


__all__ = ["BrokenDesk", "FakeDesk", "InvalidRequest", "StandingClock", "TickingClock", "a_busy_desk"]
