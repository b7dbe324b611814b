"""Interactive Brokers behind the broker port, by way of TWS or IB Gateway and the unmodified `ib_async`.

An order leaves only over a session that stands, in the right mode, with an answer of now, and under an id
never used before. After that nothing is assumed: reports say what TWS said, and silence stays silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

from ibgw_tui.brokers.ib_contracts import contract_of, question, rule_of, the_one, wire_contract
from ibgw_tui.brokers.ib_ids import OrderIds
from ibgw_tui.brokers.ib_orders import changed_order, family_of, problems_of, wire_order
from ibgw_tui.brokers.ib_patience import Patience
from ibgw_tui.brokers.ib_questions import estimate_of
from ibgw_tui.brokers.ib_quotes import no_quote
from ibgw_tui.brokers.ib_session import Session
from ibgw_tui.brokers.ib_settings import IbSettings
from ibgw_tui.brokers.ib_state import FINISHED, Tracked
from ibgw_tui.core.broker import (
    AccountFacts,
    BrokerSnapshot,
    BrokerState,
    CancelRefused,
    LinkReport,
    LinkState,
    ModifyRefused,
    Notice,
    OrderReport,
    Position,
    Quote,
    Report,
    WhatIf,
)
from ibgw_tui.core.errors import BrokerError, ErrorCode, NotConnected, NotFound, OutcomeUnknown
from ibgw_tui.core.orders import BrokerOrder, Contract, OrderIntent
from ibgw_tui.core.terms import AccountId

NAME = "IBKR"
CHANGEABLE = frozenset({BrokerState.WORKING, BrokerState.HELD})


class Reports:
    """The stream of one session after the other. One consumer."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Report | None] = asyncio.Queue()

    def begin(self) -> None:
        self._queue = asyncio.Queue()

    def say(self, report: Report) -> None:
        self._queue.put_nowait(report)

    def end(self) -> None:
        self._queue.put_nowait(None)

    async def stream(self) -> AsyncIterator[Report]:
        queue = self._queue
        while (report := await queue.get()) is not None:
            yield report


