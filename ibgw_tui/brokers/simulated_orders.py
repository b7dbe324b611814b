"""What one act of the port means at the simulated exchange: a bracket is three orders, a change may be refused."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from ibgw_tui.core.broker import BrokerState, ModifyRefused, Notice, OrderReport, Report
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.exchange.exchange import Exchange
from ibgw_tui.exchange.faults import Rejection
from ibgw_tui.exchange.orders import Links

_LOST_PARENT = Rejection(code=201, text="the entry of the bracket was refused")


def place_with_exits(
    exchange: Exchange, order: BrokerOrder, at: datetime, accounts: Collection[str], rejection: Rejection | None
) -> list[Report]:
    """The entry, and its exits tied to it and to each other. Without its entry no exit is taken."""
    reports = exchange.place(order.replaced(exits=()), at, accounts, rejection)
    refused = any(isinstance(report, OrderReport) and report.state is BrokerState.REJECTED for report in reports)
    links = Links(parent=order.order_ref, group=f"{order.order_ref}.exits", reduces=True)
    for leg in order.exits:
        wire = order.exit_order(leg)
        reports += (
            exchange.place(wire, at, accounts, _LOST_PARENT)
            if refused
            else exchange.place(wire, at, accounts, links=links)
        )
    return reports


def change_order(exchange: Exchange, order: BrokerOrder, at: datetime, accounts: Collection[str]) -> list[Report]:
    """New terms for an open order; where the exchange says no, the old ones stand."""
    try:
        reports = exchange.modify(order, at, accounts)
    except KeyError:
        return [ModifyRefused(order_ref=order.order_ref, code=10147, text="there is no such order", at=at)]
    return [
        ModifyRefused(order_ref=report.order_ref, code=report.code, text=report.text, at=report.at)
        if isinstance(report, Notice)
        else report
        for report in reports
    ]
