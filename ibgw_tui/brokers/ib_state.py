"""What TWS has said of orders, executions and commissions in this session: our own book, fed by raw messages.

Messages come twice, late, out of order and under ids that are only names; reports go out once, for what is
news. An order is known by reference and permId; its order id is how this session's messages name it.
No I/O and no library state: raw arguments in, reports out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ib_async import CommissionReport as IbCommission
from ib_async import Contract as IbContract
from ib_async import Execution as IbExecution
from ib_async import Order as IbOrder
from ib_async import OrderState as IbOrderState

from ibgw_tui.brokers.ib_hours import zone_name
from ibgw_tui.brokers.ib_numbers import exact, known
from ibgw_tui.brokers.ib_words import ORDER_TYPES_HEARD, SIDES_HEARD, Means, meaning, state_of
from ibgw_tui.core.broker import (
    BrokerState,
    CancelRefused,
    CommissionReport,
    ExecutionReport,
    ModifyRefused,
    Notice,
    OrderReport,
    Report,
)
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.terms import EXACT, Money, OrderType, Side

log = logging.getLogger(__name__)

ZERO = Decimal(0)
FINISHED = frozenset({BrokerState.FILLED, BrokerState.CANCELLED, BrokerState.REJECTED})
ENDS = FINISHED | {BrokerState.INACTIVE}
"""Believed, and left again, by the word of a status alone."""
TRAILING = frozenset({OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT})
SAID_HERE = 0
"""The code of a notice that is our own word, not the broker's."""


@dataclass(slots=True)
class Tracked:
    """One order as TWS last told it. Mutable."""

    order_ref: str
    client_id: int
    order_id: int
    account: str
    con_id: int
    side: Side
    quantity: Decimal
    order_type: OrderType | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    """Of a trailing order the initial one, which is known of those that were sent in this session alone."""
    trailing_amount: Decimal | None = None
    trailing_percent: Decimal | None = None
    state: BrokerState = BrokerState.UNACKNOWLEDGED
    filled: Decimal = ZERO
    remaining: Decimal | None = None
    average: Decimal | None = None
    text: str = ""
    perm_id: int | None = None
    acknowledged: bool = False
    """TWS has shown it with a permId."""
    wanted: BrokerOrder | None = None
    """What a modify that is on the wire makes of it."""
    cancelling: bool = False
    rejection: str = ""
    """What a code said against it while it was alive; it counts once the status says that it is not."""
    family: tuple[str, ...] = ()
    """References of all legs of its bracket."""
    told: tuple[Any, ...] = ()
    newest: IbOrder | None = None
    """Its terms in TWS's own form."""

    def report(self, at: datetime) -> OrderReport:
        left = self.remaining if self.remaining is not None else EXACT.subtract(self.quantity, self.filled)
        return OrderReport(
            order_ref=self.order_ref,
            perm_id=self.perm_id,
            account=self.account,
            con_id=self.con_id,
            side=self.side,
            quantity=self.quantity,
            state=self.state,
            filled=self.filled,
            remaining=left,
            average_price=self.average if self.filled else None,
            text=self.text,
            at=at,
            order_type=self.order_type,
            limit_price=self.limit_price,
            stop_price=self.stop_price,
            trailing_amount=self.trailing_amount,
            trailing_percent=self.trailing_percent,
        )

    @property
    def terms(self) -> tuple[Any, ...]:
        """What a modify may change."""
        return (self.quantity, self.limit_price, self.stop_price, self.trailing_amount, self.trailing_percent)

    @property
    def news(self) -> tuple[Any, ...]:
        """What is worth a report when it changes."""
        return (self.state, self.filled, self.order_type, *self.terms)


