"""Where orders meet the market: one step, one order at a time.

The floor owns the book, the accounts and the present step. It knows nothing of who asks or how
answers travel; `exchange` is its counter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from ibgw_tui.core.broker import BrokerState, ExecutionReport, Report
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.terms import Money, Side, TimeInForce
from ibgw_tui.exchange.accounts import BASE_CURRENCY, Account, new_accounts
from ibgw_tui.exchange.book import Book, Execution
from ibgw_tui.exchange.exact import ceil_to, divided, less, rounded, times, total
from ibgw_tui.exchange.instruments import INSTRUMENTS
from ibgw_tui.exchange.margins import commission_of
from ibgw_tui.exchange.matching import Match, first_stop, is_triggered, limit_when_triggered, match, ratcheted
from ibgw_tui.exchange.orders import CONDITIONAL, BookOrder, Ending
from ibgw_tui.exchange.quotes import Touch, touch

ZERO = Decimal(0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Floor:
    """Mutable; owned by one exchange."""

    seed: int
    born: datetime
    """Names this market among all markets: another may have the same seed and count as far."""
    keeps_hours: bool
    at: datetime
    step_number: int = 0
    revision: int = 0
    """Grows with every change that a restart must not lose."""
    taken: int = 0
    executed: int = 0
    book: Book = field(default_factory=Book)
    accounts: dict[str, Account] = field(default_factory=new_accounts)
    used: dict[tuple[int, Side], Decimal] = field(default_factory=dict)
    """Displayed size that own orders took in this step."""
    pins: dict[int, Touch] = field(default_factory=dict)
    """Prices that somebody holds in place, instead of those of the step."""
    _touches: dict[int, Touch] = field(default_factory=dict, repr=False, compare=False)

    def touch(self, con_id: int) -> Touch:
        """The best bid and ask of this step. Worked out once a step: every order of a contract asks for it."""
        if con_id in self.pins:
            return self.pins[con_id]
        if con_id not in self._touches:
            self._touches[con_id] = touch(INSTRUMENTS[con_id], self.seed, self.step_number)
        return self._touches[con_id]

    def take(self, order: BookOrder) -> None:
        """Put an order into the book: held while it waits for a trigger or the open, else working."""
        order.limit = order.wire.limit_price
        order.stop = first_stop(order.wire, INSTRUMENTS[order.con_id], self.touch(order.con_id))
        order.waiting = bool(order.links.parent)
        order.expires_at = self._end_of_day(order)
        waits = order.waiting or order.wire.order_type in CONDITIONAL
        if self._is_shut(order):
            order.text = "399 Order message: the order will not be placed at the exchange until the market opens"
            waits = True
        order.state = BrokerState.HELD if waits else BrokerState.WORKING

    def change(self, order: BookOrder, wire: BrokerOrder) -> None:
        """Give an open order other terms; what it has filled and triggered so far stays."""
        self.revision += 1
        order.replace(wire, self.at)
        order.expires_at = self._end_of_day(order)
        order.stop = first_stop(wire, INSTRUMENTS[order.con_id], self.touch(order.con_id))
        order.limit = wire.limit_price
        if order.triggered:
            order.limit = limit_when_triggered(order)
        if not order.remaining:
            order.move(BrokerState.FILLED, self.at)

    def correct(self, wrong: Execution, price: Decimal) -> list[Report]:
        """Book an execution again at another price, under its next number."""
        self.revision += 1
        order = self.book.orders[wrong.report.order_ref]
        signed = times(wrong.report.quantity, Decimal(wrong.report.side.sign))
        account = self.accounts[wrong.report.account]
        account.trade(INSTRUMENTS[order.con_id], -signed, wrong.report.price, ZERO)
        account.trade(INSTRUMENTS[order.con_id], signed, price, ZERO)
        order.value = total(order.value, times(wrong.report.quantity, less(price, wrong.report.price)))
        root, _, number = wrong.report.exec_id.rpartition(".")
        report = wrong.report.replaced(
            exec_id=f"{root}.{int(number) + 1:02d}", price=price, at=self.at, corrects=wrong.report.exec_id
        )
        right = Execution(report, wrong.commission)
        self.book.executions.append(right)
        return [report, order.report(), right.commission_report]

    def step(self, at: datetime) -> list[Report]:
        """Move the market on by one step and let every open order meet it."""
        self.step_number += 1
        self.at = at
        self.used.clear()
        self._touches.clear()
        reports: list[Report] = []
        for order in self.book.unfinished():
            reports += self._meet(order)
        return reports

    def next_perm_id(self) -> int:
        """Up to ten digits, like the real one's; the market's birth keeps two markets apart."""
        self.taken += 1
        return ((self.born - _EPOCH).seconds + 86_400 * ((self.born - _EPOCH).days % 20) + 1) * 1000 + self.taken

    # ---- how an order lives

    def _meet(self, order: BookOrder) -> list[Report]:
        if order.ending is not None:
            return self._end(order)
        if not order.is_open:
            return []  # another order of its group ended it in this step
        if order.wire.good_till is not None and order.wire.good_till <= self.at:
            return self.end(order, "the good-till time has passed")
        if order.expires_at is not None and order.expires_at <= self.at:
            return self.end(order, "the session of this day order has ended")
        if order.waiting:
            parent = self.book.orders.get(order.links.parent)
            if parent is None or (not parent.is_open and parent.state is not BrokerState.FILLED):
                return self.end(order, "its parent order ended without a complete fill")
            if parent.is_open:
                return []
            self._release(order)
        immediate = order.wire.time_in_force is TimeInForce.IOC
        if self._is_shut(order):
            return self.end(order, "the market is closed") if immediate else []
        reports = self._trail(order)
        found = match(order, self.touch(order.con_id), self._available(order))
        if found is not None:
            reports += self.fill(order, found)
        if immediate and order.may_trade and order.is_open:
            reports += self.end(order, "immediate-or-cancel: the rest found no counterparty")
        return reports

    def _release(self, order: BookOrder) -> None:
        """The parent has filled: from now on the order lives by itself."""
        self.revision += 1
        order.waiting = False
        order.stop = first_stop(order.wire, INSTRUMENTS[order.con_id], self.touch(order.con_id))

    def _trail(self, order: BookOrder) -> list[Report]:
        """Move the trigger, and pull it when the market is there. Says when a held order became a working one."""
        current = self.touch(order.con_id)
        if not order.may_trade:
            stop = ratcheted(order, INSTRUMENTS[order.con_id], current)
            if stop != order.stop:
                order.stop = stop
                self.revision += 1
            if is_triggered(order, current):
                order.triggered, order.limit = True, limit_when_triggered(order)
        if order.state is BrokerState.HELD and order.may_trade:
            self.revision += 1
            order.move(BrokerState.WORKING, self.at)
            return [order.report()]
        return []

    def _end(self, order: BookOrder) -> list[Report]:
        """Carry out the cancel that was asked for, or the race it loses."""
        ending, order.ending = order.ending, None
        if ending is Ending.FILL_FIRST or not order.is_open:
            return self.fill(order, Match(order.remaining, self._price_of_race(order)))
        reports = self.end(order, "")
        order.ending = ending if ending is Ending.FILL_AFTER else None
        return reports

    def _price_of_race(self, order: BookOrder) -> Decimal:
        price, sign = self.touch(order.con_id).price_for(order.wire.side), order.wire.side.sign
        return price if order.limit is None or sign * price <= sign * order.limit else order.limit

    def end(self, order: BookOrder, reason: str) -> list[Report]:
        self.revision += 1
        order.move(BrokerState.CANCELLED, self.at, f"202 Order cancelled - reason: {reason}".strip())
        return [order.report()]

    def fill(self, order: BookOrder, found: Match) -> list[Report]:
        """Book one fill and what it adds to the order's commission."""
        self.revision += 1
        self.executed += 1
        key = (order.con_id, order.wire.side)
        self.used[key] = total(self.used.get(key, ZERO), found.quantity)
        charge = self._charge(order, found)
        signed = times(found.quantity, Decimal(order.wire.side.sign))
        self.accounts[order.wire.account].trade(INSTRUMENTS[order.con_id], signed, found.price, charge)
        order.fill(found.quantity, found.price, charge, self.at)
        execution = Execution(self._execution_report(order, found), usd(charge))
        self.book.executions.append(execution)
        return [execution.report, order.report(), execution.commission_report, *self._settle_group(order, found)]

    def _settle_group(self, order: BookOrder, found: Match) -> list[Report]:
        """One cancels all: what a fill means for the others of its group."""
        reports: list[Report] = []
        for other in self.book.group_of(order):
            # The part of what remained: the orders of a group need not be equally large.
            share = divided(times(found.quantity, other.remaining), total(order.remaining, found.quantity))
            share = ceil_to(share, INSTRUMENTS[other.con_id].size_increment)
            if order.links.reduces and other.ending is None and share < other.remaining:
                self.revision += 1
                other.replace(other.wire.replaced(quantity=less(other.wire.quantity, share)), self.at)
                reports.append(other.report())
            else:
                other.ending = None
                reports += self.end(other, "an order of its one-cancels-all group was filled")
        return reports

    @staticmethod
    def _charge(order: BookOrder, found: Match) -> Decimal:
        """The minimum is charged once per order, with the first of its fills."""
        contract = INSTRUMENTS[order.con_id].contract
        filled = total(order.filled, found.quantity)
        value = times(total(order.value, times(found.quantity, found.price)), contract.multiplier)
        return less(commission_of(contract.asset_class, filled, value), order.commission)

    def _execution_report(self, order: BookOrder, found: Match) -> ExecutionReport:
        born = (self.born - _EPOCH) // datetime.resolution
        return ExecutionReport(
            exec_id=f"{born:013x}.{self.executed:06x}.01",
            order_ref=order.ref,
            perm_id=order.perm_id,
            account=order.wire.account,
            con_id=order.con_id,
            side=order.wire.side,
            quantity=found.quantity,
            price=found.price,
            at=self.at,
            exchange=INSTRUMENTS[order.con_id].contract.primary_exchange or order.wire.contract.exchange,
        )

    def _available(self, order: BookOrder) -> Decimal:
        side = order.wire.side
        return less(self.touch(order.con_id).size_for(side), self.used.get((order.con_id, side), ZERO))

    def _end_of_day(self, order: BookOrder) -> datetime | None:
        """When the session ends that a day order is meant for: the present one, or else the next."""
        if not self.keeps_hours or order.wire.time_in_force is not TimeInForce.DAY:
            return None
        hours = INSTRUMENTS[order.con_id].schedule.around(self.at)
        sessions = hours.trading if order.wire.outside_hours else hours.liquid
        return next((session.closes for session in sessions if session.closes > self.at), None)

    def _is_shut(self, order: BookOrder) -> bool:
        if not self.keeps_hours:
            return False
        hours = INSTRUMENTS[order.con_id].schedule.around(self.at)
        return not (hours.is_trading if order.wire.outside_hours else hours.is_liquid)


def usd(value: Decimal) -> Money:
    return Money(amount=rounded(value), currency=BASE_CURRENCY)
