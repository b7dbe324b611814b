"""Takes orders from clients to the exchange: new ones, other terms for open ones, previews, cancels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibgw_tui.core.broker import BrokerState, Notice, OrderReport
from ibgw_tui.exchange.instruments import INSTRUMENTS, Instrument
from ibgw_tui.exchange.orders import Links
from ibgw_tui.twsim.contracts import matching
from ibgw_tui.twsim.layout import Values
from ibgw_tui.twsim.orders import FINISHED, OrderBook, TwsOrder, status_fields
from ibgw_tui.twsim.previews import preview
from ibgw_tui.twsim.words import Refused, Terms, flag, invalid, terms_of, whole

if TYPE_CHECKING:
    from ibgw_tui.twsim.desk import Desk
    from ibgw_tui.twsim.session import Session

REDUCING = frozenset({"2", "3"})
"""One-cancels-all types that reduce the other orders."""
CHILDREN_REDUCE = "3"
LASTING_CODES = frozenset({201})
"""Rejections by the brokerage. Of all others TWS remembers nothing: the order never existed."""
REFUSED_CANCEL = "OrderId {id} that needs to be cancelled"


class Trading:
    """The hand of one TWS."""

    def __init__(self, desk: Desk, book: OrderBook) -> None:
        self._desk = desk
        self.book = book

    def place(self, session: Session, values: Values) -> None:
        """A new order, other terms for an open one, or a preview."""
        order_id = whole(values["orderId"], "orderId")
        try:
            if self._desk.faults.read_only:
                raise invalid("The API interface is currently in Read-Only mode.")
            known = self._desk.telling.find(session.client_id, order_id)
            if flag(values["whatIf"]):
                self._preview(session, order_id, values)
            elif known is None:
                self._place_new(session, order_id, values)
            elif known.sent or known.on_its_way:
                self._modify(known, values)
            else:
                self._place_again(known, values)
        except Refused as refused:
            session.error(order_id, refused.code, refused.text)

    def place_manual(self, values: Values) -> None:
        """An order from TWS itself. Raises Refused."""
        order = TwsOrder(self.book.new_ref(), 0, 0, int(values["conId"]), values, manual=True)
        values["account"] = self._terms(values, order.ref, INSTRUMENTS[order.con_id]).wire.account
        self.book.add(order)
        self._transmit(order)
        if order.ref not in self.book.orders:
            raise Refused(201, "the order was not taken: its price does not fit the contract")
        session = self._desk.sessions.get(0)
        if session is not None and session.binds_manual_orders:
            self.bind_manual(session)
            self._desk.telling.tell_state(session, order)

    def bind_manual(self, session: Session) -> None:
        """Give each order typed into TWS a number, so that client 0 can change and cancel it."""
        for order in self._desk.telling.open_orders():
            if order.manual and order.order_id == 0:
                order.order_id = min([0, *(number for client, number in self.book.bound if client == 0)]) - 1
                self.book.add(order)
                self._desk.changed()
                report = self._desk.exchange.order(order.ref)
                perm_id = report.perm_id if report else 0
                session.send("order_bound", reqId=perm_id, apiClientId=0, apiOrderId=order.order_id)

    def cancel(self, session: Session, values: Values) -> None:
        order_id = whole(values["orderId"], "orderId")
        order = self._desk.telling.find(session.client_id, order_id)
        subject = REFUSED_CANCEL.format(id=order_id)
        if order is None:
            session.error(order_id, 10147, f"{subject} is not found.")
        elif self._is_finished(order):
            state = status_fields(order, self._desk.exchange, 0)["status"]
            session.error(order_id, 10148, f"{subject} cannot be cancelled, state: {state}.")
        else:
            self._cancel(order)

    def cancel_all(self) -> None:
        """Every open order of every client and of the people in front of TWS."""
        for order in self._desk.telling.open_orders():
            self._cancel(order)

    # ---- new orders

    def _preview(self, session: Session, order_id: int, values: Values) -> None:
        self.book.use_id(session.client_id, order_id)
        preview(self._desk, session, order_id, values, self._terms(values, "preview", resolve_one(values)))

    def _place_new(self, session: Session, order_id: int, values: Values) -> None:
        if order_id <= 0:
            raise invalid("Order ids of an API client are greater than zero")
        order = TwsOrder(self.book.new_ref(), session.client_id, order_id, 0, values)
        assumed_day = self._take_down(order, values)
        self.book.add(order)
        self.book.use_id(session.client_id, order_id)
        self._desk.changed()
        if flag(values["transmit"]):
            self._transmit_family(order)
        if assumed_day and order.ref in self.book.orders:
            session.error(order_id, 10349, "Order TIF was set to DAY based on order preset.")

    def _place_again(self, order: TwsOrder, values: Values) -> None:
        """Other terms for an order that is not transmitted yet, or the word to transmit it."""
        self._take_down(order, values)
        self._desk.changed()
        if flag(values["transmit"]):
            self._transmit_family(order)

    def _take_down(self, order: TwsOrder, values: Values) -> bool:
        """Write the terms into the order once all of them are good. Returns whether a day order was assumed."""
        instrument = resolve_one(values)
        terms = self._terms(values, order.ref, instrument)
        parent = self._parent(order, values)
        order.values = {**values, "account": terms.wire.account, "tif": values["tif"] or "DAY"}
        order.con_id, order.parent, order.group = instrument.con_id, parent, values["ocaGroup"]
        return terms.assumed_day

    def _terms(self, values: Values, ref: str, instrument: Instrument) -> Terms:
        accounts = self._desk.accounts
        if not values["account"] and len(accounts) > 1:
            raise Refused(436, "You must specify an allocation")
        if values["account"] not in ("", *accounts):
            raise invalid(f"Invalid account code '{values['account'][:20]}'.")
        return terms_of(values, ref, instrument, values["account"] or accounts[0])

    def _parent(self, order: TwsOrder, values: Values) -> str:
        """The reference of the parent order, which has to be alive. Raises Refused."""
        parent_id = whole(values["parentId"], "parentId")
        if not parent_id:
            return ""
        parent = self._desk.telling.find(order.client_id, parent_id)
        if parent is None or parent is order or self._is_finished(parent):
            raise Refused(10006, "Missing parent order")
        return parent.ref

    def _transmit_family(self, order: TwsOrder) -> None:
        for member in self.book.family(order):
            if not member.sent and not member.on_its_way:
                self._transmit(member)

    def _transmit(self, order: TwsOrder) -> None:
        """Hand an order to the exchange; without a link to the brokerage, as soon as there is one."""
        if not self._desk.has_connectivity:
            order.on_its_way = True
            self._desk.when_connected(lambda: self._transmit(order))
            if (session := self._desk.telling.owner(order)) is not None:
                self._desk.telling.tell_state(session, order)
            return
        order.on_its_way = False
        if order.ref not in self.book.orders:
            return  # cancelled while it was on its way
        try:
            wire = self._terms(order.values, order.ref, INSTRUMENTS[order.con_id]).wire
        except Refused as refused:  # it was good when it was taken; the login may have changed since
            self._reject(order, refused)
            return
        reports = self._desk.exchange.place(wire, self._desk.clock(), self._desk.accounts, links=self._links(order))
        order.sent = True
        self._desk.changed()
        text = next((report.text for report in reports if isinstance(report, OrderReport)), "")
        if self._is_finished(order) and int(text.split(" ", 1)[0]) not in LASTING_CODES:
            self._reject(order, Refused(int(text.split(" ", 1)[0]), text.split(" ", 1)[1]))
        else:
            self._desk.hear(reports)

    def _reject(self, order: TwsOrder, refused: Refused) -> None:
        self.book.drop(order)
        if (session := self._desk.telling.owner(order)) is not None:
            session.error(order.order_id, refused.code, refused.text)

    def _links(self, order: TwsOrder) -> Links:
        """Its parent and its group. Children of one parent form a group by themselves."""
        if order.parent and not order.group:
            parent = self._desk.exchange.order(order.parent)
            order.group = str(parent.perm_id) if parent else order.parent
            order.values = {**order.values, "ocaType": CHILDREN_REDUCE}
        return Links(parent=order.parent, group=order.group, reduces=order.values["ocaType"] in REDUCING)

    # ---- changes and cancels

    def _modify(self, order: TwsOrder, values: Values) -> None:
        report = self._desk.exchange.order(order.ref)
        if report is not None and report.state in FINISHED - {BrokerState.FILLED}:
            raise Refused(103, "Duplicate order id")
        terms = self._terms(values, order.ref, resolve_one(values))
        if not self._desk.has_connectivity:
            self._desk.when_connected(lambda: self._change(order, values, terms))
        else:
            self._change(order, values, terms)

    def _change(self, order: TwsOrder, values: Values, terms: Terms) -> None:
        if not order.sent:
            return  # it waited for the link behind its order, and that was not taken
        for report in self._desk.exchange.modify(terms.wire, self._desk.clock(), self._desk.accounts):
            if isinstance(report, Notice):
                if (session := self._desk.telling.owner(order)) is not None:
                    session.error(order.order_id, report.code, report.text)
                continue
            kept = {name: order.values[name] for name in ("ocaType", "parentId", "ocaGroup")}
            order.values = {**values, **kept, "account": terms.wire.account, "tif": values["tif"] or "DAY"}
            self._desk.changed()
            self._desk.hear([report])

    def _cancel(self, order: TwsOrder) -> None:
        if not order.sent:
            self._forget(order)
        elif self._desk.has_connectivity:
            fault = self._desk.faults.spend_cancel()
            self._desk.hear(self._desk.exchange.cancel(order.ref, self._desk.clock(), fault))
        else:
            self._desk.when_connected(lambda: self._cancel_if_open(order))

    def _cancel_if_open(self, order: TwsOrder) -> None:
        if not self._is_finished(order):
            self._cancel(order)

    def _forget(self, order: TwsOrder) -> None:
        """An order that never left TWS is cancelled here, and its children with it."""
        fields = {**status_fields(order, self._desk.exchange, 0), "status": "ApiCancelled"}
        self.book.drop(order)
        self._desk.changed()
        for child in self.book.children(order):
            self._cancel(child)
        if (session := self._desk.telling.owner(order)) is not None:
            session.error(order.order_id, 202, "Order Canceled - reason:")
            session.send("order_status", **fields)

    def _is_finished(self, order: TwsOrder) -> bool:
        report = self._desk.exchange.order(order.ref) if order.sent else None
        return report is not None and report.state in FINISHED


def resolve_one(values: Values) -> Instrument:
    """The one contract that an order means. Raises Refused."""
    if not values["exchange"]:
        raise invalid("Missing order exchange")
    found = matching(values)
    if len(found) != 1:
        what = "No security definition has been found for the request"
        raise Refused(200, what if not found else "The contract description specified is ambiguous.")
    return found[0]