@dataclass(slots=True)
class Book:
    """Mutable; one per session."""

    client_id: int
    clock: Callable[[], datetime]
    by_id: dict[tuple[int, int], Tracked] = field(default_factory=dict)
    by_perm: dict[int, Tracked] = field(default_factory=dict)
    by_ref: dict[str, Tracked] = field(default_factory=dict)
    finished: dict[str, OrderReport] = field(default_factory=dict)
    """Completed orders, which have no order id."""
    executed: set[str] = field(default_factory=set)
    """References that executions were told of."""
    _told_executions: set[str] = field(default_factory=set)
    _told_commissions: set[str] = field(default_factory=set)

    # ---- what we do

    def knows(self, order_ref: str) -> bool:
        """Whether this reference was used before, as far as TWS has told."""
        return order_ref in self.by_ref or order_ref in self.finished or order_ref in self.executed

    def sent(self, order_id: int, order: BrokerOrder, family: tuple[str, ...]) -> None:
        """An order is about to leave under this id."""
        tracked = Tracked(
            order_ref=order.order_ref,
            client_id=self.client_id,
            order_id=order_id,
            account=order.account,
            con_id=order.contract.con_id,
            side=order.side,
            quantity=order.quantity,
            order_type=order.order_type,
            limit_price=order.limit_price,
            stop_price=order.stop_price,
            trailing_amount=order.trailing_amount,
            trailing_percent=order.trailing_percent,
            family=family,
        )
        self.by_id[self.client_id, order_id] = self.by_ref[order.order_ref] = tracked

    def unsent(self, order_ref: str) -> None:
        """It did not leave after all."""
        tracked = self.by_ref.pop(order_ref)
        del self.by_id[tracked.client_id, tracked.order_id]

    def is_ours(self, tracked: Tracked) -> bool:
        """Only the client that placed an order may change it, and hears of it by itself."""
        return tracked.client_id == self.client_id and tracked.order_id > 0

    # ---- what TWS says of orders

    def open_order(
        self, order_id: int, contract: IbContract, order: IbOrder, state: IbOrderState
    ) -> tuple[Tracked, list[Report]]:
        """An order with its terms. That it has ended is believed from its status alone, which has the numbers."""
        tracked = self._named(order_id, contract, order)
        alarms = self._identify(tracked, order.permId)
        tracked.newest = order
        tracked.order_type = ORDER_TYPES_HEARD.get(order.orderType)
        tracked.quantity = known(order.totalQuantity)
        told = _prices(order, tracked.order_type)
        trails = tracked.order_type in TRAILING
        if trails and (tracked.wanted is None or tracked.wanted.stop_price != told["stop_price"]):
            told["stop_price"] = tracked.stop_price  # the wire tells where the trigger stands by now
        for name, price in told.items():
            setattr(tracked, name, price)
        if tracked.wanted is not None and tracked.terms == terms_of(tracked.wanted):
            tracked.wanted = None
        said = state_of(state.status)
        if said is not None and said not in ENDS and tracked.state not in FINISHED:
            self._move(tracked, said)
        return tracked, [*alarms, *self._news(tracked)]

    def order_status(
        self,
        order_id: int,
        status: str,
        filled: float,
        remaining: float,
        average: float,
        perm_id: int,
        client_id: int,
        why_held: str,
    ) -> list[Report]:
        tracked = self.by_perm.get(perm_id) if perm_id else None
        if tracked is None:
            tracked = self.by_id.get((client_id, order_id))
            if tracked is not None and perm_id and tracked.perm_id not in (None, perm_id):
                # The id means another order now: ids are given again after a reset.
                tracked = None
        if tracked is None:
            log.warning("TWS tells the state %s of an order that is not known: id %s", status, order_id)
            return []
        alarms = self._identify(tracked, perm_id)
        state = state_of(status, why_held)
        if state is None:
            text = f"TWS says the order is {status[:40]!r}, which is not a state known here"
            return [*alarms, self._notice(SAID_HERE, text, tracked.order_ref)]
        if tracked.state is BrokerState.FILLED and state is not BrokerState.FILLED:
            return alarms  # late
        if tracked.state is BrokerState.REJECTED and state in (BrokerState.INACTIVE, BrokerState.CANCELLED):
            return alarms  # the same once more
        tracked.filled, tracked.remaining = known(filled), known(remaining)
        tracked.average = exact(average) or None
        if state is BrokerState.INACTIVE and tracked.rejection:
            state, tracked.text = BrokerState.REJECTED, tracked.rejection
        elif state is BrokerState.CANCELLED and tracked.rejection:
            tracked.text = tracked.rejection
        self._move(tracked, state)
        return [*alarms, *self._news(tracked)]

    def error(self, order_id: int, code: int, text: str) -> list[Report]:
        """A code about an order of this session."""
        tracked, at = self.by_id[self.client_id, order_id], self.clock()
        ref, said = tracked.order_ref, f"{code} {text}"
        match meaning(code).means:
            case Means.CANCEL_REFUSED if tracked.cancelling or tracked.wanted is None:
                tracked.cancelling = False
                return [CancelRefused(order_ref=ref, code=code, text=text, at=at)]
            case Means.CANCEL_REFUSED | Means.MODIFY_REFUSED if tracked.wanted is not None:
                return [self._modify_refused(tracked, code, text)]
            case Means.LOOK_UP if code == 103 and tracked.wanted is not None:
                return [self._modify_refused(tracked, code, text)]
            case Means.REJECTED:
                return self._refused(tracked, code, text)
            case Means.CANCELLED if tracked.state not in FINISHED:
                tracked.text = said
                tracked.state, tracked.cancelling, tracked.wanted = BrokerState.CANCELLED, False, None
                return self._news(tracked)
            case Means.CANCELLED:
                return []
        return [self._notice(code, text, ref)]

    def completed(self, contract: IbContract, order: IbOrder, state: IbOrderState) -> OrderReport:
        """A finished order. It has no order id: permId and reference name it."""
        filled = exact(order.filledQuantity)
        said = state_of(state.status) or BrokerState.INACTIVE
        if filled is None:
            filled = known(order.totalQuantity) if said is BrokerState.FILLED else ZERO
        if said is BrokerState.INACTIVE:  # in this list it is an end
            said = BrokerState.CANCELLED if filled else BrokerState.REJECTED
        quantity = max(known(order.totalQuantity), filled)
        order_type = ORDER_TYPES_HEARD.get(order.orderType)
        prices = _prices(order, order_type)
        report = OrderReport(
            order_ref=order.orderRef,
            perm_id=order.permId or None,
            account=order.account,
            con_id=contract.conId,
            side=SIDES_HEARD[order.action],
            quantity=quantity,
            state=said,
            filled=filled,
            remaining=EXACT.subtract(quantity, filled),
            text="" if said is BrokerState.FILLED else state.completedStatus,
            at=moment_of(state.completedTime) or self.clock(),
            order_type=order_type,
            **prices,
        )
        if report.order_ref:
            self.finished[report.order_ref] = report
        return report

    # ---- executions and what they cost

    def execution(self, contract: IbContract, execution: IbExecution) -> ExecutionReport:
        """A fill, or the correction of one: TWS counts corrections in the last part of the id."""
        tracked = self.by_perm.get(execution.permId) or self.by_id.get((execution.clientId, execution.orderId))
        ref = execution.orderRef or (tracked.order_ref if tracked else "")
        if ref:
            self.executed.add(ref)
        quantity, price = exact(execution.shares), exact(execution.price)
        if quantity is None or price is None:
            raise ValueError(f"the execution {execution.execId} has no quantity or no price")
        return ExecutionReport(
            exec_id=execution.execId,
            order_ref=ref,
            perm_id=execution.permId or None,
            account=execution.acctNumber,
            con_id=contract.conId,
            side=SIDES_HEARD[execution.side],
            quantity=quantity,
            price=price,
            at=execution.time,
            exchange=execution.exchange,
            corrects=corrected_by(execution.execId),
        )

    def is_new_execution(self, exec_id: str) -> bool:
        """True once for each."""
        is_new = exec_id not in self._told_executions
        self._told_executions.add(exec_id)
        return is_new

    def commission(self, report: IbCommission) -> list[Report]:
        """What an execution cost, once. It comes again with every list of executions."""
        cost = exact(report.commission)
        if cost is None or report.execId in self._told_commissions:
            return []
        self._told_commissions.add(report.execId)
        return [CommissionReport(exec_id=report.execId, commission=Money(amount=cost, currency=report.currency))]

    # ---- inside

    def _named(self, order_id: int, contract: IbContract, order: IbOrder) -> Tracked:
        """The order that a message means. An id that now carries another reference is another order."""
        key = (order.clientId, order_id)
        tracked = (self.by_perm.get(order.permId) if order.permId else None) or self.by_id.get(key)
        if tracked is not None and tracked.order_ref == order.orderRef:
            return tracked
        tracked = Tracked(
            order_ref=order.orderRef,
            client_id=order.clientId,
            order_id=order_id,
            account=order.account,
            con_id=contract.conId,
            side=SIDES_HEARD[order.action],
            quantity=known(order.totalQuantity),
            order_type=None,
            limit_price=None,
            stop_price=None,
        )
        if order_id > 0:
            self.by_id[key] = tracked
        if order.orderRef:
            self.by_ref.setdefault(order.orderRef, tracked)
        return tracked

    def _identify(self, tracked: Tracked, perm_id: int) -> list[Report]:
        """Take the account-wide identity. Two of them under one reference are two orders: an alarm."""
        if not perm_id or tracked.perm_id == perm_id:
            return []
        first, tracked.perm_id = tracked.perm_id, perm_id
        self.by_perm[perm_id] = tracked
        holder = self.by_ref.get(tracked.order_ref)
        if first is None and (holder is None or holder is tracked):
            return []
        text = f"TWS shows two orders under this reference: permId {first or (holder and holder.perm_id)} and {perm_id}"
        log.error("%s: %s", tracked.order_ref, text)
        return [self._notice(SAID_HERE, text, tracked.order_ref)]

    def _move(self, tracked: Tracked, state: BrokerState) -> None:
        if tracked.state in FINISHED and state is BrokerState.UNACKNOWLEDGED:
            return
        if tracked.perm_id is not None and state is not BrokerState.UNACKNOWLEDGED:
            tracked.acknowledged = True
        if state in FINISHED:
            tracked.cancelling, tracked.wanted = False, None
        tracked.state = state

    def _news(self, tracked: Tracked) -> list[Report]:
        if not self.is_ours(tracked) or tracked.state is BrokerState.UNACKNOWLEDGED or tracked.news == tracked.told:
            return []
        tracked.told = tracked.news
        return [tracked.report(self.clock())]

    def _refused(self, tracked: Tracked, code: int, text: str) -> list[Report]:
        """A code that refuses what was asked for last; what that was decides what it proves."""
        said = f"{code} {text}"
        if tracked.wanted is not None:
            return [self._modify_refused(tracked, code, text)]
        if tracked.cancelling:
            tracked.cancelling = False
            return [CancelRefused(order_ref=tracked.order_ref, code=code, text=text, at=self.clock())]
        if not tracked.acknowledged or tracked.state is BrokerState.INACTIVE:
            tracked.state, tracked.text, tracked.rejection = BrokerState.REJECTED, said, said
            return self._news(tracked)
        tracked.rejection = said
        return [self._notice(code, text, tracked.order_ref)]

    def _modify_refused(self, tracked: Tracked, code: int, text: str) -> ModifyRefused:
        tracked.wanted = None
        return ModifyRefused(order_ref=tracked.order_ref, code=code, text=text, at=self.clock())

    def _notice(self, code: int, text: str, order_ref: str) -> Notice:
        return Notice(code=code, text=text, order_ref=order_ref, at=self.clock())


