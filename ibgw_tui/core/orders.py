"""What is asked for, what is frozen for the operator, and what a yes looks like.

    OrderIntent   what an agent asks for; no effect by itself
    Contract      the one instrument the broker resolved it to
    Preview       intent + contract + estimate, frozen, with a digest and an expiry
    Approval      an operator's yes to one preview digest; spent once
    BrokerOrder   what goes over the wire

Content never changes: a change is a new revision with an order reference of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, NoReturn

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from ibgw_tui.core.errors import ErrorCode, InvalidRequest
from ibgw_tui.core.naming import did_you_mean
from ibgw_tui.core.terms import (
    AccountId,
    Amount,
    AssetClass,
    Currency,
    Frozen,
    Mode,
    Moment,
    Money,
    OptionRight,
    OrderRef,
    OrderType,
    PrincipalName,
    Side,
    Symbol,
    TimeInForce,
)
from ibgw_tui.core.text import sanitise
from ibgw_tui.core.written import canonical_json

MAX_RATIONALE = 4000
"""Characters of an agent's rationale."""


def _positive(value: Decimal) -> Decimal:
    if value <= 0:
        raise ValueError("must be greater than zero")
    return value


def _rationale(text: str) -> str:
    if len(text) > MAX_RATIONALE:
        raise ValueError(f"has {len(text):,} characters; at most {MAX_RATIONALE:,} are kept, so shorten it")
    # Marks replace what is taken out, and NFC can lengthen a text: cut after, never refuse for it.
    return sanitise(text)[:MAX_RATIONALE]


PositiveAmount = Annotated[Amount, AfterValidator(_positive)]
Expiry = Annotated[str, StringConstraints(pattern=r"^[0-9]{8}$")]
"""YYYYMMDD, the last trading day of a future or option."""


class OrderIntent(Frozen):
    """What an agent, script or person asks for."""

    account: AccountId
    symbol: Symbol
    side: Side
    quantity: PositiveAmount
    """Shares, contracts, or units of the base currency of an FX pair."""
    order_type: OrderType = OrderType.LIMIT
    limit_price: Amount | None = None
    """In the contract's currency per unit; may be negative for futures only."""
    stop_price: Amount | None = None
    """The trigger of a stop or stop-limit order; the initial stop of a trailing order."""
    trailing_amount: PositiveAmount | None = None
    trailing_percent: PositiveAmount | None = None
    limit_offset: Amount | None = None
    """Trailing stop limit only: the limit's distance from the stop."""
    time_in_force: TimeInForce = TimeInForce.DAY
    good_till: Moment | None = None
    outside_hours: bool = False
    """True lets the order fill outside regular hours."""
    con_id: Annotated[int, Field(gt=0)] | None = None
    """The broker's contract id, when the caller already knows it."""
    asset_class: AssetClass | None = None
    currency: Currency | None = None
    expiry: Expiry | None = None
    strike: PositiveAmount | None = None
    right: OptionRight | None = None
    take_profit_price: Amount | None = None
    """Of a bracket: the limit at which the position is closed with a gain. Either exit makes a bracket."""
    stop_loss_price: Amount | None = None
    """Of a bracket: the trigger at which it is closed with a loss."""
    stop_loss_limit_price: Amount | None = None
    """The limit of the stop-loss; without one it goes to the market."""
    modifies: OrderRef | None = None
    """A working order that is to become this one. Contract, side, account and type stay what they are."""
    rationale: Annotated[str, AfterValidator(_rationale)] = ""
    """Why, in the agent's words. Untrusted text: sanitised here and again where it is drawn."""


FIELDS: tuple[str, ...] = tuple(OrderIntent.model_fields)

