"""The orders of this TWS: who placed which under which number, and what to tell about them.

The exchange knows an order by a reference of its own; clients know it by client id and order id, the
brokerage by its permId. Order ids are only names, and names can be given twice; so each order is kept
under its reference, and the ids merely point to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ibgw_tui.core.broker import BrokerState, OrderReport
from ibgw_tui.core.terms import iso
from ibgw_tui.exchange.exact import from_text
from ibgw_tui.exchange.instruments import INSTRUMENTS
from ibgw_tui.twsim.contracts import contract_fields
from ibgw_tui.twsim.layout import UNSET, Values
from ibgw_tui.twsim.words import ASKED_NOTHING, STATUSES, flag, moment_text

if TYPE_CHECKING:
    from ibgw_tui.exchange.exchange import Exchange

ZERO = Decimal(0)
NOT_SENT = "ApiPending"
"""What a list of orders calls one that is not transmitted."""
ON_ITS_WAY = "PendingSubmit"
FINISHED = frozenset({BrokerState.FILLED, BrokerState.CANCELLED, BrokerState.REJECTED})


@dataclass(slots=True)
class TwsOrder:
    """One order, from the moment TWS took it."""

    ref: str
    """Its name at the exchange."""
    client_id: int
    order_id: int
    """Zero for an order placed by hand that no client has bound."""
    con_id: int
    values: Values
    """Its newest terms, as the client sent them."""
    parent: str = ""
    """Reference of its parent order."""
    group: str = ""
    sent: bool = False
    """Transmitted, and arrived at the exchange."""
    on_its_way: bool = False
    """Transmitted, but TWS has no link to the brokerage."""
    manual: bool = False
    last_price: Decimal = ZERO
    told: str = ""
    """The text of the newest report that clients have heard."""

    @property
    def key(self) -> tuple[int, int]:
        return self.client_id, self.order_id

    def dump(self) -> dict[str, Any]:
        """All of it as JSON-able values; the wire is text anyway."""
        return {name: getattr(self, name) for name in _PLAIN} | {"last_price": format(self.last_price, "f")}

    @classmethod
    def load(cls, data: dict[str, Any]) -> TwsOrder:
        order = cls(**{name: data[name] for name in _PLAIN}, last_price=from_text(data["last_price"]))
        # What had not left for the exchange has to be transmitted anew.
        order.on_its_way = False
        return order


_PLAIN = (
    "ref", "client_id", "order_id", "con_id", "values", "parent", "group", "sent", "on_its_way", "manual", "told",
)  # fmt: skip


@dataclass(slots=True)
class OrderBook:
    """Mutable; one per TWS."""

    orders: dict[str, TwsOrder] = field(default_factory=dict)
    """By reference, oldest first."""
    bound: dict[tuple[int, int], str] = field(default_factory=dict)
    """(client id, order id) -> reference of the order that this id means now."""
    next_ids: dict[int, int] = field(default_factory=dict)
    """Client id -> the next order id to offer."""
    taken: int = 0
    horizon: datetime | None = None
    """What was done before is not told any more: TWS was restarted since."""

    def new_ref(self) -> str:
        self.taken += 1
        return f"t{self.taken}"

    def add(self, order: TwsOrder) -> None:
        self.orders[order.ref] = order
        if order.order_id:
            self.bound[order.key] = order.ref

    def drop(self, order: TwsOrder) -> None:
        """As if it had never been taken."""
        del self.orders[order.ref]
        if self.bound.get(order.key) == order.ref:
            del self.bound[order.key]

    def find(self, client_id: int, order_id: int) -> TwsOrder | None:
        """The order that a client means by an id."""
        return self.orders.get(self.bound.get((client_id, order_id), ""))

    def use_id(self, client_id: int, order_id: int) -> None:
        self.next_ids[client_id] = max(self.next_ids.get(client_id, 1), order_id + 1)

    def roll_back(self, client_id: int, ids: int, exchange: Exchange) -> None:
        """Offer used ids again. What is open keeps its id; finished orders lose theirs."""
        first = max(1, self.next_ids.get(client_id, 1) - ids)
        self.next_ids[client_id] = first
        for key, ref in list(self.bound.items()):
            report = exchange.order(ref)
            if key[0] == client_id and key[1] >= first and report is not None and report.state in FINISHED:
                del self.bound[key]

    def family(self, order: TwsOrder) -> list[TwsOrder]:
        """The order with its parent and its parent's other children, oldest first."""
        if not order.parent:
            return [order]
        return [other for other in self.orders.values() if order.parent in (other.ref, other.parent)]

    def children(self, order: TwsOrder) -> Iterator[TwsOrder]:
        return (other for other in list(self.orders.values()) if other.parent == order.ref)

    def forget_missing(self, exchange: Exchange) -> None:
        """Drop what the exchange has forgotten."""
        for order in [o for o in self.orders.values() if o.sent and exchange.order(o.ref) is None]:
            self.drop(order)

    def dump(self) -> dict[str, Any]:
        return {
            "orders": [order.dump() for order in self.orders.values()],
            "bound": [[*key, ref] for key, ref in self.bound.items()],
            "next_ids": [[client, number] for client, number in self.next_ids.items()],
            "taken": self.taken,
            "horizon": None if self.horizon is None else iso(self.horizon),
        }

    @classmethod
    def load(cls, data: dict[str, Any]) -> OrderBook:
        orders = map(TwsOrder.load, data["orders"])
        return cls(
            orders={order.ref: order for order in orders},
            bound={(client, number): ref for client, number, ref in data["bound"]},
            next_ids=dict(data["next_ids"]),
            taken=data["taken"],
            horizon=datetime.fromisoformat(data["horizon"]) if data["horizon"] else None,
        )


