"""The twelve limit checks of the seed, each a pure function: (order, policy, context) -> Finding.

The order of SEED_LIMITS is the order of the specification (decisions, section 4): the first refusing one
is the headline. Every check always runs. The first lines of each say what happens when something is
not known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from ibgw_tui.core.context import LimitContext, Market, OrderTerms
from ibgw_tui.core.decision import Finding
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.prices import LIMITED, bps_shown, converted, notional_of, number, reference_price, worst_case_price
from ibgw_tui.core.terms import EXACT, CheckStatus, Money, QuoteStatus, Side

Check = Callable[[OrderTerms, LimitPolicy, LimitContext], Finding]

_TEN_THOUSAND = Decimal(10_000)


# ---- the checks of the seed, in its order


def policy_enabled(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """The policy is switched on.

    enabled
    """
    code = "LIVE_LIMIT_POLICY_DISABLED"
    if not policy.enabled:
        return Finding(
            "policy_enabled",
            code,
            CheckStatus.REFUSE,
            "the limit policy is disabled",
            "disabled",
            "enabled",
            user_action="enable the policy in the configuration",
            source="configuration",
        )
    return Finding(
        "policy_enabled",
        code,
        CheckStatus.PASS,
        "the limit policy is enabled",
        "enabled",
        "enabled",
        source="configuration",
    )


def symbol(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """The symbol is listed, letter for letter; an empty list allows none.

    symbol in allowed_symbols
    """
    code, allowed = "LIVE_SYMBOL_REFUSED", policy.symbols_shown
    if order.symbol not in policy.allowed_symbols:
        return Finding(
            "symbol",
            code,
            CheckStatus.REFUSE,
            f"{order.symbol} is not an allowed symbol",
            order.symbol,
            allowed,
            user_action="stage an allowed symbol, or add it to allowed_symbols",
            source="policy",
        )
    return Finding(
        "symbol", code, CheckStatus.PASS, f"{order.symbol} is an allowed symbol", order.symbol, allowed, source="policy"
    )


def asset_class(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """The asset class is listed; an empty list allows none.

    asset_class in allowed_asset_classes
    """
    code, observed = "LIVE_ASSET_CLASS_REFUSED", order.asset_class.value
    allowed = policy.classes_shown
    if order.asset_class not in policy.allowed_asset_classes:
        return Finding(
            "asset_class",
            code,
            CheckStatus.REFUSE,
            f"asset class {observed} is not allowed",
            observed,
            allowed,
            user_action="stage an allowed asset class, or add it to allowed_asset_classes",
            source="policy",
        )
    return Finding(
        "asset_class", code, CheckStatus.PASS, f"asset class {observed} is allowed", observed, allowed, source="policy"
    )


def max_quantity(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """The quantity of one order.

    quantity <= max_quantity
    """
    code, limit = "LIVE_QUANTITY_LIMIT_REFUSED", policy.max_quantity
    if limit is None:
        return _not_set("max_quantity", code, "max_quantity")
    return _at_most(
        "max_quantity", code, "quantity", order.quantity, limit, "units", "lower the quantity", "policy", context
    )


def max_notional(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """The value of one order at the worst price it may trade at, in the currency of the limit.

    quantity * multiplier * worst_case_price <= max_notional
    """
    code, limit = "LIVE_NOTIONAL_LIMIT_REFUSED", policy.max_notional
    if limit is None:
        return _not_set("max_notional", code, "max_notional")
    price = worst_case_price(order, policy, context.market)
    if price is None:
        return _unmeasured("max_notional", code, order, limit, context)
    notional = converted(notional_of(order, price), price.currency, limit.currency, policy, context)
    if notional is None:
        return _currencies("max_notional", price.currency, limit.currency)
    return _at_most(
        "max_notional",
        code,
        "notional",
        notional,
        limit.amount,
        limit.currency,
        "lower the quantity or the price",
        "policy",
        context,
    )


def _wants_quote(policy: LimitPolicy) -> bool:
    return policy.max_price_deviation_bps is not None or policy.max_quote_age_seconds is not None


def market_snapshot(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """There is a quote to compare with.

    quote is there, and its status is not unavailable
    """
    code, market = "LIVE_MARKET_SNAPSHOT_MISSING", context.market
    if not _wants_quote(policy):
        return _off("market_snapshot", code, "neither a price collar nor a quote age is set")
    if market is None or market.status is QuoteStatus.UNAVAILABLE:
        return Finding(
            "market_snapshot",
            code,
            CheckStatus.UNKNOWN,
            "there is no quote for this contract",
            None,
            "a quote",
            user_action="wait for market data, or check the data subscription",
            source=market.source if market else None,
        )
    return Finding(
        "market_snapshot",
        code,
        CheckStatus.PASS,
        f"a {market.status.value} quote is at hand",
        market.status.value,
        "a quote",
        as_of=market.as_of,
        source=market.source,
    )


def quote_age(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """How old the quote is; one that is marked stale is too old at any age.

    now - time of the quote <= max_quote_age_seconds
    """
    code, limit, market = "LIVE_STALE_QUOTE", policy.max_quote_age_seconds, context.market
    if limit is None:
        return _off("quote_age", code, "max_quote_age_seconds is not set")
    if market is None or market.status is QuoteStatus.UNAVAILABLE or market.age_seconds is None:
        return Finding(
            "quote_age",
            code,
            CheckStatus.UNKNOWN,
            "the age of the quote is not known",
            None,
            str(limit),
            "s",
            user_action="wait for a fresh quote",
            source=market.source if market else None,
        )
    age = market.age_seconds
    if market.status is QuoteStatus.STALE:
        return Finding(
            "quote_age",
            code,
            CheckStatus.REFUSE,
            "the quote is marked stale",
            number(age),
            str(limit),
            "s",
            user_action="wait for a fresh quote",
            as_of=market.as_of,
            source=market.source,
        )
    return _at_most(
        "quote_age", code, "quote age", age, Decimal(limit), "s", "wait for a fresh quote", market.source, context
    )


def reference(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """The price the market is at: the middle of bid and ask, else the last trade, in the order's currency.

    reference = (bid + ask) / 2, else last; reference > 0
    """
    code, market = "LIVE_MARKET_SNAPSHOT_MISSING", context.market
    if policy.max_price_deviation_bps is None:
        return _off("reference_price", code, "max_price_deviation_bps is not set")
    price = _reference(order, market)
    if price is None:
        return Finding(
            "reference_price",
            code,
            CheckStatus.UNKNOWN,
            f"there is no positive reference price in {order.currency}",
            None,
            f"a price in {order.currency}",
            order.currency,
            user_action="wait for a two-sided quote",
            source=market.source if market else None,
        )
    return Finding(
        "reference_price",
        code,
        CheckStatus.PASS,
        f"the reference price is {number(price)} {order.currency}",
        number(price),
        "a positive price",
        order.currency,
        as_of=market.as_of if market else None,
        source=market.source if market else None,
    )


def _reference(order: OrderTerms, market: Market | None) -> Decimal | None:
    if market is None or market.status is QuoteStatus.UNAVAILABLE:
        return None
    price = reference_price(market)
    if price is None or price.amount <= 0 or price.currency != order.currency:
        return None
    return price.amount


def price_collar(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """The distance between the worst price it may trade at and the market.

    abs(worst_case_price - reference) / reference * 10000 <= max_price_deviation_bps
    """
    code, limit = "LIVE_PRICE_COLLAR_REFUSED", policy.max_price_deviation_bps
    if limit is None:
        return _off("price_collar", code, "max_price_deviation_bps is not set")
    base = _reference(order, context.market)
    price = worst_case_price(order, policy, context.market)
    if base is None or price is None:
        foreign = _foreign(order, context.market)
        if foreign is not None:
            return _currencies("price_collar", order.currency, foreign)
        return Finding(
            "price_collar",
            code,
            CheckStatus.UNKNOWN,
            "the distance to the market is not known",
            None,
            str(limit),
            "bps",
            user_action="wait for a two-sided quote",
        )
    # Compared without a division, so that equality is exact; the quotient is only for people.
    distance = EXACT.multiply(EXACT.subtract(price.amount, base).copy_abs(), _TEN_THOUSAND)
    shown = bps_shown(distance, base)
    broken = distance > EXACT.multiply(Decimal(limit), base)
    observed = number(shown)
    market = context.market
    return Finding(
        "price_collar",
        code,
        CheckStatus.REFUSE if broken else CheckStatus.PASS,
        f"{number(price.amount)} is {observed} bps from the market at {number(base)}; {limit} bps are allowed",
        observed,
        str(limit),
        "bps",
        number(limit - shown),
        "bring the price nearer to the market" if broken else None,
        market.as_of if market else None,
        market.source if market else None,
    )


def _foreign(order: OrderTerms, market: Market | None) -> str | None:
    """The currency in which the order cannot be compared with the market, if that is what is wrong."""
    if market is None or market.status is QuoteStatus.UNAVAILABLE:
        return None
    touch = market.ask if order.side is Side.BUY else market.bid
    needed = (reference_price(market), touch if order.limit_price is None else None)
    return next((price.currency for price in needed if price and price.currency != order.currency), None)


def frequency(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """Orders of the account in the moving window; its old end counts, and so does each leg of a bracket.

    submitted in window_seconds + 1 <= max_orders
    """
    return room_for(1, "frequency", policy, context)


def session_orders(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """Orders of the account since the session's roll; each leg of a bracket counts.

    submitted in the session + 1 <= max_orders_per_session
    """
    return room_for(1, "session_orders", policy, context)


def room_for(orders: int, check: str, policy: LimitPolicy, context: LimitContext) -> Finding:
    """Whether the window ('frequency') or the session ('session_orders') has room for so many more orders."""
    if check == "frequency":
        code, field = "LIVE_FREQUENCY_LIMIT_REFUSED", "frequency_limit"
        window = policy.frequency_limit
        limit = window.max_orders if window else None
        count = context.counters.submitted_in_window if context.counters else None
        unit, remedy = f"orders in {window.window_seconds if window else '?'} s", "wait until the window has moved on"
    else:
        code, field = "LIVE_SESSION_ORDER_LIMIT_REFUSED", "session_limit"
        limit = policy.session_limit.max_orders_per_session if policy.session_limit else None
        count = context.counters.submitted_in_session if context.counters else None
        unit, remedy = "orders in the session", "wait for the next session"
    if limit is None:
        return _not_set(check, code, field)
    if count is None:
        words = f"the number of {unit} is not known"
        action = "check the order store"
        return Finding(check, code, CheckStatus.UNKNOWN, words, None, str(limit), unit, user_action=action)
    broken = count + orders > limit
    lacking = f"; there is no room for {'one' if orders == 1 else orders} more" if broken else ""
    return Finding(
        check,
        code,
        CheckStatus.REFUSE if broken else CheckStatus.PASS,
        f"{count} {unit} of {limit} are used{lacking}",
        str(count),
        str(limit),
        unit,
        str(limit - count - (orders - 1)),
        remedy if broken else None,
        context.now,
        "store",
    )


def session_notional(order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    """The value of the account's orders since the session's roll, and of this one.

    session's total + quantity * multiplier * worst_case_price <= max_session_notional
    """
    return session_total((order,), policy, context)


def session_total(orders: Sequence[OrderTerms], policy: LimitPolicy, context: LimitContext) -> Finding:
    """The notional of the session so far and of these orders together."""
    check, code = "session_notional", "LIVE_SESSION_NOTIONAL_LIMIT_REFUSED"
    limit = policy.session_limit.max_session_notional if policy.session_limit else None
    if limit is None:
        return _not_set(check, code, "session_limit.max_session_notional")
    totals = context.counters.session_notional if context.counters else None
    if totals is None:
        return Finding(
            check,
            code,
            CheckStatus.UNKNOWN,
            "the session's total is not known",
            None,
            number(limit.amount),
            limit.currency,
            user_action="check the order store",
        )
    parts = [(total.amount, total.currency) for total in totals]
    for order in orders:
        price = worst_case_price(order, policy, context.market)
        if price is None:
            return _unmeasured(check, code, order, limit, context)
        parts.append((notional_of(order, price), price.currency))
    total = Decimal(0)
    for value, currency in parts:
        share = converted(value, currency, limit.currency, policy, context)
        if share is None:
            return _currencies(check, currency, limit.currency)
        total = EXACT.add(total, share)
    what = "session total with this order" if len(orders) == 1 else f"session total with these {len(orders)} orders"
    remedy = "lower the quantity, or wait for the next session"
    return _at_most(check, code, what, total, limit.amount, limit.currency, remedy, "store", context)


SEED_LIMITS: tuple[Check, ...] = (
    policy_enabled,
    symbol,
    asset_class,
    max_quantity,
    max_notional,
    market_snapshot,
    quote_age,
    reference,
    price_collar,
    frequency,
    session_orders,
    session_notional,
)


# ---- how findings are said


def _at_most(
    check: str,
    code: str,
    what: str,
    observed: Decimal,
    limit: Decimal,
    unit: str,
    remedy: str,
    source: str | None,
    context: LimitContext,
) -> Finding:
    broken = observed > limit
    word = "is above" if broken else "is within"
    seen, allowed = number(observed), number(limit)
    return Finding(
        check,
        code,
        CheckStatus.REFUSE if broken else CheckStatus.PASS,
        f"{what} {seen} {unit} {word} the limit of {allowed} {unit}",
        seen,
        allowed,
        unit,
        number(EXACT.subtract(limit, observed)),
        remedy if broken else None,
        context.now,
        source,
    )


def _not_set(check: str, code: str, name: str) -> Finding:
    """An absent limit allows nothing."""
    return Finding(
        check,
        code,
        CheckStatus.UNKNOWN,
        f"the policy sets no {name}, and an absent limit allows nothing",
        user_action=f"set {name} in the policy",
        source="policy",
    )


def _off(check: str, code: str, why: str) -> Finding:
    return Finding(check, code, CheckStatus.OFF, why, source="policy")


def _unmeasured(check: str, code: str, order: OrderTerms, limit: Money, context: LimitContext) -> Finding:
    """An order without a limit price and without the market price that would measure it."""
    foreign = _foreign(order, context.market)
    if foreign is not None and order.limit_price is None and order.order_type not in LIMITED:
        return _currencies(check, order.currency, foreign)
    side = "ask" if order.side is Side.BUY else "bid"
    return Finding(
        check,
        code,
        CheckStatus.UNKNOWN,
        f"a {order.order_type.value} order cannot be measured without a positive {side} in {order.currency}",
        None,
        number(limit.amount),
        limit.currency,
        user_action="wait for a quote, or stage a limit order",
    )


def _currencies(check: str, observed: str, limit: str) -> Finding:
    return Finding(
        check,
        "LIVE_CURRENCY_MISMATCH",
        CheckStatus.REFUSE,
        f"one amount is in {observed} and the other in {limit}",
        observed,
        limit,
        user_action=f"set a limit in {observed}, or trade in {limit}",
    )
