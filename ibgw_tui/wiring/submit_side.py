"""The composition root of `ibgw submit`: a store and the rules, to record a request. It holds nothing that sends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from ibgw_tui.config import Loaded
from ibgw_tui.service.submit_requests import Requested, request_submit
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import resolve_home
from ibgw_tui.wiring.rules import desk_rules


class Ask(Protocol):
    def __call__(self, *, account: str, approval_id: str, key: str) -> Requested: ...


@contextmanager
def open_submit_side(loaded: Loaded, *, enable_live: bool) -> Iterator[Ask]:
    """The one verb. Raises OrderStoreError."""
    store = OrderStore.open(resolve_home(loaded).database, clock=utc_now)
    try:
        yield partial(request_submit, store, desk_rules(loaded.config, enable_live=enable_live))
    finally:
        store.close()
