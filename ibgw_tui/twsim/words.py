"""Orders in the words of the wire and in the market's: pure tables and the functions that read them.

What an order asks for and this market cannot do is refused in words. An order that was traded without its
condition, its algorithm or its hedge would teach the wrong lesson.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from ibgw_tui.core.broker import BrokerState, WhatIf
from ibgw_tui.core.orders import BrokerOrder
from ibgw_tui.core.terms import Money, OrderType, Side, TimeInForce
from ibgw_tui.exchange.exact import as_text, less
from ibgw_tui.exchange.faults import Rejection
from ibgw_tui.exchange.instruments import Instrument
from ibgw_tui.exchange.margins import Standing
from ibgw_tui.twsim.layout import UNSET, UNSET_DOUBLE, Values

TWS_ZONE = "US/Eastern"
"""The zone of this TWS: its times are told in it, and times without a zone are taken to be in it."""
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
ORDER_TYPES = {
    "MKT": OrderType.MARKET,
    "LMT": OrderType.LIMIT,
    "STP": OrderType.STOP,
    "STP LMT": OrderType.STOP_LIMIT,
    "TRAIL": OrderType.TRAILING_STOP,
    "TRAIL LIMIT": OrderType.TRAILING_STOP_LIMIT,
}
TIMES_IN_FORCE = {"DAY": TimeInForce.DAY, "GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "GTD": TimeInForce.GTD}
STATUSES = {
    BrokerState.UNACKNOWLEDGED: "PendingSubmit",
    BrokerState.WORKING: "Submitted",
    BrokerState.HELD: "PreSubmitted",
    BrokerState.CANCEL_PENDING: "PendingCancel",
    BrokerState.FILLED: "Filled",
    BrokerState.CANCELLED: "Cancelled",
    BrokerState.REJECTED: "Inactive",
    BrokerState.INACTIVE: "Inactive",
}

NOT_SIMULATED: dict[str, frozenset[str]] = {
    # field: the texts with which it asks for nothing
    "comboLegs": frozenset(),
    "conditions": frozenset(),
    "algoStrategy": UNSET,
    "hedgeType": UNSET,
    "scalePriceIncrement": UNSET | {"0", "0.0"},
    "deltaNeutralOrderType": UNSET | {"None"},
    "deltaNeutralContract": UNSET | {"0"},
    "goodAfterTime": UNSET,
    "minQty": UNSET | {"0"},
    "allOrNone": UNSET | {"0"},
    "discretionaryAmt": UNSET | {"0", "0.0"},
    "cashQty": UNSET | {"0", "0.0"},
    "adjustedOrderType": UNSET,
    "percentOffset": UNSET | {"0", "0.0"},
    "faGroup": UNSET,
    "faProfile": UNSET,
    "nbboPriceCap": UNSET | {"0", "0.0"},
    "activeStartTime": UNSET,
    "activeStopTime": UNSET,
    "duration": UNSET,
    "triggerMethod": UNSET | {"0"},
    "notHeld": UNSET | {"0"},
}


_BEYOND = Decimal(10) ** 18
"""No price, size or id is as large."""


class Refused(Exception):
    """The order is not taken; code and text are TWS's own where it has them."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text

    @classmethod
    def by(cls, rejection: Rejection) -> Refused:
        return cls(rejection.code, rejection.text)


def invalid(cause: str) -> Refused:
    """What TWS answers to a request that it could read but cannot mean."""
    return Refused(321, f"Error validating request.-'twsim' : cause - {cause}")


def number(text: str, name: str) -> Decimal | None:
    """A number of an order; None for every spelling of 'not set'. Raises Refused."""
    if text in UNSET:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise Refused(320, f"Error reading request. Unable to parse field {name}: {text[:40]!r}") from None
    # Compared first, because arithmetic with a monstrous exponent is an error of its own.
    if not (value.is_finite() and -_BEYOND < value < _BEYOND):
        raise Refused(320, f"Error reading request. Unable to parse field {name}: {text[:40]!r}")
    return value


def flag(text: str) -> bool:
    return text not in ("", "0")


