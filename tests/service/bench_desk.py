"""A desk on a bench: real store, scripted broker, settable clock. No screen, no waiting."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from ibgw_tui.core.broker import (
    AccountFacts,
    BrokerSnapshot,
    BrokerState,
    CancelRefused,
    CommissionReport,
    ExecutionReport,
    LinkState,
    OrderReport,
    Position,
    Quote,
    Report,
    WhatIf,
)
from ibgw_tui.core.errors import InvalidRequest
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import BrokerOrder, Contract, OrderIntent
from ibgw_tui.core.records import ComparisonMade, OrderRecord
from ibgw_tui.core.rules import DeskRules, LiveRules
from ibgw_tui.core.terms import KillSwitch, Mode, QuoteStatus
from ibgw_tui.service.approving import Verdict
from ibgw_tui.service.asking import Asking
from ibgw_tui.service.desk_views import Views
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.service.previewing import Previewer
from ibgw_tui.service.review import Review
from ibgw_tui.service.staging import Staging
from ibgw_tui.service.submitting import Submitter
from ibgw_tui.store import OrderStore
from ibgw_tui.store.thread import StoreThread
from tests.makers import SettableClock, a_contract, a_policy, an_intent_data

T = TypeVar("T")


@dataclass
class ScriptedBroker:
    """A broker that does what the test says, and remembers what reached the wire."""

    clock: Callable[[], datetime]
    accounts: tuple[str, ...] = ("DU1234567",)
    bid: str | None = "99"
    ask: str | None = "101"
    placed: list[BrokerOrder] = field(default_factory=list)
    modified: list[BrokerOrder] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    place_error: Exception | None = None
    before_place: Callable[[], Any] | None = None
    unknown_symbol: bool = False
    snapshots: BrokerSnapshot | None = None
    name: str = "SCRIPTED"
    mode: Mode = Mode.PAPER

    async def connect(self) -> None: ...

    async def close(self) -> None: ...

    async def resolve(self, intent: OrderIntent) -> Contract:
        if self.unknown_symbol:
            raise InvalidRequest(f"no contract {intent.symbol}", user_action="did you mean AAPL?")
        return a_contract()

    async def quote(self, contract: Contract) -> Quote:
        return Quote(
            con_id=contract.con_id,
            currency=contract.currency,
            status=QuoteStatus.LIVE,
            bid=Decimal(self.bid) if self.bid else None,
            ask=Decimal(self.ask) if self.ask else None,
            as_of=self.clock(),
            source="scripted",
        )

    async def what_if(self, order: BrokerOrder) -> WhatIf | None:
        return None

    async def account(self, account: str) -> AccountFacts:
        return AccountFacts(account=account, mode=self.mode, as_of=self.clock())

    async def positions(self, account: str) -> tuple[Position, ...]:
        return ()

    async def managed_accounts(self) -> tuple[str, ...]:
        return self.accounts

    async def place(self, order: BrokerOrder) -> None:
        if self.before_place is not None:
            self.before_place()
        if self.place_error is not None:
            raise self.place_error
        self.placed.append(order)

    async def modify(self, order: BrokerOrder) -> None:
        if self.place_error is not None:
            raise self.place_error
        self.modified.append(order)

    async def cancel(self, order_ref: str) -> None:
        self.cancelled.append(order_ref)

    async def snapshot(self) -> BrokerSnapshot:
        return self.snapshots or BrokerSnapshot(
            complete=True, open_orders=(), completed_orders=(), executions=(), at=self.clock()
        )

    async def open_orders(self) -> tuple[OrderReport, ...] | None:
        snapshot = await self.snapshot()
        return snapshot.open_orders if snapshot.complete else None

    async def reports(self) -> AsyncIterator[Report]:
        await asyncio.Event().wait()
        yield  # type: ignore[misc]


class BenchDesk:
    """All roles over one store, and shortcuts for the steps of an order's life."""

    store: OrderStore
    health: AuditHealth
    staging: Staging
    review: Review
    views: Views

    def __init__(self, thread: StoreThread, store_path: Path, clock: SettableClock, rules: DeskRules) -> None:
        self.thread, self.path, self.clock, self.rules = thread, store_path, clock, rules
        self.broker = ScriptedBroker(clock)
        ids = itertools.count(1)
        self.make_id = lambda: f"id-{next(ids)}"
        self.lease_token = 0

    async def open(self) -> None:
        def build(store: OrderStore) -> None:
            self.store = store
            self.health = AuditHealth(store)
            self.staging = Staging(
                store, principal="agent-1", make_ref=self.make_id, max_pending=self.rules.max_pending_per_agent
            )
            self.review = Review(
                store, rules=self.rules, make_id=self.make_id, make_ref=self.make_id, health=self.health
            )
            self.views = Views(store, rules=self.rules, clock=self.clock, health=self.health)
            with store.write() as change:
                lease = change.take_lease("router-test", 1)
                assert lease is not None
                self.lease_token = lease.token

        await self.thread.run(build)
        asking = Asking(self.broker, rules=self.rules, clock=self.clock)
        self.previewer = Previewer(
            self.thread, self.broker, asking=asking, rules=self.rules, health=self.health, make_id=self.make_id, principal="router-test"
        )  # fmt: skip
        self.submitter = Submitter(
            self.thread, self.broker, asking=asking, rules=self.rules, health=self.health, principal="router-test"
        )

    async def do(self, act: Callable[[], T]) -> T:
        """Run on the store's thread."""
        return await self.thread.run(lambda _: act())

    async def read(self, order_ref: str) -> OrderRecord:
        record = await self.do(lambda: self.store.order(order_ref))
        assert record is not None
        return record

    async def publish(self) -> None:
        """What the router's pulse does: facts for screens and for approvals."""
        quote = await self.broker.quote(a_contract())
        facts = [await self.broker.account(account) for account in self.broker.accounts]
        await self.do(lambda: self.store.put_facts(quotes=[quote], accounts=facts))

    async def compared(self) -> None:
        """What a router does that is connected, and finds the broker's records complete."""
        link = (LinkState.CONNECTED.value, "", self.clock())
        made = ComparisonMade(self.clock(), complete=True, looked_up=0, absent=0)

        def put() -> None:
            self.store.put_facts(link=link)
            self.store.put_comparison(made, list(self.store.absences().values()))

        await self.do(put)

    async def staged(self, **changes: Any) -> OrderRecord:
        return (await self.do(lambda: self.staging.stage(an_intent_data(**changes)))).record

    async def pending(self, **changes: Any) -> OrderRecord:
        record = await self.staged(**changes)
        await self.previewer.preview(record, self.lease_token)
        return await self.read(record.order_ref)

    async def approve(self, order_ref: str) -> Verdict:
        await self.publish()
        ticket = await self.do(lambda: self.views.ticket(order_ref))
        assert ticket.shown is not None, ticket.why_not
        shown = ticket.shown
        return await self.do(lambda: self.review.approve(shown, how={"key": "Y"}))

    async def approved(self, **changes: Any) -> OrderRecord:
        record = await self.pending(**changes)
        verdict = await self.approve(record.order_ref)
        assert verdict.approval is not None, verdict.decision.message
        return await self.read(record.order_ref)

    async def submit(self, order_ref: str) -> OrderRecord:
        await self.submitter.submit(await self.read(order_ref), self.lease_token)
        return await self.read(order_ref)

    async def sent(self, **changes: Any) -> OrderRecord:
        record = await self.submit((await self.approved(**changes)).order_ref)
        assert record.status is Status.SENDING, record
        return record

    async def audit_kinds(self, order_ref: str | None = None) -> list[str]:
        entries = await self.do(lambda: self.store.audit_entries(order_ref=order_ref, limit=1000))
        return [entry.kind for entry in entries]


