"""What must hold when the hour is over: the market, the database and what everybody was told say the same.

The checks of the crash harness (`tests.crash.inspection`) that speak of the log, the approvals and the file are its own;
here are those in which TWS takes part, with order ids, brackets and changed orders.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from ibgw_tui.core.broker import BrokerState, ExecutionReport, OrderReport
from ibgw_tui.core.lifecycle import AT_BROKER, Status
from ibgw_tui.store.audit_file import AuditFile
from ibgw_tui.twsim.desk import Received
from ibgw_tui.twsim.server import TwsServer
from tests.crash import inspection
from tests.crash.market import Truth

CHECKED = (
    "every acknowledged change is in the audit log, under its own name",
    "one key is one order; no order was staged twice",
    "no approval was spent twice, or on another order",
    "nothing was sent without a live approval, with the kill switch closed, or twice",
    "no reference went over the wire under two order ids; every repetition under one id is a recorded change",
    "nothing arrived at TWS that was not recorded before",
    "every order is as TWS has it: working, filled, ended, or provably never placed",
    "every execution at the market is booked once, at its newest price, and no other",
    "the hash chain, the replay of the log against the tables, guards, integrity_check, foreign_key_check",
)

_KNOWN_AS = {
    BrokerState.WORKING: {Status.WORKING, Status.PARTIALLY_FILLED, Status.CANCEL_REQUESTED},
    BrokerState.HELD: {Status.WORKING, Status.PARTIALLY_FILLED, Status.CANCEL_REQUESTED},
    BrokerState.CANCEL_PENDING: {Status.CANCEL_REQUESTED},
    BrokerState.FILLED: {Status.FILLED},
    BrokerState.CANCELLED: {Status.CANCELLED, Status.REJECTED_BY_BROKER},
    BrokerState.REJECTED: {Status.REJECTED_BY_BROKER},
}
"""What the desk may call an order that the market has in this state."""
_UNKNOWN_AS = {Status.NOT_PLACED, Status.REJECTED_BY_BROKER, Status.CANCELLED, Status.IN_DOUBT}
"""And one of which the market knows nothing. Cancelled: TWS ended it before it was transmitted, and keeps nothing of it.
In doubt is where a person has to look; nothing goes on by itself."""


@dataclass
class Wire:
    """Every order that arrived at TWS, taken down while it runs: its own log is not kept for an hour."""

    placed: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    """By our reference: client and order id of each message, in order."""
    messages: int = 0

    def take(self, received: Received) -> None:
        self.messages += 1
        if received.name == "place_order" and received.values["whatIf"] != "1":
            number = (received.client_id, int(received.values["orderId"]))
            self.placed[received.values["orderRef"]].append(number)


@dataclass(frozen=True, slots=True)
class Market:
    """What TWS has of our orders, by our reference."""

    orders: dict[str, OrderReport]
    executions: dict[str, ExecutionReport]
    """The newest version of each, by its id."""
    strangers: int
    """Orders of other people."""

    @classmethod
    def of(cls, tws: TwsServer, account: str) -> Market:
        exchange, ours, strangers = tws.desk.exchange, {}, set()
        for order in tws.desk.trading.book.orders.values():
            report = exchange.order(order.ref)
            if order.manual:
                strangers.add(order.ref)
            elif report is not None:
                ours[order.ref] = report.replaced(order_ref=order.values["orderRef"])
        newest = {}
        for execution in exchange.executions(account):
            fill = execution.report
            if fill.order_ref in ours:
                newest[fill.exec_id.rpartition(".")[0]] = fill.replaced(order_ref=ours[fill.order_ref].order_ref)
        reports = {report.order_ref: report for report in ours.values()}
        assert len(reports) == len(ours), "one reference is two orders at TWS"
        return cls(reports, {execution.exec_id: execution for execution in newest.values()}, len(strangers))


@dataclass(frozen=True, slots=True)
class Row:
    order_ref: str
    status: Status
    filled: Decimal
    submitted: bool
    parent: str | None
    modifies: str | None
    wire_ref: str


class Record:
    """What the desk has written down."""

    def __init__(self, file: AuditFile) -> None:
        found = file.rows(
            "SELECT o.order_ref, o.status, o.filled, s.order_seq IS NOT NULL, o.parent, o.modifies, coalesce(o.wire_ref, o.order_ref) "
            "FROM orders o LEFT JOIN submissions s ON s.order_seq = o.seq"
        )
        self.rows = {r[0]: Row(r[0], Status(r[1]), Decimal(r[2]), bool(r[3]), r[4], r[5], r[6]) for r in found}
        self.executions = {
            row[0]: (Decimal(row[1]), Decimal(row[2]))
            for row in file.rows("SELECT exec_id, quantity, price FROM executions WHERE replaced_by IS NULL")
        }


def judge(database: Path, market: Market, wire: Wire) -> list[str]:
    """Everything that does not hold. Empty is well."""
    told = inspection.Desk(database, Truth((), (), {}, ()))
    problems = list(told.file_problems)
    for part in (inspection.acknowledged, inspection.keys, inspection.approvals, inspection.history):
        problems += part(told)
    with AuditFile(database) as file:
        record = Record(file)
    problems += _wire(record, wire)
    problems += _statuses(record, market, wire)
    problems += _executions(record, market)
    return problems


def _wire(record: Record, wire: Wire) -> Iterator[str]:
    changes = Counter(row.wire_ref for row in record.rows.values() if row.modifies and row.submitted)
    for ref, numbers in wire.placed.items():
        row = record.rows.get(ref)
        if row is None:
            yield f"{ref} arrived at TWS and is not in the record"
        elif not row.submitted and not (row.parent and record.rows[row.parent].submitted):
            yield f"{ref} arrived at TWS without a recorded submission"
        if len(set(numbers)) > 1:
            yield f"{ref} arrived at TWS under several order ids: {numbers}"
        elif len(numbers) - 1 > changes[ref]:
            yield f"{ref} arrived at TWS {len(numbers)} times, and {changes[ref]} changes of it are recorded"


def _statuses(record: Record, market: Market, wire: Wire) -> Iterator[str]:
    changed = {row.wire_ref for row in record.rows.values() if row.modifies and row.submitted}
    for ref, row in record.rows.items():
        if row.status is Status.SENDING:
            yield f"{ref} is neither resolved nor in doubt"
        at_market = market.orders.get(ref)
        if row.modifies or ref in changed:
            continue  # one order at the broker is several here; their executions are compared
        if at_market is not None and row.status not in _KNOWN_AS.get(at_market.state, set()):
            yield f"{ref} is {row.status.value}; TWS has it as {at_market.state.value}, {at_market.filled} filled"
        elif at_market is None and row.submitted and row.status not in _UNKNOWN_AS:
            yield f"{ref} is {row.status.value}; TWS does not know it (it arrived {len(wire.placed.get(ref, ()))} times)"
        elif at_market is None and row.status in AT_BROKER - _UNKNOWN_AS:
            yield f"{ref} is {row.status.value}; TWS does not know it"


def _executions(record: Record, market: Market) -> Iterator[str]:
    real = {exec_id: (report.quantity, report.price) for exec_id, report in market.executions.items()}
    for exec_id in sorted(real.keys() - record.executions.keys()):
        report = market.executions[exec_id]
        yield f"execution {exec_id} of {report.order_ref} ({report.quantity} at {report.price}) is not booked"
    for exec_id in sorted(record.executions.keys() - real.keys()):
        yield f"execution {exec_id} is booked; the market has no such one"
    for exec_id in sorted(real.keys() & record.executions.keys()):
        if real[exec_id] != record.executions[exec_id]:
            yield f"execution {exec_id} is booked as {record.executions[exec_id]}; the market says {real[exec_id]}"
