"""Everything that can happen to a desk, in any order, against a small model.

The service layer, the SQLite file and the simulated market are the real ones; the clock is set by hand.
After every step the desk must say what the model says. A death leaves either what was before the act or
what is after it, and the wire has seen no order twice.

IBGW_MACHINE=2000 runs so many random examples instead of the fixed few.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, precondition, rule

from ibgw_tui.brokers.simulated import SimulatedBroker
from ibgw_tui.core.broker import AccountFacts, LinkReport, Report
from ibgw_tui.core.errors import Conflict, NotPermitted
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.exchange.faults import NO_FAULTS, CancelFault, PlaceFault, Rejection
from ibgw_tui.service.approving import Verdict
from ibgw_tui.service.batching import Answered
from ibgw_tui.store.audit_file import AuditFile
from tests.crash.desk import FILLS, Seat, crash_rules, until
from tests.crash.inspection import file_problems
from tests.crash.model import APPROVAL_LIVES, CONFLICT, DONE, PREVIEW_LIVES, REFUSED, Model, approved_of
from tests.crash.mortal import Died, Mortality
from tests.makers import SettableClock

T = TypeVar("T")
REJECTION = Rejection(201, "Order rejected - reason: a test")
MOST_ORDERS = 5
_RULES = crash_rules(
    preview_ttl_seconds=int(PREVIEW_LIVES.total_seconds()), approval_ttl_seconds=int(APPROVAL_LIVES.total_seconds())
)


class WatchedBroker(SimulatedBroker):
    """The simulated broker, with a list of what arrived, and a stream that is heard by hand."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock, tick_seconds=None)
        self.wire: list[str] = []
        self.asked_account = False

    async def place(self, order: BrokerOrder) -> None:
        self.wire.append(order.order_ref)
        await super().place(order)

    async def account(self, account: str) -> AccountFacts:
        self.asked_account = True
        return await super().account(account)

    def next_report(self) -> Report | None:
        while not self._outbox._queue.empty():
            report = self._outbox._queue.get_nowait()
            if report is not None and not isinstance(report, LinkReport):
                return report
        return None

    @property
    def is_heard(self) -> bool:
        return self._outbox._queue.empty()


Act = tuple[Callable[[Model], str], Callable[[], Awaitable[Any]]]
"""What the model says of it, and doing it."""


