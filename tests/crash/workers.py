"""What the processes of a round do. Each job runs in its own process, until it is done or killed.

A *victim* prepares what its operation needs, arms the trace and does the operation. *Companions* work on
the same file meanwhile. *recover* is the next start of the router: it works until nothing is left to do.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ibgw_tui.core.broker import ExecutionReport
from ibgw_tui.core.errors import Conflict, NotPermitted
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.service.views import Shown
from tests.crash.clock import SharedClock
from tests.crash.deaths import BEFORE, trace
from tests.crash.desk import FILLS, RESTS, Seat, crash_rules, until
from tests.crash.journal import Journal
from tests.crash.market import RemoteBroker, serve

DATABASE = "desk.sqlite3"
UNDECIDED = 12
"""Orders that wait for a decision in the desk every round starts with."""
COMPANIONS_FROM = 4
"""The first of them belong to the victim; from this one on to the operator beside it."""
CALM_SECONDS = 20.0


class Worker:
    """One process: its seat at the desk, its line to the market, and its journal."""

    def __init__(self, desk: str, socket: str, clock: str, name: str, automated: bool = False, **limits: Any) -> None:
        folder = Path(desk)
        self.trace = trace()
        self.broker = RemoteBroker(Path(socket), folder.name)
        self.folder = folder
        self.seat = Seat(
            folder / DATABASE, SharedClock(Path(clock)), self.broker, name=name, automated=automated,
            rules=crash_rules(**limits),
        )  # fmt: skip
        self.journal = Journal(folder, name)
        self.name = name
        self.undecided: list[str] = []

    async def open(self) -> None:
        await self.broker.connect()
        await self.broker.freeze(False)
        orders = await self.seat.do(lambda: self.seat.store.orders(statuses=[Status.PENDING], limit=UNDECIDED))
        self.undecided = [record.order_ref for record in orders]

    # ---- acts, each with its acknowledgement

    async def stage(self, key: str, price: str = RESTS) -> str:
        self.journal.wanted(principal=self.name, key=key, price=price)
        order_ref = (await self.seat.stage(key, limit_price=price)).record.order_ref
        self.journal.acknowledged("stage", order_ref, principal=self.name, key=key)
        return order_ref

    async def preview(self, order_ref: str) -> None:
        await self.seat.preview(order_ref)
        self.journal.acknowledged("preview", order_ref)

    async def approve(self, order_ref: str) -> None:
        verdict = await self.seat.try_to_approve(order_ref)
        if verdict.approval is not None:
            self.journal.acknowledged("approve", order_ref, approval_id=verdict.approval.approval_id)

    async def approve_batch(self, batch: Sequence[Shown]) -> None:
        answers = await self.seat.approve_batch(batch)
        approved = {each.record.order_ref: each.approval.approval_id for each in answers if each.approval is not None}
        left_out = [each.record.order_ref for each in answers if each.approval is None]
        self.journal.acknowledged("batch", approved=approved, left_out=left_out)

    async def ask_changes(self, order_ref: str) -> None:
        await self.seat.ask_changes(order_ref)
        self.journal.acknowledged("ask_changes", order_ref)

    async def edit(self, order_ref: str) -> str:
        """To the other price. The revision."""
        price = _EDITED[_price_of(await self.seat.read(order_ref))]
        revision = (await self.seat.edit(order_ref, limit_price=price)).order_ref
        self.journal.acknowledged("edit", revision, revises=order_ref, price=price)
        return revision

    async def recall(self, order_ref: str) -> None:
        await self.seat.recall(order_ref)
        self.journal.acknowledged("recall", order_ref)

    async def reject(self, order_ref: str) -> None:
        await self.seat.reject(order_ref)
        self.journal.acknowledged("reject", order_ref)

    async def withdraw(self, order_ref: str) -> None:
        await self.seat.withdraw(order_ref)
        self.journal.acknowledged("withdraw", order_ref)

    async def submit_now(self, order_ref: str) -> None:
        await self.seat.submit_now(order_ref)
        self.journal.acknowledged("submit_now", order_ref)

    async def submit(self, order_ref: str) -> None:
        await self.seat.submit(order_ref)
        if (await self.seat.read(order_ref)).status is Status.SENDING:
            self.journal.acknowledged("submit", order_ref)

    async def ask_cancel(self, order_ref: str) -> None:
        await self.seat.ask_cancel(order_ref)
        self.journal.acknowledged("cancel", order_ref)

    async def close_switch(self, reason: str) -> None:
        await self.seat.close_switch(reason)
        self.journal.acknowledged("kill", reason=reason)

    async def open_switch(self, reason: str) -> None:
        await self.seat.open_switch(reason)
        self.journal.acknowledged("open", reason=reason)

    # ---- what must be so before an operation

    async def be_router(self) -> None:
        assert await self.seat.take_lease(), "somebody else is the router"

    async def approved(self, number: int) -> str:
        await self.seat.publish()
        await self.approve(self.undecided[number])
        return self.undecided[number]

    async def sent(self, number: int) -> str:
        await self.be_router()
        order_ref = await self.approved(number)
        await self.submit(order_ref)
        return order_ref


Act = Callable[[], Awaitable[object]]


async def _stage(worker: Worker) -> Act:
    return lambda: worker.stage("victim-key")


async def _preview(worker: Worker) -> Act:
    await worker.be_router()
    order_ref = await worker.stage("victim-key")
    return lambda: worker.preview(order_ref)


async def _approve(worker: Worker) -> Act:
    await worker.seat.publish()
    return lambda: worker.approve(worker.undecided[0])


async def _ask_changes(worker: Worker) -> Act:
    await worker.seat.publish()
    return lambda: worker.ask_changes(worker.undecided[0])


async def _edit(worker: Worker) -> Act:
    """From other numbers to the yes: the revision of an order that waits is previewed and approved."""
    await worker.be_router()
    await worker.seat.publish()
    return lambda: _edit_and_approve(worker, worker.undecided[0])


async def _answer(worker: Worker) -> Act:
    """The same after the order was given back, and until the revision is at the market."""
    await worker.be_router()
    await worker.seat.publish()
    await worker.ask_changes(worker.undecided[1])

    async def to_the_market() -> None:
        await worker.submit(await _edit_and_approve(worker, worker.undecided[1]))

    return to_the_market


async def _edit_and_approve(worker: Worker, order_ref: str) -> str:
    revision = await worker.edit(order_ref)
    await worker.preview(revision)
    await worker.approve(revision)
    return revision


async def _batch(worker: Worker) -> Act:
    """Three orders beside one that is approved already; one of the three was given back after it was displayed."""
    await worker.approved(3)
    shown = await worker.seat.shown(worker.undecided[:3])
    await worker.ask_changes(worker.undecided[1])
    return lambda: worker.approve_batch(shown)


async def _recall(worker: Worker) -> Act:
    order_ref = await worker.approved(0)
    return lambda: worker.recall(order_ref)


async def _reject(worker: Worker) -> Act:
    order_ref = await worker.approved(0)
    return lambda: worker.reject(order_ref)


async def _withdraw(worker: Worker) -> Act:
    order_ref = await worker.stage("victim-key")
    return lambda: worker.withdraw(order_ref)


async def _submit(worker: Worker) -> Act:
    await worker.be_router()
    order_ref = await worker.approved(0)
    return lambda: worker.submit(order_ref)


async def _cancel(worker: Worker) -> Act:
    order_ref = await worker.sent(1)
    return lambda: worker.ask_cancel(order_ref)


async def _kill(worker: Worker) -> Act:
    await worker.sent(1)
    await worker.approved(0)
    await worker.approved(2)
    return lambda: worker.close_switch("drill")


async def _open(worker: Worker) -> Act:
    await worker.approved(0)
    await worker.close_switch("before the drill")
    return lambda: worker.open_switch("after the drill")


async def _hear(worker: Worker) -> Act:
    """The reports of an order that fills: taken, executed, filled, charged."""
    await worker.sent(0)

    async def listen() -> None:
        executed = False
        async for report in worker.broker.reports():
            await worker.seat.hear(report)
            if executed:
                return
            executed = isinstance(report, ExecutionReport)

    return listen


async def _router(worker: Worker) -> Act:
    """A whole router at work: staged, approved and sent orders, a cancel, and what a dead one left behind."""
    mine = [await worker.stage("victim-key", FILLS), await worker.approved(0)]
    if await worker.seat.take_lease():
        order_ref = await worker.approved(1)
        await worker.submit(order_ref)
        await worker.ask_cancel(order_ref)
        await worker.seat.let_go()
        mine.append(order_ref)
    return lambda: _work_until_calm(worker, mine)


OPERATIONS: dict[str, Callable[[Worker], Coroutine[Any, Any, Act]]] = {
    "stage": _stage,
    "preview": _preview,
    "approve": _approve,
    "batch": _batch,
    "ask_changes": _ask_changes,
    "edit": _edit,
    "answer": _answer,
    "recall": _recall,
    "reject": _reject,
    "withdraw": _withdraw,
    "submit": _submit,
    "hear": _hear,
    "cancel": _cancel,
    "kill": _kill,
    "open": _open,
    "router": _router,
}


async def _work_until_calm(worker: Worker, mine: Sequence[str] = ()) -> None:
    """Run the router until it has done and heard what there is: of these orders, or of all, with the market standing still."""
    router = worker.seat.router()
    running = asyncio.create_task(router.run())
    try:
        await until(worker.broker.asked_account.is_set, CALM_SECONDS, lambda: f"reconciling: {router.problem}")
        await until(lambda: _is_calm(worker, mine), CALM_SECONDS, lambda: f"calm: {router.problem}")
        if not mine:
            await worker.broker.freeze(True)
            await asyncio.sleep(0.03)
            await until(lambda: _is_calm(worker, mine), CALM_SECONDS, lambda: f"calm again: {router.problem}")
            await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


_UNFINISHED = (Status.STAGED, Status.STALE, Status.APPROVED, Status.SENDING, Status.CANCEL_REQUESTED)


async def _is_calm(worker: Worker, mine: Sequence[str]) -> bool:
    if worker.broker.unheard:
        return False
    found = await worker.seat.do(lambda: worker.seat.store.orders(statuses=_UNFINISHED, limit=10_000))
    # An approval that gates refused waits for the operator to ask again.
    left = [record for record in found if record.status is not Status.APPROVED or record.reason_code is None]
    return not [record for record in left if not mine or record.order_ref in mine]


@asynccontextmanager
async def at_work(worker: Worker) -> AsyncIterator[None]:
    await worker.open()
    try:
        yield
    finally:
        await worker.broker.close()
        worker.seat.close()


# ---- jobs


def market(socket: str, clock: str) -> None:
    asyncio.run(serve(Path(socket), SharedClock(Path(clock))))


def victim(operation: str, side: str = BEFORE, number: int = 0, **where: Any) -> None:
    """Does the operation and dies at the statement, or ends when there are not so many."""

    async def work() -> None:
        worker = Worker(name="victim", **where)
        async with at_work(worker):
            act = await OPERATIONS[operation](worker)
            worker.trace.arm(side, number)
            await act()
            worker.trace.disarm()
            worker.journal.counted(operation, worker.trace.count, worker.trace.commits)

    asyncio.run(work())


def prepare(**where: Any) -> None:
    """The desk that every round starts with."""

    async def work() -> None:
        worker = Worker(name="agent-0", **where)
        async with at_work(worker):
            await worker.be_router()
            await worker.open_switch("start of day")
            for number in range(UNDECIDED):
                await worker.preview(await worker.stage(f"first-{number}", RESTS if number % 2 else FILLS))
            await worker.seat.let_go()

    asyncio.run(work())


def agent(seed: int, **where: Any) -> None:
    """Stages, asks again with the same key, and changes its mind, until it is killed."""

    async def work() -> None:
        draw = random.Random(seed)
        worker = Worker(name=f"agent-{seed}", automated=True, **where)
        await worker.open()
        for number in itertools.count():
            order_ref = await worker.stage(f"k-{number}", draw.choice((FILLS, RESTS)))
            if draw.random() < 0.3:
                again = await worker.stage(f"k-{number}", _price_of(await worker.seat.read(order_ref)))
                assert again == order_ref, "the same key gave another order"
            if draw.random() < 0.3:
                await _tried(worker.withdraw(order_ref))
            await asyncio.sleep(draw.uniform(0, 0.01))

    asyncio.run(work())


def operator(seed: int, mine: bool = False, switches: bool = False, **where: Any) -> None:
    """Approves, one or several, edits, gives back, recalls, rejects, sends, cancels (and closes and opens the
    switch), until it is killed."""

    async def work() -> None:
        draw = random.Random(seed)
        worker = Worker(name=f"operator-{seed}", **where)
        await worker.open()
        own = worker.undecided[COMPANIONS_FROM:] if mine else None
        acts: list[Callable[[str], Awaitable[object]]] = [worker.approve] * 6
        acts += [worker.recall, worker.reject, worker.submit_now, worker.ask_cancel, worker.edit, worker.ask_changes]
        while True:
            await worker.seat.publish()
            live = own or [
                r.order_ref for r in await worker.seat.do(lambda: worker.seat.store.orders(limit=40, newest_first=True))
            ]
            for order_ref in draw.sample(live, min(4, len(live))):
                await _tried(draw.choice(acts)(order_ref))
            if draw.random() < 0.2 and (shown := await worker.seat.shown(draw.sample(live, min(4, len(live))))):
                await _tried(worker.approve_batch(shown))
            if switches and draw.random() < 0.05:
                await _tried(worker.close_switch(f"drill {draw.random()}"))
                await _tried(worker.open_switch(f"drill over {draw.random()}"))
            await asyncio.sleep(draw.uniform(0, 0.01))

    asyncio.run(work())


def router(name: str = "router", **where: Any) -> None:
    """A router like any other, until it is killed."""

    async def work() -> None:
        worker = Worker(name=name, **where)
        await worker.open()
        await worker.seat.router().run()

    asyncio.run(work())


def recover(name: str = "recover", **where: Any) -> None:
    """The next start. The market stands still afterwards, so that both sides can be compared."""

    async def work() -> None:
        worker = Worker(name=name, **where)
        async with at_work(worker):
            await _work_until_calm(worker)

    asyncio.run(work())


async def _tried(act: Awaitable[object]) -> None:
    """Whoever acts at random is often too late; anything but a clear answer is a failure."""
    try:
        await act
    except (Conflict, NotPermitted):
        return


def _price_of(record: OrderRecord) -> str:
    return f"{record.intent.limit_price:f}"


_EDITED = {FILLS: RESTS, RESTS: FILLS}


JOBS: dict[str, Callable[..., None]] = {
    "market": market,
    "victim": victim,
    "prepare": prepare,
    "agent": agent,
    "operator": operator,
    "router": router,
    "recover": recover,
}
