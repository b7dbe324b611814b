"""The checks beyond the seed's twelve, each closing a hole of it (decisions, section 4).

The currency rule, unreliable quotes in live mode, and the triggers of stop and trailing orders are
always armed; tick and size are armed by the contract; the rest by a field of the policy. A check that
is not armed says so with OFF. Formulas: risk, F3, F5, F7, F8, F11, F13, F16, F17.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from ibgw_tui.core.context import LimitContext, Market, OrderTerms, OwnOrder, Price
from ibgw_tui.core.decision import Finding
from ibgw_tui.core.limits import Check
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.prices import (
    bps_shown,
    converted,
    highest_price,
    may_be_priced,
    number,
    reference_price,
    trail_of,
)
from ibgw_tui.core.terms import EXACT, CheckStatus, HoursKind, Mode, OrderType, QuoteStatus, Side

PASS, WARN, REFUSE, UNKNOWN, OFF = (
    CheckStatus.PASS,
    CheckStatus.WARN,
    CheckStatus.REFUSE,
    CheckStatus.UNKNOWN,
    CheckStatus.OFF,
)
_ZERO, _TEN_THOUSAND = Decimal(0), Decimal(10_000)
_TRAILING = frozenset({OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT})
_STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT}) | _TRAILING


# ---- always armed


def currency(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """Amounts and their limits are compared in one currency or not at all.

    order's currency == limits' currency, or a rate not older than max_fx_age_seconds
    """
    check, code = "currency", "LIVE_CURRENCY_MISMATCH"
    session = policy.session_limit.max_session_notional if policy.session_limit else None
    limits = {limit.currency for limit in (policy.max_notional, session) if limit is not None}
    foreign = sorted(limits - {order.currency})
    allowed = ", ".join(sorted(limits)) or "none"
    for name in foreign:
        if converted(Decimal(1), order.currency, name, policy, context) is None:
            words = f"the order is in {order.currency} and a limit in {name}, and there is no fresh FX rate"
            action = f"set a limit in {order.currency}, or wait for a fresh {order.currency} rate"
            return Finding(check, code, REFUSE, words, order.currency, allowed, user_action=action, source="policy")
    words = f"converted from {order.currency} by a fresh rate" if foreign else f"all amounts are in {order.currency}"
    return Finding(check, code, PASS, words, order.currency, allowed, source="policy")


def quote_reliable(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """A crossed or one-sided book, delayed or frozen data, or a wide spread says little about the market.

    bid <= ask, both there; (ask - bid) / ((bid + ask) / 2) * 10000 <= max_spread_bps
    """
    check, code, market, limit = "quote_reliable", "LIVE_QUOTE_UNRELIABLE", context.market, policy.max_spread_bps
    live = context.mode is Mode.LIVE
    if not live and limit is None:
        return _off(check, code, "asked of live orders, or when max_spread_bps is set")
    allowed = None if limit is None else str(limit)
    if market is None or market.status is QuoteStatus.UNAVAILABLE:
        words = "there is no quote to rely on"
        return Finding(check, code, UNKNOWN, words, None, allowed, "bps", user_action="wait for market data")
    problem, spread = _quote_problem(order, market, limit, live=live)
    observed = None if spread is None else number(spread)
    room = None if spread is None or limit is None else _left(Decimal(limit), spread)
    return Finding(
        check,
        code,
        PASS if problem is None else REFUSE,
        problem or f"the {market.status.value} quote is two-sided",
        observed or market.status.value,
        allowed,
        "bps" if observed else None,
        room,
        "wait for a reliable two-sided quote" if problem else None,
        market.as_of,
        market.source,
    )


def _quote_problem(
    order: OrderTerms, market: Market, limit: int | None, *, live: bool
) -> tuple[str | None, Decimal | None]:
    """What is wrong with a quote, and its spread in basis points of the middle where it has one."""
    bid, ask = _book(order, market)
    if live and market.status in (QuoteStatus.DELAYED, QuoteStatus.FROZEN):
        return f"the quote is {market.status.value}", None
    if bid is None or ask is None:
        return "the book is one-sided" if bid or ask else "the book is empty", None
    if bid.currency != ask.currency:
        return f"the bid is in {bid.currency} and the ask in {ask.currency}", None
    if bid.amount > ask.amount:
        return f"the book is crossed: bid {number(bid.amount)} above ask {number(ask.amount)}", None
    twice_middle = EXACT.add(bid.amount, ask.amount)
    if twice_middle <= 0:
        return (None if limit is None else "the spread cannot be measured at a price that is not positive"), None
    # Compared without a division, so that equality is exact; the quotient is only for people.
    wide = EXACT.multiply(EXACT.subtract(ask.amount, bid.amount), 2 * _TEN_THOUSAND)
    spread = bps_shown(wide, twice_middle)
    if limit is not None and wide > EXACT.multiply(Decimal(limit), twice_middle):
        return f"the spread of {number(spread)} bps is above {limit} bps", spread
    return None, spread


def _book(order: OrderTerms, market: Market) -> tuple[Price | None, Price | None]:
    """Bid and ask; None where a side stands at a price that means 'none'."""
    bid, ask = market.bid, market.ask
    return (
        bid if bid is not None and may_be_priced(order, bid.amount) else None,
        ask if ask is not None and may_be_priced(order, ask.amount) else None,
    )


def trigger_price(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """A stop on the wrong side of the market fires at once; a trail inside the spread does too.

    buy: stop > ask; sell: stop < bid; trail > ask - bid; buy stop limit: limit >= stop, sell: limit <= stop
    """
    check, code = "trigger_price", "LIVE_TRIGGER_PRICE_REFUSED"
    if order.order_type not in _STOPS:
        return _off(check, code, f"a {order.order_type.value} order has no trigger")
    buys, market, unit = order.side is Side.BUY, context.market, order.currency
    problem = _gap_problem(order)
    if problem is not None:
        observed, limit = _maybe(order.limit_price), _maybe(order.stop_price)
        action = "put the limit on the far side of the stop"
        return Finding(check, code, REFUSE, problem, observed, limit, unit, user_action=action, source="order")
    bid, ask = _book(order, market) if market and market.status is not QuoteStatus.UNAVAILABLE else (None, None)
    touch = ask if buys else bid
    if touch is None or touch.currency != order.currency:
        words = f"the {'ask' if buys else 'bid'} in {unit} is not known"
        return _unknown(check, code, words, None, unit, "wait for a two-sided quote")
    if order.order_type in _TRAILING:
        trailing = _trail_finding(order, touch, bid, ask, market)
        if trailing is not None:
            return trailing
    stop = order.stop_price
    if stop is None:
        if order.order_type in _TRAILING:
            words = "the trail is wider than the spread and starts at the market"
            return Finding(check, code, PASS, words, None, None, unit, as_of=_as_of(market), source=_source(market))
        return _unknown(check, code, "the trigger is not known", number(touch.amount), unit, "give a stop price")
    fires = stop <= touch.amount if buys else stop >= touch.amount
    side = "above the ask" if buys else "below the bid"
    room = EXACT.subtract(stop, touch.amount) if buys else EXACT.subtract(touch.amount, stop)
    return Finding(
        check,
        code,
        REFUSE if fires else PASS,
        f"the stop {number(stop)} must be {side} {number(touch.amount)}",
        number(stop),
        number(touch.amount),
        unit,
        number(room),
        f"put the stop {side}" if fires else None,
        _as_of(market),
        _source(market),
    )


def _gap_problem(order: OrderTerms) -> str | None:
    limit, stop = order.limit_price, order.stop_price
    if stop is None or limit is None:  # only a stop-limit has both
        return None
    wrong = limit < stop if order.side is Side.BUY else limit > stop
    words = f"the limit {number(limit)} is on the wrong side of the stop {number(stop)}: it may never fill"
    return words if wrong else None


def _trail_finding(
    order: OrderTerms, touch: Price, bid: Price | None, ask: Price | None, market: Market | None
) -> Finding | None:
    """A finding when the trail refuses or cannot be measured; None when it is wide enough."""
    check, code, unit = "trigger_price", "LIVE_TRIGGER_PRICE_REFUSED", order.currency
    if bid is None or ask is None or bid.currency != ask.currency:
        return _unknown(check, code, "the spread is not known", None, unit, "wait for a two-sided quote")
    spread, trail = EXACT.subtract(ask.amount, bid.amount), trail_of(order, touch.amount)
    if trail is None:
        action = "give trailing_amount or trailing_percent"
        return _unknown(check, code, "the trail is not known", number(spread), unit, action)
    if trail > spread:
        return None
    words = f"the trail {number(trail)} is not wider than the spread {number(spread)}"
    seen, limit, room = number(trail), number(spread), _left(trail, spread)
    as_of, source = _as_of(market), _source(market)
    return Finding(check, code, REFUSE, words, seen, limit, unit, room, "widen the trail", as_of, source)


# ---- armed by the contract


def tick_and_size(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """Prices on the contract's tick, quantity on its increment; never rounded silently.

    price % tick == 0; quantity % size_increment == 0
    """
    check, code, steps = "tick_and_size", "LIVE_PRICE_TICK_INVALID", context.steps
    if steps is None or not steps.prices or steps.size_increment is None:
        missing = "tick" if steps and steps.size_increment is not None else "size increment"
        missing = missing if steps and (steps.prices or steps.size_increment) else "tick and size increment"
    else:
        missing = ""
    if steps is not None:
        for name, price in (("limit price", order.limit_price), ("stop price", order.stop_price)):
            tick = steps.tick_at(price) if price is not None else None
            if price is not None and tick is not None and _off_grid(price, tick):
                words = f"the {name} {number(price)} is not a multiple of {number(tick)}"
                action = f"give a {name} on a tick of {number(tick)}, such as {number(_nearest(price, tick))}"
                return Finding(
                    check,
                    code,
                    REFUSE,
                    words,
                    number(price),
                    number(tick),
                    order.currency,
                    user_action=action,
                    source="contract",
                )
        size = steps.size_increment
        if size is not None and _off_grid(order.quantity, size):
            words = f"the quantity {number(order.quantity)} is not a multiple of {number(size)}"
            action = f"give a quantity in steps of {number(size)}"
            return Finding(
                check,
                code,
                REFUSE,
                words,
                number(order.quantity),
                number(size),
                "units",
                user_action=action,
                source="contract",
            )
    if missing:
        return Finding(check, code, WARN, f"the contract's {missing} is not known", source="contract")
    return Finding(check, code, PASS, "prices and quantity are on the contract's steps", source="contract")


def _off_grid(value: Decimal, step: Decimal) -> bool:
    return bool(EXACT.remainder(value, step))


def _nearest(price: Decimal, tick: Decimal) -> Decimal:
    nearest = EXACT.multiply(EXACT.divide(price, tick).to_integral_value(context=EXACT), tick)
    return nearest or tick.copy_sign(price)


# ---- armed by a field of the policy


def max_position(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """The position if everything on one side fills and nothing on the other (risk, F3).

    max(filled + open buys + buy, -(filled - open sells - sell)) <= max_position
    """
    check, code = "max_position", "LIVE_POSITION_LIMIT_REFUSED"
    limit, held = policy.max_position, context.position
    if limit is None:
        return _off(check, code, "max_position is not set")
    buys, sells = (held.open_buys(), held.open_sells()) if held else (None, None)
    if held is None or held.filled is None or buys is None or sells is None:
        words, action = "the position and the open orders are not known", "wait for the broker's positions"
        return _unknown(check, code, words, number(limit), "units", action)
    # The exits of a bracket close what the entry opens: they count on their own side, as the entry does on its.
    left = EXACT.subtract(order.quantity, context.modifies.filled) if context.modifies else order.quantity
    longest = EXACT.add(EXACT.add(held.filled, buys), left if order.side is Side.BUY else _ZERO)
    shortest = EXACT.subtract(EXACT.subtract(held.filled, sells), left if order.side is Side.SELL else _ZERO)
    worst = max(longest, shortest.copy_negate(), _ZERO)
    broken = worst > limit
    allowed = number(limit)
    words = f"{number(shortest)} to {number(longest)} if one side fills; {allowed} units allowed either way"
    return Finding(
        check,
        code,
        REFUSE if broken else PASS,
        words,
        number(worst),
        allowed,
        "units",
        _left(limit, worst),
        "lower the quantity, or cancel working orders" if broken else None,
        held.as_of or context.now,
        "broker and store",
    )


def buying_power(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """What the broker's own estimate leaves (risk, F5).

    excess liquidity after the order >= min_excess_liquidity
    """
    check, code, limit = "buying_power", "LIVE_BUYING_POWER_REFUSED", policy.min_excess_liquidity
    if limit is None:
        return _off(check, code, "min_excess_liquidity is not set")
    left = context.what_if.excess_liquidity_after if context.what_if else None
    if left is None:
        words, action = "the broker's what-if did not answer", "ask again, or check the account at the broker"
        return _unknown(check, code, words, number(limit.amount), limit.currency, action)
    value = converted(left.amount, left.currency, limit.currency, policy, context)
    if value is None:
        words = f"the what-if is in {left.currency} and the limit in {limit.currency}"
        action = f"set min_excess_liquidity in {left.currency}"
        return Finding(
            check, "LIVE_CURRENCY_MISMATCH", REFUSE, words, left.currency, limit.currency, user_action=action
        )
    broken = value < limit.amount
    words = f"the order leaves {number(value)} {limit.currency}; at least {number(limit.amount)} must be left"
    return Finding(
        check,
        code,
        REFUSE if broken else PASS,
        words,
        number(value),
        number(limit.amount),
        limit.currency,
        _left(value, limit.amount),
        "lower the quantity, or add funds" if broken else None,
        context.what_if.as_of if context.what_if else None,
        "broker what-if",
    )


def duplicate(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """The same account, contract, side, quantity, type and prices, lately (risk, F11).

    age of every equal order > duplicate_window_seconds
    """
    check, code, window = "duplicate", "LIVE_DUPLICATE_ORDER", policy.duplicate_window_seconds
    if window is None:
        return _off(check, code, "duplicate_window_seconds is not set")
    if context.recent_orders is None:
        return _unknown(check, code, "recent orders are not known", str(window), "s", "check the order store")
    ages = [other.age_seconds or _ZERO for other in context.recent_orders if _same(order, other)]
    youngest = min(ages, default=None)
    if youngest is not None and youngest <= window:
        words, action = (
            f"an equal order was staged {number(youngest)} s ago",
            "if it is meant twice, wait, or change it",
        )
        room = _left(youngest, Decimal(window))
        return Finding(
            check, code, REFUSE, words, number(youngest), str(window), "s", room, action, context.now, "store"
        )
    words = f"no equal order in {window} s"
    return Finding(check, code, PASS, words, None, str(window), "s", as_of=context.now, source="store")


_TWIN_FIELDS = (
    "account",
    "con_id",
    "side",
    "quantity",
    "order_type",
    "limit_price",
    "stop_price",
    "trailing_amount",
    "trailing_percent",
    "limit_offset",
)


def _same(order: OrderTerms, other: OwnOrder) -> bool:
    return all(getattr(order, name) == getattr(other, name) for name in _TWIN_FIELDS)


def self_cross(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """Whether it could trade with an own working order on the other side (risk, F13).

    buy: limit < limit of every own working sell; sell: limit > limit of every own working buy
    """
    check, code = "self_cross", "LIVE_SELF_CROSS_REFUSED"
    if not policy.refuse_self_cross:
        return _off(check, code, "refuse_self_cross is not set")
    if context.working_orders is None:
        words, action = "the own working orders are not known", "wait for the broker's orders"
        return _unknown(check, code, words, None, order.currency, action)
    reach = _reach(order, policy, context.market)
    for other in context.working_orders:
        if other.con_id == order.con_id and other.side is not order.side and _could_meet(order.side, reach, other):
            at = "without a limit" if other.limit_price is None else f"at {number(other.limit_price)}"
            words = f"it could trade with an own working {other.side.value} of {number(other.quantity)} {at}"
            return Finding(
                check,
                code,
                REFUSE,
                words,
                _maybe(reach),
                _maybe(other.limit_price),
                order.currency,
                user_action="cancel the other order first",
                as_of=context.now,
                source="broker",
            )
    words = "no own working order could trade with it"
    return Finding(check, code, PASS, words, as_of=context.now, source="broker")


def _reach(order: OrderTerms, policy: LimitPolicy, market: Market | None) -> Decimal | None:
    """How far an order may go to trade: up for a buy, down for a sell; None is 'any price'."""
    # The worst case of a sell without a limit is no floor at all.
    return order.limit_price if order.side is Side.SELL else highest_price(order, policy, market)


def _could_meet(side: Side, reach: Decimal | None, other: OwnOrder) -> bool:
    if other.limit_price is None or reach is None:
        return True
    return other.limit_price <= reach if side is Side.BUY else other.limit_price >= reach


def market_hours(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """Inside the hours the policy names; unknown hours warn (risk, F16).

    now lies in a session of the contract's liquid (or trading) hours
    """
    check, code, wanted, hours = "market_hours", "LIVE_MARKET_CLOSED", policy.market_hours, context.hours
    if wanted is None:
        return _off(check, code, "market_hours is not set")
    if wanted is HoursKind.ANY:
        return _off(check, code, "the policy allows any time")
    if hours is None or not hours.covers(context.now):
        words = "the contract's hours are not known"
        return Finding(check, code, WARN, words, None, wanted.value, source="contract")
    kind = hours.kind_at(context.now)
    is_open = kind is HoursKind.LIQUID or (kind is HoursKind.TRADING and wanted is HoursKind.TRADING)
    words = f"the market is {_HOURS[kind]}; the policy wants {wanted.value} hours"
    action = None if is_open else "wait until the market opens"
    observed = kind.value if kind else "closed"
    status = PASS if is_open else REFUSE
    return Finding(check, code, status, words, observed, wanted.value, None, None, action, context.now, "contract")


_HOURS = {HoursKind.LIQUID: "in liquid hours", HoursKind.TRADING: "in trading hours only", None: "closed"}


def price_drift(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """How far the market moved against the order since it was approved; a move in its favour is none (risk, F17).

    buy: (ask now - ask then) / ask then * 10000 <= max_drift_bps; sell: (bid then - bid now) / bid then * 10000
    """
    check, code, limit = "price_drift", "LIVE_PRICE_DRIFT", policy.max_drift_bps
    if limit is None:
        return _off(check, code, "max_drift_bps is not set")
    if not context.was_approved:
        return _off(check, code, "asked when it is submitted")
    then, now = _touch(order, context.approved_market), _touch(order, context.market)
    if then is None or now is None:
        words = f"the market {'when it was approved' if then is None else 'now'} is not known"
        return _unknown(check, code, words, str(limit), "bps", "review and approve it again")
    moved = EXACT.multiply(EXACT.multiply(Decimal(order.side.sign), EXACT.subtract(now, then)), _TEN_THOUSAND)
    shown = bps_shown(moved, then)
    broken = moved > EXACT.multiply(Decimal(limit), then)
    observed = number(shown)
    words = f"the market moved {observed} bps against the order since its approval; {limit} bps are allowed"
    return Finding(
        check,
        code,
        REFUSE if broken else PASS,
        words,
        observed,
        str(limit),
        "bps",
        number(limit - shown),
        "review and approve it again" if broken else None,
        _as_of(context.market),
        _source(context.market),
    )


def _touch(order: OrderTerms, market: Market | None) -> Decimal | None:
    """The side of the book the order trades with, else the reference price; None unless positive and in its currency."""
    if market is None or market.status is QuoteStatus.UNAVAILABLE:
        return None
    price = (market.ask if order.side is Side.BUY else market.bid) or reference_price(market)
    return price.amount if price is not None and price.amount > 0 and price.currency == order.currency else None


OWN_LIMITS: tuple[Check, ...] = (
    currency,
    quote_reliable,
    max_position,
    buying_power,
    trigger_price,
    tick_and_size,
    duplicate,
    self_cross,
    market_hours,
    price_drift,
)
"""In the order of the table in decisions, section 4."""


def _off(check: str, code: str, why: str) -> Finding:
    return Finding(check, code, OFF, why, source="policy")


def _unknown(check: str, code: str, words: str, limit: str | None, unit: str, action: str) -> Finding:
    return Finding(check, code, UNKNOWN, words, None, limit, unit, user_action=action)


def _left(limit: Decimal, used: Decimal) -> str:
    return number(EXACT.subtract(limit, used))


def _maybe(value: Decimal | None) -> str | None:
    return None if value is None else number(value)


def _as_of(market: Market | None) -> datetime | None:
    return market.as_of if market else None


def _source(market: Market | None) -> str | None:
    return market.source if market else None
