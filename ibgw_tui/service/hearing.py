"""What the broker says, turned into what happens to an order.

Fills are counted from executions, each once, never from a status's own total. A report that fits no
row of the lifecycle is recorded as a discrepancy and becomes an alarm; it is never guessed into it.
So is what carries our reference and yet cannot be our order, and what was written off and lives.
"""

from __future__ import annotations

from ibgw_tui.core.broker import (
    BrokerState,
    CancelRefused,
    CommissionReport,
    ExecutionReport,
    LinkReport,
    ModifyRefused,
    Notice,
    OrderReport,
    Report,
    shows_terms,
)
from ibgw_tui.core.lifecycle import Actor, IllegalTransition, Signal, Status, advance
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.reconcile import belongs, is_unanswered
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.terms import iso
from ibgw_tui.core.text import one_line
from ibgw_tui.store import Change, OrderStore

BROKER = "broker"
STRANGER = "the broker reports an order that is not ours"

_SIGNALS: dict[BrokerState, Signal | None] = {
    BrokerState.UNACKNOWLEDGED: None,
    BrokerState.WORKING: Signal.ACKNOWLEDGE,
    BrokerState.HELD: Signal.ACKNOWLEDGE,
    BrokerState.CANCEL_PENDING: Signal.ACKNOWLEDGE,
    BrokerState.FILLED: Signal.FILL,
    BrokerState.CANCELLED: Signal.CANCEL,
    BrokerState.REJECTED: Signal.BROKER_REJECT,
    # Says nothing final by itself: the order's other reports decide.
    BrokerState.INACTIVE: None,
}


def hear(store: OrderStore, report: Report, lease_token: int | None) -> None:
    """Record one report. Hearing the same report twice changes nothing the second time."""
    if isinstance(report, LinkReport):
        store.put_facts(link=(report.state.value, one_line(report.text, 200), report.at))
        return
    with store.write(lease_token=lease_token) as change:
        if isinstance(report, ExecutionReport):
            _execution(change, report)
        elif isinstance(report, OrderReport):
            _order(change, report)
        elif isinstance(report, CommissionReport):
            change.add_commission(report.exec_id, report.commission)
        elif isinstance(report, CancelRefused):
            _cancel_refused(change, report)
        elif isinstance(report, ModifyRefused):
            _modify_refused(change, report)
        else:
            _notice(change, report)


def is_news(store: OrderStore, report: OrderReport | ExecutionReport) -> bool:
    """Whether hearing it could change anything. A look without a transaction, for records that are read again."""
    record = store.carrier(report.order_ref) if report.order_ref else None
    if record is None or belongs(record, report) or store.on_its_way(report.order_ref):
        return True
    if isinstance(report, ExecutionReport):
        return not store.knows_execution(report.exec_id)
    if report.perm_id is not None and report.perm_id != record.perm_id:
        return True
    signal = _signal(report, record)
    try:
        return signal is not None and advance(record.status, signal, Actor.BROKER) is not record.status
    except IllegalTransition:
        return True


def _execution(change: Change, report: ExecutionReport) -> None:
    record = change.carrier(report.order_ref) if report.order_ref else None
    if record is None:
        change.say_discrepancy(
            f"an execution {report.exec_id} of an order that is not ours ({report.order_ref or 'no reference'})"
        )
        return
    if _contradicts(change, record, report, f"execution {report.exec_id}"):
        return
    if not change.add_execution(record, report):
        return
    record = change.order(record.order_ref)
    complete = record.filled >= record.intent.quantity
    apply_signal(
        change,
        record,
        Signal.FILL if complete else Signal.FILL_PART,
        f"filled {record.filled:f} of {record.intent.quantity:f}",
        detail={
            "exec_id": report.exec_id,
            "quantity": f"{report.quantity:f}",
            "price": f"{report.price:f}",
            "at": iso(report.at),
            "corrects": report.corrects,
        },
        always=True,
    )
    if record.filled > record.intent.quantity:
        change.say_discrepancy(
            f"filled {record.filled:f} of {record.intent.quantity:f}: more than ordered", order_ref=record.order_ref
        )


def _order(change: Change, report: OrderReport) -> None:
    record = change.carrier(report.order_ref) if report.order_ref else None
    if record is None:
        change.say_discrepancy(
            f"{STRANGER}: {report.side.value} {report.quantity:f} of contract {report.con_id} in {report.account} "
            f"({report.order_ref or 'no reference'}, permanent id {report.perm_id or 'unknown'})"
        )
        return
    if _contradicts(change, record, report, "the broker's order"):
        return
    modify = change.groups.on_its_way(report.order_ref)
    if modify is not None and modify.preview is not None and shows_terms(report, BrokerOrder.of(modify.preview)):
        record = _take_over(change, record, modify)
        modify = None
    if report.perm_id is not None and record.perm_id is None:
        change.note(record, perm_id=report.perm_id)
    elif report.perm_id is not None and report.perm_id != record.perm_id:
        change.say_discrepancy(
            f"two orders at the broker carry this reference: permanent ids {record.perm_id} and {report.perm_id}",
            order_ref=record.order_ref,
        )
    signal = _signal(report, record)
    if signal is not None:
        apply_signal(change, record, signal, one_line(report.text, 300))
    if modify is not None and report.state in _FINAL:
        words = f"the order it would have changed is {report.state.value}"
        signal = Signal.CANCEL if report.state is BrokerState.CANCELLED else Signal.BROKER_REJECT
        apply_signal(change, modify, signal, words)


