"""The market's counter: takes orders, answers questions, and says what happened.

Whoever owns it hands in the moment with every call and gets reports back, in the order in which the
real broker sends them: taken, then executed, then filled, then what it cost. An order first meets
the market at the step after it was taken.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ibgw_tui.core.broker import (
    AccountFacts,
    BrokerSnapshot,
    BrokerState,
    CancelRefused,
    Notice,
    OrderReport,
    Position,
    Quote,
    Report,
    WhatIf,
)
from ibgw_tui.core.orders import BrokerOrder, Contract
from ibgw_tui.core.terms import Mode, QuoteStatus
from ibgw_tui.exchange.acceptance import lacking_funds, objection
from ibgw_tui.exchange.accounts import Account
from ibgw_tui.exchange.book import Execution
from ibgw_tui.exchange.exact import less, times
from ibgw_tui.exchange.faults import CancelFault, Rejection
from ibgw_tui.exchange.floor import Floor, usd
from ibgw_tui.exchange.instruments import INSTRUMENTS
from ibgw_tui.exchange.margins import Standing, commission_of, standing_of, what_if
from ibgw_tui.exchange.matching import Match
from ibgw_tui.exchange.orders import UNLINKED, BookOrder, Ending, Links
from ibgw_tui.exchange.quotes import Touch, as_quote, touch
from ibgw_tui.exchange.state import dump_floor, load_floor

_STATE_WORDS = {BrokerState.FILLED: "Filled", BrokerState.CANCELLED: "Cancelled", BrokerState.REJECTED: "Inactive"}
_ENDINGS = {CancelFault.FILLED_FIRST: Ending.FILL_FIRST, CancelFault.FILLED_AFTER: Ending.FILL_AFTER}


@dataclass(frozen=True, slots=True)
class Trigger:
    """Where an order stands that does not trade yet."""

    stop: Decimal | None
    """The present trigger: of a trailing order it moves."""
    limit: Decimal | None
    for_parent: bool
    for_price: bool


class Exchange:
    """A market with two accounts, DU1234567 (paper) and U1234567 (live mode). Made by `new` or `load`."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    @classmethod
    def new(cls, seed: int, born: datetime, *, keeps_hours: bool = False) -> Exchange:
        """A market created at the moment `born`.

        With `keeps_hours` orders wait for the market to open; without, it trades around the clock, so
        that a demo can be run on a Sunday.
        """
        return cls(Floor(seed, born, keeps_hours, at=born))

    @classmethod
    def load(cls, data: dict[str, Any]) -> Exchange:
        """The market as it was dumped. Raises ValueError when `data` is not one."""
        return cls(load_floor(data))

    def dump(self) -> dict[str, Any]:
        """Everything, as JSON-able text, numbers and lists. Exact."""
        return dump_floor(self._floor)

    @property
    def seed(self) -> int:
        return self._floor.seed

    @property
    def at(self) -> datetime:
        """The moment of the newest step."""
        return self._floor.at

    @property
    def step_number(self) -> int:
        return self._floor.step_number

    @property
    def keeps_hours(self) -> bool:
        return self._floor.keeps_hours

    @property
    def revision(self) -> int:
        """Grows with every change that a restart must not lose."""
        return self._floor.revision

    # ---- questions

    def touch(self, con_id: int) -> Touch:
        """The best bid and ask of a listed contract."""
        return self._floor.touch(con_id)

    def touch_before(self, con_id: int, steps: int) -> Touch:
        """The best bid and ask of so many steps ago; of a pinned contract, the pinned ones."""
        floor = self._floor
        if con_id in floor.pins:
            return floor.pins[con_id]
        return touch(INSTRUMENTS[con_id], floor.seed, max(0, floor.step_number - steps))

    def quote(self, contract: Contract) -> Quote:
        instrument = INSTRUMENTS.get(contract.con_id)
        if instrument is not None:
            return as_quote(instrument, self.touch(contract.con_id), self.at)
        return Quote(
            con_id=contract.con_id,
            currency=contract.currency,
            status=QuoteStatus.UNAVAILABLE,
            as_of=self.at,
            source="simulated",
        )

    def account(self, account_id: str) -> Account:
        """Raises KeyError when there is no such account."""
        return self._floor.accounts[account_id]

    def standing(self, account_id: str) -> Standing:
        """What an account is worth and what its positions and orders tie up."""
        return self._standing(self.account(account_id))

    def account_facts(self, account_id: str) -> AccountFacts:
        account = self.account(account_id)
        standing = self._standing(account)
        return AccountFacts(
            account=account_id,
            mode=account.mode,
            net_liquidation=usd(standing.net_liquidation),
            available_funds=usd(standing.available),
            excess_liquidity=usd(standing.excess),
            cash=usd(account.cash),
            as_of=self.at,
        )

    def positions(self, account_id: str) -> tuple[Position, ...]:
        return tuple(
            Position(
                account=account_id,
                con_id=con_id,
                symbol=INSTRUMENTS[con_id].contract.symbol,
                quantity=holding.quantity,
                average_cost=holding.average_cost,
            )
            for con_id, holding in self.account(account_id).open()
        )

    def what_if(self, wire: BrokerOrder, accounts: Collection[str]) -> WhatIf:
        """The estimate of an order that was not sent; of one that would be rejected, only the warning."""
        problem = objection(wire, accounts, self.at)
        if problem is not None:
            return WhatIf(warning=str(problem), as_of=self.at)
        before, after = self._before_and_after(wire)
        refusal = lacking_funds(wire, before, after)
        contract = INSTRUMENTS[wire.contract.con_id].contract
        value = times(wire.quantity, self._marks()[contract.con_id], contract.multiplier)
        estimate = what_if(before, after, commission_of(contract.asset_class, wire.quantity, value), self.at)
        return estimate.replaced(warning=str(refusal)) if refusal else estimate

    def snapshot(self, account_id: str) -> BrokerSnapshot:
        """Open orders, finished ones and executions of an account, as of now."""
        book = self._floor.book
        return BrokerSnapshot(
            complete=True,
            open_orders=tuple(order.report() for order in book.open(account_id)),
            completed_orders=tuple(order.report() for order in book.finished(account_id)),
            executions=tuple(execution.report for execution in book.executed(account_id)),
            at=self.at,
        )

    def executions(self, account_id: str) -> list[Execution]:
        return self._floor.book.executed(account_id)

    def order(self, order_ref: str) -> OrderReport | None:
        order = self._floor.book.orders.get(order_ref)
        return order.report() if order else None

    def trigger_of(self, order_ref: str) -> Trigger:
        """What an order waits for. Raises KeyError when there is no such order."""
        order = self._floor.book.orders[order_ref]
        return Trigger(order.stop, order.limit, order.waiting, order.is_open and not order.may_trade)

    # ---- orders

    def place(
        self,
        wire: BrokerOrder,
        at: datetime,
        accounts: Collection[str],
        rejection: Rejection | None = None,
        links: Links = UNLINKED,
    ) -> list[Report]:
        """Take the order, or say no. A reference that was used before never makes a second order.

        With a parent it waits until that one has filled; the parent was asked for the funds of both.
        """
        floor = self._floor
        if wire.order_ref in floor.book.refs:
            text = "Duplicate order id: this reference was used before; nothing new was created"
            return [Notice(code=103, text=text, order_ref=wire.order_ref, at=at)]
        floor.book.forget_old(at)
        floor.revision += 1
        problem = rejection or objection(wire, accounts, at)
        if problem is None and not links.parent:
            problem = lacking_funds(wire, *self._before_and_after(wire))
        order = BookOrder(wire, floor.next_perm_id(), BrokerState.REJECTED, taken_at=at, changed_at=at, links=links)
        if problem is not None:
            order.text = str(problem)
        else:
            floor.take(order)
        floor.book.add(order)
        return [order.report()]

    def modify(self, wire: BrokerOrder, at: datetime, accounts: Collection[str]) -> list[Report]:
        """Give an open order the terms of `wire`. A Notice says why not, and then nothing has changed."""
        order = self._floor.book.orders.get(wire.order_ref)
        if order is None:
            raise KeyError(wire.order_ref)
        problem = _not_the_same(order, wire) or objection(wire, accounts, at)
        if problem is None and not order.waiting:
            problem = lacking_funds(wire, *self._before_and_after(wire, order))
        if problem is not None:
            return [Notice(code=problem.code, text=problem.text, order_ref=wire.order_ref, at=at)]
        self._floor.change(order, wire)
        return [order.report()]

    def fill(
        self, order_ref: str, at: datetime, quantity: Decimal | None = None, price: Decimal | None = None
    ) -> list[Report]:
        """Fill an order whatever the market shows, even a cancelled one: the late fill that real markets know.

        Raises KeyError when there is no such order, ValueError when less remains than is to be filled.
        """
        order = self._floor.book.orders[order_ref]
        amount = order.remaining if quantity is None else quantity
        if order.state is BrokerState.REJECTED:
            raise ValueError("the order was rejected: it cannot fill")
        if not 0 < amount <= order.remaining:
            raise ValueError(f"{order.remaining:f} of the order remain: it cannot fill {amount:f}")
        self._floor.at = at
        reports = self._floor.fill(order, Match(amount, self._price_of(order) if price is None else price))
        if not order.remaining:
            order.ending = None
        return reports

    def correct(self, exec_id: str, price: Decimal, at: datetime) -> list[Report]:
        """Replace an execution by one at another price. Raises KeyError when there is none of this id."""
        root = exec_id.rpartition(".")[0]
        versions = [e for e in self._floor.book.executions if e.report.exec_id.rpartition(".")[0] == root]
        if not versions:
            raise KeyError(exec_id)
        self._floor.at = at
        return self._floor.correct(versions[-1], price)

    def end(self, order_ref: str, at: datetime, reason: str) -> list[Report]:
        """The market itself ends an open order. Raises KeyError when there is none."""
        order = self._floor.book.orders[order_ref]
        if not order.is_open:
            raise KeyError(order_ref)
        self._floor.at = at
        order.ending = None
        return self._floor.end(order, reason)

    def pin(self, con_id: int, touch: Touch | None) -> None:
        """Hold the prices of a contract in place; None lets go of them. Raises KeyError when it is not listed."""
        if con_id not in INSTRUMENTS:
            raise KeyError(con_id)
        self._floor.revision += 1
        self._floor.pins.pop(con_id, None)
        if touch is not None:
            self._floor.pins[con_id] = touch

    def open_account(self, account_id: str, mode: Mode) -> None:
        """One more account; nothing happens when it exists."""
        self._floor.accounts.setdefault(account_id, Account(account_id, mode))

    def cancel(self, order_ref: str, at: datetime, fault: CancelFault = CancelFault.NONE) -> list[Report]:
        """Ask for the end of an order; the next step confirms it."""
        order = self._floor.book.orders.get(order_ref)
        if order is None or not order.is_open:
            return [_cancel_refused(order_ref, order, at)]
        if order.ending is None:
            self._floor.revision += 1
            order.ending = _ENDINGS.get(fault, Ending.CANCEL)
            order.move(BrokerState.CANCEL_PENDING, at)
        return [order.report()]

    def step(self, at: datetime) -> list[Report]:
        """Move the market on by one step and let every open order meet it."""
        return self._floor.step(at)

    # ---- measures

    def _price_of(self, order: BookOrder) -> Decimal:
        """What somebody gets who is filled now: the touch, but never worse than the order's limit."""
        price, sign = self.touch(order.con_id).price_for(order.wire.side), order.wire.side.sign
        return price if order.limit is None else min(price * sign, order.limit * sign) * sign

    def _marks(self) -> dict[int, Decimal]:
        return {con_id: self.touch(con_id).middle for con_id in INSTRUMENTS}

    def _standing(self, account: Account, new: BrokerOrder | None = None, without: BookOrder | None = None) -> Standing:
        """What waits for its parent to fill ties up nothing of its own."""
        orders = self._floor.book.open(account.account_id)
        working = [order for order in orders if not order.waiting and order is not without]
        return standing_of(account, working, self._marks(), new)

    def _before_and_after(self, wire: BrokerOrder, replacing: BookOrder | None = None) -> tuple[Standing, Standing]:
        account = self.account(wire.account)
        if replacing is None:
            return self._standing(account), self._standing(account, wire)
        left = less(wire.quantity, replacing.filled)
        new = wire.replaced(quantity=left) if left > 0 else None
        return self._standing(account), self._standing(account, new, replacing)


def _not_the_same(order: BookOrder, wire: BrokerOrder) -> Rejection | None:
    """What keeps new terms from being a modification of this order."""
    old = order.wire
    if order.state is BrokerState.FILLED:
        return Rejection(104, "Cannot modify a filled order")
    if not order.is_open or order.ending is not None:
        return Rejection(201, "Order rejected - reason: the order is cancelled or about to be")
    if (old.account, old.side, old.contract.con_id) != (wire.account, wire.side, wire.contract.con_id):
        return Rejection(105, "Order being modified does not match original order")
    if old.order_type is not wire.order_type:
        return Rejection(329, "Order modify failed. Cannot change to the new order type")
    if wire.quantity < order.filled:
        return Rejection(201, f"Order rejected - reason: {order.filled:f} of the order are filled already")
    return None


def _cancel_refused(order_ref: str, order: BookOrder | None, at: datetime) -> CancelRefused:
    subject = f"OrderId {order_ref} that needs to be cancelled"
    if order is None:
        return CancelRefused(order_ref=order_ref, code=10147, text=f"{subject} is not found", at=at)
    text = f"{subject} cannot be cancelled, state: {_STATE_WORDS[order.state]}"
    return CancelRefused(order_ref=order_ref, code=10148, text=text, at=at)