def rules(**changes: Any) -> DeskRules:
    paper = LiveRules(enabled=True, invocation_enabled=True, allowed_accounts=("DU1234567",))
    data: dict[str, Any] = {
        "mode": Mode.PAPER,
        "backend": "simulated",
        "operator": "operator-1",
        "paper": paper,
        "risk_policy_id": "example",
        "policies": {"example": a_policy()},
    }
    return DeskRules(**{**data, **changes})


@asynccontextmanager
async def bench_desk(folder: Path, *, opened: bool = True, **changes: Any) -> AsyncIterator[BenchDesk]:
    clock = SettableClock()
    path = folder / "desk" / "desk.sqlite3"
    thread = StoreThread(path, clock=clock)
    desk = BenchDesk(thread, path, clock, rules(**changes))
    await desk.open()
    if opened:
        await desk.compared()
        state = await desk.do(lambda: desk.review.open_switch("start of day"))
        assert state.state is KillSwitch.OPEN
    try:
        yield desk
    finally:
        thread.close()


def working(order: OrderRecord, clock: Callable[[], datetime], **changes: Any) -> OrderReport:
    data: dict[str, Any] = {
        "order_ref": order.order_ref,
        "perm_id": 77,
        "account": order.intent.account,
        "con_id": 265598,
        "side": order.intent.side,
        "quantity": order.intent.quantity,
        "state": BrokerState.WORKING,
        "filled": Decimal(0),
        "remaining": order.intent.quantity,
        "at": clock(),
    }
    return OrderReport(**{**data, **changes})


def fill(
    order: OrderRecord, clock: Callable[[], datetime], quantity: str, exec_id: str = "e1", **changes: Any
) -> ExecutionReport:
    data: dict[str, Any] = {
        "exec_id": exec_id,
        "order_ref": order.order_ref,
        "perm_id": 77,
        "account": order.intent.account,
        "con_id": 265598,
        "side": order.intent.side,
        "quantity": Decimal(quantity),
        "price": Decimal("99.5"),
        "at": clock(),
    }
    return ExecutionReport(**{**data, **changes})


__all__ = ["BenchDesk", "CancelRefused", "CommissionReport", "ScriptedBroker", "bench_desk", "fill", "rules", "working"]
