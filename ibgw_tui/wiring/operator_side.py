"""The operator's composition root: store thread, roles, router and broker behind one awaitable desk.

The screen's loop never touches the database: every call here runs on the one store thread. The router
works in this process when nobody else holds the lease, and waits (visibly) when somebody does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ibgw_tui.core.audit import ChainVerdict
from ibgw_tui.core.broker import Broker
from ibgw_tui.core.errors import NotPermitted
from ibgw_tui.core.pace import Pace
from ibgw_tui.core.records import AuditEntry, OrderRecord, SwitchState
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.service.approving import Verdict
from ibgw_tui.service.batching import Answered
from ibgw_tui.service.desk_pages import Pages
from ibgw_tui.service.desk_views import Views
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.service.pages import (
    NO_SETTINGS,
    AgentsPage,
    FoundEntries,
    PoliciesPage,
    PositionsPage,
    SettingRow,
    SettingsPage,
    SwitchPage,
)
from ibgw_tui.service.review import Review
from ibgw_tui.service.routing import Router
from ibgw_tui.service.standing import Standing, standing
from ibgw_tui.service.switch import what_came_of
from ibgw_tui.service.views import Batch, DeskState, Edit, OrderRow, Shown, Swept, Ticket
from ibgw_tui.service.witness import Witness
from ibgw_tui.store import OrderStore
from ibgw_tui.store.thread import StoreThread
from ibgw_tui.wiring.audit_side import witness_of
from ibgw_tui.wiring.clock import make_order_ref, make_uuid7, utc_now
from ibgw_tui.wiring.emergency import stop_beside
from ibgw_tui.wiring.market import make_broker
from ibgw_tui.wiring.paths import SENTINEL, resolve_home
from ibgw_tui.wiring.rules import desk_rules

if TYPE_CHECKING:
    from ibgw_tui.config import Loaded

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Roles:
    """What the store thread holds for this process. Used on that thread only."""

    views: Views
    review: Review | None
    """None in a read-only terminal: there is nothing that could decide."""
    health: AuditHealth


@dataclass(frozen=True, slots=True)
class Looking:
    """A read-only connection with a thread of its own: what a page reads never keeps an approval or the router waiting."""

    thread: StoreThread
    pages: Pages
    settings: SettingsPage


class OperatorDesk:
    """What the terminal is given: views to show and the operator's verbs, all awaitable."""

    def __init__(
        self,
        store: StoreThread,
        roles: Roles,
        router: Router | None,
        rules: DeskRules,
        clock: Callable[[], datetime],
        sentinel: Path,
        looking: Looking,
    ) -> None:
        self._store = store
        self._looking = looking
        self._roles = roles
        self._router = router
        self._sentinel = sentinel
        self._listeners: list[Callable[[], None]] = []
        self.rules = rules
        self.clock = clock
        self.operator = rules.operator
        self.read_only = roles.review is None

    @property
    def router_problem(self) -> str:
        """The newest failure of the router in this process; empty while all is well or elsewhere."""
        return self._router.problem if self._router else ""

    @property
    def is_router(self) -> bool:
        """Whether this process is the one that talks to the broker."""
        return self._router is not None and self._router.active

    @property
    def router_state(self) -> str:
        """What the router of this process is doing, in words."""
        if self.is_router:
            return "this process is the router"
        waiting = self._router is not None and self._router.waiting
        return "another process is the router; waiting" if waiting else "starting"

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` in the loop whenever the store changed. Returns how to stop it."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def changed(self) -> None:
        """The doorbell rang."""
        if self._router is not None:
            self._router.ring()
        for callback in list(self._listeners):
            callback()

    async def desk(self) -> DeskState:
        return await self._store.run(lambda _: self._roles.views.desk())

    async def queue(self) -> list[OrderRow]:
        return await self._store.run(lambda _: self._roles.views.queue())

    async def blotter(self) -> list[OrderRow]:
        return await self._store.run(lambda _: self._roles.views.blotter())

    async def ticket(self, order_ref: str) -> Ticket:
        return await self._store.run(lambda _: self._roles.views.ticket(order_ref))

    async def audit(self, *, after_seq: int = 0, limit: int = 200, newest: bool = True) -> list[AuditEntry]:
        return await self._store.run(lambda _: self._roles.views.audit(after_seq=after_seq, limit=limit, newest=newest))

    async def audit_before(self, before_seq: int, *, text: str = "", limit: int = 200) -> FoundEntries:
        return await self._looking.thread.run(lambda _: self._looking.pages.audit_before(before_seq, text, limit))

    async def positions_page(self) -> PositionsPage:
        return await self._looking.thread.run(lambda _: self._looking.pages.positions())

    async def switch_page(self) -> SwitchPage:
        return await self._looking.thread.run(lambda _: self._looking.pages.switch())

    async def policies_page(self) -> PoliciesPage:
        return await self._looking.thread.run(lambda _: self._looking.pages.policies())

    async def agents_page(self) -> AgentsPage:
        return await self._looking.thread.run(lambda _: self._looking.pages.agents())

    async def pace(self) -> Pace:
        return await self._looking.thread.run(lambda _: self._looking.pages.pace())

    async def settings_page(self) -> SettingsPage:
        return self._looking.settings

    async def verify_audit(self) -> ChainVerdict:
        """The whole chain."""
        return await self._store.run(lambda store: store.verify_audit())

    async def approve(self, shown: Shown, how: Mapping[str, str]) -> Verdict:
        return await self._store.run(lambda _: self._review.approve(shown, how=how))

    async def batch(self, order_refs: Sequence[str]) -> Batch:
        return await self._store.run(lambda _: self._roles.views.batch(order_refs))

    async def approve_batch(self, batch: Sequence[Shown], how: Mapping[str, str]) -> list[Answered]:
        return await self._store.run(lambda _: self._review.approve_batch(batch, how=how))

    async def recall_all(self) -> list[OrderRecord]:
        return await self._store.run(lambda _: self._review.recall_all())

    async def reject(self, order_ref: str, reason: str, reason_code: str) -> OrderRecord:
        return await self._store.run(lambda _: self._review.reject(order_ref, reason=reason, reason_code=reason_code))

    async def ask_changes(self, order_ref: str, reason: str, reason_code: str) -> OrderRecord:
        return await self._store.run(
            lambda _: self._review.ask_changes(order_ref, reason=reason, reason_code=reason_code)
        )

    async def edit(self, wanted: Edit) -> OrderRecord:
        return await self._store.run(lambda _: self._review.edit(wanted))

    async def recall(self, order_ref: str) -> OrderRecord:
        return await self._store.run(lambda _: self._review.recall(order_ref))

    async def submit_now(self, order_ref: str) -> OrderRecord:
        return await self._store.run(lambda _: self._review.submit_now(order_ref))

    async def ask_cancel(self, order_ref: str) -> OrderRecord:
        return await self._store.run(lambda _: self._review.ask_cancel(order_ref))

    async def ask_cancel_all(self) -> list[OrderRecord]:
        return await self._store.run(lambda _: self._review.ask_cancel_all())

    async def what_came_of(self, order_refs: Sequence[str]) -> list[Swept]:
        return await self._store.run(what_came_of, order_refs)

    async def standing(self) -> Standing:
        return await self._store.run(lambda store: standing(store, self.clock()))

    async def close_switch(self, reason: str) -> SwitchState:
        """By the store; if that does not answer at once, by the file beside it."""
        review = self._review
        closing = self._store.run(lambda _: review.close_switch(reason))
        return await stop_beside(closing, self._sentinel, principal=self.operator, reason=reason)

    async def open_switch(self, reason: str, override: str = "") -> SwitchState:
        return await self._store.run(lambda _: self._review.open_switch(reason, override=override))

    async def write_off(self, order_ref: str, reason: str, override: str = "") -> OrderRecord:
        return await self._store.run(lambda _: self._review.write_off(order_ref, reason=reason, override=override))

    @property
    def _review(self) -> Review:
        if self._roles.review is None:
            raise NotPermitted("this terminal is read-only", user_action="start `ibgw tui` without --read-only")
        return self._roles.review


@asynccontextmanager
async def operator_desk(
    database: Path,
    rules: DeskRules,
    *,
    broker: Broker | None,
    witness: Witness | None = None,
    read_only: bool = False,
    clock: Callable[[], datetime] = utc_now,
    make_id: Callable[[], str] = make_uuid7,
    make_ref: Callable[[], str] = make_order_ref,
    pid: int | None = None,
    settings: SettingsPage = NO_SETTINGS,
) -> AsyncIterator[OperatorDesk]:
    """Open the store, start the router (unless read-only or without a broker), and take all down again."""
    thread = StoreThread(database, clock=clock, automated=False)
    roles = await thread.run(lambda store: _roles(store, rules, clock, make_id, make_ref, read_only, witness))
    router = None
    if broker is not None and not read_only:
        router = Router(
            thread, broker, rules=rules, health=roles.health, clock=clock, make_id=make_id, pid=pid or os.getpid(),
            witness=witness,
        )  # fmt: skip
    reading = StoreThread(database, clock=clock, read_only=True)
    looking = Looking(reading, await reading.run(lambda store: Pages(store, rules=rules, clock=clock)), settings)
    desk = OperatorDesk(thread, roles, router, rules, clock, database.parent / SENTINEL, looking)
    listener = await thread.run(lambda store: store.listen())
    loop = asyncio.get_running_loop()

    def rung() -> None:
        listener.drain()
        desk.changed()

    loop.add_reader(listener.fileno(), rung)
    running = asyncio.create_task(router.run(), name="router") if router else None
    try:
        yield desk
    finally:
        loop.remove_reader(listener.fileno())
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        listener.close()
        reading.close()
        thread.close()


def open_desk(
    loaded: Loaded, *, read_only: bool = False, enable_live: bool = False
) -> AbstractAsyncContextManager[OperatorDesk]:
    """The operator's desk that a configuration means, with its router."""
    home = resolve_home(loaded)
    return operator_desk(
        home.database,
        desk_rules(loaded.config, enable_live=enable_live),
        broker=make_broker(loaded.config, home.folder, utc_now),
        witness=witness_of(loaded, home.database),
        read_only=read_only,
        settings=settings_page(loaded),
    )


def settings_page(loaded: Loaded) -> SettingsPage:
    """The configuration in force, for reading."""
    from ibgw_tui.config import default_file, show

    rows = tuple(SettingRow(key, value, origin) for key, value, origin in show(loaded))
    return SettingsPage(str(loaded.file or default_file()), loaded.file is not None, rows)


async def route_until(stopped: asyncio.Event, loaded: Loaded, *, enable_live: bool, say: Callable[[str], None]) -> None:
    """Be the router without a screen, until `stopped` is set. Says what it does and what fails, once each."""
    async with open_desk(loaded, enable_live=enable_live) as desk:
        said = ""
        while not stopped.is_set():
            now = desk.router_problem or desk.router_state
            if now != said:
                say(now)
                said = now
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), 0.1)
    say("stopped")


def _roles(
    store: OrderStore,
    rules: DeskRules,
    clock: Callable[[], datetime],
    make_id: Callable[[], str],
    make_ref: Callable[[], str],
    read_only: bool,
    witness: Witness | None,
) -> Roles:
    health = AuditHealth(store, witness.checkpoints if witness else None)
    review = None
    if not read_only:
        review = Review(store, rules=rules, make_id=make_id, make_ref=make_ref, health=health)
    return Roles(Views(store, rules=rules, clock=clock, health=health), review, health)
