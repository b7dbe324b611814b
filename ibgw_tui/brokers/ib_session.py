"""One session with TWS, from its first byte to its last: the wire, and the facts that came over it.

It starts with everything known or not at all, says its true reason when it does not, and ends once. The
library carries bytes and decodes them; what orders are, whether the link lives and which answer belongs
to which question is decided here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ib_async import IB
from ib_async import Contract as IbContract
from ib_async import Order as IbOrder
from ib_async import OrderState as IbOrderState

from ibgw_tui.brokers.ib_accounts import Accounts
from ibgw_tui.brokers.ib_contracts import wire_contract
from ibgw_tui.brokers.ib_lists import Lists
from ibgw_tui.brokers.ib_pace import Pace
from ibgw_tui.brokers.ib_proof import Proof
from ibgw_tui.brokers.ib_questions import Questions
from ibgw_tui.brokers.ib_quotes import Lines
from ibgw_tui.brokers.ib_recovery import missed, rest_of_family
from ibgw_tui.brokers.ib_settings import IbSettings
from ibgw_tui.brokers.ib_start import accounts_problem, start
from ibgw_tui.brokers.ib_state import SAID_HERE, Book, Tracked
from ibgw_tui.brokers.ib_tap import Hear, tap
from ibgw_tui.brokers.ib_words import Means, meaning
from ibgw_tui.core.broker import (
    LinkReport,
    LinkState,
    Notice,
    Report,
)
from ibgw_tui.core.errors import BrokerError, NotConnected
from ibgw_tui.core.orders import Contract

log = logging.getLogger(__name__)
for _name in ("ib_async", "eventkit"):
    # Without any handler Python would print the library's own view of every error across the screen.
    logging.getLogger(_name).addHandler(logging.NullHandler())

HEADROOM = 5
"""Probes a second, which wait for nobody: they are sent in addition to what the pace allows."""
RECOVERY_PAUSE_SECONDS = 1.0
DELAYED_IF_NOT_LIVE = 3
START_MESSAGES = 12
_ORDER_MESSAGES = {"openOrder", "orderStatus", "execDetails", "commissionReport", "completedOrder", "currentTime"}
"""Kept from the library once the session stands: it would guess states from them."""
_TICKS = {"priceSizeTick", "tickSize", "tickString", "tickGeneric", "marketDataType"}


class Session:
    """`say` takes reports, `ended` is told once why it is over."""

    def __init__(
        self,
        settings: IbSettings,
        clock: Callable[[], datetime],
        say: Callable[[Report], None],
        ended: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._say = say
        self._ended = ended
        self.ib = IB()
        self.client: Any = self.ib.client  # the library's own wire; it has no types
        self.ib.RaiseRequestErrors = True
        self.ib.errorEvent.clear()  # its own listener asks for a summary at each 1102 and never ends the one before
        self.client.MaxRequests = settings.messages_per_second + HEADROOM  # ours waits first
        self.pace = Pace(settings.messages_per_second)
        self.book = Book(settings.client_id, clock)
        self.accounts = Accounts(clock)
        self.lines = Lines(clock, self._subscribe, self._unsubscribe, patience_seconds=settings.quote_seconds)
        self.questions = Questions(self.ib, self.pace, settings, self._must_be_open)
        self.lists = Lists(
            self.client,
            self.pace,
            clock,
            answer_seconds=settings.answer_seconds,
            accounts=lambda: self.managed,
            is_cut_off=lambda: self.is_cut_off,
            must_be_open=self._must_be_open,
            drop=self.drop,
        )
        self.link = LinkState.CONNECTED
        self.managed: tuple[str, ...] = ()
        self._is_open = False
        self._is_over = False
        self.proof = Proof(self.client, self.pace, self._must_be_open)
        self._tasks: set[asyncio.Task[None]] = set()
        self._recovery: asyncio.Task[None] | None = None

    # ---- beginning and end

    async def start(self, above: int) -> None:
        """Connect, synchronise, check the accounts; order ids begin above the one given. Raises BrokerError."""
        silence = tap(self.ib, self._hearers(), self._not_understood)
        silence(_TICKS)
        try:
            self.managed = await start(self.ib, self._settings)
            missing = [account for account in self.managed if not self.accounts.base_currency(account)]
            if missing:
                raise BrokerError(f"TWS did not tell the values of {', '.join(missing)}", user_action="try again")
        except BaseException:
            self.end()
            raise
        silence(_ORDER_MESSAGES)
        self.ib.disconnectedEvent += self._on_disconnected
        self.pace.spent(START_MESSAGES)
        self.client.updateReqId(above + 1)
        self.ib.reqMarketDataType(DELAYED_IF_NOT_LIVE)
        self._is_open = True
        self.proof.begin()
        self._run(self._beating())

    def end(self) -> None:
        """Close the connection, on our side, without a word."""
        self._is_open, self._is_over = False, True
        for task in list(self._tasks):
            task.cancel()
        gone = NotConnected("the session with TWS is over", user_action="connect again")
        self.proof.question.fail(gone)
        self.lists.fail(gone)
        try:
            self.ib.disconnect()
        except ConnectionError:
            self.client.disconnect()  # it never became ready

    def drop(self, why: str) -> None:
        """The session cannot be trusted any more."""
        if not self._is_over:
            log.warning("the session with TWS is given up: %s", why)
            self.end()
            self._ended(why)

    def _on_disconnected(self) -> None:
        self.drop("the connection to TWS was lost")

    def _run(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work, name="ibkr-session")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self._is_over:
            log.error("the session with TWS failed", exc_info=error)
            self.drop(f"{type(error).__name__}: {error}")

    # ---- whether the link lives

    @property
    def is_open(self) -> bool:
        return self._is_open

    @property
    def is_cut_off(self) -> bool:
        """TWS itself has no link to the brokerage, or what happened meanwhile is not known yet."""
        return self.link is not LinkState.CONNECTED

    @property
    def waits_in_library(self) -> bool:
        """Whether anything is queued where a lost link would discard it in silence."""
        return bool(self.client._msgQ)  # noqa: SLF001 - the library tells it nowhere else

    @property
    def is_proven(self) -> bool:
        return self._is_open and self.proof.holds

    async def _beating(self) -> None:
        while True:
            await asyncio.sleep(self._settings.beat_seconds)
            self.lines.sweep()
            try:
                await self.proof.ask(self._settings.silence_seconds)
            except NotConnected as error:
                self.drop(error.message)

    def _must_be_open(self) -> None:
        if not self._is_open:
            raise NotConnected("the session with TWS is over", user_action="connect again")

    def _lose_link(self, text: str) -> None:
        if self._recovery is not None:
            self._recovery.cancel()
        if self.link is LinkState.CONNECTED:
            self.link = LinkState.BROKER_UNREACHABLE
            self._tell(LinkReport(state=self.link, text=text, at=self._clock()))

    def _regain_link(self, text: str) -> None:
        """Heard with or without the loss: in both cases something may have been missed."""
        if self._is_open:
            self._lose_link(text)
            self._recovery = self._run(self._recover(text))

    async def _recover(self, text: str) -> None:
        """What happened meanwhile is read and told before anything may be sent again."""
        while True:
            snapshot = await self.lists.read(recovering=True)
            if snapshot.complete:
                break
            await asyncio.sleep(RECOVERY_PAUSE_SECONDS)
        self._tell_all(list(missed(self.book, snapshot)))
        self.link, self._recovery = LinkState.CONNECTED, None
        self._tell(LinkReport(state=self.link, text=text, at=self._clock()))

    # ---- quotes

    async def _subscribe(self, contract: Contract) -> int:
        await self.pace.take()
        self._must_be_open()
        req_id: int = self.client.getReqId()
        self.client.reqMktData(req_id, wire_contract(contract), "", False, False, [])
        return req_id

    def _unsubscribe(self, req_id: int) -> None:
        if self._is_open:
            self.pace.spent(1)
            self.client.cancelMktData(req_id)

    # ---- what TWS says

    def _hearers(self) -> dict[str, Hear]:
        return {
            "managedAccounts": self._on_managed,
            "openOrder": self._on_open_order,
            "openOrderEnd": self.lists.open_end.answered,
            "orderStatus": self._on_order_status,
            "completedOrder": self._on_completed,
            "completedOrdersEnd": self.lists.completed_end.answered,
            "execDetails": self._on_execution,
            "execDetailsEnd": self.lists.executions_end,
            "commissionReport": self._on_commission,
            "error": self._on_error,
            "currentTime": self.proof.told_time,
            "position": self.accounts.position,
            "updateAccountValue": self.accounts.value,
            "accountUpdateMulti": self.accounts.value_of_model,
            "priceSizeTick": self.lines.tick_price,
            "tickSize": self.lines.tick_size,
            "tickString": _nothing,
            "tickGeneric": _nothing,
            "marketDataType": self.lines.data_type,
        }

    def _on_managed(self, told: str) -> None:
        """After a new login of TWS the accounts may be others."""
        if self._is_open and (problem := accounts_problem(told, self._settings)) is not None:
            self.drop(problem.message)

    def _on_open_order(self, order_id: int, contract: IbContract, order: IbOrder, state: IbOrderState) -> None:
        if order.whatIf:
            self.questions.previewed(order_id, state)
            return
        self.client.updateReqId(order_id + 1)
        tracked, reports = self.book.open_order(order_id, contract, order, state)
        self.lists.open_order(tracked)
        self._tell_all(reports)

    def _on_order_status(
        self,
        order_id: int,
        status: str,
        filled: float,
        remaining: float,
        average: float,
        perm_id: int,
        parent_id: int,
        last_price: float,
        client_id: int,
        why_held: str,
        cap: float = 0.0,
    ) -> None:
        self._tell_all(
            self.book.order_status(order_id, status, filled, remaining, average, perm_id, client_id, why_held)
        )

    def _on_completed(self, contract: IbContract, order: IbOrder, state: IbOrderState) -> None:
        self.lists.completed_order(self.book.completed(contract, order, state))

    def _on_execution(self, req_id: int, contract: IbContract, execution: Any) -> None:
        report = self.book.execution(contract, execution)
        if not self.lists.execution(req_id, report) and self._is_open and self.book.is_new_execution(report.exec_id):
            self._tell(report)

    def _on_commission(self, report: Any) -> None:
        if self._is_open:
            self._tell_all(self.book.commission(report))

    def _on_error(self, req_id: int, code: int, text: str, reject: str = "") -> None:
        match meaning(code).means:
            case Means.LINK_LOST:
                self._lose_link(f"{code} {text}")
            case Means.LINK_BACK:
                self._regain_link(f"{code} {text}")
            case Means.LINK_BACK_EMPTY:
                self.lines.forget()
                self._regain_link(f"{code} {text}")
            case Means.SESSION:
                if self._is_open:
                    self.drop(f"{code} {text}")
            case Means.FARM:
                log.debug("%s %s", code, text)
            case _:
                self._on_error_about(req_id, code, text)

    def _on_error_about(self, req_id: int, code: int, text: str) -> None:
        """Who asked decides: a preview, a quote, an order, a question of the library, or nobody."""
        if self.questions.previews(req_id):
            if meaning(code).means is not Means.NOTE:
                self.questions.previewed(req_id, f"{code} {text}")
        elif self.lines.owns(req_id):
            if meaning(code).means not in (Means.NOTE, Means.DELAYED):
                self.lines.error(req_id, f"{code} {text}")
        elif self.lists.error(req_id, f"{code} {text}"):
            pass
        elif (tracked := self.book.by_id.get((self._settings.client_id, req_id))) is not None:
            self._tell_all(self.book.error(req_id, code, text))
            self._keep_whole(tracked)
        elif req_id not in self.ib.wrapper._futures:  # noqa: SLF001 - those are answered by the library
            self._tell(Notice(code=code, text=text, at=self._clock()))

    def _keep_whole(self, refused: Tracked) -> None:
        for leg in rest_of_family(self.book, refused):
            leg.cancelling = True
            self.pace.spent(1)
            self.client.cancelOrder(leg.order_id, "")

    def _not_understood(self, name: str, error: Exception) -> None:
        self._tell(
            Notice(code=SAID_HERE, text=f"a message of TWS ({name}) could not be read: {error}", at=self._clock())
        )

    def _tell_all(self, reports: list[Report]) -> None:
        for report in reports:
            self._tell(report)

    def _tell(self, report: Report) -> None:
        """Before the session stands there is nobody to tell; lists tell it afterwards."""
        if self._is_open:
            self._say(report)


def _nothing(*told: object) -> None:
    """Ticks that no quote here is made of."""
