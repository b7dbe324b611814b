"""Carries out acts: the hand that makes things go wrong, moves the market and sits in front of TWS."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ibgw_tui.core.broker import CommissionReport, Report
from ibgw_tui.core.terms import Mode
from ibgw_tui.exchange.faults import CancelFault
from ibgw_tui.exchange.instruments import INSTRUMENTS
from ibgw_tui.exchange.quotes import Touch
from ibgw_tui.twsim import acts
from ibgw_tui.twsim.contracts import contract_fields
from ibgw_tui.twsim.faults import Faults
from ibgw_tui.twsim.layout import Values, read, write
from ibgw_tui.twsim.order_layouts import PLACE_ORDER
from ibgw_tui.twsim.orders import TwsOrder
from ibgw_tui.twsim.wire import HIGHEST
from ibgw_tui.twsim.words import Refused

if TYPE_CHECKING:
    from ibgw_tui.twsim.desk import Desk

Restart = Callable[[float], None]


class Impossible(Exception):
    """The act can be meant, but not now: there is no such order, nothing to correct."""


class Control:
    """Acts on one desk. `restart` is how its server goes away and comes back."""

    def __init__(self, desk: Desk, restart: Restart) -> None:
        self._desk = desk
        self._restart = restart
        self._doing: dict[type[acts.Act], Callable[[Any], None]] = {
            acts.LoseBefore: self._arm,
            acts.LoseAfter: self._arm,
            acts.Answer: self._arm,
            acts.CancelRace: self._cancel_race,
            acts.Stall: self._stall,
            acts.Resume: self._resume,
            acts.HalfOpen: self._half_open,
            acts.Swallow: self._swallow,
            acts.ReadOnly: self._read_only,
            acts.WhatIfReply: self._what_if,
            acts.Duplicates: self._duplicates,
            acts.Quotes: self._quotes,
            acts.Clear: self._clear,
            acts.HangUp: self._hang_up,
            acts.Mute: self._mute,
            acts.Connectivity: lambda act: self._desk.set_connectivity(act.state),
            acts.RollBack: self._roll_back,
            acts.Restart: self._do_restart,
            acts.Say: self._say,
            acts.Fill: self._fill,
            acts.Correct: self._correct,
            acts.Kill: self._kill,
            acts.ManualOrder: self._manual_order,
            acts.Pin: self._pin,
            acts.Unpin: lambda act: self._desk.exchange.pin(act.con_id, None),
            acts.Step: self._step,
        }

    def do(self, act: acts.Act) -> None:
        """Carry it out. Raises Impossible."""
        self._doing[type(act)](act)

    # ---- faults

    def _arm(self, act: acts.LoseBefore | acts.LoseAfter | acts.Answer) -> None:
        self._desk.faults.armed.append(act)

    def _cancel_race(self, act: acts.CancelRace) -> None:
        self._desk.faults.cancel = CancelFault.FILLED_FIRST if act.winner == "fill_first" else CancelFault.FILLED_AFTER

    def _stall(self, act: acts.Stall) -> None:
        for session in self._desk.those(act.client):
            session.stalled = True

    def _resume(self, act: acts.Resume) -> None:
        for session in self._desk.those(act.client):
            session.resume()

    def _half_open(self, act: acts.HalfOpen) -> None:
        for session in self._desk.those(act.client):
            session.half_open = True

    def _swallow(self, act: acts.Swallow) -> None:
        self._desk.faults.swallowed[act.answer] = act.count

    def _read_only(self, act: acts.ReadOnly) -> None:
        self._desk.faults.read_only = act.on

    def _what_if(self, act: acts.WhatIfReply) -> None:
        self._desk.faults.what_if = act.reply

    def _duplicates(self, act: acts.Duplicates) -> None:
        self._desk.faults.duplicates = act.on

    def _quotes(self, act: acts.Quotes) -> None:
        self._desk.quotes = act.mode
        for session in self._desk.those(None):
            session.feed.regrant()

    def _clear(self, act: acts.Clear) -> None:
        self._desk.faults = Faults()
        self._quotes(acts.Quotes(mode="live"))

    def _mute(self, act: acts.Mute) -> None:
        self._desk.faults.mute += act.count

    # ---- the link, and TWS itself

    def _hang_up(self, act: acts.HangUp) -> None:
        for session in self._desk.those(act.client):
            session.hang_up()

    def _roll_back(self, act: acts.RollBack) -> None:
        book = self._desk.trading.book
        for client in [c for c in book.next_ids if act.client in (None, c)]:
            book.roll_back(client, act.ids, self._desk.exchange)
        self._desk.changed()

    def _do_restart(self, act: acts.Restart) -> None:
        desk = self._desk
        if act.forget:
            # What the newest step did was done before the restart, too.
            desk.trading.book.horizon = desk.clock() + timedelta(microseconds=1)
        if act.mode is not None:
            desk.mode = Mode(act.mode)
        desk.changed()
        self._restart(float(act.seconds))

    def _say(self, act: acts.Say) -> None:
        if act.newest_order or act.order_ref is not None:
            order = self._order(acts.OfOrder(order_ref=act.order_ref))
            session = self._desk.sessions.get(order.client_id)
            if session is None:
                raise Impossible(f"client {order.client_id}, whose order it is, is not connected")
            session.error(order.order_id, act.code, act.text)
            return
        for session in self._desk.those(act.client):
            session.error(-1, act.code, act.text)

    # ---- the market and its other people

    def _fill(self, act: acts.Fill) -> None:
        order = self._order(act)
        try:
            reports = self._desk.exchange.fill(order.ref, self._desk.clock(), act.quantity, act.price)
        except ValueError as error:
            raise Impossible(str(error)) from None
        self._hear(reports)

    def _correct(self, act: acts.Correct) -> None:
        order = self._order(act)
        made = [
            execution.report.exec_id
            for account in self._desk.accounts
            for execution in self._desk.exchange.executions(account)
            if execution.report.order_ref == order.ref
        ]
        if not made:
            raise Impossible("the order has no execution that could be corrected")
        self._hear(self._desk.exchange.correct(made[-1], act.price, self._desk.clock()))

    def _kill(self, act: acts.Kill) -> None:
        order = self._order(act)
        try:
            self._hear(self._desk.exchange.end(order.ref, self._desk.clock(), act.reason))
        except KeyError:
            raise Impossible("the order is not open") from None

    def _manual_order(self, act: acts.ManualOrder) -> None:
        try:
            self._desk.trading.place_manual(typed(act))
        except Refused as refused:
            raise Impossible(str(refused)) from None

    def _pin(self, act: acts.Pin) -> None:
        now = self._desk.exchange.touch(act.con_id)
        touch = Touch(act.bid, act.ask, act.bid_size or now.bid_size, act.ask_size or now.ask_size, act.bid)
        self._desk.exchange.pin(act.con_id, touch)

    def _step(self, act: acts.Step) -> None:
        for _ in range(act.count):
            self._desk.tick()

    def _hear(self, reports: list[Report]) -> None:
        """The costs of a fill are told last, as always."""
        self._desk.hear(sorted(reports, key=lambda report: isinstance(report, CommissionReport)))

    def _order(self, act: acts.OfOrder) -> TwsOrder:
        """The newest order that is meant."""
        exchange = self._desk.exchange
        for order in reversed(list(self._desk.trading.book.orders.values())):
            report = exchange.order(order.ref) if order.sent else None
            if report is None:
                continue
            if act.perm_id not in (None, report.perm_id):
                continue
            if act.order_ref in (None, order.values["orderRef"]):
                return order
        raise Impossible("there is no such order")


def typed(act: acts.ManualOrder) -> Values:
    """An order typed into TWS, in the form in which a client would have sent it."""
    instrument = INSTRUMENTS[act.con_id]
    wanted: dict[str, object] = {
        **contract_fields(instrument, no_right=""),
        "action": act.side,
        "totalQuantity": act.quantity,
        "orderType": "MKT" if act.limit_price is None else "LMT",
        "lmtPrice": act.limit_price,
        "tif": "DAY",
        "orderRef": act.order_ref,
        "openClose": "O",
        "orderId": 0,
    }
    return read(PLACE_ORDER, write(PLACE_ORDER, wanted, HIGHEST), HIGHEST)