# ---- what is told about an order


def open_order_fields(order: TwsOrder, exchange: Exchange, parent_id: int) -> Values:
    """An order with its newest terms and its state. Previews are made elsewhere."""
    report = exchange.order(order.ref) if order.sent else None
    values = {
        **_echo(order),
        **ASKED_NOTHING,
        "orderId": order.order_id,
        "clientId": order.client_id,
        "parentId": parent_id,
        "status": status_word(order, report),
    }
    if report is not None:
        values |= {"permId": report.perm_id, "totalQuantity": report.quantity}
        stop = exchange.trigger_of(order.ref).stop
        if values["orderType"].startswith("TRAIL") and stop is not None:
            values["trailStopPrice"] = stop
    return values


def completed_order_fields(order: TwsOrder, report: OrderReport, parent_perm_id: int) -> Values:
    """A finished order. It has no order id and no client id: permId and reference name it."""
    filled = report.state is BrokerState.FILLED
    return {
        **_echo(order),
        "permId": report.perm_id,
        "totalQuantity": report.quantity,
        "status": STATUSES[report.state],
        "filledQuantity": report.filled,
        "parentPermId": parent_perm_id,
        "completedTime": moment_text(report.at),
        "completedStatus": f"Filled Size: {report.filled:f}" if filled else report.text or "Cancelled",
    }


def status_fields(order: TwsOrder, exchange: Exchange, parent_id: int) -> Values:
    report = exchange.order(order.ref) if order.sent else None
    quantity = report.quantity if report else from_text(order.values["totalQuantity"])
    average = report.average_price if report and report.average_price is not None else ZERO
    return {
        "orderId": order.order_id,
        "status": status_word(order, report),
        "filled": report.filled if report else ZERO,
        "remaining": report.remaining if report else quantity,
        "avgFillPrice": average,
        "permId": report.perm_id if report else 0,
        "parentId": parent_id,
        "lastFillPrice": order.last_price,
        "clientId": order.client_id,
        "whyHeld": why_held(order, exchange) if report else "",
    }


def status_word(order: TwsOrder, report: OrderReport | None) -> str:
    if report is None:
        return ON_ITS_WAY if order.on_its_way else NOT_SENT
    return STATUSES[report.state]


def why_held(order: TwsOrder, exchange: Exchange) -> str:
    trigger = exchange.trigger_of(order.ref)
    return ",".join(["child"] * trigger.for_parent + ["trigger"] * trigger.for_price)


def _echo(order: TwsOrder) -> Values:
    """The terms as they were placed, in the form in which TWS tells orders."""
    values = {**order.values, **contract_fields(INSTRUMENTS[order.con_id], exchange=order.values["exchange"])}
    values.pop("primaryExchange", None)
    if not flag(values.get("deltaNeutralContract", "")):
        values["deltaNeutralContract"] = "0"
    # TWS writes the word None, and then has to write the fields that follow a real one.
    values |= {"deltaNeutralOrderType": "None", "deltaNeutralOpenClose": "?"}
    values |= {"openClose": values["openClose"] or "?", "ocaGroup": order.group or values["ocaGroup"]}
    # A price that an order does not have is told as zero.
    values |= {name: "0.0" for name in ("lmtPrice", "auxPrice") if values[name] in UNSET}
    return values