_PRICES: dict[OrderType, tuple[frozenset[str], frozenset[str]]] = {
    # order type: (fields it needs, fields it may also have)
    OrderType.MARKET: (frozenset(), frozenset()),
    OrderType.LIMIT: (frozenset({"limit_price"}), frozenset()),
    OrderType.STOP: (frozenset({"stop_price"}), frozenset()),
    OrderType.STOP_LIMIT: (frozenset({"stop_price", "limit_price"}), frozenset()),
    OrderType.TRAILING_STOP: (frozenset(), frozenset({"stop_price", "trailing_amount", "trailing_percent"})),
    OrderType.TRAILING_STOP_LIMIT: (
        frozenset({"limit_offset"}),
        frozenset({"stop_price", "trailing_amount", "trailing_percent"}),
    ),
}
PRICE_FIELDS = {kind: needed | allowed for kind, (needed, allowed) in _PRICES.items()}
"""Those that orders of each type may have."""
_PRICE_FIELDS = ("limit_price", "stop_price", "trailing_amount", "trailing_percent", "limit_offset")
_TRAILING = (OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT)


def shape_problems(data: Mapping[str, Any]) -> list[str]:
    """Rules that need more than one field, on raw data, so that they are said with all other problems."""
    problems: list[str] = []
    given = {name for name in _PRICE_FIELDS if data.get(name) not in (None, "")}
    try:
        order_type = OrderType(data.get("order_type") or OrderType.LIMIT)
    except ValueError:
        order_type = None
    if order_type is not None:
        needed, allowed = _PRICES[order_type]
        problems += [f"{name}: a {order_type.value} order needs one" for name in sorted(needed - given)]
        problems += [
            f"{name}: a {order_type.value} order has none; leave it out" for name in sorted(given - needed - allowed)
        ]
        trails = given & {"trailing_amount", "trailing_percent"}
        if order_type in _TRAILING and len(trails) != 1:
            problems.append(
                f"trailing_amount: a {order_type.value} order needs trailing_amount or trailing_percent, one of them"
            )
    if data.get("time_in_force") == TimeInForce.GTD and not data.get("good_till"):
        problems.append("good_till: a gtd order needs a moment such as 2026-11-22T15:00:00Z")
    if data.get("good_till") and data.get("time_in_force") != TimeInForce.GTD:
        problems.append("good_till: only a gtd order has one; leave it out or set time_in_force to gtd")
    if data.get("asset_class") == AssetClass.OPTION:
        problems += [f"{name}: an option needs one" for name in ("expiry", "strike", "right") if not data.get(name)]
    if data.get("asset_class") == AssetClass.FUTURE and not data.get("expiry"):
        problems.append("expiry: a future needs one, as YYYYMMDD")
    problems += _bracket_problems(data, order_type)
    if data.get("asset_class") != AssetClass.FUTURE:
        for name in ("limit_price", "stop_price", *EXIT_FIELDS):
            if _not_positive(data.get(name)):
                problems.append(f"{name}: must be greater than zero (only a future may trade at or below zero)")
    return problems


EXIT_FIELDS = ("take_profit_price", "stop_loss_price", "stop_loss_limit_price")


def _bracket_problems(data: Mapping[str, Any], order_type: OrderType | None) -> list[str]:
    """The shape of a bracket. Whether its prices are on their sides is a decision, and needs the market."""
    given = [name for name in EXIT_FIELDS if data.get(name) not in (None, "")]
    if not given:
        return []
    problems = []
    if "stop_loss_limit_price" in given and "stop_loss_price" not in given:
        problems.append("stop_loss_limit_price: needs a stop_loss_price, too")
    if order_type in _TRAILING:
        problems.append(f"{given[0]}: a {order_type.value} order cannot be the entry of a bracket")
    if data.get("time_in_force") == TimeInForce.IOC:
        problems.append(f"{given[0]}: an ioc order cannot be the entry of a bracket; its exits have to outlive it")
    if data.get("modifies"):
        problems.append(f"{given[0]}: a modify changes one order; leave the exits out")
    return problems


def _not_positive(value: Any) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    try:
        number = Decimal(value)
    except (ValueError, TypeError, ArithmeticError):
        return False
    return number.is_finite() and number <= 0


