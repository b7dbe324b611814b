"""How one process sits at the desk: the only file here that knows the signatures of the service.

Everything is the product's own: store, roles, submitter, router. Broker, clock and rules are handed in.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from ibgw_tui.core.broker import Broker, LinkState, Report
from ibgw_tui.core.errors import Conflict, OutcomeUnknown
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import Approval
from ibgw_tui.core.policy import FrequencyLimit, SessionLimit
from ibgw_tui.core.records import ComparisonMade, LeaseState, OrderRecord, SwitchState
from ibgw_tui.core.rules import DeskRules, LiveRules
from ibgw_tui.core.terms import Mode
from ibgw_tui.service.approving import Verdict
from ibgw_tui.service.asking import Asking
from ibgw_tui.service.batching import Answered
from ibgw_tui.service.desk_views import Views
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.service.hearing import hear
from ibgw_tui.service.leasing import LEASE_SECONDS, LeaseWatch
from ibgw_tui.service.previewing import Previewer
from ibgw_tui.service.review import Review
from ibgw_tui.service.routing import Router
from ibgw_tui.service.staging import Staged, Staging
from ibgw_tui.service.standing import unexplained
from ibgw_tui.service.submitting import Submitter
from ibgw_tui.service.views import Edit, Shown
from ibgw_tui.store import OrderStore
from ibgw_tui.store.thread import StoreThread
from ibgw_tui.wiring.clock import make_order_ref, make_uuid7
from tests.makers import a_contract, a_policy, an_intent_data, usd

T = TypeVar("T")

FILLS, RESTS = "101", "50"
"""Limit prices of a buy that the market takes at once, and of one that waits."""


def crash_rules(
    *,
    session_orders: int = 1_000_000,
    session_value: str = "1000000000",
    frequency: int = 1_000_000,
    preview_ttl_seconds: int = 3600,
    approval_ttl_seconds: int = 3600,
) -> DeskRules:
    """Limits that thousands of small orders do not reach, unless a race is run for one of them."""
    policy = a_policy(
        max_notional=usd("1000000"),
        max_quantity=Decimal(1000),
        frequency_limit=FrequencyLimit(max_orders=frequency, window_seconds=300),
        session_limit=SessionLimit(max_orders_per_session=session_orders, max_session_notional=usd(session_value)),
        max_price_deviation_bps=None,
    )
    return DeskRules(
        mode=Mode.PAPER,
        backend="simulated",
        operator="operator-1",
        paper=LiveRules(enabled=True, invocation_enabled=True, allowed_accounts=("DU1234567",)),
        risk_policy_id="wide",
        policies={"wide": policy},
        preview_ttl_seconds=preview_ttl_seconds,
        approval_ttl_seconds=approval_ttl_seconds,
        hold_back_seconds=0,
        max_pending_per_agent=1_000_000,
    )


class Seat:
    """All roles over one store, for one process."""

    def __init__(
        self,
        database: Path,
        clock: Callable[[], datetime],
        broker: Broker,
        *,
        name: str,
        rules: DeskRules | None = None,
        automated: bool = False,
        make_ref: Callable[[], str] = make_order_ref,
        make_id: Callable[[], str] = make_uuid7,
        pid: int | None = None,
    ) -> None:
        self.name = name
        self.clock = clock
        self.broker = broker
        self.rules = rules or crash_rules()
        self.lease_token = 0
        self._remembered: dict[str, OrderRecord] = {}
        self._make_id = make_id
        self._pid = pid or os.getpid()
        self.thread = StoreThread(database, clock=clock, automated=automated)
        self.thread.run_sync(self._build, make_ref)
        asking = Asking(broker, rules=self.rules, clock=clock)
        self._previewer = Previewer(
            self.thread, broker, asking=asking, rules=self.rules, health=self._health, make_id=make_id, principal=name
        )
        self._submitter = Submitter(
            self.thread, broker, asking=asking, rules=self.rules, health=self._health, principal=name
        )

    def _build(self, store: OrderStore, make_ref: Callable[[], str]) -> None:
        self.store = store
        self._health = AuditHealth(store)
        self._staging = Staging(
            store, principal=self.name, make_ref=make_ref, max_pending=self.rules.max_pending_per_agent
        )
        self._review = Review(store, rules=self.rules, make_id=self._make_id, make_ref=make_ref, health=self._health)
        self._views = Views(store, rules=self.rules, clock=self.clock, health=self._health)

    def close(self) -> None:
        self.thread.close()

    async def do(self, act: Callable[[], T]) -> T:
        """Run on the store's thread."""
        return await self.thread.run(lambda _: act())

    async def read(self, order_ref: str) -> OrderRecord:
        record = await self.do(lambda: self.store.order(order_ref))
        assert record is not None, f"{order_ref} is not in the store"
        return record

    # ---- agent

    async def stage(self, key: str | None = None, **changes: Any) -> Staged:
        return await self.do(lambda: self._staging.stage(an_intent_data(**changes), key=key))

    async def withdraw(self, order_ref: str) -> OrderRecord:
        return await self.do(lambda: self._staging.withdraw(order_ref))

    async def arm(self, reason: str) -> SwitchState:
        return await self.do(lambda: self._staging.arm_kill_switch(reason))

    # ---- operator

    async def publish(self) -> None:
        """What the router's pulse does: facts for screens and for approvals."""
        quote = await self.broker.quote(a_contract())
        accounts = await self.broker.managed_accounts()
        facts = [await self.broker.account(account) for account in accounts]
        await self.do(lambda: self.store.put_facts(quotes=[quote], accounts=facts))

    async def try_to_approve(self, order_ref: str) -> Verdict:
        ticket = await self.do(lambda: self._views.ticket(order_ref))
        if ticket.shown is None:
            raise Conflict(f"there is nothing to approve: {ticket.why_not}")
        shown = ticket.shown
        return await self.do(lambda: self._review.approve(shown, how={"key": "Y"}))

    async def approve(self, order_ref: str) -> Approval:
        await self.publish()
        verdict = await self.try_to_approve(order_ref)
        assert verdict.approval is not None, verdict.decision.message
        return verdict.approval

    async def shown(self, order_refs: Sequence[str]) -> list[Shown]:
        """What the terminal displays of several orders before they are approved together."""
        batch = await self.do(lambda: self._views.batch(order_refs))
        return [line.ticket.shown for line in batch.lines if line.ticket.shown is not None]

    async def approve_batch(self, batch: Sequence[Shown]) -> list[Answered]:
        return await self.do(lambda: self._review.approve_batch(batch, how={"key": "Y"}))

    async def try_to_approve_all(self, order_refs: Sequence[str]) -> list[Answered]:
        """Those of these orders that wait for a decision, together, as they are displayed."""
        shown = await self.shown(order_refs)
        if not shown:
            raise Conflict("there is nothing to approve")
        return await self.approve_batch(shown)

    async def ask_changes(self, order_ref: str) -> OrderRecord:
        return await self.do(lambda: self._review.ask_changes(order_ref, reason="at another price"))

    async def edit(self, order_ref: str, **changes: str) -> OrderRecord:
        """Other numbers into the order as it is displayed now. Returns the revision."""
        preview = (await self.read(order_ref)).preview
        wanted = Edit(order_ref, preview.digest if preview else "", changes)
        return await self.do(lambda: self._review.edit(wanted))

    async def reject(self, order_ref: str) -> OrderRecord:
        return await self.do(lambda: self._review.reject(order_ref, reason="not today"))

    async def recall(self, order_ref: str) -> OrderRecord:
        return await self.do(lambda: self._review.recall(order_ref))

    async def submit_now(self, order_ref: str) -> OrderRecord:
        return await self.do(lambda: self._review.submit_now(order_ref))

    async def ask_cancel(self, order_ref: str) -> OrderRecord:
        return await self.do(lambda: self._review.ask_cancel(order_ref))

    async def close_switch(self, reason: str) -> SwitchState:
        return await self.do(lambda: self._review.close_switch(reason))

    async def open_switch(self, reason: str) -> SwitchState:
        """All is connected and compared, and what fitted nothing is explained: only doubt stands against it."""

        def open_it() -> SwitchState:
            store = self.store
            store.put_facts(link=(LinkState.CONNECTED.value, "", self.clock()))
            made = ComparisonMade(self.clock(), complete=True, looked_up=0, absent=0)
            store.put_comparison(made, list(store.absences().values()))
            found = unexplained(store)
            if found:
                self._review.explain(found[0].seq, reason="a drill")
            return self._review.open_switch(reason)

        return await self.do(open_it)

    # ---- router, one step at a time

    async def take_lease(self) -> bool:
        """Whether this process is the router now."""

        def take() -> int:
            found = self.store.lease()
            silent = found if found and HarnessWatch(self.clock).is_silent(found) else None
            with self.store.write() as change:
                lease = change.take_lease(self.name, self._pid, over=silent)
            return lease.token if lease else 0

        self.lease_token = await self.do(take)
        return self.lease_token > 0

    async def preview(self, order_ref: str) -> None:
        await self._previewer.preview(await self.read(order_ref), self.lease_token)

    async def submit(self, order_ref: str) -> None:
        await self._submitter.submit(await self.read(order_ref), self.lease_token)

    async def remember(self, order_refs: Sequence[str]) -> None:
        """Read orders now, to submit them later by what was known then: as a router does that was held up."""
        self._remembered = {order_ref: await self.read(order_ref) for order_ref in order_refs}

    async def submit_remembered(self, order_ref: str) -> None:
        await self._submitter.submit(self._remembered[order_ref], self.lease_token)

    async def touch(self) -> None:
        """A write that only the holder of the lease may do."""

        def write() -> None:
            with self.store.write(lease_token=self.lease_token):
                pass

        await self.do(write)

    async def hear(self, report: Report) -> None:
        await self.do(lambda: hear(self.store, report, self.lease_token))

    async def send_cancel(self, order_ref: str) -> None:
        """What the router does with a cancel that was asked for."""
        try:
            await self.broker.cancel(order_ref)
        except OutcomeUnknown:
            pass

        def sent() -> None:
            with self.store.write(lease_token=self.lease_token) as change:
                change.note(change.order(order_ref), cancel_sent_at=change.now)

        await self.do(sent)

    async def let_go(self) -> None:
        """Be the router no longer."""

        def release() -> None:
            with self.store.write() as change:
                change.release_lease(self.lease_token)

        await self.do(release)
        self.lease_token = 0

    def calm(self) -> bool:
        """Nothing is left that a router could do by itself. On the store's thread."""
        waiting = self.store.orders(statuses=[Status.STAGED, Status.STALE, Status.SENDING], limit=1)
        due = [order for order in self.store.orders(statuses=[Status.APPROVED]) if order.reason_code is None]
        cancels = self.store.orders(statuses=[Status.CANCEL_REQUESTED, Status.IN_DOUBT])
        unsent = [order for order in cancels if order.cancel_asked_by and order.cancel_sent_at is None]
        now = self.clock()
        lapsed = self.store.lapsed(now, staged_before=now - timedelta(seconds=self.rules.preview_ttl_seconds))
        return not (waiting or due or unsent or lapsed)

    def abandon(self) -> None:
        """After a death: the threads end, and nothing is written."""
        self.store._bell.close()
        self.thread._executor.shutdown()

    def router(self) -> Router:
        """The whole router, on this process's store thread."""
        return Router(
            self.thread, self.broker, rules=self.rules, health=self._health, clock=self.clock, make_id=self._make_id,
            pid=self._pid, watch=HarnessWatch(self.clock),
        )  # fmt: skip


class HarnessWatch(LeaseWatch):
    """Nobody but the harness steps this clock, and it does so to say that time has passed: no need to wait."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self._clock = clock

    def is_silent(self, lease: LeaseState) -> bool:
        return (self._clock() - lease.heartbeat_at).total_seconds() >= LEASE_SECONDS


async def until(true: Callable[[], Any], seconds: float, what: Callable[[], str]) -> None:
    """Look again and again, until an awaitable or plain condition holds."""
    loop = asyncio.get_running_loop()
    limit = loop.time() + seconds
    while True:
        found = true()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        if loop.time() > limit:
            raise TimeoutError(f"not within {seconds} s: {what()}")
        await asyncio.sleep(0.005)
