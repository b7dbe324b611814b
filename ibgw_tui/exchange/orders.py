"""An order as this market keeps it: the wire form, and what became of it so far."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from ibgw_tui.core.broker import BrokerState, OrderReport
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.terms import OrderType, iso
from ibgw_tui.exchange.exact import as_text, divided, from_text, less, times, total

ZERO = Decimal(0)
FINAL = frozenset({BrokerState.FILLED, BrokerState.CANCELLED, BrokerState.REJECTED})
CONDITIONAL = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT})
"""Types that wait for a trigger."""


class Ending(StrEnum):
    """How a cancel that was asked for is going to end."""

    CANCEL = "cancel"
    FILL_FIRST = "fill_first"
    FILL_AFTER = "fill_after"


@dataclass(frozen=True, slots=True)
class Links:
    """What ties an order to others of its account."""

    parent: str = ""
    """Reference of the order that has to fill first; with its end this one ends, too."""
    group: str = ""
    """One cancels all: a fill of one order of the group cancels the others."""
    reduces: bool = False
    """A fill takes its quantity off the others, rather than cancelling them."""


UNLINKED = Links()


@dataclass(slots=True)
class BookOrder:
    """Mutable; owned by the exchange alone."""

    wire: BrokerOrder
    perm_id: int
    state: BrokerState
    taken_at: datetime
    changed_at: datetime
    filled: Decimal = ZERO
    value: Decimal = ZERO
    """Sum of price times quantity over its fills."""
    commission: Decimal = ZERO
    triggered: bool = False
    stop: Decimal | None = None
    """The present trigger: of a trailing order it moves."""
    limit: Decimal | None = None
    """The present limit: of a trailing order it is set by the trigger."""
    ending: Ending | None = None
    text: str = ""
    links: Links = UNLINKED
    waiting: bool = False
    """For its parent to fill: it neither trades nor trails."""
    expires_at: datetime | None = None
    """The end of the session that a day order lives for, in a market that keeps hours."""
    _dumped_wire: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def ref(self) -> str:
        return self.wire.order_ref

    @property
    def con_id(self) -> int:
        return self.wire.contract.con_id

    @property
    def remaining(self) -> Decimal:
        return less(self.wire.quantity, self.filled) if self.filled else self.wire.quantity

    @property
    def is_open(self) -> bool:
        return self.state not in FINAL

    @property
    def may_trade(self) -> bool:
        """Not waiting for a trigger."""
        return self.triggered or self.wire.order_type not in CONDITIONAL

    def fill(self, quantity: Decimal, price: Decimal, commission: Decimal, at: datetime) -> None:
        self.filled = total(self.filled, quantity)
        self.value = total(self.value, times(quantity, price))
        self.commission = total(self.commission, commission)
        if not self.remaining:
            self.state = BrokerState.FILLED
        self.changed_at = at

    def replace(self, wire: BrokerOrder, at: datetime) -> None:
        """Other terms for the same order."""
        self.wire, self.changed_at, self._dumped_wire = wire, at, None

    def move(self, state: BrokerState, at: datetime, text: str = "") -> None:
        self.state, self.changed_at, self.text = state, at, text

    def report(self) -> OrderReport:
        """What the broker says of it now."""
        return OrderReport(
            order_ref=self.ref,
            perm_id=self.perm_id,
            account=self.wire.account,
            con_id=self.con_id,
            side=self.wire.side,
            quantity=self.wire.quantity,
            state=self.state,
            filled=self.filled,
            remaining=self.remaining,
            average_price=divided(self.value, self.filled) if self.filled else None,
            text=self.text,
            at=self.changed_at,
            order_type=self.wire.order_type,
            limit_price=self.wire.limit_price,
            stop_price=self.wire.stop_price,
            trailing_amount=self.wire.trailing_amount,
            trailing_percent=self.wire.trailing_percent,
        )

    def dump(self) -> dict[str, Any]:
        if self._dumped_wire is None:
            # Made once: a market is saved with every change, and this part never changes.
            self._dumped_wire = self.wire.model_dump(mode="json")
        return {
            "wire": self._dumped_wire,
            "perm_id": self.perm_id,
            "state": self.state.value,
            "taken_at": iso(self.taken_at),
            "changed_at": iso(self.changed_at),
            "filled": as_text(self.filled),
            "value": as_text(self.value),
            "commission": as_text(self.commission),
            "triggered": self.triggered,
            "stop": None if self.stop is None else as_text(self.stop),
            "limit": None if self.limit is None else as_text(self.limit),
            "ending": self.ending.value if self.ending else None,
            "text": self.text,
            "links": [self.links.parent, self.links.group, self.links.reduces],
            "waiting": self.waiting,
            "expires_at": None if self.expires_at is None else iso(self.expires_at),
        }

    @classmethod
    def load(cls, data: dict[str, Any]) -> BookOrder:
        return cls(
            wire=BrokerOrder.model_validate_json(json.dumps(data["wire"])),
            perm_id=data["perm_id"],
            state=BrokerState(data["state"]),
            taken_at=datetime.fromisoformat(data["taken_at"]),
            changed_at=datetime.fromisoformat(data["changed_at"]),
            filled=from_text(data["filled"]),
            value=from_text(data["value"]),
            commission=from_text(data["commission"]),
            triggered=data["triggered"],
            stop=None if data["stop"] is None else from_text(data["stop"]),
            limit=None if data["limit"] is None else from_text(data["limit"]),
            ending=Ending(data["ending"]) if data["ending"] else None,
            text=data["text"],
            # Markets were saved before orders could be linked.
            links=Links(*data.get("links", ())),
            waiting=data.get("waiting", False),
            expires_at=datetime.fromisoformat(data["expires_at"]) if data.get("expires_at") else None,
        )
