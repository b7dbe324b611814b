"""The public face for strategies in Python: stage orders, wait for the person, read what came of them.

    from ibgw_tui import Staging

    with Staging("momentum-1") as staging:
        order = staging.stage(account="DU1234567", symbol="AAPL", side="buy", quantity="1", limit_price="100", key="k1")
        order = staging.wait(order.order_ref, timeout=300)

It holds the staging role and nothing else: there is no approve and no submit to import. Numbers are text, int or
Decimal; a float is refused, because it is not what was written. Errors are those of `ibgw_tui.core.errors`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, Literal, ParamSpec, Self, TypeVar

from ibgw_tui.core.decision import Finding
from ibgw_tui.core.hints import Hints
from ibgw_tui.core.lifecycle import AT_BROKER, OPEN, TERMINAL, UNDECIDED, UNDER_WAY, Status
from ibgw_tui.core.orders import order_sentence
from ibgw_tui.core.records import OrderRecord, SwitchState
from ibgw_tui.service.advising import Advice, Headroom, RouterState
from ibgw_tui.service.staging import Staged
from ibgw_tui.wiring.agent_desk import AgentDesk, open_agent_desk
from ibgw_tui.wiring.agent_thread import AgentThread
from ibgw_tui.wiring.paths import load_settings

P = ParamSpec("P")
T = TypeVar("T")

Number = str | int | Decimal
Until = Literal["decision", "end"]


@dataclass(frozen=True, slots=True)
class Order:
    """One order revision as its stager sees it."""

    order_ref: str
    """A durable handle: good after a restart of everything."""
    status: Status
    revision: int
    revises: str | None
    revised_by: str | None
    """Reference of the revision that replaced or follows it."""
    edited_by: str | None
    """The operator who wrote this revision; None: you did."""
    sentence: str
    quantity: Decimal
    limit_price: Decimal | None
    filled: Decimal
    average_price: Decimal | None
    reason_code: str | None
    """Why it is where it is: a refusal code or the operator's reason code."""
    reason: str
    findings: tuple[Finding, ...]
    """Every check of the newest decision, with its numbers."""
    staged_at: datetime
    updated_at: datetime
    replayed: bool = False
    """The key was used before for this very request: nothing new was recorded."""

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """What stands in the way."""
        return tuple(finding for finding in self.findings if finding.blocks)

    @property
    def is_open(self) -> bool:
        """Nothing was sent yet."""
        return self.status in OPEN

    @property
    def is_at_broker(self) -> bool:
        return self.status in AT_BROKER

    @property
    def has_ended(self) -> bool:
        return self.status in TERMINAL


class Verbs:
    """What the staging role can do and know, over a desk that is open."""

    def __init__(self, desk: AgentDesk) -> None:
        self._desk = desk

    def stage(self, /, *, key: str | None = None, **fields: Any) -> Order:
        """Put an order before the operator. `fields` are those of an order (`ibgw schema order` lists them)."""
        return _staged(self._desk, self._desk.staging.stage(fields, key=key))

    def revise(self, order_ref: str, /, *, key: str | None = None, **changes: Any) -> Order:
        """Replace an order that waits, or follow one that was refused, rejected or expired."""
        return _staged(self._desk, self._desk.staging.revise(order_ref, changes, key=key))

    def modify(self, order_ref: str, /, *, key: str | None = None, **changes: Any) -> Order:
        """Ask to change a working order; the order that results goes before the operator."""
        return _staged(self._desk, self._desk.staging.stage_modify(order_ref, changes, key=key))

    def withdraw(self, order_ref: str, *, reason: str) -> Order:
        """Take back an order that was not sent yet."""
        return _order(self._desk, self._desk.staging.withdraw(order_ref, reason=reason))

    def cancel(self, order_ref: str, *, key: str | None = None) -> Order:
        """Ask the broker to cancel. Only a request: it may still fill."""
        return _staged(self._desk, self._desk.staging.ask_cancel(order_ref, key=key))

    def order(self, order_ref: str) -> Order:
        """An own order as it is now. Raises NotFound, NotPermitted."""
        return _order(self._desk, self._desk.staging.own(order_ref))

    def orders(self, *, statuses: tuple[Status, ...] | None = None, limit: int = 100) -> list[Order]:
        """Own orders, newest first: those that have not ended, unless told otherwise."""
        wanted = list(statuses) if statuses is not None else sorted(OPEN | AT_BROKER)
        found = self._desk.store.orders(statuses=wanted, staged_by=self._desk.principal, limit=limit, newest_first=True)
        return [_order(self._desk, record) for record in found]

    def wait(self, order_ref: str, *, until: Until = "decision", timeout: float = 60) -> Order:
        """The order once it is decided (or has ended), or as it is when the time is over."""
        self._desk.staging.own(order_ref)
        waiting = UNDECIDED if until == "decision" else UNDER_WAY
        return _order(self._desk, self._desk.wait(order_ref, while_in=waiting, seconds=timeout))

    def explain(self, /, **fields: Any) -> Advice:
        """Would this order pass, and which quantity or price would? Nothing is recorded."""
        return self._desk.advising.explain(fields)

    def hints(self, order_ref: str) -> Hints | None:
        """Which quantity and price would pass, of an own order that was previewed."""
        return self._desk.advising.hints_for(self._desk.staging.own(order_ref).order_ref)

    def limits(self, account: str, symbol: str = "") -> Headroom:
        """The limits in force, what is used of them, and the budget of waiting orders."""
        return self._desk.advising.headroom(account, symbol)

    def router(self) -> RouterState:
        """Whether somebody previews and sends."""
        return self._desk.advising.router()

    def kill_switch(self) -> SwitchState:
        return self._desk.staging.switch()

    def arm_kill_switch(self, reason: str) -> SwitchState:
        """Emergency stop: no new order leaves. Only the operator can open it again."""
        return self._desk.staging.arm_kill_switch(reason)


