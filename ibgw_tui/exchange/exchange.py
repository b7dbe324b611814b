"""The exchange: takes orders, matches them against the moving quotes, keeps accounts, tells what happened.

Time is counted in steps; the caller says when one passes and what the clock reads. Everything here is
exact and repeatable: the same seed, orders and steps give the same fills.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from ibgw_tui.core.broker import (
    AccountFacts,
    BrokerState,
    CancelRefused,
    CommissionReport,
    ExecutionReport,
    Notice,
    OrderReport,
    Position,
    Quote,
    Report,
    WhatIf,
)
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.terms import Mode, Money, QuoteStatus, Side, TimeInForce
from ibgw_tui.exchange import margins
from ibgw_tui.exchange.accounts import Ledger
from ibgw_tui.exchange.faults import Faults
from ibgw_tui.exchange.instruments import BY_CON_ID, Instrument
from ibgw_tui.exchange.matching import RestingOrder, marketable_price, update_trigger
from ibgw_tui.exchange.quotes import Book, book_at

SOURCE = "simulated market"
CURRENCY = "USD"


class Exchange:
    """One market with a paper and a live-mode account."""

    def __init__(self, seed: int, faults: Faults | None = None) -> None:
        self.seed = seed
        self.step_number = 0
        self.faults = faults or Faults()
        self.ledger = Ledger.fresh()
        self._orders: dict[str, RestingOrder] = {}
        self._executions: list[ExecutionReport] = []
        self._next_id = 1

    # ---- looking

    def book(self, con_id: int) -> Book:
        return book_at(self.seed, BY_CON_ID[con_id], self.step_number)

    def quote(self, con_id: int, at: datetime) -> Quote:
        """What a data feed would show now, with the fault that was ordered for it."""
        instrument, book = BY_CON_ID[con_id], self.book(con_id)
        fault = self.faults.quotes.get(con_id)
        status = {
            "stale": QuoteStatus.STALE,
            "unavailable": QuoteStatus.UNAVAILABLE,
            "delayed": QuoteStatus.DELAYED,
            "frozen": QuoteStatus.FROZEN,
        }.get(fault or "", QuoteStatus.LIVE)
        bid: Decimal | None = book.bid
        ask: Decimal | None = book.ask
        if fault == "crossed":
            bid, ask = book.ask, book.bid
        elif fault == "one_sided":
            ask = None
        gone = fault == "unavailable"
        return Quote(
            con_id=con_id,
            currency=instrument.contract.currency,
            status=status,
            bid=None if gone else bid,
            ask=None if gone else ask,
            last=None if gone else book.last,
            bid_size=None if gone else Decimal(book.bid_size),
            ask_size=None if gone or ask is None else Decimal(book.ask_size),
            close=None if gone else instrument.middle,
            as_of=at,
            source=SOURCE,
        )

    def account(self, account: str, at: datetime) -> AccountFacts:
        prices = {con_id: self._middle(instrument) for con_id, instrument in BY_CON_ID.items()}
        cash, value = self.ledger.cash(account), self.ledger.net_liquidation(account, prices)
        margin = self.ledger.margin(account, prices)
        return AccountFacts(
            account=account,
            mode=Mode.PAPER if account.startswith("D") else Mode.LIVE,
            net_liquidation=_usd(value),
            available_funds=_usd(value - margin),
            excess_liquidity=_usd(value - margins.maintenance_margin(margin)),
            cash=_usd(cash),
            as_of=at,
        )

    def positions(self, account: str) -> tuple[Position, ...]:
        return self.ledger.positions(account)

    def what_if(self, order: BrokerOrder, at: datetime) -> WhatIf:
        facts = self.account(order.account, at)
        price = order.limit_price or self.book(order.contract.con_id).ask
        initial = margins.initial_margin(order, price)
        fee = margins.commission(order, order.quantity)
        assert facts.net_liquidation and facts.available_funds and facts.excess_liquidity
        short = facts.available_funds.amount - initial < 0
        return WhatIf(
            initial_margin_change=_usd(initial),
            maintenance_margin_change=_usd(margins.maintenance_margin(initial)),
            equity_with_loan_after=facts.net_liquidation,
            initial_margin_after=_usd(facts.net_liquidation.amount - facts.available_funds.amount + initial),
            maintenance_margin_after=_usd(
                facts.net_liquidation.amount - facts.excess_liquidity.amount + margins.maintenance_margin(initial)
            ),
            commission_min=_usd(fee),
            commission_max=_usd(fee),
            warning="the account does not have the funds for this order" if short else "",
            as_of=at,
        )

    def open_orders(self, at: datetime) -> tuple[OrderReport, ...]:
        return tuple(self._report(order, at) for order in self._orders.values() if order.is_open)

    def completed_orders(self, at: datetime) -> tuple[OrderReport, ...]:
        return tuple(self._report(order, at) for order in self._orders.values() if not order.is_open)

    def executions(self) -> tuple[ExecutionReport, ...]:
        return tuple(self._executions)

    # ---- acting

    def place(self, order: BrokerOrder, at: datetime) -> list[Report]:
        """Take an order, or reject it with the real broker's code and words. A known reference is never a second order."""
        if order.order_ref in self._orders:
            return [Notice(code=103, text="Duplicate order id", order_ref=order.order_ref, at=at)]
        resting = RestingOrder(order=order, perm_id=900_000 + self._next_id)
        self._next_id += 1
        self._orders[order.order_ref] = resting
        refusal = self._refusal(order, at)
        if refusal is not None:
            resting.state, resting.text = BrokerState.REJECTED, refusal
            return [self._report(resting, at)]
        resting.state = BrokerState.WORKING
        reports: list[Report] = [self._report(resting, at)]
        reports += self._match(resting, at)
        if order.time_in_force is TimeInForce.IOC and resting.is_open:
            reports += self._end(resting, "the rest of an immediate-or-cancel order", at)
        return reports

    def cancel(self, order_ref: str, at: datetime) -> list[Report]:
        order = self._orders.get(order_ref)
        if order is None:
            return [
                CancelRefused(
                    order_ref=order_ref, code=10147, text="OrderId that needs to be cancelled is not found", at=at
                )
            ]
        if not order.is_open:
            text = f"OrderId cannot be cancelled, state: {order.state.value}"
            return [CancelRefused(order_ref=order_ref, code=10148, text=text, at=at)]
        reports = self._end(order, "cancelled on request", at)
        if self.faults.fill_after_cancel:
            self.faults.fill_after_cancel = False
            order.state = BrokerState.WORKING
            book = self.book(order.order.contract.con_id)
            reports += self._fill(order, order.remaining, book.ask if order.order.side is Side.BUY else book.bid, at)
        return reports

    def step(self, at: datetime) -> list[Report]:
        """Let the quotes move once, and match what rests."""
        self.step_number += 1
        reports: list[Report] = []
        for order in list(self._orders.values()):
            if order.is_open:
                update_trigger(order, self.book(order.order.contract.con_id))
                until = order.order.good_till
                if order.order.time_in_force is TimeInForce.GTD and until is not None and until <= at:
                    reports += self._end(order, "its time is over", at)
                else:
                    reports += self._match(order, at)
        return reports

    # ---- inside

    def _refusal(self, order: BrokerOrder, at: datetime) -> str | None:
        instrument = BY_CON_ID.get(order.contract.con_id)
        if self.faults.reject_next is not None:
            (code, text), self.faults.reject_next = self.faults.reject_next, None
            return f"{code}: {text}"
        if instrument is None:
            return "200: No security definition has been found for the request"
        if not self.ledger.has(order.account):
            return f"201: Order rejected - reason: account {order.account} is unknown"
        increment = instrument.contract.size_increment
        if increment is not None and order.quantity % increment:
            return f"201: Order rejected - reason: the size is not a multiple of {increment:f}"
        for price in (order.limit_price, order.stop_price):
            tick = instrument.contract.tick_at(price) if price is not None else None
            if price is not None and tick is not None and price % tick:
                return "110: The price does not conform to the minimum price variation for this contract"
        funds = self.account(order.account, at).available_funds
        price = order.limit_price or self.book(order.contract.con_id).ask
        if funds is None or margins.initial_margin(order, price) > funds.amount:
            return "201: Order rejected - reason: the account does not have enough funds"
        return None

    def _match(self, resting: RestingOrder, at: datetime) -> list[Report]:
        book = self.book(resting.order.contract.con_id)
        price = marketable_price(resting, book)
        if price is None:
            return []
        shown = Decimal(book.ask_size if resting.order.side is Side.BUY else book.bid_size)
        return self._fill(resting, min(resting.remaining, shown), price, at)

    def _fill(self, resting: RestingOrder, quantity: Decimal, price: Decimal, at: datetime) -> list[Report]:
        order = resting.order
        execution = ExecutionReport(
            exec_id=f"{order.order_ref}-{self._next_id:06d}.01",
            order_ref=order.order_ref,
            perm_id=resting.perm_id,
            account=order.account,
            con_id=order.contract.con_id,
            side=order.side,
            quantity=quantity,
            price=price,
            at=at,
            exchange=order.contract.exchange,
        )
        self._next_id += 1
        fee = margins.commission(order, quantity)
        resting.fill(quantity, price)
        self._executions.append(execution)
        self.ledger.book(order, quantity, price, fee)
        return [
            execution,
            self._report(resting, at),
            CommissionReport(exec_id=execution.exec_id, commission=Money(amount=fee, currency=order.contract.currency)),
        ]

    def _end(self, resting: RestingOrder, text: str, at: datetime) -> list[Report]:
        resting.state, resting.text = BrokerState.CANCELLED, text
        return [self._report(resting, at)]

    def _report(self, resting: RestingOrder, at: datetime) -> OrderReport:
        order = resting.order
        return OrderReport(
            order_ref=order.order_ref,
            perm_id=resting.perm_id,
            account=order.account,
            con_id=order.contract.con_id,
            side=order.side,
            quantity=order.quantity,
            state=resting.state,
            filled=resting.filled,
            remaining=resting.remaining,
            average_price=resting.average_price,
            text=resting.text,
            at=at,
        )

    def _middle(self, instrument: Instrument) -> Decimal:
        book = self.book(instrument.contract.con_id)
        return (book.bid + book.ask) / 2

    # ---- to and from a plain document

    def dump(self) -> dict[str, Any]:
        return {
            "version": 1,
            "seed": self.seed,
            "step": self.step_number,
            "next_id": self._next_id,
            "orders": [order.dump() for order in self._orders.values()],
            "executions": [execution.model_dump(mode="json") for execution in self._executions],
            "ledger": self.ledger.dump(),
        }

    @classmethod
    def load(cls, data: Mapping[str, Any], faults: Faults | None = None) -> Exchange:
        """The market as it was dumped: it goes on exactly as it would have."""
        exchange = cls(data["seed"], faults)
        exchange.step_number, exchange._next_id = data["step"], data["next_id"]
        for item in data["orders"]:
            order = RestingOrder.load(item)
            exchange._orders[order.order.order_ref] = order
        exchange._executions = [ExecutionReport.model_validate(item, strict=False) for item in data["executions"]]
        exchange.ledger = Ledger.load(data["ledger"])
        return exchange


def _usd(value: Decimal) -> Money:
    return Money(amount=value.quantize(Decimal("0.01")), currency=CURRENCY)
