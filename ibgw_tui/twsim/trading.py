"""Takes orders from clients to the exchange, and what the exchange says back to the clients they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ibgw_tui.core.broker import BrokerState, CommissionReport, ExecutionReport, OrderReport, Report
from ibgw_tui.core.terms import Side
from ibgw_tui.exchange.book import Execution
from ibgw_tui.exchange.exact import divided, times, total
from ibgw_tui.exchange.instruments import INSTRUMENTS, Instrument
from ibgw_tui.exchange.orders import Links
from ibgw_tui.twsim.contracts import contract_fields, matching
from ibgw_tui.twsim.layout import UNSET_DOUBLE, Values
from ibgw_tui.twsim.orders import (
    FINISHED,
    ZERO,
    OrderBook,
    TwsOrder,
    completed_order_fields,
    open_order_fields,
    status_fields,
)
from ibgw_tui.twsim.previews import preview
from ibgw_tui.twsim.words import Refused, Terms, flag, invalid, moment_text, terms_of, whole

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
    """The order half of one TWS."""

    def __init__(self, desk: Desk, book: OrderBook) -> None:
        self._desk = desk
        self.book = book

    # ---- what clients ask for

    def place(self, session: Session, values: Values) -> None:
        """A new order, other terms for an open one, or a preview."""
        order_id = 0
        try:
            order_id = whole(values["orderId"], "orderId")
            if self._desk.faults.read_only:
                raise Refused(
                    321, "Error validating request.-'bX' : cause - The API interface is currently in Read-Only mode."
                )
            if flag(values["whatIf"]):
                self.book.use_id(session.client_id, order_id)
                instrument = resolve_one(values)
                terms = self._terms(values, "preview", instrument)
                preview(self._desk, session, order_id, values, terms)
                return
            known = self.book.find(session.client_id, order_id)
            if known is None:
                self._place_new(session, order_id, values)
            elif not known.sent and not known.on_its_way:
                self._place_again(session, known, values)
            else:
                self._modify(session, known, values)
        except Refused as refused:
            session.error(order_id, refused.code, refused.text)

    def cancel(self, session: Session, values: Values) -> None:
        order_id = whole(values["orderId"], "orderId")
        order = self.book.find(session.client_id, order_id)
        subject = REFUSED_CANCEL.format(id=order_id)
        if order is None:
            session.error(order_id, 10147, f"{subject} is not found.")
            return
        report = self._desk.exchange.order(order.ref) if order.sent else None
        if report is not None and report.state in FINISHED:
            state = status_fields(order, self._desk.exchange, 0)["status"]
            session.error(order_id, 10148, f"{subject} cannot be cancelled, state: {state}.")
            return
        self._cancel(order)

    def cancel_all(self) -> None:
        """Every open order of every client and of the people in front of TWS."""
        for order in self.open_orders():
            self._cancel(order)

    def tell_open_orders(self, session: Session, *, everybodys: bool) -> None:
        """Own orders, or those of all clients. Client 0 owns what was placed by hand."""
        if session.client_id == 0:
            self.bind_manual(session)
        for order in self.open_orders():
            if everybodys or order.client_id == session.client_id:
                self._tell_state(session, order)
        session.send("open_order_end")

    def bind_manual(self, session: Session) -> None:
        """Give each order placed by hand a number, so that client 0 can change and cancel it."""
        for order in self.open_orders():
            if order.manual and order.order_id == 0:
                order.order_id = min([0, *(number for client, number in self.book.bound if client == 0)]) - 1
                self.book.add(order)
                report = self._desk.exchange.order(order.ref)
                perm_id = report.perm_id if report else 0
                session.send("order_bound", reqId=perm_id, apiClientId=0, apiOrderId=order.order_id)

    def tell_executions(self, session: Session, values: Values) -> None:
        """Executions that fit the filter; what they cost follows."""
        executions = [
            (order, execution) for order, execution in self._executions() if _fits(values, order, execution.report)
        ]
        for order, execution in executions:
            session.send("exec_details", **self._execution_fields(order, execution.report, values["reqId"]))
        session.send("exec_details_end", reqId=values["reqId"])
        for _, execution in executions:
            session.send("commission_report", **_commission_fields(execution.commission_report))

    def tell_completed(self, session: Session, values: Values) -> None:
        exchange, horizon = self._desk.exchange, self.book.horizon
        for order in list(self.book.orders.values()):
            report = exchange.order(order.ref) if order.sent else None
            if report is None or report.state not in FINISHED or (horizon is not None and report.at < horizon):
                continue
            if not (order.manual and flag(values["apiOnly"])):
                parent = exchange.order(order.parent) if order.parent else None
                perm_id = (parent.perm_id if parent else 0) or 0
                session.send("completed_order", **completed_order_fields(order, report, perm_id))
        session.send("completed_orders_end")

    # ---- what the exchange says

    def hear(self, report: Report) -> None:
        """Tell the client an order belongs to. Reports of orders this TWS does not know are nobody's."""
        match report:
            case OrderReport():
                if (order := self.book.orders.get(report.order_ref)) is not None:
                    self._tell(order, report)
            case ExecutionReport():
                if (order := self.book.orders.get(report.order_ref)) is not None:
                    order.last_price = report.price
                    if (session := self._owner(order)) is not None:
                        session.send("exec_details", **self._execution_fields(order, report, "-1"))
            case CommissionReport():
                owners = [order for order, e in self._executions(told=False) if e.report.exec_id == report.exec_id]
                for order in owners:
                    if (session := self._owner(order)) is not None:
                        session.send("commission_report", **_commission_fields(report))

    def open_orders(self) -> list[TwsOrder]:
        """All that may still trade, and all that is not transmitted yet."""
        exchange = self._desk.exchange
        states = ((order, exchange.order(order.ref)) for order in self.book.orders.values())
        return [order for order, report in states if not order.sent or (report and report.state not in FINISHED)]

    def place_manual(self, values: Values) -> None:
        """An order from TWS itself. Raises Refused."""
        instrument = INSTRUMENTS[int(values["conId"])]
        order = TwsOrder(self.book.new_ref(), 0, 0, instrument.con_id, values, manual=True)
        self._terms(values, order.ref, instrument)
        self.book.add(order)
        self._transmit(order)
        session = self._desk.sessions.get(0)
        if session is not None and session.binds_manual_orders and order.ref in self.book.orders:
            self.bind_manual(session)
            self._tell_state(session, order)

    # ---- inside

    def _terms(self, values: Values, ref: str, instrument: Instrument) -> Terms:
        accounts = self._desk.accounts
        if not values["account"] and len(accounts) > 1:
            raise Refused(436, "You must specify an allocation")
        return terms_of(values, ref, instrument, values["account"] or accounts[0])

    def _place_new(self, session: Session, order_id: int, values: Values) -> None:
        if order_id <= 0:
            raise invalid("Order ids of an API client are greater than zero")
        instrument = resolve_one(values)
        order = TwsOrder(self.book.new_ref(), session.client_id, order_id, instrument.con_id, values)
        terms = self._terms(values, order.ref, instrument)
        order.values["account"] = terms.wire.account
        self._tie(order)
        self.book.add(order)
        self.book.use_id(session.client_id, order_id)
        if flag(values["transmit"]):
            self._transmit_family(order)
        if terms.assumed_day and order.ref in self.book.orders:
            order.values["tif"] = "DAY"
            session.error(order_id, 10349, "Order TIF was set to DAY based on order preset.")

    def _place_again(self, session: Session, order: TwsOrder, values: Values) -> None:
        """Other terms for an order that is not transmitted yet."""
        instrument = resolve_one(values)
        terms = self._terms(values, order.ref, instrument)
        order.values, order.con_id = values, instrument.con_id
        order.values["account"] = terms.wire.account
        self._tie(order)
        if flag(values["transmit"]):
            self._transmit_family(order)

    def _tie(self, order: TwsOrder) -> None:
        """Find its parent and its group. Children of one parent form a group by themselves."""
        parent_id = whole(order.values["parentId"], "parentId")
        order.group = order.values["ocaGroup"]
        if not parent_id:
            return
        parent = self.book.find(order.client_id, parent_id)
        report = self._desk.exchange.order(parent.ref) if parent and parent.sent else None
        if parent is None or parent is order or (report is not None and report.state in FINISHED):
            raise Refused(10006, "Missing parent order")
        order.parent = parent.ref

    def _transmit_family(self, order: TwsOrder) -> None:
        for member in self.book.family(order):
            if not member.sent and not member.on_its_way:
                self._transmit(member)

    def _transmit(self, order: TwsOrder) -> None:
        """Hand an order to the exchange; without a link to the brokerage, as soon as there is one."""
        if not self._desk.has_connectivity:
            order.on_its_way = True
            self._desk.when_connected(lambda: self._transmit(order))
            if (session := self._owner(order)) is not None:
                self._tell_state(session, order)
            return
        exchange, order.on_its_way = self._desk.exchange, False
        if order.ref not in self.book.orders:
            return  # cancelled while it was on its way
        wire = self._terms(order.values, order.ref, INSTRUMENTS[order.con_id]).wire
        reports = exchange.place(wire, self._desk.clock(), self._desk.accounts, links=self._links(order))
        order.sent = True
        self._desk.changed()
        report = exchange.order(order.ref)
        assert report is not None, "what was placed is in the book"
        code = int(report.text.split(" ", 1)[0]) if report.state in FINISHED else 0
        if code and code not in LASTING_CODES:
            self.book.drop(order)
            if (session := self._owner(order)) is not None:
                session.error(order.order_id, code, report.text.split(" ", 1)[1])
            return
        self._desk.hear(reports)

    def _links(self, order: TwsOrder) -> Links:
        kind = order.values["ocaType"]
        if order.parent and not order.group:
            parent = self._desk.exchange.order(order.parent)
            order.group, kind = str(parent.perm_id if parent else order.parent), CHILDREN_REDUCE
            order.values = {**order.values, "ocaType": kind}
        parent_ref = order.parent
        return Links(parent=parent_ref, group=order.group, reduces=kind in REDUCING)

    def _modify(self, session: Session, order: TwsOrder, values: Values) -> None:
        if order.on_its_way:
            order.values = {**values, "account": order.values["account"]}
            return
        report = self._desk.exchange.order(order.ref)
        if report is not None and report.state in FINISHED - {BrokerState.FILLED}:
            raise Refused(103, "Duplicate order id")
        instrument = resolve_one(values)
        terms = self._terms(values, order.ref, instrument)
        if not self._desk.has_connectivity:
            self._desk.when_connected(lambda: self._change(order, values, terms))
        else:
            self._change(order, values, terms)

    def _change(self, order: TwsOrder, values: Values, terms: Terms) -> None:
        reports = self._desk.exchange.modify(terms.wire, self._desk.clock(), self._desk.accounts)
        for report in reports:
            if isinstance(report, OrderReport):
                kept = {name: order.values[name] for name in ("ocaType", "parentId", "ocaGroup")}
                order.values = {**values, **kept, "account": terms.wire.account}
                self._desk.changed()
                self._desk.hear([report])
            elif (session := self._owner(order)) is not None:
                session.error(order.order_id, getattr(report, "code", 0), getattr(report, "text", ""))

    def _cancel(self, order: TwsOrder) -> None:
        session = self._owner(order)
        if not order.sent:
            fields = {**status_fields(order, self._desk.exchange, 0), "status": "ApiCancelled"}
            self.book.drop(order)
            for child in self.book.children(order):
                self._cancel(child)
            if session is not None:
                session.error(order.order_id, 202, "Order Canceled - reason:")
                session.send("order_status", **fields)
        elif self._desk.has_connectivity:
            fault = self._desk.faults.spend_cancel()
            self._desk.hear(self._desk.exchange.cancel(order.ref, self._desk.clock(), fault))
        else:
            self._desk.when_connected(lambda: self._cancel_if_open(order))

    def _cancel_if_open(self, order: TwsOrder) -> None:
        if order in self.open_orders():
            self._cancel(order)

    def _tell(self, order: TwsOrder, report: OrderReport) -> None:
        session, text = self._owner(order), report.text
        if session is None:
            return
        if text and text != order.told and text[:3].isdecimal():
            session.error(order.order_id, int(text.split(" ", 1)[0]), text.split(" ", 1)[1])
        order.told = text
        self._tell_state(session, order)

    def _tell_state(self, session: Session, order: TwsOrder) -> None:
        exchange, parent_id = self._desk.exchange, self._parent_id(order)
        session.send("open_order", **open_order_fields(order, exchange, parent_id))
        for _ in range(2 if self._desk.faults.duplicates else 1):
            session.send("order_status", **status_fields(order, exchange, parent_id))

    def _parent_id(self, order: TwsOrder) -> int:
        parent = self.book.orders.get(order.parent)
        return parent.order_id if parent else 0

    def _owner(self, order: TwsOrder) -> Session | None:
        session = self._desk.sessions.get(order.client_id)
        if order.manual and not (session is not None and order.order_id):
            return None
        return session

    def _executions(self, *, told: bool = True) -> list[tuple[TwsOrder, Execution]]:
        """Executions of this login with their orders; with `told` only those that TWS still remembers."""
        horizon = self.book.horizon if told else None
        return [
            (self.book.orders[execution.report.order_ref], execution)
            for account in self._desk.accounts
            for execution in self._desk.exchange.executions(account)
            if execution.report.order_ref in self.book.orders and (horizon is None or execution.report.at >= horizon)
        ]

    def _execution_fields(self, order: TwsOrder, report: ExecutionReport, req_id: str) -> Values:
        counted, value = ZERO, ZERO
        latest: dict[str, ExecutionReport] = {}
        for _, execution in self._executions(told=False):
            if execution.report.order_ref == order.ref:
                latest[execution.report.exec_id.rpartition(".")[0]] = execution.report
        root = report.exec_id.rpartition(".")[0]
        for name, each in latest.items():
            counted, value = total(counted, each.quantity), total(value, times(each.quantity, each.price))
            if name == root:
                break
        return {
            **contract_fields(INSTRUMENTS[order.con_id], exchange=order.values["exchange"], no_right=""),
            "reqId": req_id,
            "orderId": order.order_id,
            "execId": report.exec_id,
            "time": moment_text(report.at),
            "account": report.account,
            "execExchange": report.exchange,
            "side": "BOT" if report.side is Side.BUY else "SLD",
            "shares": report.quantity,
            "price": report.price,
            "permId": report.perm_id,
            "clientId": order.client_id,
            "cumQty": counted,
            "avgPrice": divided(value, counted),
            "orderRef": order.values["orderRef"],
        }