_FINAL = frozenset({BrokerState.FILLED, BrokerState.CANCELLED, BrokerState.REJECTED})


def _take_over(change: Change, former: OrderRecord, modify: OrderRecord) -> OrderRecord:
    """The broker shows the new terms: the modify carries on what the former order began."""
    change.groups.carry_over(modify, former.filled)
    apply_signal(change, former, Signal.REPLACE, f"changed into {modify.order_ref}")
    modify = change.order(modify.order_ref)
    apply_signal(
        change,
        modify,
        Signal.ACKNOWLEDGE,
        f"took the place of {former.order_ref}",
        detail={"carried_over": f"{former.filled:f}"},
        always=True,
    )
    return change.order(modify.order_ref)


def _modify_refused(change: Change, report: ModifyRefused) -> None:
    """The old terms stand, and so does the old order; only the change came to nothing."""
    modify = change.groups.on_its_way(report.order_ref)
    words = f"the broker would not change it ({report.code}): {one_line(report.text, 200)}"
    if modify is None:
        change.add_discrepancy(words, order_ref=report.order_ref or None)
        return
    apply_signal(change, modify, Signal.BROKER_REJECT, words)


def _signal(report: OrderReport, record: OrderRecord) -> Signal | None:
    signal = _SIGNALS[report.state]
    return Signal.FILL_PART if signal is Signal.ACKNOWLEDGE and record.filled > 0 else signal


def _contradicts(change: Change, record: OrderRecord, report: OrderReport | ExecutionReport, what: str) -> bool:
    """Our reference on what cannot be our order: an alarm, and nothing is believed of it."""
    differs = belongs(record, report)
    if differs:
        change.say_discrepancy(f"{what} has our reference but another {differs}", order_ref=record.order_ref)
    return bool(differs)


def _cancel_refused(change: Change, report: CancelRefused) -> None:
    record = change.carrier(report.order_ref)
    if record is None:
        change.say_discrepancy(f"a cancel of an unknown order was refused: {one_line(report.text, 200)}")
        return
    change.append_audit(
        "cancel.refused",
        actor=Actor.BROKER,
        principal=BROKER,
        order_ref=record.order_ref,
        body={"code": report.code, "text": one_line(report.text, 300)},
    )
    if is_unanswered(record) and record.status is Status.CANCEL_REQUESTED:
        # "There is no such order" proves nothing of one the broker never spoke of: it may be on its way still.
        change.move(
            record,
            Signal.LOSE,
            actor=Actor.ROUTER,
            principal=BROKER,
            reason_code="IN_DOUBT",
            reason=f"cancel refused, and the sending was never answered: {one_line(report.text, 200)}",
        )
    elif record.status is Status.CANCEL_REQUESTED:
        apply_signal(change, record, Signal.CANCEL_REFUSED, f"cancel refused: {one_line(report.text, 200)}")
        if record.filled > 0:
            apply_signal(change, change.order(record.order_ref), Signal.FILL_PART, "")


def _notice(change: Change, report: Notice) -> None:
    change.append_audit(
        "broker.notice",
        actor=Actor.BROKER,
        principal=BROKER,
        order_ref=report.order_ref or None,
        body={"code": report.code, "text": one_line(report.text, 300)},
    )


def apply_signal(
    change: Change,
    record: OrderRecord,
    signal: Signal,
    text: str,
    *,
    detail: dict[str, str | None] | None = None,
    always: bool = False,
) -> None:
    """Advance by the broker's word, or record that it fits no row."""
    try:
        follower = advance(record.status, signal, Actor.BROKER)
    except IllegalTransition as error:
        # An execution is told each time, because the audit log has to tell of every one.
        say = change.add_discrepancy if always else change.say_discrepancy
        say(f"{error} {text}".strip(), order_ref=record.order_ref, detail=detail)
        return
    if follower is record.status and not always:
        return  # said before
    _wake(change, record, follower)
    code = {Signal.BROKER_REJECT: "REJECTED_BY_BROKER", Signal.CANCEL: "CANCELLED_AT_BROKER"}.get(signal)
    change.move(
        record,
        signal,
        actor=Actor.BROKER,
        principal=BROKER,
        reason_code=code,
        reason=text or None,
        detail=dict(detail or {}),
    )
    if record.status in (Status.IN_DOUBT, Status.NOT_PLACED) and record.cancel_asked_by:
        _ask_again(change, record)


def _wake(change: Change, record: OrderRecord, follower: Status) -> None:
    """The broker's word wins over ours that it was never there, and somebody has to know that ours was wrong."""
    if record.status is Status.NOT_PLACED:
        change.say_discrepancy(
            f"it was taken as never placed ({record.reason or record.reason_code}), but the broker has it: "
            f"{follower.value.replace('_', ' ')}",
            order_ref=record.order_ref,
        )


def _ask_again(change: Change, record: OrderRecord) -> None:
    """Its cancel was asked for while nobody knew whether it was there. It is: the wish stands, and is sent anew."""
    found = change.order(record.order_ref)
    if found.status in (Status.WORKING, Status.PARTIALLY_FILLED):
        change.move(
            found,
            Signal.ASK_CANCEL,
            actor=Actor.ROUTER,
            principal=BROKER,
            reason=f"{record.cancel_asked_by} asked for its cancel while it was in doubt",
        )
        change.note(found, cancel_sent_at=None)
