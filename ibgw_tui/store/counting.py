"""Counts that limits look at, read inside the transaction that uses them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from ibgw_tui.core.context import OwnOrder
from ibgw_tui.core.lifecycle import AT_BROKER, OPEN, Status
from ibgw_tui.core.orders import OrderIntent
from ibgw_tui.core.records import Exposure, Tally
from ibgw_tui.core.terms import EXACT, Side
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.rows import from_micro, to_us

UNCOUNTED = (Status.NOT_PLACED, Status.REJECTED_BY_BROKER)
"""Submits that came to nothing, unless a part of them was filled before."""


def count_open(connection: Connection, principal: str) -> int:
    """Orders of one stager that wait or are approved."""
    names = sorted(status.value for status in OPEN)
    marks = ", ".join("?" * len(names))
    sql = f"SELECT count(*) FROM orders WHERE staged_by = ? AND status IN ({marks})"
    return int(connection.rows(sql, [principal, *names])[0][0])


def count_tally(connection: Connection, account: str, window_start: datetime, session_start: datetime) -> Tally:
    """Submits of an account since the window's start (inclusive) and since the session's start."""
    sql = (
        "SELECT s.currency, sum(s.legs), sum(s.notional_u) FROM submissions s JOIN orders o ON o.seq = s.order_seq "
        "WHERE s.account = ? AND s.submitted_us >= ? AND (o.status NOT IN (?, ?) OR o.filled <> '0') "
        "GROUP BY s.currency"
    )
    names = [status.value for status in UNCOUNTED]
    window = connection.rows(sql, [account, to_us(window_start), *names])
    session = connection.rows(sql, [account, to_us(session_start), *names])
    return Tally(
        submitted_in_window=sum(row[1] for row in window),
        submitted_in_session=sum(row[1] for row in session),
        session_notional={row[0]: from_micro(row[2]) for row in session},
    )


_STAGE = {Status.SENDING: "reserved", Status.IN_DOUBT: "in_doubt"}


def count_exposure(connection: Connection, account: str, con_id: int, besides: Sequence[str] = ()) -> Exposure:
    """Remaining quantity of what the broker has or may have; buys and sells apart, `besides` left out.

    The exits of one bracket cancel each other: of them the largest counts, not the sum.
    """
    open_by = dict.fromkeys(
        (f"{stage}_{side}s" for stage in ("working", "reserved", "in_doubt") for side in ("buy", "sell")), Decimal(0)
    )
    exits: dict[tuple[str, str], Decimal] = {}
    columns = "side, quantity, filled, status, order_ref, parent"
    sql = (
        f"SELECT {columns} FROM orders INDEXED BY orders_exposed "
        f"WHERE account = ? AND con_id = ? AND {_LIVE} AND {_SENT}"
    )
    for side, quantity, filled, status, order_ref, parent in connection.rows(sql, (account, con_id)):
        if order_ref in besides:
            continue
        name = f"{_STAGE.get(Status(status), 'working')}_{side}s"
        left = max(Decimal(0), Decimal(quantity) - Decimal(filled))
        if parent is None:
            open_by[name] = EXACT.add(open_by[name], left)
        else:
            exits[parent, name] = max(exits.get((parent, name), Decimal(0)), left)
    for (_, name), left in exits.items():
        open_by[name] = EXACT.add(open_by[name], left)
    return Exposure(**open_by)


_OWN = "SELECT account, con_id, side, quantity, filled, staged_us, order_ref, intent FROM orders"


def list_recent(
    connection: Connection, account: str, con_id: int, now: datetime, since: datetime, besides: Sequence[str]
) -> list[OwnOrder]:
    """Orders of one account and contract that were staged since then and still mean something."""
    sql = f"{_OWN} WHERE account = ? AND con_id = ? AND staged_us >= ? AND {_MEANT}"
    rows = connection.rows(sql, (account, con_id, to_us(since)))
    return [_own_order(row, now, Decimal(row[3])) for row in rows if row[6] not in besides]


def list_working(connection: Connection, con_id: int, now: datetime, besides: Sequence[str]) -> list[OwnOrder]:
    """What the broker has or may have of a contract, in every account, with what remains of it."""
    rows = connection.rows(f"{_OWN} WHERE {_SENT} AND con_id = ?", (con_id,))
    open_ones = [row for row in rows if row[6] not in besides and Decimal(row[3]) > Decimal(row[4])]
    return [_own_order(row, now, Decimal(row[3]) - Decimal(row[4])) for row in open_ones]


def is_known(connection: Connection, order_ref: str) -> bool:
    return connection.row("SELECT 1 FROM orders WHERE order_ref = ?", (order_ref,)) is not None


def _own_order(row: tuple[Any, ...], now: datetime, quantity: Decimal) -> OwnOrder:
    account, con_id, side, _, _, staged_us, order_ref, body = row
    intent = OrderIntent.model_validate_json(body)
    return OwnOrder(
        account=account,
        con_id=con_id,
        side=Side(side),
        quantity=quantity,
        order_type=intent.order_type,
        limit_price=intent.limit_price,
        stop_price=intent.stop_price,
        trailing_amount=intent.trailing_amount,
        trailing_percent=intent.trailing_percent,
        limit_offset=intent.limit_offset,
        age_seconds=max(Decimal(0), Decimal(to_us(now) - staged_us) / 1_000_000),
        order_ref=order_ref,
    )


def one_of(statuses: Iterable[Status]) -> str:
    """As text, not as parameters: only so does SQLite see that a partial index covers it."""
    return "status IN (" + ", ".join(f"'{status.value}'" for status in sorted(statuses)) + ")"


_SENT = one_of(AT_BROKER)
_LIVE = one_of(OPEN | AT_BROKER)
"""Says nothing beside _SENT, but to SQLite: a partial index is used where its own condition stands in the query."""
_MEANT = one_of({Status.PENDING, Status.APPROVED, Status.FILLED} | AT_BROKER)
