"""The three lists in which every order is found: open orders of all clients, completed orders, executions.

Asked one after the other, each to its end or not at all: a list that did not end proves no absence. The
library keeps one slot a kind of list, so its own is not used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from ib_async import ExecutionFilter

from ibgw_tui.brokers.ib_asking import Question
from ibgw_tui.brokers.ib_pace import Pace
from ibgw_tui.brokers.ib_state import FINISHED, Tracked, newest_only
from ibgw_tui.core.broker import BrokerSnapshot, ExecutionReport, OrderReport
from ibgw_tui.core.errors import BrokerError, NotConnected


class Lists:
    """Of one session. `must_be_open` raises NotConnected; `drop` gives the session up."""

    def __init__(
        self,
        client: Any,
        pace: Pace,
        clock: Callable[[], datetime],
        *,
        answer_seconds: float,
        accounts: Callable[[], Collection[str]],
        is_cut_off: Callable[[], bool],
        must_be_open: Callable[[], None],
        drop: Callable[[str], None],
    ) -> None:
        self._client = client
        self._pace = pace
        self._clock = clock
        self._seconds = answer_seconds
        self._accounts = accounts
        self._is_cut_off = is_cut_off
        self._must_be_open = must_be_open
        self._drop = drop
        self.open_end, self.completed_end = Question(), Question()
        self._ends: dict[int, asyncio.Future[None]] = {}
        """Of executions, by request id."""
        self._open: dict[int, Tracked] | None = None
        self._completed: list[OrderReport] | None = None
        self._executions: dict[int, list[ExecutionReport]] = {}
        self._turn = asyncio.Lock()

    async def read(self, *, recovering: bool = False) -> BrokerSnapshot:
        """All three; incomplete when one did not end, or while TWS is cut off from the brokerage.

        `recovering`: the link is back, and these very lists are what it takes to believe it.
        """
        async with self._turn:
            open_orders = await self._ask_open()
            completed = await self._ask_completed()
            executions = await self._ask_executions()
        at, accounts = self._clock(), self._accounts()
        trusted = recovering or not self._is_cut_off()
        return BrokerSnapshot(
            complete=None not in (open_orders, completed, executions) and trusted,
            open_orders=tuple(each.report(at) for each in open_orders or () if each.account in accounts),
            completed_orders=tuple(report for report in completed or () if report.account in accounts),
            executions=newest_only([each for each in executions or () if each.account in accounts]),
            at=at,
        )

    async def open_orders(self) -> tuple[OrderReport, ...] | None:
        """The first list alone; None when it did not end, or while TWS is cut off from the brokerage."""
        async with self._turn:
            found = await self._ask_open()
        if found is None or self._is_cut_off():
            return None
        at, accounts = self._clock(), self._accounts()
        return tuple(each.report(at) for each in found if each.account in accounts)

    async def working(self, order_ref: str) -> Tracked | None:
        """An open order as TWS has it now; None when it is not among the open ones. Raises NotConnected."""
        async with self._turn:
            found = await self._ask_open()
        if found is None:
            raise NotConnected("TWS did not list the open orders", user_action="try again; nothing was sent")
        return next((each for each in found if each.order_ref == order_ref), None)

    def fail(self, error: Exception) -> None:
        """No answer will come."""
        self.open_end.fail(error)
        self.completed_end.fail(error)
        for future in self._ends.values():
            if not future.done():
                future.set_exception(error)

    # ---- what TWS says

    def open_order(self, tracked: Tracked) -> None:
        if self._open is not None:
            self._open[id(tracked)] = tracked

    def completed_order(self, report: OrderReport) -> None:
        if self._completed is not None:
            self._completed.append(report)

    def execution(self, req_id: int, report: ExecutionReport) -> bool:
        """False when it belongs to no list: then it is news."""
        if req_id not in self._executions:
            return False
        self._executions[req_id].append(report)
        return True

    def executions_end(self, req_id: int) -> None:
        future = self._ends.get(req_id)
        if future is not None and not future.done():
            future.set_result(None)

    def error(self, req_id: int, text: str) -> bool:
        """False when it is about no list."""
        future = self._ends.get(req_id)
        if future is not None and not future.done():
            future.set_exception(BrokerError(text))
        return future is not None

    # ---- inside

    async def _ask_open(self) -> list[Tracked] | None:
        self._open = {}
        try:
            if not await self._to_its_end(self.open_end, self._client.reqAllOpenOrders):
                return None
            return [each for each in self._open.values() if each.state not in FINISHED]
        finally:
            self._open = None

    async def _ask_completed(self) -> list[OrderReport] | None:
        found: list[OrderReport] = []
        self._completed = found
        try:
            ended = await self._to_its_end(self.completed_end, lambda: self._client.reqCompletedOrders(False))
            return found if ended else None
        finally:
            self._completed = None

    async def _ask_executions(self) -> list[ExecutionReport] | None:
        await self._pace.take()
        self._must_be_open()
        req_id = self._client.getReqId()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ends[req_id], self._executions[req_id] = future, []
        try:
            self._client.reqExecutions(req_id, ExecutionFilter())
            await asyncio.wait_for(future, self._seconds)
            return self._executions[req_id]
        except NotConnected:
            raise
        except (TimeoutError, BrokerError):
            return None
        finally:
            del self._ends[req_id], self._executions[req_id]

    async def _to_its_end(self, question: Question, send: Callable[[], None]) -> bool:
        """Whether the whole list came. A TWS that owes two ends in a row is not to be trusted."""
        await self._pace.take()
        self._must_be_open()
        was_behind, future = question.is_behind, question.ask()
        send()
        try:
            await asyncio.wait_for(future, self._seconds)
        except TimeoutError:
            if was_behind:
                self._drop("TWS does not finish its lists of orders")
            return False
        return True
