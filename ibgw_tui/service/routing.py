"""The broker's role: preview, submit, cancel, hear, reconcile. Sole holder of the port.

Exactly one router works at a time: the lease says which. The others wait and say so. A router that
lost its lease cannot write any more, because every one of its transactions checks the lease's token.

Four loops share one store thread: *desk* (previews, submits, expiries), *cancels* (never behind a slow
preview), *hear* (the broker's reports, in order), *pulse* (heartbeat and the facts that screens show).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ibgw_tui.core.broker import Broker, LinkReport, LinkState
from ibgw_tui.core.errors import (
    BrokerError,
    Conflict,
    GatewayError,
    LeaseLost,
    NotConnected,
    OutcomeUnknown,
)
from ibgw_tui.core.lifecycle import OPEN, Actor, Signal, Status
from ibgw_tui.core.records import LeaseState, OrderRecord
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.service.asking import Asking
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.service.hearing import hear
from ibgw_tui.service.leasing import LeaseWatch
from ibgw_tui.service.previewing import Previewer, outdate
from ibgw_tui.service.reconciling import Reconciler
from ibgw_tui.service.submitting import Submitter
from ibgw_tui.service.switch import heed_file
from ibgw_tui.service.witness import Witness
from ibgw_tui.store import OrderStore
from ibgw_tui.store.thread import StoreThread

LOOK_SECONDS = 0.25
"""Safety net behind the doorbell: how often each loop looks without being rung."""
PULSE_SECONDS = 1.0
RETRY_SECONDS = 1.0
QUOTED_CONTRACTS = 50
"""Quotes are fetched for at most so many contracts of live orders each pulse."""
CANCEL_DEADLINE_SECONDS = 10.0
ASK_AFTER_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to do, read in one go."""

    staged: list[OrderRecord]
    due: list[OrderRecord]
    lapsed: list[str]


