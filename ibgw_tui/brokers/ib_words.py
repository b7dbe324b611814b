"""The broker's words and ours, as tables: every order status, every error code, and what it proves.

The client library guesses a status from each code and is often wrong; nothing here is a guess. A code that
is not in the table proves nothing, and neither does one that says so: then the order is looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from ibgw_tui.core.broker import BrokerState
from ibgw_tui.core.terms import OrderType, Side, TimeInForce

STATES: Mapping[str, BrokerState] = MappingProxyType(
    {
        "ApiPending": BrokerState.UNACKNOWLEDGED,
        "PendingSubmit": BrokerState.UNACKNOWLEDGED,
        "PreSubmitted": BrokerState.HELD,
        "Submitted": BrokerState.WORKING,
        "PendingCancel": BrokerState.CANCEL_PENDING,
        "Filled": BrokerState.FILLED,
        "Cancelled": BrokerState.CANCELLED,
        "ApiCancelled": BrokerState.CANCELLED,
        "Inactive": BrokerState.INACTIVE,
        # Never on the wire: the library writes them into its own objects.
        "ApiUpdate": BrokerState.UNACKNOWLEDGED,
        "ValidationError": BrokerState.INACTIVE,
    }
)
"""What TWS calls the state of an order."""

HELD_FOR_SHARES = "locate"
"""An inactive order that waits for shares to borrow is alive."""


def state_of(status: str, why_held: str = "") -> BrokerState | None:
    """None for a word that TWS did not use before."""
    state = STATES.get(status)
    if state is BrokerState.INACTIVE and HELD_FOR_SHARES in why_held:
        return BrokerState.HELD
    return state


class Means(StrEnum):
    """What a code proves about that which it was said of."""

    REJECTED = "rejected"
    """A new order: nothing is live. A change of an order: its old terms stand."""
    MODIFY_REFUSED = "modify_refused"
    """The old terms stand."""
    CANCEL_REFUSED = "cancel_refused"
    """Not proven cancelled, and not proven alive."""
    CANCELLED = "cancelled"
    LOOK_UP = "look_up"
    """Nothing. The broker's lists tell."""
    NOTE = "note"
    """Nothing changes; the words are shown."""
    NO_QUOTE = "no_quote"
    DELAYED = "delayed"
    """The quote is there, and late."""
    LINK_LOST = "link_lost"
    LINK_BACK_EMPTY = "link_back_empty"
    """Restored; what was subscribed is not."""
    LINK_BACK = "link_back"
    FARM = "farm"
    """A data farm is well: not worth a word."""
    FARM_BROKEN = "farm_broken"
    SESSION = "session"
    """The connection to TWS cannot be had, or cannot go on."""


@dataclass(frozen=True, slots=True)
class Code:
    means: Means
    words: str
    remedy: str = ""