def _commission_fields(report: CommissionReport) -> dict[str, Any]:
    money = report.commission
    nothing = UNSET_DOUBLE
    return {
        "execId": report.exec_id,
        "commission": money.amount,
        "currency": money.currency,
        "realizedPNL": nothing,
        "yield": nothing,
        "yieldRedemptionDate": "",
    }


def _fits(values: Values, order: TwsOrder, report: ExecutionReport) -> bool:
    """The filter of a request for executions; an empty field, and client 0, mean all."""
    told = contract_fields(INSTRUMENTS[order.con_id])
    since = values["time"].replace("-", " ").replace("  ", " ")
    return (
        values["clientId"] in ("", "0", str(order.client_id))
        and values["account"] in ("", report.account)
        and values["symbol"] in ("", told["symbol"])
        and values["secType"] in ("", told["secType"])
        and values["exchange"] in ("", report.exchange)
        and values["side"].upper() in ("", "BUY" if report.side is Side.BUY else "SELL")
        and moment_text(report.at) >= since
    )


def resolve_one(values: Values) -> Instrument:
    """The one contract that an order means. Raises Refused."""
    if not values["exchange"]:
        raise invalid("Missing order exchange")
    found = matching(values)
    if len(found) != 1:
        what = "No security definition has been found for the request"
        raise Refused(200, what if not found else "The contract description specified is ambiguous.")
    return found[0]
