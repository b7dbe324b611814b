"""Orders that belong together: the exits of a bracket, and a modify with the order it changes.

An exit is an order of its own with its own reference, written in the transaction that spends the
entry's approval. A modify is the order that results: while it is on its way both are there, and once
the broker shows its terms it carries on what the former began, fills included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from ibgw_tui.core.lifecycle import Actor, Status
from ibgw_tui.core.orders import ExitOrder, OrderIntent, Preview
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.terms import Money, Side, amount
from ibgw_tui.store.audit_log import AuditLog
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.rows import from_micro, intent_columns, to_text, to_us


def exit_intent(entry: OrderIntent, leg: ExitOrder) -> OrderIntent:
    """One exit as what it asks for by itself."""
    return entry.replaced(
        side=Side.SELL if entry.side is Side.BUY else Side.BUY,
        order_type=leg.order_type,
        limit_price=leg.limit_price,
        stop_price=leg.stop_price,
        take_profit_price=None,
        stop_loss_price=None,
        stop_loss_limit_price=None,
        con_id=entry.con_id,
    )


def insert_exit(connection: Connection, entry: OrderRecord, leg: ExitOrder, preview: Preview, at: datetime) -> None:
    """Only in the transaction that sends the entry: an exit has no approval but its entry's."""
    assert entry.status is Status.SENDING, "an exit is sent with its entry"
    intent, now = exit_intent(entry.intent, leg), to_us(at)
    connection.execute(
        "INSERT INTO orders (order_ref, revision, status, staged_by, account, symbol, side, order_type, quantity, "
        "limit_price, stop_price, staged_us, updated_us, currency, intent, mode, con_id, parent, leg) "
        "VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            leg.order_ref, Status.SENDING.value, entry.staged_by, *intent_columns(intent), now, now,
            preview.contract.currency, intent.model_dump_json(), preview.mode.value, preview.contract.con_id,
            entry.order_ref, leg.leg,
        ),
    )  # fmt: skip


def exits_of(connection: Connection, order_ref: str) -> list[str]:
    rows = connection.rows("SELECT order_ref FROM orders WHERE parent = ? ORDER BY seq", (order_ref,))
    return [row[0] for row in rows]


def put_on_wire(connection: Connection, record: OrderRecord, wire_ref: str) -> None:
    connection.execute("UPDATE orders SET wire_ref = ? WHERE seq = ?", (wire_ref, record.seq))


def carry_over(connection: Connection, record: OrderRecord, filled: Decimal) -> None:
    """The modify has taken effect: the fills of the former order are fills of the one that resulted."""
    text = to_text(filled)
    connection.execute(
        "UPDATE orders SET took_over = 1, filled_before = ?, filled = ? WHERE seq = ?", (text, text, record.seq)
    )


def carrier(connection: Connection, wire_ref: str) -> str | None:
    """Reference of the order that the broker's word on this wire reference is about.

    What a modify would change carries on until the broker shows the new terms; then the modify does.
    """
    row = connection.row(
        "SELECT order_ref FROM orders WHERE (wire_ref = ? OR order_ref = ?) AND (modifies IS NULL OR took_over = 1) "
        "ORDER BY seq DESC LIMIT 1",
        (wire_ref, wire_ref),
    )
    return str(row[0]) if row else None


_UNDERWAY = ", ".join(f"'{s.value}'" for s in (Status.SENDING, Status.IN_DOUBT, Status.CANCEL_REQUESTED))


def on_its_way(connection: Connection, wire_ref: str) -> str | None:
    """Reference of the modify that was sent for this wire reference and has not taken effect."""
    row = connection.row(
        f"SELECT order_ref FROM orders WHERE wire_ref = ? AND took_over = 0 AND status IN ({_UNDERWAY})", (wire_ref,)
    )
    return str(row[0]) if row else None


def counted(connection: Connection, order_ref: str) -> Money | None:
    """What the submission of this order added to its session's notional."""
    row = connection.row(
        "SELECT s.currency, s.notional_u FROM submissions s JOIN orders o ON o.seq = s.order_seq WHERE o.order_ref = ?",
        (order_ref,),
    )
    return Money(amount=amount(from_micro(row[1])), currency=row[0]) if row else None


class Groups:
    """What a transaction may change in orders that belong together. Made by `Change.groups`."""

    def __init__(
        self, connection: Connection, audit: AuditLog, now: datetime, read: Callable[[str], OrderRecord]
    ) -> None:
        self._connection = connection
        self._audit = audit
        self._now = now
        self._read = read

    def send_exits(self, entry: OrderRecord, legs: Sequence[ExitOrder], *, principal: str) -> None:
        """Write the exits of a bracket in the transaction that sends its entry."""
        for leg in legs:
            assert entry.preview is not None
            insert_exit(self._connection, entry, leg, entry.preview, self._now)
            self._audit.append(
                "order.exit_sent",
                at=self._now,
                actor=Actor.ROUTER,
                principal=principal,
                order_ref=leg.order_ref,
                body={"entry": entry.order_ref, "exit": leg.model_dump(mode="json")},
            )

    def exits_of(self, order_ref: str) -> list[OrderRecord]:
        return [self._read(ref) for ref in exits_of(self._connection, order_ref)]

    def put_on_wire(self, record: OrderRecord, wire_ref: str) -> None:
        """From now on the broker's word on `wire_ref` may be about this modify."""
        put_on_wire(self._connection, record, wire_ref)

    def on_its_way(self, wire_ref: str) -> OrderRecord | None:
        """The modify of it that has no answer yet."""
        ref = on_its_way(self._connection, wire_ref)
        return self._read(ref) if ref else None

    def carry_over(self, record: OrderRecord, filled: Decimal) -> None:
        """The modify has taken effect: the fills of the former order are fills of the one that resulted."""
        carry_over(self._connection, record, filled)
