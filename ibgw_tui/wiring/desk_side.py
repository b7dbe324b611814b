"""The desk without a screen: its state for `ibgw status`, and the operator's role for `ibgw kill open`."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from ibgw_tui.config import Loaded
from ibgw_tui.service.desk_views import Views
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.service.review import Review
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.audit_side import checkpoints_of
from ibgw_tui.wiring.clock import make_order_ref, make_uuid7, utc_now
from ibgw_tui.wiring.paths import resolve_home
from ibgw_tui.wiring.rules import desk_rules


class DeskSide:
    """The read models and the operator's role over one store. Use it in one thread; close it."""

    def __init__(self, store: OrderStore, views: Views, review: Review) -> None:
        self.views = views
        self.review = review
        self._store = store

    def close(self) -> None:
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_desk_side(loaded: Loaded) -> DeskSide:
    """Raises OrderStoreError."""
    database, rules = resolve_home(loaded).database, desk_rules(loaded.config)
    checkpoints = checkpoints_of(loaded, database)
    store = OrderStore.open(database, clock=utc_now)
    health = AuditHealth(store, checkpoints)
    return DeskSide(
        store,
        Views(store, rules=rules, clock=utc_now, health=health),
        Review(store, rules=rules, make_id=make_uuid7, make_ref=make_order_ref, health=health),
    )
