"""Counts that limits look at, read inside the transaction that uses them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from ibgw_tui.core.lifecycle import AT_BROKER, Status
from ibgw_tui.core.records import Exposure, Tally
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.rows import from_micro, to_us

UNCOUNTED = (Status.NOT_PLACED, Status.REJECTED_BY_BROKER)
"""Submits that came to nothing, unless a part of them was filled before."""


def count_tally(connection: Connection, account: str, window_start: datetime, session_start: datetime) -> Tally:
    """Submits of an account since the window's start (inclusive) and since the session's start."""
    sql = (
        "SELECT s.currency, count(*), sum(s.notional_u) FROM submissions s JOIN orders o ON o.seq = s.order_seq "
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


def count_exposure(connection: Connection, account: str, con_id: int) -> Exposure:
    """Remaining quantity of what the broker has or may have; buys and sells apart."""
    names = sorted(status.value for status in AT_BROKER)
    rows = connection.rows(
        f"SELECT side, quantity, filled FROM orders WHERE account = ? AND con_id = ? AND status IN ({', '.join('?' * len(names))})",
        [account, con_id, *names],
    )
    open_by_side = {"buy": Decimal(0), "sell": Decimal(0)}
    for side, quantity, filled in rows:
        open_by_side[side] += max(Decimal(0), Decimal(quantity) - Decimal(filled))
    return Exposure(open_buys=open_by_side["buy"], open_sells=open_by_side["sell"])