class DeskMachine(RuleBasedStateMachine):
    """One desk: an agent, an operator, a router, a market, and death."""

    orders: Bundle[str] = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="ibgw-machine-"))
        self.clock = SettableClock()
        self.broker = WatchedBroker(self.clock)
        self.mortality = Mortality()
        self.model = Model()
        self.heard: list[Report] = []
        self.names = 0
        self.next_ref = ""
        self.run(self.broker.connect())
        self.sit_down()
        self.run(self.seat.take_lease())
        self.run(self.seat.open_switch("start of day"))
        self.model.open_switch()

    def teardown(self) -> None:
        try:
            self.seat.close()
            self.run(self.broker.close())
            with AuditFile(self.database) as file:
                assert file_problems(file) == []
        finally:
            self.mortality.end()
            self.loop.close()
            shutil.rmtree(self.folder)

    # ---- how things are done

    @property
    def database(self) -> Path:
        return self.folder / "desk.sqlite3"

    def run(self, act: Awaitable[T]) -> T:
        async def wait() -> T:
            return await act

        return self.loop.run_until_complete(wait())

    def sit_down(self) -> None:
        self.seat = Seat(
            self.database, self.clock, self.broker, name="agent-1", rules=_RULES, make_ref=self.make_ref,
            make_id=self.make_id, pid=1,
        )  # fmt: skip

    def make_ref(self) -> str:
        return self.next_ref

    def next_name(self) -> str:
        return f"o-{len(self.model.orders) + 1:04}"

    def make_id(self) -> str:
        self.names += 1
        return f"id-{self.names}"

    def told(self, act: Awaitable[Any]) -> str:
        """Do it, and say in one word what the caller was told."""
        try:
            answer = self.run(act)
        except Conflict:
            return CONFLICT
        except NotPermitted:
            return REFUSED
        if isinstance(answer, list) and all(isinstance(each, Answered) for each in answer):
            return approved_of(each.record.order_ref for each in answer if each.approval is not None)
        return REFUSED if isinstance(answer, Verdict) and answer.approval is None else DONE

    def do(self, act: Act) -> None:
        expect, perform = act
        expected = expect(self.model)
        told = self.told(perform())
        assert told == expected, f"told {told}, expected {expected}"

    # ---- what can be done, for life and for death

    def staging(self, key: str, quantity: int, price: str) -> Act:
        data = {"quantity": str(quantity), "limit_price": price}
        now = self.clock()
        name = self.next_ref = self.next_name()
        return (
            lambda model: model.stage(key, data, name, Decimal(quantity), now),
            lambda: self.seat.stage(key, **data),
        )

    def simple(self, verb: str, order_ref: str) -> Act:
        """Verbs that the desk and the model have under one name."""
        return lambda model: getattr(model, verb)(order_ref), lambda: getattr(self.seat, verb)(order_ref)

    def previewing(self, order_ref: str) -> Act:
        async def preview() -> None:
            await self.broker.step()
            await self.seat.preview(order_ref)

        return lambda model: model.preview(order_ref, self.clock()), preview

    def approving(self, order_ref: str) -> Act:
        async def approve() -> Any:
            await self.broker.step()
            await self.seat.publish()
            return await self.seat.try_to_approve(order_ref)

        return lambda model: model.approve(order_ref, self.clock()), approve

    def approving_all(self, order_refs: list[str]) -> Act:
        async def approve() -> Any:
            await self.broker.step()
            await self.seat.publish()
            return await self.seat.try_to_approve_all(order_refs)

        return lambda model: model.approve_all(order_refs, self.clock()), approve

    def editing(self, order_ref: str) -> Act:
        """One more than was asked for."""
        quantity, now = self.model.orders[order_ref].quantity + 1, self.clock()
        name = self.next_ref = self.next_name()
        return (
            lambda model: model.edit(order_ref, name, quantity, now),
            lambda: self.seat.edit(order_ref, quantity=f"{quantity:f}"),
        )

    def closing(self, by_agent: bool) -> Act:
        close = self.seat.arm if by_agent else self.seat.close_switch
        return lambda model: model.close_switch(), lambda: close("drill")

    def submitting(self, order_ref: str, fault: PlaceFault = PlaceFault.NONE, rejected: bool = False) -> Act:
        def expect(model: Model) -> str:
            if model.admit(order_ref, self.clock()):
                lost = fault in (PlaceFault.DROP, PlaceFault.DROP_UNKNOWN)
                silent = fault in (PlaceFault.DROP_UNKNOWN, PlaceFault.LOSE_ACK)
                model.send(order_ref, arrives=not lost, answered=not silent)
            return DONE

        async def submit() -> None:
            await self.broker.step()
            self.broker.set_faults(replace(NO_FAULTS, place=fault, reject_next=REJECTION if rejected else None))
            try:
                # Only an order that was previewed can be handed to the router.
                if (await self.seat.read(order_ref)).preview is not None:
                    await self.seat.submit(order_ref)
            finally:
                self.broker.set_faults(NO_FAULTS)

        return expect, submit

    # ---- the steps

    @precondition(lambda self: len(self.model.orders) < MOST_ORDERS)
    @rule(
        target=orders,
        key=st.sampled_from("abcdefgh"),
        quantity=st.sampled_from([1, 900]),
        price=st.sampled_from(["101", "50"]),
    )
    def stage(self, key: str, quantity: int, price: str) -> Any:
        before = set(self.model.orders)
        self.do(self.staging(key, quantity, price))
        return multiple(*(set(self.model.orders) - before))

    @rule(order_ref=orders)
    def preview(self, order_ref: str) -> None:
        self.do(self.previewing(order_ref))

    @rule(order_ref=orders)
    def approve(self, order_ref: str) -> None:
        self.do(self.approving(order_ref))

    @rule(order_ref=orders)
    def preview_and_approve(self, order_ref: str) -> None:
        self.do(self.previewing(order_ref))
        self.do(self.approving(order_ref))

    @rule(order_refs=st.lists(orders, min_size=1, max_size=MOST_ORDERS, unique=True))
    def approve_all(self, order_refs: list[str]) -> None:
        self.do(self.approving_all(order_refs))

    @rule(order_ref=orders)
    def ask_changes(self, order_ref: str) -> None:
        self.do(self.simple("ask_changes", order_ref))

    @precondition(lambda self: len(self.model.orders) < MOST_ORDERS)
    @rule(target=orders, order_ref=orders)
    def edit(self, order_ref: str) -> Any:
        before = set(self.model.orders)
        self.do(self.editing(order_ref))
        return multiple(*(set(self.model.orders) - before))

    @rule(order_ref=orders)
    def recall(self, order_ref: str) -> None:
        self.do(self.simple("recall", order_ref))

    @rule(order_ref=orders)
    def reject(self, order_ref: str) -> None:
        self.do(self.simple("reject", order_ref))

    @rule(order_ref=orders)
    def withdraw(self, order_ref: str) -> None:
        self.do(self.simple("withdraw", order_ref))

    @rule(
        order_ref=orders,
        fault=st.sampled_from([PlaceFault.NONE, PlaceFault.NONE, *set(PlaceFault) - {PlaceFault.HANG}]),
        rejected=st.booleans(),
    )
    def submit(self, order_ref: str, fault: PlaceFault, rejected: bool) -> None:
        self.do(self.submitting(order_ref, fault, rejected))

    @rule(order_ref=orders)
    def ask_cancel(self, order_ref: str) -> None:
        self.do(self.simple("ask_cancel", order_ref))

    @rule(order_ref=orders, fault=st.sampled_from(CancelFault))
    def send_cancel(self, order_ref: str, fault: CancelFault) -> None:
        order = self.model.orders[order_ref]
        if order.cancel_waits and order.status in ("cancel_requested", "in_doubt"):
            self.broker.set_faults(replace(NO_FAULTS, cancel=fault))
            self.run(self.seat.send_cancel(order_ref))
            self.broker.set_faults(NO_FAULTS)
            order.cancel_waits = False

    @rule(by_agent=st.booleans())
    def close_switch(self, by_agent: bool) -> None:
        self.do(self.closing(by_agent))

    @rule()
    def open_switch(self) -> None:
        self.do((lambda model: model.open_switch(), lambda: self.seat.open_switch("after review")))

    @rule(there=st.booleans())
    def sentinel_file(self, there: bool) -> None:
        file = self.folder / "KILL"
        if there:
            file.touch()
        else:
            file.unlink(missing_ok=True)
        self.model.file = there

    @rule(steps=st.integers(1, 3))
    def market_moves(self, steps: int) -> None:
        for _ in range(steps):
            self.run(self.broker.step())

    @rule(most=st.integers(1, 6))
    def hear(self, most: int) -> None:
        for _ in range(most):
            report = self.broker.next_report()
            if report is None:
                return
            self.heard.append(report)
            self.model.hear(report)
            self.run(self.seat.hear(report))

    @precondition(lambda self: self.heard)
    @rule(choice=st.randoms(use_true_random=False))
    def hear_again(self, choice: Any) -> None:
        """An old report, once more and too late."""
        report = choice.choice(self.heard)
        self.model.hear(report)
        self.run(self.seat.hear(report))

    @rule(seconds=st.sampled_from([1, 60, 301, 901]))
    def time_passes(self, seconds: int) -> None:
        self.clock.forward(seconds=seconds)

    @rule()
    def a_router_works(self) -> None:
        """The whole router, from its start until nothing is left to do."""
        self.hear(10_000)
        self.run(self.seat.let_go())
        self.recover()

    @rule(
        verb=st.sampled_from(
            [
                "preview",
                "approve",
                "recall",
                "ask_changes",
                "reject",
                "withdraw",
                "submit",
                "ask_cancel",
                "close",
            ]
        ),
        order_ref=orders,
        statements=st.integers(0, 70),
        fault=st.sampled_from([PlaceFault.NONE, PlaceFault.LOSE_ACK, PlaceFault.DROP_UNKNOWN]),
    )
    def crash(self, verb: str, order_ref: str, statements: int, fault: PlaceFault) -> None:
        """The process dies in the middle of an act, and the next one starts."""
        acts: dict[str, Callable[[], Act]] = {
            "preview": lambda: self.previewing(order_ref),
            "approve": lambda: self.approving(order_ref),
            "submit": lambda: self.submitting(order_ref, fault),
            "close": lambda: self.closing(by_agent=False),
        }
        self.die(acts.get(verb, lambda: self.simple(verb, order_ref))(), statements, order_ref)

    @precondition(lambda self: len(self.model.orders) < MOST_ORDERS)
    @rule(target=orders, key=st.sampled_from("abcdefgh"), statements=st.integers(0, 20))
    def crash_while_staging(self, key: str, statements: int) -> Any:
        before = set(self.model.orders)
        self.die(self.staging(key, 1, "101"), statements)
        return multiple(*(set(self.model.orders) - before))

    @rule(order_refs=st.lists(orders, min_size=1, max_size=MOST_ORDERS, unique=True), statements=st.integers(0, 120))
    def crash_while_approving_all(self, order_refs: list[str], statements: int) -> None:
        self.die(self.approving_all(order_refs), statements)

    @precondition(lambda self: len(self.model.orders) < MOST_ORDERS)
    @rule(target=orders, order_ref=orders, statements=st.integers(0, 30))
    def crash_while_editing(self, order_ref: str, statements: int) -> Any:
        before = set(self.model.orders)
        self.die(self.editing(order_ref), statements)
        return multiple(*(set(self.model.orders) - before))

    # ---- death and what comes after it

    def die(self, act: Act, statements: int, order_ref: str = "") -> None:
        expect, perform = act
        self.mortality.die_after(statements)
        try:
            self.told(perform())
        except Died:
            pass
        self.mortality.live_on()
        self.seat.abandon()
        self.mortality.bury()
        self.broker.set_faults(NO_FAULTS)
        # What the market said to the dead one is lost.
        self.run(self.broker.close())
        self.run(self.broker.connect())
        self.sit_down()
        after = self.model.copy()
        expect(after)
        possible = [self.model, after]
        if order_ref in after.orders and after.orders[order_ref].status == "in_doubt":
            # The doubt had not been written down yet.
            sending = after.copy()
            sending.orders[order_ref].status = "sending"
            possible.append(sending)
        seen = self.seen()
        matching = [model for model in possible if model.seen() == seen]
        assert matching, f"{seen} is neither {self.model.seen()} nor {after.seen()}"
        self.model = matching[-1]
        for ref, order in self.model.orders.items():
            order.placed = self.at_market(ref)
        self.clock.forward(seconds=6)
        self.recover()

    def recover(self) -> None:
        """The next router: reads what the broker has, ends what lapsed, sends what is due, previews what is staged."""
        # A snapshot tells commissions that were lost, one step later and before any other report: that step is this one.
        self.run(self.broker.snapshot())
        self.run(self.broker.step())  # so that there is a price of now; the market stands still afterwards
        for ref in self.model.orders:
            self.model.doubt(ref)
        snapshot = self.run(self.broker.snapshot())
        said: tuple[Report, ...] = (*snapshot.executions, *snapshot.open_orders, *snapshot.completed_orders)
        for report in said:
            self.model.hear(report)
        now = self.clock()
        self.model.heed_file()
        self.model.expire(now)
        for ref, order in self.model.orders.items():
            if order.status == "staged":
                self.model.preview(ref, now)
            elif order.status == "approved" and not order.refused and self.model.admit(ref, now):
                self.model.send(ref, arrives=True, answered=True)
                order.acknowledged, order.status = True, "working"  # the market says so at once
            if order.cancel_waits and order.status in ("cancel_requested", "in_doubt"):
                order.cancel_waits = False
        self.run(self._a_router_until_calm())

    async def _a_router_until_calm(self) -> None:
        self.broker.asked_account = False
        router = self.seat.router()
        running = asyncio.create_task(router.run())
        try:
            await until(lambda: self.broker.asked_account, 10, lambda: f"reconciled: {router.problem}")
            await until(self._is_calm, 10, lambda: f"calm: {router.problem}, {self.model.seen()}")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        await self.broker.connect()
        assert await self.seat.take_lease()

    async def _is_calm(self) -> bool:
        if not self.broker.is_heard:
            return False
        return await self.seat.do(lambda: self.seat.calm())

    # ---- what is compared

    def seen(self) -> object:
        orders = self.run(self.seat.do(lambda: self.seat.store.orders(limit=100)))
        switch = self.run(self.seat.do(lambda: self.seat.store.switch()))
        return {order.order_ref: (order.status.value, order.filled) for order in orders}, switch.state.value == "open"

    def at_market(self, order_ref: str) -> bool:
        return self.broker._market.exchange.order(order_ref) is not None

    @invariant()
    def the_desk_says_what_the_model_says(self) -> None:
        assert self.seen() == self.model.seen(), f"{self.seen()} and not {self.model.seen()}"

    @invariant()
    def nothing_arrived_twice(self) -> None:
        assert all(count == 1 for count in Counter(self.broker.wire).values())

    @invariant()
    def the_market_has_what_the_model_says(self) -> None:
        for order_ref, order in self.model.orders.items():
            assert self.at_market(order_ref) == order.placed
            assert order.status != Status.NOT_PLACED.value


def test_a_router_that_starts_after_a_fill_hears_of_the_next_order() -> None:
    """The commission of the fill, told anew, stands before everything that the market says of later orders."""
    machine = DeskMachine()
    try:
        for key in "ab":
            machine.do(machine.staging(key, 1, FILLS))
            order_ref = max(machine.model.orders)
            machine.do(machine.previewing(order_ref))
            machine.do(machine.approving(order_ref))
            machine.a_router_works()
            machine.market_moves(steps=1)
            machine.a_router_works()
            machine.the_desk_says_what_the_model_says()
        assert [order.status for order in machine.model.orders.values()] == ["filled", "filled"]
    finally:
        machine.teardown()


EXAMPLES = int(os.environ.get("IBGW_MACHINE", "0"))

TestDesk = DeskMachine.TestCase
TestDesk.settings = settings(
    derandomize=not EXAMPLES,
    max_examples=EXAMPLES or 30,
    stateful_step_count=50 if EXAMPLES else 25,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=bool(EXAMPLES),
)
