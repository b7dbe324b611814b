"""What a decision reads, by the same words outside a transaction (the store) and inside one (a change)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ibgw_tui.core.context import OwnOrder
from ibgw_tui.core.orders import Preview
from ibgw_tui.core.records import Exposure, OrderRecord, SwitchState, Tally
from ibgw_tui.core.terms import Money
from ibgw_tui.store import groups
from ibgw_tui.store.connection import Connection
from ibgw_tui.store.counting import count_exposure, count_open, count_tally, is_known, list_recent, list_working
from ibgw_tui.store.failures import undamaged
from ibgw_tui.store.rows import RECORD_SQL, to_record
from ibgw_tui.store.switch_row import read_switch


class Reads:
    """Everything here is one look at the file; `_reading` says through which connection."""

    def _reading(self) -> Connection:
        raise NotImplementedError

    def switch(self) -> SwitchState:
        """Never raises: what cannot be read is closed, with source 'unreadable'."""
        return read_switch(self._reading())

    def tally(self, account: str, *, window_start: datetime, session_start: datetime) -> Tally:
        return count_tally(self._reading(), account, window_start, session_start)

    def exposure(self, account: str, con_id: int, *, besides: Sequence[str] = ()) -> Exposure:
        return count_exposure(self._reading(), account, con_id, besides)

    def own_orders(
        self, account: str, con_id: int, *, now: datetime, since: datetime, besides: Sequence[str]
    ) -> list[OwnOrder]:
        return list_recent(self._reading(), account, con_id, now, since, besides)

    def own_working(self, con_id: int, *, now: datetime, besides: Sequence[str]) -> list[OwnOrder]:
        return list_working(self._reading(), con_id, now, besides)

    def count_open(self, principal: str) -> int:
        """Orders of one stager that wait or are approved."""
        return count_open(self._reading(), principal)

    def newest_previews(self, symbol: str, limit: int = 20) -> list[Preview]:
        """The newest preview of each contract with this symbol, newest first: what the broker resolved it to."""
        rows = self._reading().rows(
            "SELECT p.body FROM previews p JOIN (SELECT max(p.seq) AS seq FROM previews p JOIN orders o "
            "ON o.seq = p.order_seq WHERE o.symbol = ? AND o.con_id IS NOT NULL GROUP BY o.con_id) n ON p.seq = n.seq "
            "ORDER BY p.seq DESC LIMIT ?",
            (symbol, limit),
        )
        with undamaged("a preview"):
            return [Preview.model_validate_json(row[0]) for row in rows]

    def successor(self, order_ref: str) -> str | None:
        """Reference of the revision that replaced it."""
        row = self._reading().row("SELECT order_ref FROM orders WHERE revises = ?", (order_ref,))
        return row[0] if row else None

    def is_ours(self, order_ref: str) -> bool:
        return is_known(self._reading(), order_ref)

    def carrier(self, wire_ref: str) -> OrderRecord | None:
        """The order that the broker's word on this reference is about."""
        ref = groups.carrier(self._reading(), wire_ref)
        return self._record(ref) if ref else None

    def on_its_way(self, wire_ref: str) -> OrderRecord | None:
        """The change of it that was sent and has not taken effect."""
        ref = groups.on_its_way(self._reading(), wire_ref)
        return self._record(ref) if ref else None

    def counted(self, order_ref: str) -> Money | None:
        """What its submission added to the session's notional."""
        return groups.counted(self._reading(), order_ref)

    def _record(self, order_ref: str) -> OrderRecord | None:
        row = self._reading().row(f"{RECORD_SQL} WHERE o.order_ref = ?", (order_ref,))
        return to_record(row) if row else None
