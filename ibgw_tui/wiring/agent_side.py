"""The agents' composition root: a store, the staging role, and nothing that approves or sends.

A process that opens only this never loads the modules with those verbs: capability is possession.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from pydantic import TypeAdapter, ValidationError

from ibgw_tui.config import Loaded
from ibgw_tui.core.audit import ChainVerdict
from ibgw_tui.core.errors import InvalidRequest
from ibgw_tui.core.lifecycle import Actor, Status
from ibgw_tui.core.records import AuditEntry, OrderRecord, RecordedDecision, SwitchState
from ibgw_tui.core.terms import PrincipalName
from ibgw_tui.core.text import one_line
from ibgw_tui.service.staging import Staging
from ibgw_tui.service.switch import at_broker, cancel_working, what_came_of
from ibgw_tui.service.views import Swept
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import make_order_ref, utc_now
from ibgw_tui.wiring.paths import Home, resolve_home

_NAME: TypeAdapter[str] = TypeAdapter(PrincipalName)


class OrderReads(Protocol):
    """What may be read of the store by anyone who may open it."""

    @property
    def path(self) -> Path: ...
    def order(self, order_ref: str) -> OrderRecord | None: ...
    def find_order(self, prefix_or_ref: str) -> OrderRecord: ...
    def orders(
        self,
        *,
        statuses: Sequence[Status] | None = None,
        staged_by: str | None = None,
        account: str | None = None,
        after_seq: int = 0,
        limit: int = 100,
        newest_first: bool = False,
    ) -> list[OrderRecord]: ...
    def count(self, statuses: Sequence[Status]) -> int: ...
    def switch(self) -> SwitchState: ...
    def last_seq(self) -> int: ...
    def audit_head(self) -> tuple[int, str]: ...
    def audit_entries(
        self, *, after_seq: int = 0, order_ref: str | None = None, limit: int = 100, newest: bool = False
    ) -> list[AuditEntry]: ...
    def verify_audit(self, *, progress: Callable[[int, int], None] | None = None) -> ChainVerdict: ...
    def verify_audit_tail(self, last: int = 1000) -> ChainVerdict: ...
    def executions(self, order_ref: str) -> list[dict[str, Any]]: ...
    def link(self) -> tuple[str, str, datetime] | None: ...
    def decisions(
        self, *, since: datetime | None = None, until: datetime | None = None, order_ref: str | None = None
    ) -> Iterator[RecordedDecision]: ...


class AgentSide:
    """What one principal may do and read. Use it in one thread; close it."""

    staging: Staging
    store: OrderReads

    def __init__(self, store: OrderStore, staging: Staging, principal: str) -> None:
        self._principal = principal
        self.store = store
        self.staging = staging
        self._store = store

    def cancel_working(self) -> list[str]:
        """Ask for the cancel of every order at the broker, whoever staged it: anyone may stop. Returns references."""
        return cancel_working(self._store, actor=Actor.AGENT, principal=self._principal)

    def at_broker(self) -> list[str]:
        """References of the orders that the broker has or may have."""
        return at_broker(self._store)

    def what_came_of(self, order_refs: Sequence[str]) -> list[Swept]:
        """Each of these orders with its outcome as it is known now."""
        return what_came_of(self._store, order_refs)

    def close(self) -> None:
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_agent_side(loaded: Loaded, principal: str) -> AgentSide:
    """The staging role of `principal`. Raises InvalidRequest (not a name), OrderStoreError, SettingsError."""
    return open_at(resolve_home(loaded), principal, max_pending=loaded.config.desk.max_pending_per_agent)


def open_at(home: Home, principal: str, *, max_pending: int = 0) -> AgentSide:
    """The same for a home that is known already: the emergency stop does not ask the configuration."""
    check_name(principal)
    store = OrderStore.open(home.database, clock=utc_now, automated=True)
    return AgentSide(
        store, Staging(store, principal=principal, make_ref=make_order_ref, max_pending=max_pending), principal
    )


def check_name(principal: str) -> None:
    """Raises InvalidRequest for what cannot be the name of an agent."""
    try:
        _NAME.validate_python(principal)
    except ValidationError as error:
        shown = repr(one_line(principal, 40))
        raise InvalidRequest(
            f"{shown} is not a name of an agent", user_action="use letters, digits and . _ @ - (at most 64)"
        ) from error
