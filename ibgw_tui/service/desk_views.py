"""Reads the store into views. Knows the rules, decides by `core`, writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ibgw_tui.core.rules import DeskRules
from ibgw_tui.service.views import DeskState, OrderRow, Ticket
from ibgw_tui.store import OrderStore


class Views:
    def __init__(self, store: OrderStore, *, rules: DeskRules, clock: Callable[[], datetime]) -> None: ...

    def desk(self) -> DeskState: raise NotImplementedError

    def queue(self, *, limit: int = 1000) -> list[OrderRow]:
        """Orders that wait for the operator or for the hold-back (staged, pending, stale, changes requested, approved), oldest first."""
        raise NotImplementedError

    def blotter(self, *, limit: int = 500) -> list[OrderRow]:
        """Everything that was sent or has ended, newest first."""
        raise NotImplementedError

    def ticket(self, order_ref: str) -> Ticket:
        """One order, evaluated on the newest facts. Raises NotFound."""
        raise NotImplementedError