def whole(text: str, name: str) -> int:
    """A whole number; nothing is zero. Raises Refused."""
    value = number(text, name)
    if value is None:
        return 0
    if value != value.to_integral_value():
        raise Refused(320, f"Error reading request. Unable to parse field {name}: {text[:40]!r}")
    return int(value)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a placed order means to the market, and what TWS assumed on the way."""

    wire: BrokerOrder
    assumed_day: bool


def terms_of(values: Values, ref: str, instrument: Instrument, account: str) -> Terms:
    """Read an order. Raises Refused with the first thing that is wrong with it."""
    _refuse_what_is_not_simulated(values)
    side, kind = SIDES.get(values["action"]), ORDER_TYPES.get(values["orderType"])
    if side is None:
        raise invalid(f"Invalid order action: {values['action'][:20]}")
    if kind is None:
        raise Refused(387, f"Unsupported order type for this exchange and security type: {values['orderType'][:20]}")
    force = TIMES_IN_FORCE.get(values["tif"] or "DAY")
    if force is None:
        raise invalid(f"Invalid time in force: {values['tif'][:20]}")
    quantity = number(values["totalQuantity"], "totalQuantity")
    if not quantity:
        raise Refused(434, "The order size cannot be zero.")
    good_till = moment(values["goodTillDate"], missing="23:59:59") if force is TimeInForce.GTD else None
    try:
        wire = BrokerOrder(
            order_ref=ref,
            account=account,
            contract=instrument.contract,
            side=side,
            quantity=quantity,
            order_type=kind,
            time_in_force=force,
            good_till=good_till,
            outside_hours=flag(values["outsideRth"]),
            **_prices(values, kind),
        )
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise invalid(f"{'.'.join(map(str, problem['loc']))} {problem['msg']}") from None
    return Terms(wire, assumed_day=not values["tif"])


def _refuse_what_is_not_simulated(values: Values) -> None:
    for name, code in (("eTradeOnly", 10268), ("firmQuoteOnly", 10269)):
        if flag(values[name]):
            raise Refused(code, f"The '{name[0].upper()}{name[1:]}' order attribute is not supported.")
    for name, nothing in NOT_SIMULATED.items():
        value = values.get(name, "")
        if value and value not in nothing:
            raise invalid(f"the order sets {name}, which this simulated TWS does not trade")


def _prices(values: Values, kind: OrderType) -> dict[str, Any]:
    """The prices that an order of this type means; others it may carry mean nothing."""
    limit, aux = number(values["lmtPrice"], "lmtPrice"), number(values["auxPrice"], "auxPrice")
    match kind:
        case OrderType.MARKET:
            return {}
        case OrderType.LIMIT:
            return {"limit_price": limit}
        case OrderType.STOP:
            return {"stop_price": aux}
        case OrderType.STOP_LIMIT:
            return {"stop_price": aux, "limit_price": limit}
    stop = number(values["trailStopPrice"], "trailStopPrice")
    percent = number(values["trailingPercent"], "trailingPercent")
    found = {"stop_price": stop, "trailing_percent": percent, "trailing_amount": aux or None}
    if kind is OrderType.TRAILING_STOP:
        return found
    offset = number(values["lmtPriceOffset"], "lmtPriceOffset")
    if offset is None and limit is not None and stop is not None:
        # The other way to say it: where stop and limit stand now.
        offset = less(limit, stop) if values["action"] == "BUY" else less(stop, limit)
    return {**found, "limit_offset": offset}


_TIMES = re.compile(r"(\d{8})(?:(?P<utc>-)| {1,2})(\d{2}:\d{2}(?::\d{2})?)(?: (?P<zone>[A-Za-z_/+\-0-9]+))?")


def moment(text: str, missing: str) -> datetime:
    """`20261124 15:00:00 US/Eastern`, `20261124-20:00:00` (UTC), `20261124`, whose time is missing. Raises Refused."""
    wrong = Refused(
        391, "The date, time, or time-zone entered is invalid. The correct format is yyyymmdd hh:mm:ss xx/xxxx"
    )
    found = _TIMES.fullmatch(text if len(text) != 8 else f"{text} {missing}")
    if found is None:
        raise wrong
    if found["utc"] and found["zone"]:
        raise wrong
    clock = found[3] if len(found[3]) == 8 else f"{found[3]}:00"
    try:
        zone = UTC if found["utc"] else ZoneInfo(found["zone"] or TWS_ZONE)
        return datetime.strptime(f"{found[1]} {clock}", "%Y%m%d %H:%M:%S").replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, ZoneInfoNotFoundError):
        raise wrong from None


def moment_text(at: datetime) -> str:
    """A time as TWS tells it, with its zone."""
    return f"{at.astimezone(ZoneInfo(TWS_ZONE)):%Y%m%d %H:%M:%S} {TWS_ZONE}"


ASKED_NOTHING: dict[str, Any] = dict.fromkeys(
    (
        "initMarginBefore",
        "maintMarginBefore",
        "equityWithLoanBefore",
        "initMarginChange",
        "maintMarginChange",
        "equityWithLoanChange",
        "initMarginAfter",
        "maintMarginAfter",
        "equityWithLoanAfter",
        "commission",
        "minCommission",
        "maxCommission",
    ),
    UNSET_DOUBLE,
)
"""The margin fields of an order that was not a preview."""


def margin_fields(estimate: WhatIf, before: Standing) -> dict[str, Any]:
    """A what-if in the fields of an open order. Like TWS it leaves the commission open and tells its range."""

    def text(money: Money | None) -> str:
        return UNSET_DOUBLE if money is None else as_text(money.amount)

    after = estimate.equity_with_loan_after
    change = UNSET_DOUBLE if after is None else as_text(less(after.amount, before.equity_with_loan))
    return {
        **ASKED_NOTHING,
        "initMarginBefore": before.initial,
        "maintMarginBefore": before.maintenance,
        "equityWithLoanBefore": before.equity_with_loan,
        "initMarginChange": text(estimate.initial_margin_change),
        "maintMarginChange": text(estimate.maintenance_margin_change),
        "equityWithLoanChange": change,
        "initMarginAfter": text(estimate.initial_margin_after),
        "maintMarginAfter": text(estimate.maintenance_margin_after),
        "equityWithLoanAfter": text(after),
        "minCommission": text(estimate.commission_min),
        "maxCommission": text(estimate.commission_max),
        "commissionCurrency": estimate.commission_max.currency if estimate.commission_max else "",
        "warningText": estimate.warning,
    }
