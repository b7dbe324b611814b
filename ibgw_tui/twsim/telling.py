"""What clients are told of orders: as it happens to those they belong to, and to everybody who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ibgw_tui.core.broker import CommissionReport, ExecutionReport, OrderReport, Report
from ibgw_tui.core.terms import Side
from ibgw_tui.exchange.book import Execution
from ibgw_tui.exchange.exact import divided, times, total
from ibgw_tui.exchange.instruments import INSTRUMENTS
from ibgw_tui.twsim.contracts import contract_fields
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
from ibgw_tui.twsim.words import flag, moment, moment_text

if TYPE_CHECKING:
    from ibgw_tui.twsim.desk import Desk
    from ibgw_tui.twsim.session import Session


class Telling:
    """The voice of one TWS about its orders. Orders of accounts that the login does not manage are not told."""

    def __init__(self, desk: Desk, book: OrderBook) -> None:
        self._desk = desk
        self._book = book

    # ---- to whom it belongs

    def hear(self, report: Report) -> None:
        """Tell the client whose order it is."""
        match report:
            case OrderReport():
                if (order := self._book.orders.get(report.order_ref)) is not None:
                    self._tell(order, report)
            case ExecutionReport():
                if (order := self._book.orders.get(report.order_ref)) is not None:
                    order.last_price = report.price
                    if (session := self.owner(order)) is not None:
                        session.send("exec_details", **self._execution_fields(order, report, "-1"))
            case CommissionReport():
                for order, execution in self._executions():
                    session = self.owner(order)
                    if execution.report.exec_id == report.exec_id and session is not None:
                        session.send("commission_report", **_commission_fields(report))

    def owner(self, order: TwsOrder) -> Session | None:
        """The session that hears of an order by itself. Of one typed into TWS that is client 0, once it is bound."""
        if not self._is_ours(order) or (order.manual and not order.order_id):
            return None
        return self._desk.sessions.get(order.client_id)

    def tell_state(self, session: Session, order: TwsOrder) -> None:
        exchange, parent_id = self._desk.exchange, self._parent_id(order)
        session.send("open_order", **open_order_fields(order, exchange, parent_id))
        for _ in range(2 if self._desk.faults.duplicates else 1):
            session.send("order_status", **status_fields(order, exchange, parent_id))

    # ---- to whom asks

    def find(self, client_id: int, order_id: int) -> TwsOrder | None:
        """The order of this login that a client means by an id."""
        order = self._book.find(client_id, order_id)
        return order if order is not None and self._is_ours(order) else None

    def open_orders(self) -> list[TwsOrder]:
        """All that may still trade, and all that is not transmitted yet."""
        exchange = self._desk.exchange
        states = ((order, exchange.order(order.ref)) for order in self._book.orders.values() if self._is_ours(order))
        return [order for order, report in states if not order.sent or (report and report.state not in FINISHED)]

    def tell_open_orders(self, session: Session, *, everybodys: bool) -> None:
        for order in self.open_orders():
            if everybodys or order.client_id == session.client_id:
                self.tell_state(session, order)
        session.send("open_order_end")

    def tell_completed(self, session: Session, values: Values) -> None:
        exchange, horizon = self._desk.exchange, self._book.horizon
        for order in list(self._book.orders.values()):
            report = exchange.order(order.ref) if order.sent and self._is_ours(order) else None
            if report is None or report.state not in FINISHED or (horizon is not None and report.at < horizon):
                continue
            if not (order.manual and flag(values["apiOnly"])):
                parent = exchange.order(order.parent) if order.parent else None
                perm_id = (parent.perm_id if parent else 0) or 0
                session.send("completed_order", **completed_order_fields(order, report, perm_id))
        session.send("completed_orders_end")

    def tell_executions(self, session: Session, values: Values) -> None:
        """Executions that fit the filter; what they cost follows. Raises Refused when the filter cannot be read."""
        horizon = self._book.horizon
        since = moment(values["time"], missing="00:00:00") if values["time"] else None
        executions = [
            (order, execution)
            for order, execution in self._executions()
            if _fits(values, order, execution.report)
            and not (since is not None and execution.report.at < since)
            and not (horizon is not None and execution.report.at < horizon)
        ]
        for order, execution in executions:
            session.send("exec_details", **self._execution_fields(order, execution.report, values["reqId"]))
        session.send("exec_details_end", reqId=values["reqId"])
        for _, execution in executions:
            session.send("commission_report", **_commission_fields(execution.commission_report))

    # ---- inside

    def _is_ours(self, order: TwsOrder) -> bool:
        return (order.values["account"] or self._desk.accounts[0]) in self._desk.accounts

    def _tell(self, order: TwsOrder, report: OrderReport) -> None:
        session, text = self.owner(order), report.text
        if session is None:
            return
        if text and text != order.told and text[:3].isdecimal():
            session.error(order.order_id, int(text.split(" ", 1)[0]), text.split(" ", 1)[1])
        order.told = text
        self.tell_state(session, order)

    def _parent_id(self, order: TwsOrder) -> int:
        parent = self._book.orders.get(order.parent)
        return parent.order_id if parent else 0

    def _executions(self) -> list[tuple[TwsOrder, Execution]]:
        """All executions of this login, with their orders."""
        return [
            (self._book.orders[execution.report.order_ref], execution)
            for account in self._desk.accounts
            for execution in self._desk.exchange.executions(account)
            if execution.report.order_ref in self._book.orders
        ]

    def _execution_fields(self, order: TwsOrder, report: ExecutionReport, req_id: str) -> Values:
        """An execution, and what its order had filled up to it. A correction takes the place of what it corrects."""
        root = report.exec_id.rpartition(".")[0]
        latest: dict[str, ExecutionReport] = {}
        for execution in self._desk.exchange.executions(report.account):
            if execution.report.order_ref == order.ref:
                latest[execution.report.exec_id.rpartition(".")[0]] = execution.report
        counted, value = ZERO, ZERO
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
    """What the market does not work out is told as unset."""
    return {
        "execId": report.exec_id,
        "commission": report.commission.amount,
        "currency": report.commission.currency,
        "realizedPNL": UNSET_DOUBLE,
        "yield": UNSET_DOUBLE,
        "yieldRedemptionDate": "",
    }


def _fits(values: Values, order: TwsOrder, report: ExecutionReport) -> bool:
    """The filter of a request for executions; an empty field, and client 0, mean all."""
    told = contract_fields(INSTRUMENTS[order.con_id])
    return (
        values["clientId"] in ("", "0", str(order.client_id))
        and values["account"] in ("", report.account)
        and values["symbol"] in ("", told["symbol"])
        and values["secType"] in ("", told["secType"])
        and values["exchange"] in ("", report.exchange)
        and values["side"].upper() in ("", "BUY" if report.side is Side.BUY else "SELL")
    )