_HINTS = {
    "account": "give the account as DU1234567 (paper) or U1234567 (live)",
    "symbol": "give the broker's symbol in upper case, such as AAPL or EUR.USD",
    "currency": "give three upper-case letters, such as USD",
    "expiry": "give YYYYMMDD",
}


def describe_problems(
    error: ValidationError, whole: tuple[str, str, Sequence[str]] = ("a field of an order", "fields", ())
) -> list[str]:
    """Each problem of a Pydantic error as 'field: what is wrong; remedy'.

    `whole` says what the fields are fields of, what they are called together, and their names: then an
    unknown one is told with the nearest known one.
    """
    lines = []
    for problem in error.errors(include_url=False):
        name = ".".join(str(part) for part in problem["loc"]) or "request"
        kind = problem["type"]
        if kind == "missing":
            text = "is required"
        elif kind == "extra_forbidden":
            text = f"is not {whole[0]}"
            text += f"; {did_you_mean(name, whole[2], whole[1])}" if whole[2] else ""
        elif kind == "enum":
            text = f"must be {problem['ctx']['expected']}"
        elif kind == "string_pattern_mismatch":
            shown = str(problem["input"])
            text = f"{sanitise(shown if len(shown) <= 40 else shown[:37] + '...')!r} is not valid"
        else:
            text = problem["msg"].removeprefix("Value error, ")
        hint = _HINTS.get(name)
        lines.append(f"{name}: {text}; {hint}" if hint else f"{name}: {text}")
    return lines


def parse_intent(data: Mapping[str, Any]) -> OrderIntent:
    """Read an intent from JSON-like data (text, ints, bools, None).

    Raises InvalidRequest whose `problems` name everything that is wrong, in one answer.
    """
    problems: list[str] = []
    intent: OrderIntent | None = None
    try:
        intent = OrderIntent.model_validate_json(json.dumps(dict(data), default=str))
    except ValidationError as error:
        problems += describe_problems(error, ("a field of an order", "fields", FIELDS))
    named = {line.split(":", 1)[0] for line in problems}
    problems += [line for line in shape_problems(data) if line.split(":", 1)[0] not in named]
    if problems or intent is None:
        missing_account = any(line.startswith("account: is required") for line in problems)
        raise InvalidRequest(
            f"the order has {len(problems)} problem{'s' if len(problems) != 1 else ''}: " + "; ".join(problems),
            user_action="correct the named fields and stage the order again; nothing was recorded",
            code=ErrorCode.INPUT_MISSING_ACCOUNT if missing_account else ErrorCode.ORDER_VALIDATION_FAILED,
            problems=problems,
        )
    return intent


class PriceStep(Frozen):
    """From this price upward, prices move in this increment."""

    from_price: Amount
    increment: PositiveAmount


class Session(Frozen):
    """One span of trading. It opens at the first moment and is over at the second."""

    opens: Moment
    closes: Moment


class Contract(Frozen):
    """One instrument as the broker resolved it."""

    con_id: int
    symbol: Symbol
    asset_class: AssetClass
    currency: Currency
    exchange: str
    primary_exchange: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    description: str = ""
    multiplier: PositiveAmount = Decimal(1)
    """Units of currency per point of price and contract."""
    price_steps: tuple[PriceStep, ...] = ()
    """The tick ladder, lowest price first; empty when the broker did not say."""
    size_increment: PositiveAmount | None = None
    expiry: Expiry | None = None
    strike: PositiveAmount | None = None
    right: OptionRight | None = None
    time_zone: str = ""
    """IANA zone of the trading hours."""
    liquid_hours: tuple[Session, ...] | None = None
    """Regular hours of the days around its resolution; None when the broker did not say."""
    trading_hours: tuple[Session, ...] | None = None
    """All hours of those days."""

    def tick_at(self, price: Decimal) -> Decimal | None:
        """The price increment that applies at `price`; None when unknown."""
        tick: Decimal | None = None
        for step in self.price_steps:
            if tick is None or price.copy_abs() >= step.from_price:
                tick = step.increment
        return tick