class Router:
    """Runs until cancelled. Whatever fails is recorded and tried again; nothing ends it silently."""

    def __init__(
        self,
        store: StoreThread,
        broker: Broker,
        *,
        rules: DeskRules,
        health: AuditHealth,
        clock: Callable[[], datetime],
        make_id: Callable[[], str],
        pid: int,
        witness: Witness | None = None,
        watch: LeaseWatch | None = None,
    ) -> None:
        self._store = store
        self._broker = broker
        self._rules = rules
        self._clock = clock
        self._witness = witness
        self._watch = watch or LeaseWatch()
        self._pid = pid
        self._principal = f"router-{pid}"
        asking = Asking(broker, rules=rules, clock=clock)
        self._ahead = asking.ahead
        self._previewer = Previewer(
            store, broker, asking=asking, rules=rules, health=health, make_id=make_id, principal=self._principal
        )
        self._submitter = Submitter(store, broker, asking=asking, rules=rules, health=health, principal=self._principal)
        self._reconciler = Reconciler(store, broker, clock=clock, principal=self._principal)
        self._lease: LeaseState | None = None
        self._link: LinkReport | None = None
        self._bells = (asyncio.Event(), asyncio.Event())
        self.problem = ""
        """The newest failure in words; empty while all is well."""
        self.waiting = False
        """Another process holds the lease."""

    @property
    def active(self) -> bool:
        return self._lease is not None

    def ring(self) -> None:
        """Something in the store changed: look now."""
        for bell in self._bells:
            bell.set()

    async def run(self) -> None:
        """Wait for the lease, work, and start over whenever the broker or the lease is lost."""
        try:
            while True:
                try:
                    await self._turn()
                except Exception as error:  # a router that stops silently is the worst router
                    self.problem = f"router: {_words(error)}"
                    log.exception("the router starts over")
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            await asyncio.shield(self._leave())

    async def _turn(self) -> None:
        while self._lease is None:
            self._lease = await self._store.run(self._take_lease)
            self.waiting = self._lease is None
            if self._lease is None:
                await asyncio.sleep(RETRY_SECONDS)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._beating())
                group.create_task(self._witnessing())
                await self._broker.connect()
                self._reconciler.begin()
                self._ahead.forget()
                group.create_task(self._hearing())
                await self._store.run(outdate, self._rules.policy_digest, self._principal, self._token)
                await self._reconciler.at_start(self._token)
                group.create_task(self._looping(self._bells[0], self._desk))
                group.create_task(self._looping(self._bells[1], self._cancels))
                group.create_task(self._pulsing())
                group.create_task(self._asking_after())
        except* LeaseLost:
            self._lease = None
            self.problem = "another router took over; waiting"
        except* BrokerError as lost:
            self.problem = "; ".join(_words(error) for error in lost.exceptions)
            await self._say_link(LinkState.DISCONNECTED, self.problem)
        finally:
            await self._broker.close()

    async def _leave(self) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            await self._store.run(_release, lease.token)
            if self._witness is not None:
                await self._guard("checkpoint", self._store.run, self._witness.write, "clean stop")
            await self._say_link(LinkState.DISCONNECTED, "the router stopped")

    # ---- the loops

    async def _looping(self, bell: asyncio.Event, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            bell.clear()
            await work()
            # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with the bell.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await bell.wait()

    async def _beating(self) -> None:
        while True:
            if not await self._store.run(_beat, self._token):
                raise LeaseLost
            await asyncio.sleep(PULSE_SECONDS)

    async def _witnessing(self) -> None:
        """Checkpoints of the audit log: at start, every few minutes, and when the kill switch changes."""
        while self._witness is not None:
            await self._guard("checkpoint", self._store.run, self._witness.look)
            await asyncio.sleep(PULSE_SECONDS)

    async def _hearing(self) -> None:
        async for report in self._broker.reports():
            if isinstance(report, LinkReport):
                self._link = report
                self._ahead.forget()
                self._reconciler.link_is(report.state)
            await self._store.run(hear, report, self._token)
        raise NotConnected("the broker's reports ended")

    async def _pulsing(self) -> None:
        while True:
            await self._publish()
            if self._may_submit and await self._store.run(_waits):
                await self._guard("reading ahead", self._ahead.renew)
            await asyncio.sleep(PULSE_SECONDS)

    async def _asking_after(self) -> None:
        """Orders without an answer, and orders in doubt, are looked up again and again; never sent again."""
        while True:
            await asyncio.sleep(ASK_AFTER_SECONDS)
            await self._guard("looking orders up", self._reconciler.by_the_clock, self._token)

    async def _desk(self) -> None:
        await self._guard("kill switch", self._store.run, heed_file, self._principal)
        work = await self._store.run(self._read_work)
        for order_ref in work.lapsed:
            await self._guard("expiry", self._store.run, self._expire, order_ref)
        for record in work.due if self._may_submit else ():
            await self._guard("submit", self._submitter.submit, record, self._token)
        for record in work.staged:
            await self._guard("preview", self._previewer.preview, record, self._token)

    async def _cancels(self) -> None:
        for record in await self._store.run(_cancels_to_send):
            await self._guard("cancel", self._cancel, record)

    async def _guard(self, what: str, act: Callable[..., Awaitable[object]], *arguments: object) -> None:
        """One failing order must not stop the others. A lost link or lease goes up to `_turn`."""
        try:
            await act(*arguments)
            return
        except (LeaseLost, NotConnected):
            raise
        except Conflict as error:
            log.info("%s: %s", what, error.message)
        except GatewayError as error:
            self.problem = f"{what}: {error.message}"
            log.warning("%s: %s", what, error.message)
        except Exception as error:
            self.problem = f"{what}: {type(error).__name__}: {error}"
            log.exception("%s failed", what)

    # ---- one step each

    @property
    def _token(self) -> int:
        if self._lease is None:
            raise LeaseLost
        return self._lease.token

    @property
    def _may_submit(self) -> bool:
        """Nothing is sent while the broker itself is cut off, though its session still listens."""
        return self._link is None or self._link.state is LinkState.CONNECTED

    def _take_lease(self, store: OrderStore) -> LeaseState | None:
        held = store.lease()
        if held is not None and not self._watch.is_silent(held):
            return None
        with store.write() as change:
            return change.take_lease(self._principal, self._pid, over=held)

    def _read_work(self, store: OrderStore) -> Work:
        now = self._clock()
        lapsed = store.lapsed(now, staged_before=now - timedelta(seconds=self._rules.preview_ttl_seconds))
        approved = store.orders(statuses=[Status.APPROVED], limit=1000)
        due = [record for record in approved if record.order_ref not in lapsed and _is_due(record, now)]
        staged = store.orders(statuses=[Status.STAGED, Status.STALE], limit=20)
        return Work([record for record in staged if record.order_ref not in lapsed], due, lapsed)

    def _expire(self, store: OrderStore, order_ref: str) -> None:
        with store.write(lease_token=self._token) as change:
            record = change.order(order_ref)
            if record.status not in OPEN:
                return
            change.expire_approval(record)
            change.move(
                record,
                Signal.EXPIRE,
                actor=Actor.ROUTER,
                principal=self._principal,
                reason_code="LIVE_PREVIEW_EXPIRED",
                reason=_lapse(record.status),
            )

    async def _cancel(self, record: OrderRecord) -> None:
        """Send the request once; reports tell what came of it. Not connected: it is sent after reconnecting."""
        try:
            async with asyncio.timeout(CANCEL_DEADLINE_SECONDS):
                await self._broker.cancel(record.on_wire)
            kind = "cancel.sent"
        except (OutcomeUnknown, TimeoutError):
            kind = "cancel.unconfirmed"
        await self._store.run(self._cancel_sent, record.order_ref, kind)

    def _cancel_sent(self, store: OrderStore, order_ref: str, kind: str) -> None:
        with store.write(lease_token=self._token) as change:
            change.note(change.order(order_ref), cancel_sent_at=change.now)
            change.append_audit(kind, actor=Actor.ROUTER, principal=self._principal, order_ref=order_ref)

    async def _publish(self) -> None:
        """Write what screens show: quotes of live orders, positions, accounts, the link."""
        contracts = await self._store.run(lambda store: store.live_contracts(QUOTED_CONTRACTS))
        accounts = await self._broker.managed_accounts()
        quotes = [await self._broker.quote(contract) for contract in contracts]
        positions = [position for account in accounts for position in await self._broker.positions(account)]
        facts = [await self._broker.account(account) for account in accounts]
        state = self._link.state if self._link else LinkState.CONNECTED
        link = (state.value, self._link.text if self._link and self._link.text else self._broker.name, self._clock())
        await self._store.run(
            lambda store: store.put_facts(quotes=quotes, positions=positions, accounts=facts, link=link)
        )
        self.problem = ""

    async def _say_link(self, state: LinkState, text: str) -> None:
        at = self._clock()
        await self._store.run(lambda store: store.put_facts(link=(state.value, text, at)))


def _is_due(record: OrderRecord, now: datetime) -> bool:
    """After the hold-back, or at once when asked; not by itself again after a refusal."""
    approval = record.approval
    if approval is None:
        return False
    return record.submit_asked or (record.reason_code is None and approval.release_at <= now)


def _waits(store: OrderStore) -> bool:
    """Whether an order may have to go in a moment."""
    return bool(store.orders(statuses=[Status.PENDING, Status.APPROVED], limit=1))


def _cancels_to_send(store: OrderStore) -> list[OrderRecord]:
    waiting = store.orders(statuses=[Status.CANCEL_REQUESTED, Status.IN_DOUBT], limit=10_000)
    return [record for record in waiting if record.cancel_asked_by and record.cancel_sent_at is None]


def _beat(store: OrderStore, token: int) -> bool:
    with store.write() as change:
        return change.beat(token)


def _release(store: OrderStore, token: int) -> None:
    with store.write() as change:
        change.release_lease(token)


def _words(error: BaseException) -> str:
    return error.message if isinstance(error, GatewayError) else str(error)


def _lapse(status: Status) -> str:
    """Who let the time pass, for the agent."""
    if status is Status.APPROVED:
        return "the approval was not used in time"
    if status is Status.CHANGES_REQUESTED:
        return "no revision came in time; stage it anew"
    return "nobody decided in time; stage it again"