class IbBroker:
    """`ids_path` is a file that keeps order ids from being used twice, and the desk from connecting twice."""

    def __init__(self, clock: Callable[[], datetime], settings: IbSettings, *, ids_path: Path | None = None) -> None:
        self._clock = clock
        self._settings = settings
        self._ids = OrderIds(ids_path)
        self._session: Session | None = None
        self._reports = Reports()
        self._turn = asyncio.Lock()
        self._patience = Patience(settings)

    @property
    def name(self) -> str:
        return f"{NAME} {self._settings.mode.value.upper()}"

    # ---- the session

    async def connect(self) -> None:
        """Connect with everything known, or raise BrokerError with the true reason. Waits longer after each failure."""
        async with self._turn:
            if self._session is not None:
                return
            await asyncio.sleep(self._patience.begins())
            self._ids.open()
            session = Session(self._settings, self._clock, self._reports.say, self._lost)
            try:
                await session.start(self._ids.highest)
            except BrokerError as error:
                self._ids.close()
                raise self._patience.failed(error) from error
            except BaseException:
                self._ids.close()
                raise
            self._patience.succeeded()
            self._reports.begin()
            self._session = session
            text = f"{self.name} {', '.join(session.managed)}"
            self._reports.say(LinkReport(state=LinkState.CONNECTED, text=text, at=self._clock()))
            if session.is_cut_off:
                self._reports.say(
                    LinkReport(state=session.link, text="TWS has no link to Interactive Brokers", at=self._clock())
                )

    async def close(self) -> None:
        """End the session; orders live on at the broker."""
        async with self._turn:
            session, self._session = self._session, None
            if session is not None:
                session.end()
                self._reports.end()
                await asyncio.sleep(0)  # lets the last bytes and the end of the connection go out
            self._ids.close()

    def _lost(self, why: str) -> None:
        """The session ended by itself."""
        if self._session is not None:
            self._session = None
            self._patience.lost()
            self._reports.say(LinkReport(state=LinkState.DISCONNECTED, text=why, at=self._clock()))
            self._reports.end()

    # ---- MarketReader

    async def resolve(self, intent: OrderIntent) -> Contract:
        session = self._linked()
        found = await session.questions.details(question(intent))
        remedy = ""
        if not found and intent.con_id is None:
            similar = await session.questions.similar(intent.symbol)
            remedy = f"did you mean {' or '.join(similar)}?" if similar else ""
        details = the_one(intent, found, remedy)
        rule = rule_of(details)
        return contract_of(details, await session.questions.ladder(rule) if rule is not None else ())

    async def quote(self, contract: Contract) -> Quote:
        session = self._standing()
        if session.is_cut_off:
            return no_quote(contract, self._clock())
        return await session.lines.quote(contract)

    def why_no_quote(self, contract: Contract) -> str:
        """TWS's words, where it refused one."""
        return self._standing().lines.refusal(contract)

    async def what_if(self, order: BrokerOrder) -> WhatIf | None:
        session, at = self._standing(), self._clock()
        problems = problems_of(order, session.managed)
        if problems:
            return WhatIf(warning="; ".join(problems), as_of=at)
        if session.is_cut_off:
            return None
        answer = await session.questions.preview(wire_contract(order.contract), wire_order(order, 0))
        if answer is None:
            return None
        if isinstance(answer, str):
            return WhatIf(warning=answer, as_of=at)
        return estimate_of(answer, session.accounts.base_currency(order.account), order.contract.currency, at)

    async def account(self, account: AccountId) -> AccountFacts:
        return self._managing(account).accounts.facts(account)

    async def positions(self, account: AccountId) -> tuple[Position, ...]:
        return self._managing(account).accounts.positions(account)

    async def managed_accounts(self) -> tuple[AccountId, ...]:
        return self._standing().managed

    # ---- OrderRoute

    async def place(self, order: BrokerOrder) -> None:
        session = await self._ready(order, messages=1 + len(order.exits))
        known = [ref for ref in (order.order_ref, *(leg.order_ref for leg in order.exits)) if session.book.knows(ref)]
        if known:
            text = "Duplicate order reference: it was used before; nothing was sent"
            self._reports.say(Notice(code=103, text=text, order_ref=order.order_ref, at=self._clock()))
            return
        client = session.client
        try:
            ids = [client.getReqId() for _ in range(1 + len(order.exits))]
            self._ids.use(ids[-1])
        except (OSError, BrokerError) as error:  # a closed connection is an OSError, too
            raise NotConnected(f"no order id can be had: {error}", user_action="nothing was sent") from error
        contract = wire_contract(order.contract)
        legs = family_of(order, ids)
        refs = tuple(leg.order_ref for leg, _ in legs) if len(legs) > 1 else ()
        # From here on no other task runs until all legs are with the operating system.
        for number, (leg, wire) in enumerate(legs):
            session.book.sent(wire.orderId, leg, refs)
            try:
                client.placeOrder(wire.orderId, contract, wire)
            except Exception as error:
                if not number and isinstance(error, ConnectionError):
                    session.book.unsent(leg.order_ref)
                    raise NotConnected("the connection to TWS was lost; nothing was sent") from error
                raise OutcomeUnknown(f"sending broke off: {type(error).__name__}: {error}") from error
        if session.waits_in_library:
            raise OutcomeUnknown("the library held the order back; it may leave later or never")

    async def modify(self, order: BrokerOrder) -> None:
        order = order.model_copy(update={"exits": ()})
        asked = self._standing()
        problems = problems_of(order, asked.managed)
        if problems:
            self._refuse_modify(order, 110 if "price" in problems[0] else 321, "; ".join(problems))
            return
        if asked.is_cut_off:
            raise NotConnected("TWS has no link to Interactive Brokers; nothing was sent", user_action="wait for it")
        working = await asked.lists.working(order.order_ref)
        session = await self._ready(order, messages=1)
        if session is not asked:
            raise NotConnected("the session with TWS changed meanwhile; nothing was sent", user_action="try again")
        refusal = self._why_not(order, working, session)
        if refusal is not None:
            self._refuse_modify(order, *refusal)
            return
        assert working is not None and working.newest is not None, "what is not there was refused"
        wire = changed_order(order, working.newest)
        working.wanted = order
        try:
            session.client.placeOrder(wire.orderId, wire_contract(order.contract), wire)
        except ConnectionError as error:
            raise NotConnected("the connection to TWS was lost; nothing was sent") from error
        except Exception as error:
            raise OutcomeUnknown(f"sending broke off: {type(error).__name__}: {error}") from error

    def _refuse_modify(self, order: BrokerOrder, code: int, text: str) -> None:
        """In the broker's place, and under its code: nothing was sent, the old terms stand."""
        self._reports.say(ModifyRefused(order_ref=order.order_ref, code=code, text=text, at=self._clock()))

    def _why_not(self, order: BrokerOrder, working: Tracked | None, session: Session) -> tuple[int, str] | None:
        """Why an order cannot be changed, as TWS lists it just now."""
        if working is None:
            return 104, "TWS does not list it among the open orders"
        if not session.book.is_ours(working) or working.newest is None:
            return 105, f"it belongs to client id {working.client_id}; only that one may change it"
        if working.state not in CHANGEABLE:
            return 161, f"it is {working.state.value}"
        same = (
            (working.account, order.account),
            (working.con_id, order.contract.con_id),
            (working.side, order.side),
            (working.order_type, order.order_type),
        )
        differing = [f"{has} is not {wants}" for has, wants in same if has != wants]
        return (105, "a modify keeps account, contract, side and type: " + ", ".join(differing)) if differing else None

    async def cancel(self, order_ref: str) -> None:
        session = self._standing()
        tracked = session.book.by_ref.get(order_ref)
        refusal = self._why_not_cancel(order_ref, tracked, session)
        if refusal is not None:
            code, text = refusal
            self._reports.say(CancelRefused(order_ref=order_ref, code=code, text=text, at=self._clock()))
            return
        assert tracked is not None, "what is not there was refused"
        await session.pace.take()
        try:
            tracked.cancelling = True
            session.client.cancelOrder(tracked.order_id, "")
        except ConnectionError as error:
            raise NotConnected("the connection to TWS was lost; nothing was sent") from error
        except Exception as error:
            raise OutcomeUnknown(f"sending broke off: {type(error).__name__}: {error}") from error
        if session.is_cut_off:
            raise OutcomeUnknown("TWS has no link to Interactive Brokers; the cancel waits there, or is lost")

    def _why_not_cancel(self, order_ref: str, tracked: Tracked | None, session: Session) -> tuple[int, str] | None:
        """What TWS would say to it, where this session cannot even name the order."""
        if tracked is not None and session.book.is_ours(tracked):
            return None
        if tracked is not None and tracked.state not in FINISHED:
            return 10147, f"it belongs to client id {tracked.client_id}; cancel it in TWS"
        finished = session.book.finished.get(order_ref)
        if finished is not None:
            return 10148, f"it cannot be cancelled, state: {finished.state.value.capitalize()}"
        return 10147, "TWS has named no open order of this reference"

    async def snapshot(self) -> BrokerSnapshot:
        return await self._standing().lists.read()

    async def open_orders(self) -> tuple[OrderReport, ...] | None:
        return await self._standing().lists.open_orders()

    def reports(self) -> AsyncIterator[Report]:
        return self._reports.stream()

    # ---- inside

    def _standing(self) -> Session:
        if self._session is None:
            raise NotConnected("there is no session with TWS", user_action="connect first")
        return self._session

    def _linked(self) -> Session:
        session = self._standing()
        if session.is_cut_off:
            raise BrokerError("TWS has no link to Interactive Brokers", user_action="wait until it is back")
        return session

    def _managing(self, account: AccountId) -> Session:
        session = self._standing()
        if account not in session.managed:
            raise NotFound(
                f"the session does not manage the account {account}",
                user_action=f"use {' or '.join(session.managed)}",
                code=ErrorCode.INPUT_UNAUTHORIZED_ACCOUNT,
            )
        return session

    async def _ready(self, order: BrokerOrder, *, messages: int) -> Session:
        """A session over which this order may leave right now. Raises NotConnected: nothing has left."""
        session = self._standing()
        problems = problems_of(order, session.managed)
        if problems:
            raise NotConnected(
                f"not sent: {'; '.join(problems)}",
                user_action="correct it and stage it again",
                code=ErrorCode.ORDER_VALIDATION_FAILED,
                retryable=False,
            )
        while True:
            if session.is_cut_off:
                raise NotConnected(
                    "TWS has no link to Interactive Brokers; nothing was sent", user_action="wait for it"
                )
            await session.proof.ask(self._settings.probe_seconds)
            # Last, so that what is counted goes out when it is counted.
            await session.pace.take(messages)
            if session.is_proven or not session.is_open:
                break
        if not session.is_open or session.is_cut_off or session.waits_in_library:
            raise NotConnected("the session with TWS is not ready; nothing was sent", user_action="try again")
        return session