class Estimate(Frozen):
    """What the order would do, computed when it was previewed. A snapshot, never binding."""

    notional: Money | None = None
    worst_case_price: Amount | None = None
    position_before: Amount | None = None
    position_after: Amount | None = None
    commission_max: Money | None = None
    initial_margin_change: Money | None = None
    excess_liquidity_after: Money | None = None
    """What the broker's what-if leaves of the account: equity with loan less maintenance margin."""
    warning: str = ""


class Preview(Frozen):
    """One order revision, frozen for review. The digest covers every field but itself."""

    preview_id: str
    order_ref: OrderRef
    revision: int = 1
    mode: Mode
    staged_by: PrincipalName
    intent: OrderIntent
    contract: Contract
    estimate: Estimate
    policy_id: str
    policy_digest: str
    created_at: Moment
    expires_at: Moment

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical bytes: what an approval is bound to. Computed once: nothing here changes."""
        return digest_of("preview", self.model_dump(mode="json"))

    def __copy__(self) -> NoReturn:
        """`model_copy(update=...)` would copy the digest of what was changed."""
        raise TypeError("a preview never changes; `replaced` makes another one")


class ApprovalStatus(StrEnum):
    APPROVED = "approved"
    CONSUMED = "consumed"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApprovedMarket(Frozen):
    """The market that was on the screen when the operator said yes."""

    currency: Currency
    bid: Amount | None = None
    ask: Amount | None = None
    last: Amount | None = None
    as_of: Moment


class Approval(Frozen):
    """An operator's yes to one preview digest."""

    approval_id: str
    preview_id: str
    preview_digest: str
    policy_digest: str
    account: AccountId
    operator: PrincipalName
    status: ApprovalStatus
    approved_at: Moment
    release_at: Moment
    """Not sent before this moment: the hold-back in which the operator can recall it."""
    expires_at: Moment
    switch_epoch: int
    """Epoch of the kill switch when it was given; a later closing voids it."""
    market: ApprovedMarket | None = None
    """None when there was no quote."""


class ExitOrder(Frozen):
    """One exit of a bracket: the other side, the same quantity, alive once the entry has filled.

    The exits of one entry cancel each other: what one fills the other loses.
    """

    order_ref: OrderRef
    leg: str
    """'take_profit' or 'stop_loss'."""
    order_type: OrderType
    limit_price: Amount | None = None
    stop_price: Amount | None = None


TAKE_PROFIT, STOP_LOSS = "take_profit", "stop_loss"


def exit_orders(order_ref: str, intent: OrderIntent) -> tuple[ExitOrder, ...]:
    """The exits that an intent asks for; none when it is no bracket. Their references follow from the entry's."""
    exits = []
    if intent.take_profit_price is not None:
        exits.append(
            ExitOrder(
                order_ref=f"{order_ref}.tp",
                leg=TAKE_PROFIT,
                order_type=OrderType.LIMIT,
                limit_price=intent.take_profit_price,
            )
        )
    if intent.stop_loss_price is not None:
        limit = intent.stop_loss_limit_price
        exits.append(
            ExitOrder(
                order_ref=f"{order_ref}.sl",
                leg=STOP_LOSS,
                order_type=OrderType.STOP if limit is None else OrderType.STOP_LIMIT,
                limit_price=limit,
                stop_price=intent.stop_loss_price,
            )
        )
    return tuple(exits)