def terms_of(order: BrokerOrder) -> tuple[Any, ...]:
    """What a modify may change, as `Tracked.terms` has it."""
    return (order.quantity, order.limit_price, order.stop_price, order.trailing_amount, order.trailing_percent)


def _prices(order: IbOrder, kind: OrderType | None) -> dict[str, Decimal | None]:
    """The prices of an order of this type. TWS writes a price that an order does not have as zero."""
    trails, percent = kind in TRAILING, exact(order.trailingPercent) or None
    stop = exact(order.auxPrice) if kind in (OrderType.STOP, OrderType.STOP_LIMIT) else None
    return {
        "limit_price": exact(order.lmtPrice) if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) else None,
        "stop_price": exact(order.trailStopPrice) if trails else stop,
        "trailing_amount": exact(order.auxPrice) or None if trails and percent is None else None,
        "trailing_percent": percent if trails else None,
    }


def corrected_by(exec_id: str) -> str | None:
    """The execution that this one replaces; None when it is the first of its kind."""
    root, point, number = exec_id.rpartition(".")
    if not point or not number.isdecimal() or int(number) <= 1:
        return None
    return f"{root}.{int(number) - 1:0{len(number)}d}"


def newest_only(executions: list[ExecutionReport]) -> tuple[ExecutionReport, ...]:
    """Each fill once, in its newest version."""
    newest: dict[str, ExecutionReport] = {}
    for execution in executions:
        root = execution.exec_id.rpartition(".")[0] or execution.exec_id
        before = newest.get(root)
        if before is None or before.exec_id < execution.exec_id:
            newest[root] = execution
    return tuple(newest.values())


def moment_of(text: str) -> datetime | None:
    """`20261123 10:15:00 US/Eastern` as a moment; None for anything else."""
    day, _, rest = text.partition(" ")
    clock, _, zone = rest.strip().partition(" ")
    name = zone_name(zone) if zone else ""
    if not name:
        return None
    try:
        return datetime.strptime(f"{day} {clock}", "%Y%m%d %H:%M:%S").replace(tzinfo=ZoneInfo(name)).astimezone(UTC)
    except ValueError:
        return None
