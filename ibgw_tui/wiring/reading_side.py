"""The composition root of whatever only looks: explanations, replays, the checklist. Nothing here decides."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from ibgw_tui.config import Loaded
from ibgw_tui.core.errors import NotFound
from ibgw_tui.core.rules import DeskRules
from ibgw_tui.service.explaining import Explaining
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import resolve_home
from ibgw_tui.wiring.rules import desk_rules


class ReadingSide:
    """A store to read and the rules in force. Use it in one thread; close it."""

    def __init__(self, store: OrderStore, rules: DeskRules) -> None:
        self.store = store
        self.rules = rules
        self.clock = utc_now
        self.explaining = Explaining(store, rules=rules, clock=utc_now, health=AuditHealth(store))

    def close(self) -> None:
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_reading_side(loaded: Loaded, *, must_exist: bool, enable_live: bool = False) -> ReadingSide:
    """Raises OrderStoreError; with `must_exist` NotFound, because an empty record proves nothing.

    `enable_live` answers as a start of the program would that asked for live orders; nothing is enabled by it.
    """
    database = resolve_home(loaded).database
    if must_exist and not database.exists():
        raise NotFound(f"there is no order store at {database}", user_action="name its folder with --home")
    rules = desk_rules(loaded.config, enable_live=enable_live)
    return ReadingSide(OrderStore.open(database, clock=utc_now), rules)