class BrokerOrder(Frozen):
    """Everything the wire needs, and nothing that needs a decision."""

    order_ref: OrderRef
    account: AccountId
    contract: Contract
    side: Side
    quantity: PositiveAmount
    order_type: OrderType
    limit_price: Amount | None = None
    stop_price: Amount | None = None
    trailing_amount: PositiveAmount | None = None
    trailing_percent: PositiveAmount | None = None
    limit_offset: Amount | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    good_till: Moment | None = None
    outside_hours: bool = False
    exits: tuple[ExitOrder, ...] = ()
    """Of a bracket: sent with the entry in one act, tied to it and to each other by the broker's own means."""

    @classmethod
    def of(cls, preview: Preview) -> BrokerOrder:
        """The wire form of an approved preview."""
        return cls.proposed(preview.order_ref, preview.intent, preview.contract)

    @classmethod
    def proposed(cls, order_ref: str, intent: OrderIntent, contract: Contract) -> BrokerOrder:
        """The wire form of what is only asked for: for the broker's estimate."""
        shared = {name: getattr(intent, name) for name in cls.model_fields if name in OrderIntent.model_fields}
        # Hours are for the decision; on the wire they would only be weight.
        named = contract.model_copy(update={"liquid_hours": None, "trading_hours": None})
        return cls(order_ref=order_ref, contract=named, exits=exit_orders(order_ref, intent), **shared)

    def exit_order(self, leg: ExitOrder) -> BrokerOrder:
        """One exit as an order of its own, as the broker keeps it."""
        return BrokerOrder(
            order_ref=leg.order_ref,
            account=self.account,
            contract=self.contract,
            side=Side.SELL if self.side is Side.BUY else Side.BUY,
            quantity=self.quantity,
            order_type=leg.order_type,
            limit_price=leg.limit_price,
            stop_price=leg.stop_price,
            time_in_force=self.time_in_force,
            good_till=self.good_till,
            outside_hours=self.outside_hours,
        )


def digest_of(namespace: str, value: Any) -> str:
    """SHA-256 (hex) over a namespace and the canonical JSON of `value`."""
    return hashlib.sha256(namespace.encode() + b"\x00" + canonical_json(value)).hexdigest()


def order_sentence(intent: OrderIntent, currency: str = "") -> str:
    """The order as a person would say it: 'BUY 1 AAPL at limit 100 USD, day, in DU1234567'."""
    unit = f" {currency}" if currency else ""
    limit, stop, trail = _text(intent.limit_price) + unit, _text(intent.stop_price) + unit, _trail(intent, unit)
    price = {
        OrderType.MARKET: "at market",
        OrderType.LIMIT: f"at limit {limit}",
        OrderType.STOP: f"at market once {stop} trades",
        OrderType.STOP_LIMIT: f"at limit {limit} once {stop} trades",
        OrderType.TRAILING_STOP: f"at market, trailing by {trail}",
        OrderType.TRAILING_STOP_LIMIT: (
            f"at a limit {_text(intent.limit_offset)}{unit} from the stop, trailing by {trail}"
        ),
    }[intent.order_type]
    force = intent.time_in_force.value.upper() if intent.time_in_force is not TimeInForce.DAY else "day"
    name = " ".join(
        part
        for part in (
            intent.symbol,
            intent.expiry,
            f"{intent.strike:f}" if intent.strike is not None else None,
            intent.right.value if intent.right else None,
        )
        if part
    )
    sentence = f"{intent.side.value.upper()} {intent.quantity:,f} {name} {price}, {force}, in {intent.account}"
    return sentence + _exits(intent, unit) + (f"; changes {intent.modifies}" if intent.modifies else "")


def _exits(intent: OrderIntent, unit: str) -> str:
    parts = []
    if intent.take_profit_price is not None:
        parts.append(f"take profit at {_text(intent.take_profit_price)}{unit}")
    if intent.stop_loss_price is not None:
        limit = intent.stop_loss_limit_price
        at = f" with limit {_text(limit)}{unit}" if limit is not None else ""
        parts.append(f"stop loss at {_text(intent.stop_loss_price)}{unit}{at}")
    return "; " + ", ".join(parts) if parts else ""


def _text(value: Decimal | None) -> str:
    return "?" if value is None else f"{value:,f}"


def _trail(intent: OrderIntent, unit: str) -> str:
    return (
        f"{_text(intent.trailing_percent)} %"
        if intent.trailing_percent is not None
        else f"{_text(intent.trailing_amount)}{unit}"
    )