_CODES: dict[int, tuple[Means, str] | tuple[Means, str, str]] = {
    100: (Means.LOOK_UP, "too many messages a second; the last ones may be lost"),
    101: (Means.NO_QUOTE, "too many quotes are subscribed at once"),
    103: (Means.LOOK_UP, "this order id was used before, which says nothing about this order"),
    104: (Means.MODIFY_REFUSED, "the order has filled"),
    105: (Means.MODIFY_REFUSED, "the change does not fit the order"),
    106: (Means.LOOK_UP, "the order could not be transmitted"),
    107: (Means.LOOK_UP, "the order is incomplete"),
    109: (Means.LOOK_UP, "the price is outside the precautionary limits set in TWS", "it may wait for a click in TWS"),
    110: (Means.REJECTED, "the price does not fit the contract's price increments"),
    133: (Means.LOOK_UP, "submitting the order failed"),
    134: (Means.MODIFY_REFUSED, "the change failed"),
    135: (Means.CANCEL_REFUSED, "no order of this id is known"),
    161: (Means.CANCEL_REFUSED, "the order cannot be cancelled in its state"),
    162: (Means.NOTE, "historical data"),
    163: (Means.LOOK_UP, "the price is outside the precautionary limits set in TWS", "it may wait for a click in TWS"),
    165: (Means.NOTE, "historical data"),
    200: (Means.REJECTED, "no contract fits, or several do"),
    201: (Means.REJECTED, "the order was rejected"),
    202: (Means.CANCELLED, "the order was cancelled"),
    203: (Means.REJECTED, "the account may not trade this contract"),
    317: (Means.NOTE, "market depth was reset"),
    320: (Means.REJECTED, "TWS could not read the request"),
    321: (Means.REJECTED, "TWS could not accept the request",
          "if it says Read-Only: untick 'Read-Only API' in the API settings of TWS"),
    322: (Means.REJECTED, "TWS could not process the request"),
    326: (Means.SESSION, "the client id is in use", "close the other program, or wait: TWS may still hold an old session"),
    329: (Means.MODIFY_REFUSED, "the order type cannot be changed to this one"),
    354: (Means.NO_QUOTE, "market data is not subscribed", "subscribe to it in the client portal, or allow delayed data"),
    382: (Means.LOOK_UP, "the price violates the percentage limit set in TWS", "it may wait for a click in TWS"),
    383: (Means.LOOK_UP, "the size violates the limit set in TWS", "it may wait for a click in TWS"),
    387: (Means.REJECTED, "the order type is not supported for this contract"),
    388: (Means.REJECTED, "the size is smaller than the smallest allowed"),
    391: (Means.REJECTED, "the date or its zone is invalid"),
    399: (Means.NOTE, "a message about the order"),
    404: (Means.NOTE, "shares to borrow are being located; the order is held"),
    434: (Means.REJECTED, "the order size cannot be zero"),
    436: (Means.REJECTED, "the order names no account"),
    451: (Means.LOOK_UP, "the order is outside the precautionary limits set in TWS", "it may wait for a click in TWS"),
    460: (Means.REJECTED, "the account has no permission to trade this contract"),
    462: (Means.MODIFY_REFUSED, "the time in force cannot be changed to this one"),
    492: (Means.NOTE, "an attribute of the order was ignored"),
    502: (Means.SESSION, "TWS cannot be reached"),
    504: (Means.SESSION, "there is no connection to TWS"),
    507: (Means.SESSION, "the connection to TWS is garbled"),
    1100: (Means.LINK_LOST, "TWS has lost its link to Interactive Brokers"),
    1101: (Means.LINK_BACK_EMPTY, "the link to Interactive Brokers is back; subscriptions were lost"),
    1102: (Means.LINK_BACK, "the link to Interactive Brokers is back"),
    1300: (Means.SESSION, "the API port of TWS was changed", "set broker.port to the new one"),
    2103: (Means.FARM_BROKEN, "a market data farm is broken"),
    2104: (Means.FARM, "a market data farm is well"),
    2105: (Means.FARM_BROKEN, "a historical data farm is broken"),
    2106: (Means.FARM, "a historical data farm is well"),
    2107: (Means.FARM, "a historical data farm is idle"),
    2108: (Means.FARM, "a market data farm is idle"),
    2109: (Means.NOTE, "the order attribute 'outside regular hours' was ignored"),
    2110: (Means.LINK_LOST, "TWS has lost its link to the server"),
    2119: (Means.FARM, "a market data farm is connecting"),
    2157: (Means.FARM_BROKEN, "the contract data farm is broken"),
    2158: (Means.FARM, "the contract data farm is well"),
    2161: (Means.NOTE, "the price of the order was capped"),
    10006: (Means.REJECTED, "the parent order is missing"),
    10089: (Means.NO_QUOTE, "market data needs a further subscription"),
    10090: (Means.NO_QUOTE, "a part of the market data is not subscribed"),
    10147: (Means.CANCEL_REFUSED, "the order to cancel was not found"),
    10148: (Means.CANCEL_REFUSED, "the order to cancel cannot be cancelled"),
    10167: (Means.DELAYED, "delayed market data is shown instead"),
    10168: (Means.NO_QUOTE, "market data is not subscribed, and delayed data is not enabled"),
    10186: (Means.NO_QUOTE, "market data is not subscribed, and delayed data is not enabled"),
    10197: (Means.NO_QUOTE, "somebody else is logged in with this user and gets the market data",
            "end the other session, or give it another user"),
    10225: (Means.NOTE, "a subscription of bars ended"),
    10268: (Means.REJECTED, "the attribute EtradeOnly is not supported"),
    10269: (Means.REJECTED, "the attribute FirmQuoteOnly is not supported"),
    10311: (Means.NOTE, "the order is routed directly"),
    10314: (Means.LOOK_UP, "a time of the order is in doubt"),
    10349: (Means.NOTE, "the time in force was set to DAY by a preset of TWS"),
}  # fmt: skip
CODES: Mapping[int, Code] = MappingProxyType({code: Code(*row) for code, row in _CODES.items()})
_UNKNOWN = Code(Means.LOOK_UP, "a code that is not known here")
_WARNING = Code(Means.NOTE, "a warning")


def meaning(code: int) -> Code:
    """What a code proves. Of one that is not known: nothing."""
    return CODES.get(code) or (_WARNING if 2100 <= code < 2200 else _UNKNOWN)


# ---- the terms of an order

SIDES: Mapping[Side, str] = MappingProxyType({Side.BUY: "BUY", Side.SELL: "SELL"})
SIDES_HEARD: Mapping[str, Side] = MappingProxyType(
    {"BUY": Side.BUY, "BOT": Side.BUY, "SELL": Side.SELL, "SLD": Side.SELL, "SSHORT": Side.SELL}
)
ORDER_TYPES: Mapping[OrderType, str] = MappingProxyType(
    {
        OrderType.MARKET: "MKT",
        OrderType.LIMIT: "LMT",
        OrderType.STOP: "STP",
        OrderType.STOP_LIMIT: "STP LMT",
        OrderType.TRAILING_STOP: "TRAIL",
        OrderType.TRAILING_STOP_LIMIT: "TRAIL LIMIT",
    }
)
ORDER_TYPES_HEARD: Mapping[str, OrderType] = MappingProxyType({word: kind for kind, word in ORDER_TYPES.items()})
TIMES_IN_FORCE: Mapping[TimeInForce, str] = MappingProxyType(
    {TimeInForce.DAY: "DAY", TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.GTD: "GTD"}
)