class Staging(Verbs):
    """The staging role of one agent. Use it in one thread, as a context manager or with `close()`."""

    def __init__(self, agent: str, *, config: Path | str | None = None, home: Path | str | None = None) -> None:
        """Raises InvalidRequest (not a name), SettingsError, OrderStoreError."""
        super().__init__(_opened(agent, config, home))

    def close(self) -> None:
        self._desk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncStaging:
    """The same for an event loop: every call runs on one thread of its own, and the loop is never held up."""

    def __init__(self, agent: str, *, config: Path | str | None = None, home: Path | str | None = None) -> None:
        self._thread = AgentThread(lambda: _opened(agent, config, home))

    async def stage(self, *, key: str | None = None, **fields: Any) -> Order:
        return await self._run(Verbs.stage, key=key, **fields)

    async def revise(self, order_ref: str, *, key: str | None = None, **changes: Any) -> Order:
        return await self._run(Verbs.revise, order_ref, key=key, **changes)

    async def modify(self, order_ref: str, *, key: str | None = None, **changes: Any) -> Order:
        return await self._run(Verbs.modify, order_ref, key=key, **changes)

    async def withdraw(self, order_ref: str, *, reason: str) -> Order:
        return await self._run(Verbs.withdraw, order_ref, reason=reason)

    async def cancel(self, order_ref: str, *, key: str | None = None) -> Order:
        return await self._run(Verbs.cancel, order_ref, key=key)

    async def order(self, order_ref: str) -> Order:
        return await self._run(Verbs.order, order_ref)

    async def orders(self, *, statuses: tuple[Status, ...] | None = None, limit: int = 100) -> list[Order]:
        return await self._run(Verbs.orders, statuses=statuses, limit=limit)

    async def wait(self, order_ref: str, *, until: Until = "decision", timeout: float = 60) -> Order:
        """Looks now and then, and leaves the thread to other calls in between."""
        import asyncio

        loop = asyncio.get_running_loop()
        waiting = UNDECIDED if until == "decision" else UNDER_WAY
        deadline = loop.time() + timeout
        while True:
            order = await self.order(order_ref)
            left = deadline - loop.time()
            if order.status not in waiting or left <= 0:
                return order
            await asyncio.sleep(min(0.2, left))

    async def explain(self, **fields: Any) -> Advice:
        return await self._run(Verbs.explain, **fields)

    async def hints(self, order_ref: str) -> Hints | None:
        return await self._run(Verbs.hints, order_ref)

    async def limits(self, account: str, symbol: str = "") -> Headroom:
        return await self._run(Verbs.limits, account, symbol)

    async def router(self) -> RouterState:
        return await self._run(Verbs.router)

    async def kill_switch(self) -> SwitchState:
        return await self._run(Verbs.kill_switch)

    async def arm_kill_switch(self, reason: str) -> SwitchState:
        return await self._run(Verbs.arm_kill_switch, reason)

    async def close(self) -> None:
        import asyncio

        await asyncio.to_thread(self._thread.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, act: Callable[Concatenate[Verbs, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        return await self._thread.run(lambda desk: act(Verbs(desk), *arguments, **named))


def _opened(agent: str, config: Path | str | None, home: Path | str | None) -> AgentDesk:
    return open_agent_desk(
        load_settings(Path(config) if config is not None else None, Path(home) if home is not None else None), agent
    )


def _staged(desk: AgentDesk, staged: Staged) -> Order:
    return _order(desk, staged.record, replayed=staged.replayed)


def _order(desk: AgentDesk, record: OrderRecord, *, replayed: bool = False) -> Order:
    return Order(
        order_ref=record.order_ref,
        status=record.status,
        revision=record.revision,
        revises=record.revises,
        revised_by=desk.revised_by(record.order_ref),
        edited_by=record.edited_by,
        sentence=order_sentence(record.intent, record.preview.contract.currency if record.preview else ""),
        quantity=record.intent.quantity,
        limit_price=record.intent.limit_price,
        filled=record.filled,
        average_price=record.average_price,
        reason_code=record.reason_code,
        reason=record.reason,
        findings=record.decision.findings if record.decision else (),
        staged_at=record.staged_at,
        updated_at=record.updated_at,
        replayed=replayed,
    )
