"""What every revision of an order has to satisfy, whoever writes it: the one who staged it, or the operator.

A revision is a new order that names the one it follows. It goes the whole way from the beginning: previewed,
decided, approved; no decision about its forerunner counts for it.
"""

from __future__ import annotations

from datetime import datetime

from ibgw_tui.core.errors import Conflict, ErrorCode, InvalidRequest, NotFound, NotPermitted
from ibgw_tui.core.lifecycle import CHANGEABLE
from ibgw_tui.core.orders import OrderIntent
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.terms import iso
from ibgw_tui.store import Change

CHANGEABLE_FIELDS = frozenset({"quantity", "limit_price", "stop_price", "trailing_amount", "trailing_percent"})
"""Of an order that works at the broker."""
_FIXED_FIELDS = (
    "account", "symbol", "side", "order_type", "limit_offset", "time_in_force", "good_till", "outside_hours",
)  # fmt: skip


def check_is_newest(change: Change, record: OrderRecord) -> None:
    """An order has one revision at most. Raises Conflict."""
    successor = change.successor(record.order_ref)
    if successor is not None:
        raise Conflict(f"order {record.order_ref} was revised already", user_action=f"revise {successor}, its revision")


def check_modify(change: Change, intent: OrderIntent, staged_by: str) -> OrderIntent:
    """The order that results belongs to a working order of the same principal and differs from it in numbers only."""
    assert intent.modifies is not None
    target = change.carrier(intent.modifies)
    if target is None:
        raise NotFound(f"modifies: there is no order {intent.modifies}", user_action="see `ibgw list --all`")
    if target.staged_by != staged_by:
        raise NotPermitted(
            f"order {target.order_ref} was staged by {target.staged_by}, not by {staged_by}",
            user_action="only the one who staged an order may change it",
        )
    if target.status not in CHANGEABLE:
        raise Conflict(
            f"order {target.order_ref} is {target.status.value.replace('_', ' ')} and cannot be changed",
            user_action="only an order that works at the broker can be changed; revise or stage it anew instead",
        )
    if change.on_its_way(target.on_wire) is not None:
        raise Conflict(
            f"a change of order {target.order_ref} is on its way already", user_action="wait for the broker's answer"
        )
    differs = [name for name in _FIXED_FIELDS if getattr(intent, name) != getattr(target.intent, name)]
    if differs:
        raise InvalidRequest(
            "; ".join(f"{name}: differs from the working order" for name in differs),
            user_action="a change keeps account, symbol, side, type and validity; cancel and stage a new order instead",
        )
    if all(getattr(intent, name) == getattr(target.intent, name) for name in CHANGEABLE_FIELDS):
        raise InvalidRequest("the change changes nothing", user_action="give another quantity or price")
    if intent.quantity <= target.filled:
        raise InvalidRequest(
            f"quantity: {target.filled:f} are filled already", user_action="give more, or cancel what remains"
        )
    return intent.replaced(modifies=target.on_wire)


def check_good_till(intent: OrderIntent, now: datetime) -> None:
    """A moment that has passed cannot be meant; the broker would refuse it after the operator's yes."""
    if intent.good_till is not None and intent.good_till <= now:
        raise InvalidRequest(
            f"good_till: {iso(intent.good_till)} has passed",
            user_action="give a later moment, or another time_in_force",
            code=ErrorCode.ORDER_VALIDATION_FAILED,
            problems=[f"good_till: {iso(intent.good_till)} has passed; give a later moment"],
        )
