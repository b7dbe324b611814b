"""Every check one step below its limit, at it, and one step above, for every order type and asset class.

The tables are the specification read as numbers (decisions, sections 3 and 4). What an order without a limit
price is measured at is worked out here once more, in fractions, so that the code is not compared with itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from ibgw_tui.core.checks import check_limits
from ibgw_tui.core.context import Counters, Hours, LimitContext, OrderTerms, PositionFacts, Steps, WhatIfFacts
from ibgw_tui.core.decision import Finding
from ibgw_tui.core.gates import evaluate
from ibgw_tui.core.orders import PriceStep, Session
from ibgw_tui.core.policy import FrequencyLimit, LimitPolicy, SessionLimit
from ibgw_tui.core.terms import AssetClass, CheckStatus, HoursKind, Money, OrderType, Side
from tests.makers import (
    NOON,
    a_market,
    a_policy,
    an_approval,
    an_armed_policy,
    an_own_order,
    armed_context,
    counters,
    gate_context,
    terms,
    usd,
)

PASS, WARN, REFUSE, OFF = CheckStatus.PASS, CheckStatus.WARN, CheckStatus.REFUSE, CheckStatus.OFF
BUY, SELL = Side.BUY, Side.SELL
MARKET, LIMIT, STOP, STOP_LIMIT = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT
TRAIL, TRAIL_LIMIT = OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT
STEP = Decimal("0.00000001")
"""The smallest step of an amount in a policy."""


@dataclass(frozen=True)
class Instrument:
    name: str
    symbol: str
    asset_class: AssetClass
    multiplier: str
    bid: str
    ask: str
    tick: str
    quantity: str

    def d(self, name: str) -> Decimal:
        return Decimal(getattr(self, name))


INSTRUMENTS = [
    Instrument("stock", "AAPL", AssetClass.STOCK, "1", "99", "101", "0.01", "3"),
    Instrument("penny", "PNNY", AssetClass.STOCK, "1", "0.0099", "0.0101", "0.0001", "1000"),
    Instrument("etf", "SPY", AssetClass.ETF, "1", "599.98", "600.02", "0.01", "0.5"),
    Instrument("option", "AAPL", AssetClass.OPTION, "100", "4.20", "4.30", "0.05", "2"),
    Instrument("future", "ES", AssetClass.FUTURE, "50", "5000", "5000.25", "0.25", "1"),
    Instrument("negative", "CL", AssetClass.FUTURE, "50", "-37.65", "-37.60", "0.05", "1"),
    Instrument("fx", "EUR.USD", AssetClass.FX, "1", "1.1", "1.1002", "0.0001", "20000"),
]
BY_NAME = {instrument.name: instrument for instrument in INSTRUMENTS}


def shapes(made: Instrument) -> list[tuple[str, Side, OrderType, dict[str, Decimal]]]:
    """One order of each type and side that no check refuses, with prices in this instrument's ticks."""
    bid, ask, tick = made.d("bid"), made.d("ask"), made.d("tick")
    trail = ask - bid + 5 * tick
    percent = Decimal(50)
    return [
        ("market", BUY, MARKET, {}),
        ("market", SELL, MARKET, {}),
        ("limit", BUY, LIMIT, {"limit_price": bid}),
        ("limit", SELL, LIMIT, {"limit_price": ask}),
        ("stop", BUY, STOP, {"stop_price": ask + 4 * tick}),
        ("stop", SELL, STOP, {"stop_price": bid - 4 * tick}),
        ("stop-limit", BUY, STOP_LIMIT, {"stop_price": ask + 4 * tick, "limit_price": ask + 6 * tick}),
        ("stop-limit", SELL, STOP_LIMIT, {"stop_price": bid - 4 * tick, "limit_price": bid - 6 * tick}),
        ("trail by amount", BUY, TRAIL, {"trailing_amount": trail}),
        ("trail by amount", SELL, TRAIL, {"trailing_amount": trail}),
        ("trail by percent", BUY, TRAIL, {"trailing_percent": percent}),
        ("trail by percent", SELL, TRAIL, {"trailing_percent": percent}),
        ("trail from a stop", BUY, TRAIL, {"trailing_amount": trail, "stop_price": ask + 3 * tick}),
        ("trail limit near", BUY, TRAIL_LIMIT, {"trailing_amount": trail, "limit_offset": tick}),
        ("trail limit far", BUY, TRAIL_LIMIT, {"trailing_amount": trail, "limit_offset": abs(ask) + 7 * tick}),
        ("trail limit near", SELL, TRAIL_LIMIT, {"trailing_amount": trail, "limit_offset": tick}),
        ("trail limit far", SELL, TRAIL_LIMIT, {"trailing_amount": trail, "limit_offset": abs(ask) + 7 * tick}),
    ]


SHAPES = [
    pytest.param(made, side, kind, prices, id=f"{made.name}-{side.value}-{name}")
    for made in INSTRUMENTS
    for name, side, kind, prices in shapes(made)
]
HAIRCUT = 200


def worst_case(made: Instrument, side: Side, kind: OrderType, prices: dict[str, Decimal]) -> Fraction:
    """Decisions, section 4: buy max(ask, trigger), sell max(bid, trigger), times 1 + haircut."""
    if "limit_price" in prices:
        return Fraction(prices["limit_price"])
    touch = Fraction(made.d("ask") if side is BUY else made.d("bid"))
    base = touch
    if kind is not MARKET:
        trail = (
            Fraction(prices.get("trailing_amount", 0)) + abs(touch) * Fraction(prices.get("trailing_percent", 0)) / 100
        )
        trigger = touch + trail if side is BUY else touch - trail
        base = max(touch, Fraction(prices["stop_price"]) if "stop_price" in prices else trigger)
    worst = base * (1 + Fraction(HAIRCUT, 10_000))
    limit = base + Fraction(prices["limit_offset"]) if "limit_offset" in prices and side is BUY else worst
    return max(worst, limit, key=abs)


def highest(made: Instrument, kind: OrderType, prices: dict[str, Decimal]) -> Fraction:
    """The most that a buy may pay: the haircut counts upward, at negative prices too."""
    if made.name != "negative" or "limit_price" in prices:
        return worst_case(made, BUY, kind, prices)
    touch = Fraction(made.d("ask"))
    trail = Fraction(prices.get("trailing_amount", 0)) + abs(touch) * Fraction(prices.get("trailing_percent", 0)) / 100
    base = max(touch, Fraction(prices["stop_price"])) if "stop_price" in prices else touch + trail
    return max(base + abs(base) * Fraction(HAIRCUT, 10_000), base + Fraction(prices.get("limit_offset", 0)))


def order_of(made: Instrument, side: Side, kind: OrderType, prices: dict[str, Decimal], **changes: Any) -> OrderTerms:
    given: dict[str, Any] = {
        "symbol": made.symbol, "asset_class": made.asset_class, "multiplier": made.d("multiplier"), "side": side,
        "quantity": made.d("quantity"), "order_type": kind, "limit_price": None, **prices,
    }  # fmt: skip
    return terms(**{**given, **changes})


def context_of(made: Instrument, **changes: Any) -> LimitContext:
    market = a_market(made.bid, made.ask, None)
    steps = Steps((PriceStep(from_price=Decimal(0), increment=made.d("tick")),), made.d("quantity"))
    return armed_context(**{"market": market, "approved_market": market, "steps": steps, **changes})


def policy_of(made: Instrument, **changes: Any) -> LimitPolicy:
    """Every check armed, and room for everything: a test narrows the one it is about."""
    wide: dict[str, Any] = {
        "allowed_symbols": (made.symbol,), "allowed_asset_classes": (made.asset_class,), "max_notional": usd("10000000"),
        "max_quantity": Decimal(100_000), "max_position": Decimal(1_000_000), "max_price_deviation_bps": None,
        "session_limit": SessionLimit(max_orders_per_session=20, max_session_notional=usd("90000000")),
        "max_spread_bps": 1000, "market_order_haircut_bps": HAIRCUT,
    }  # fmt: skip
    if made.name == "negative":
        wide |= {"max_spread_bps": None, "max_drift_bps": None}
    return an_armed_policy(**{**wide, **changes})


def the(check: str, order: OrderTerms, policy: LimitPolicy, context: LimitContext) -> Finding:
    return next(found for found in check_limits(order, policy, context) if found.check == check)


def plain(value: Fraction) -> Decimal:
    found = Decimal(value.numerator) / Decimal(value.denominator)
    assert Fraction(found) == value, "the table needs a number that ends"
    return found


@pytest.mark.parametrize(("made", "side", "kind", "prices"), SHAPES)
def test_every_shape_passes_everything(
    made: Instrument, side: Side, kind: OrderType, prices: dict[str, Decimal]
) -> None:
    """Else the tables below would be about orders that something else refuses."""
    found = check_limits(order_of(made, side, kind, prices), policy_of(made), context_of(made))
    assert [(f.check, f.message) for f in found if f.blocks or f.status is WARN] == []
    off = {"market_snapshot", "reference_price", "price_collar", "trigger_price", "quote_reliable", "price_drift"}
    assert {f.check for f in found if f.status is OFF} <= off


@pytest.mark.parametrize(("made", "side", "kind", "prices"), SHAPES)
def test_notional(made: Instrument, side: Side, kind: OrderType, prices: dict[str, Decimal]) -> None:
    order, context = order_of(made, side, kind, prices), context_of(made)
    worst = worst_case(made, side, kind, prices)
    notional = plain(abs(worst) * Fraction(made.d("quantity")) * Fraction(made.d("multiplier")))
    for limit, status, left in ((notional - STEP, REFUSE, -STEP), (notional, PASS, 0), (notional + STEP, PASS, STEP)):
        found = the("max_notional", order, policy_of(made, max_notional=usd(f"{limit:f}")), context)
        assert (found.status, Decimal(found.observed or "")) == (status, notional)
        assert Decimal(found.headroom or "") == left
        assert (found.code, found.unit) == ("LIVE_NOTIONAL_LIMIT_REFUSED", "USD")
        used = Decimal(1000)
        cap = SessionLimit(max_orders_per_session=20, max_session_notional=usd(f"{limit + used:f}"))
        found = the(
            "session_notional",
            order,
            policy_of(made, session_limit=cap),
            context_of(made, counters=counters(notional="1000")),
        )
        assert (found.status, Decimal(found.headroom or "")) == (status, left)
        assert found.code == "LIVE_SESSION_NOTIONAL_LIMIT_REFUSED"


@pytest.mark.parametrize(("made", "side", "kind", "prices"), SHAPES)
def test_quantity_and_position(made: Instrument, side: Side, kind: OrderType, prices: dict[str, Decimal]) -> None:
    context = context_of(made)
    for step, status in ((-STEP, PASS), (Decimal(0), PASS), (STEP, REFUSE)):
        order = order_of(made, side, kind, prices, quantity=made.d("quantity") + step)
        found = the("max_quantity", order, policy_of(made, max_quantity=made.d("quantity")), context)
        assert (found.status, Decimal(found.headroom or "")) == (status, -step)
        found = the("max_position", order, policy_of(made, max_position=made.d("quantity")), context)
        assert (found.status, Decimal(found.headroom or "")) == (status, -step)


@pytest.mark.parametrize(("made", "side", "kind", "prices"), SHAPES)
def test_counts_and_age(made: Instrument, side: Side, kind: OrderType, prices: dict[str, Decimal]) -> None:
    order = order_of(made, side, kind, prices)
    policy = policy_of(
        made,
        frequency_limit=FrequencyLimit(max_orders=5, window_seconds=300),
        session_limit=SessionLimit(max_orders_per_session=7, max_session_notional=usd("90000000")),
    )
    for window, session, statuses in ((4, 6, (PASS, PASS)), (5, 7, (REFUSE, REFUSE)), (6, 8, (REFUSE, REFUSE))):
        context = context_of(made, counters=counters(window, session))
        assert (
            the("frequency", order, policy, context).status,
            the("session_orders", order, policy, context).status,
        ) == statuses
    for age, status in (("29.999999", PASS), ("30", PASS), ("30.000001", REFUSE)):
        market = a_market(made.bid, made.ask, None, age_seconds=Decimal(age))
        found = the("quote_age", order, policy, context_of(made, market=market))
        assert (found.status, found.observed, found.code) == (status, age, "LIVE_STALE_QUOTE")


@pytest.mark.parametrize(("made", "side", "kind", "prices"), SHAPES)
def test_excess_liquidity(made: Instrument, side: Side, kind: OrderType, prices: dict[str, Decimal]) -> None:
    order = order_of(made, side, kind, prices)
    for left, status in (("4999.99999999", REFUSE), ("5000", PASS), ("5000.00000001", PASS)):
        found = the("buying_power", order, policy_of(made), context_of(made, what_if=WhatIfFacts(usd(left), NOON)))
        assert (found.status, found.observed, found.limit) == (status, left, "5000")
        assert Decimal(found.headroom or "") == Decimal(left) - 5000


COLLAR: list[tuple[Side, OrderType, dict[str, str], int]] = [
    # side, type, prices as shares of the reference, haircut: each is 500 bps away from it
    (BUY, LIMIT, {"limit_price": "1.05"}, 200),
    (BUY, LIMIT, {"limit_price": "0.95"}, 200),
    (SELL, LIMIT, {"limit_price": "0.95"}, 200),
    (SELL, LIMIT, {"limit_price": "1.05"}, 200),
    (BUY, STOP_LIMIT, {"stop_price": "1.01", "limit_price": "1.05"}, 200),
    (SELL, STOP_LIMIT, {"stop_price": "0.99", "limit_price": "0.95"}, 200),
    (BUY, MARKET, {}, 500),
    (SELL, MARKET, {}, 500),
    (BUY, STOP, {"stop_price": "1.05"}, 0),
    (SELL, STOP, {"stop_price": "0.9"}, 500),
    (BUY, TRAIL, {"trailing_amount": "0.05"}, 0),
    (SELL, TRAIL, {"trailing_amount": "0.05"}, 500),
    (BUY, TRAIL, {"trailing_percent": "5"}, 0),
    (SELL, TRAIL, {"trailing_percent": "5"}, 500),
    (BUY, TRAIL_LIMIT, {"trailing_percent": "2", "limit_offset": "0.03"}, 0),
    (BUY, TRAIL_LIMIT, {"trailing_percent": "4.99", "limit_offset": "0.0001"}, 0),
    (SELL, TRAIL_LIMIT, {"trailing_amount": "0.02", "limit_offset": "0.01"}, 500),
]


@pytest.mark.parametrize("made", [made for made in INSTRUMENTS if made.name != "negative"], ids=lambda made: made.name)
@pytest.mark.parametrize(("side", "kind", "shares", "haircut"), COLLAR)
def test_collar(made: Instrument, side: Side, kind: OrderType, shares: dict[str, str], haircut: int) -> None:
    reference = made.d("ask")
    prices = {name: Decimal(share) * (1 if name == "trailing_percent" else reference) for name, share in shares.items()}
    order, context = order_of(made, side, kind, prices), context_of(made, market=a_market(made.ask, made.ask, None))
    for limit, status, left in ((499, REFUSE, "-1"), (500, PASS, "0"), (501, PASS, "1")):
        policy = policy_of(made, max_price_deviation_bps=limit, market_order_haircut_bps=haircut)
        found = the("price_collar", order, policy, context)
        assert (found.status, found.observed, found.limit, found.headroom) == (status, "500", str(limit), left)
        assert (found.code, found.unit) == ("LIVE_PRICE_COLLAR_REFUSED", "bps")


@pytest.mark.parametrize("made", [made for made in INSTRUMENTS if made.name != "negative"], ids=lambda made: made.name)
@pytest.mark.parametrize("sign", [1, -1])
def test_the_collar_in_ticks_of_the_price(made: Instrument, sign: int) -> None:
    reference, tick = made.d("ask"), made.d("tick") / 1000
    edge = reference + sign * reference * Decimal("0.05")
    context = context_of(made, market=a_market(made.ask, made.ask, None))
    policy = policy_of(made, max_price_deviation_bps=500)
    for side in (BUY, SELL):
        for away, status in ((-tick, PASS), (Decimal(0), PASS), (tick, REFUSE)):
            order = order_of(made, side, LIMIT, {"limit_price": edge + sign * away})
            found = the("price_collar", order, policy, context)
            assert found.status is status
            assert (Decimal(found.headroom or "") < 0) == (status is REFUSE)


def test_a_reference_that_is_not_positive_allows_no_collar() -> None:
    made = BY_NAME["negative"]
    order = order_of(made, BUY, LIMIT, {"limit_price": made.d("ask")})
    found = the("price_collar", order, policy_of(made, max_price_deviation_bps=500), context_of(made))
    assert found.status is CheckStatus.UNKNOWN


@pytest.mark.parametrize("made", [made for made in INSTRUMENTS if made.name != "negative"], ids=lambda made: made.name)
def test_spread(made: Instrument) -> None:
    """Bid and ask one part in a hundred apart, seen from the middle."""
    middle, step = made.d("ask"), made.d("tick") / 1000
    order, policy = order_of(made, BUY, LIMIT, {"limit_price": middle}), policy_of(made, max_spread_bps=100)
    for away, status in ((-step, PASS), (Decimal(0), PASS), (step, REFUSE)):
        half = middle * Decimal("0.005") + away
        found = the(
            "quote_reliable", order, policy, context_of(made, market=a_market(f"{middle - half}", f"{middle + half}"))
        )
        assert (found.status, found.code, found.unit) == (status, "LIVE_QUOTE_UNRELIABLE", "bps")
        assert (Decimal(found.headroom or "") < 0) == (status is REFUSE)


def test_a_locked_book_is_no_crossed_one() -> None:
    made = BY_NAME["stock"]
    order = order_of(made, BUY, LIMIT, {"limit_price": Decimal(100)})
    for bid, status in (("99.99", PASS), ("100", PASS), ("100.01", REFUSE)):
        assert (
            the("quote_reliable", order, policy_of(made), context_of(made, market=a_market(bid, "100"))).status
            is status
        )


@pytest.mark.parametrize("made", INSTRUMENTS, ids=lambda made: made.name)
@pytest.mark.parametrize("kind", [STOP, STOP_LIMIT, TRAIL, TRAIL_LIMIT])
def test_a_trigger_beside_the_market(made: Instrument, kind: OrderType) -> None:
    bid, ask, tick = made.d("bid"), made.d("ask"), made.d("tick")
    for side, touch, sign in ((BUY, ask, 1), (SELL, bid, -1)):
        for away, status in ((-tick, REFUSE), (Decimal(0), REFUSE), (tick, PASS)):
            stop = touch + sign * away
            prices = {"stop_price": stop}
            if kind is STOP_LIMIT:
                prices["limit_price"] = stop
            if kind in (TRAIL, TRAIL_LIMIT):
                prices["trailing_amount"] = ask - bid + tick
            if kind is TRAIL_LIMIT:
                prices["limit_offset"] = tick
            found = the("trigger_price", order_of(made, side, kind, prices), policy_of(made), context_of(made))
            assert (found.status, found.code) == (status, "LIVE_TRIGGER_PRICE_REFUSED")
            assert Decimal(found.headroom or "") == away


@pytest.mark.parametrize("made", INSTRUMENTS, ids=lambda made: made.name)
def test_the_limit_behind_its_stop(made: Instrument) -> None:
    bid, ask, tick = made.d("bid"), made.d("ask"), made.d("tick")
    for side, stop, sign in ((BUY, ask + 5 * tick, 1), (SELL, bid - 5 * tick, -1)):
        for gap, status in ((-tick, REFUSE), (Decimal(0), PASS), (tick, PASS)):
            prices = {"stop_price": stop, "limit_price": stop + sign * gap}
            found = the("trigger_price", order_of(made, side, STOP_LIMIT, prices), policy_of(made), context_of(made))
            assert found.status is status


@pytest.mark.parametrize("made", INSTRUMENTS, ids=lambda made: made.name)
@pytest.mark.parametrize("kind", [TRAIL, TRAIL_LIMIT])
def test_a_trail_beside_the_spread(made: Instrument, kind: OrderType) -> None:
    bid, ask, tick = made.d("bid"), made.d("ask"), made.d("tick")
    offset = {"limit_offset": tick} if kind is TRAIL_LIMIT else {}
    for away, status in ((-tick / 10, REFUSE), (Decimal(0), REFUSE), (tick / 10, PASS)):
        for side in (BUY, SELL):
            prices = {"trailing_amount": ask - bid + away, **offset}
            found = the("trigger_price", order_of(made, side, kind, prices), policy_of(made), context_of(made))
            assert (found.status, found.code) == (status, "LIVE_TRIGGER_PRICE_REFUSED")


@pytest.mark.parametrize("kind", [TRAIL, TRAIL_LIMIT])
def test_a_trail_in_percent_beside_the_spread(kind: OrderType) -> None:
    made = Instrument("wide", "AAPL", AssetClass.STOCK, "1", "98", "100", "0.01", "1")
    offset = {"limit_offset": Decimal("0.01")} if kind is TRAIL_LIMIT else {}
    for percent, status in (("1.99", REFUSE), ("2", REFUSE), ("2.01", PASS)):
        prices = {"trailing_percent": Decimal(percent), **offset}
        assert (
            the("trigger_price", order_of(made, BUY, kind, prices), policy_of(made), context_of(made)).status is status
        )


PRICED_TYPES = [
    (LIMIT, ("limit_price",)),
    (STOP, ("stop_price",)),
    (STOP_LIMIT, ("limit_price", "stop_price")),
    (TRAIL, ("stop_price",)),
    (TRAIL_LIMIT, ("stop_price",)),
]


@pytest.mark.parametrize("made", INSTRUMENTS, ids=lambda made: made.name)
@pytest.mark.parametrize(("kind", "names"), PRICED_TYPES)
def test_on_and_off_the_tick(made: Instrument, kind: OrderType, names: tuple[str, ...]) -> None:
    tick, on = made.d("tick"), made.d("ask")
    for name in names:
        for away, status in (
            (-tick, PASS),
            (-tick / 10, REFUSE),
            (Decimal(0), PASS),
            (tick / 10, REFUSE),
            (tick, PASS),
        ):
            prices = {**dict.fromkeys(names, on), name: on + away, "trailing_amount": tick, "limit_offset": tick}
            found = the("tick_and_size", order_of(made, BUY, kind, prices), policy_of(made), context_of(made))
            assert (found.status, found.code) == (status, "LIVE_PRICE_TICK_INVALID")


@pytest.mark.parametrize("made", INSTRUMENTS, ids=lambda made: made.name)
def test_on_and_off_the_size(made: Instrument) -> None:
    size = made.d("quantity")
    for quantity, status in ((size - STEP, REFUSE), (size, PASS), (size + STEP, REFUSE), (3 * size, PASS)):
        order = order_of(made, BUY, MARKET, {}, quantity=quantity)
        assert the("tick_and_size", order, policy_of(made), context_of(made)).status is status


LADDER = Steps(
    (
        PriceStep(from_price=Decimal(0), increment=Decimal("0.0001")),
        PriceStep(from_price=Decimal(1), increment=Decimal("0.01")),
    ),
    Decimal(1),
)


@pytest.mark.parametrize(
    ("price", "status"),
    [("0.9999", PASS), ("0.99995", REFUSE), ("1", PASS), ("1.0001", REFUSE), ("1.01", PASS), ("-0.9999", PASS),
     ("-1.0001", REFUSE), ("-1.01", PASS), ("0.0001", PASS)],
)  # fmt: skip
def test_the_tick_ladder_changes_at_its_step(price: str, status: CheckStatus) -> None:
    made = BY_NAME["future"]
    order = order_of(made, BUY, LIMIT, {"limit_price": Decimal(price)})
    assert the("tick_and_size", order, policy_of(made), context_of(made, steps=LADDER)).status is status


@pytest.mark.parametrize("made", [made for made in INSTRUMENTS if made.name != "negative"], ids=lambda made: made.name)
def test_drift(made: Instrument) -> None:
    """One part in a hundred against the order; the same move in its favour is none."""
    then, step = made.d("ask"), made.d("tick") / 1000
    policy = policy_of(made, max_drift_bps=100)
    for side, sign in ((BUY, 1), (SELL, -1)):
        order = order_of(made, side, LIMIT, {"limit_price": then})
        for away, status in ((-step, PASS), (Decimal(0), PASS), (step, REFUSE)):
            now = then + sign * (then / 100 + away)
            context = context_of(
                made, market=a_market(str(now), str(now)), approved_market=a_market(str(then), str(then))
            )
            found = the("price_drift", order, policy, context)
            assert (found.status, found.code, found.unit) == (status, "LIVE_PRICE_DRIFT", "bps")
            assert (Decimal(found.headroom or "") < 0) == (status is REFUSE)
        in_favour = a_market(str(then - sign * then / 2), str(then - sign * then / 2))
        context = context_of(made, market=in_favour, approved_market=a_market(str(then), str(then)))
        found = the("price_drift", order, policy, context)
        assert (found.status, found.observed) == (PASS, "-5000")


@pytest.mark.parametrize(("made", "side", "kind", "prices"), SHAPES)
def test_duplicates(made: Instrument, side: Side, kind: OrderType, prices: dict[str, Decimal]) -> None:
    order, quantity = order_of(made, side, kind, prices), made.d("quantity")
    for age, status in (("59.999999", REFUSE), ("60", REFUSE), ("60.000001", PASS)):
        given: dict[str, Any] = {"limit_price": None, **prices}
        twin = an_own_order(side=side, quantity=quantity, order_type=kind, age_seconds=Decimal(age), **given)
        found = the("duplicate", order, policy_of(made), context_of(made, recent_orders=(twin,)))
        assert (found.status, found.code) == (status, "LIVE_DUPLICATE_ORDER")


@pytest.mark.parametrize(("made", "side", "kind", "prices"), SHAPES)
def test_own_orders_that_could_meet(made: Instrument, side: Side, kind: OrderType, prices: dict[str, Decimal]) -> None:
    order, tick = order_of(made, side, kind, prices), made.d("tick")
    reach = plain(highest(made, kind, prices) if side is BUY else worst_case(made, side, kind, prices))
    other = SELL if side is BUY else BUY
    for away, status in ((-tick, REFUSE), (Decimal(0), REFUSE), (tick, PASS)):
        theirs = reach + away if side is BUY else reach - away
        if side is SELL and "limit_price" not in prices:
            status = REFUSE  # without a limit a sell may trade at any price
        context = context_of(made, working_orders=(an_own_order(side=other, limit_price=theirs),))
        found = the("self_cross", order, policy_of(made), context)
        assert (found.status, found.code) == (status, "LIVE_SELF_CROSS_REFUSED")


OPENS, CLOSES, MOMENT = NOON + timedelta(hours=1), NOON + timedelta(hours=2), timedelta(microseconds=1)
LATER = Session(opens=CLOSES + timedelta(days=1), closes=CLOSES + timedelta(days=2))


@pytest.mark.parametrize(
    ("now", "inside"), [(OPENS - MOMENT, False), (OPENS, True), (CLOSES - MOMENT, True), (CLOSES, False)]
)
def test_the_market_opens_at_its_first_moment_and_is_closed_at_its_last(now: Any, inside: bool) -> None:
    made, span = BY_NAME["stock"], Session(opens=OPENS, closes=CLOSES)
    order = order_of(made, BUY, MARKET, {})
    for kind, hours in (
        (HoursKind.LIQUID, Hours((span, LATER), ())),
        (HoursKind.TRADING, Hours((LATER,), (span,))),
        (HoursKind.TRADING, Hours((span, LATER), ())),
    ):
        found = the("market_hours", order, policy_of(made, market_hours=kind), context_of(made, now=now, hours=hours))
        assert (found.status, found.code) == (PASS if inside else REFUSE, "LIVE_MARKET_CLOSED")


@pytest.mark.parametrize(("away", "good"), [(-MOMENT, False), (timedelta(0), False), (MOMENT, True)])
def test_what_expires_is_over_at_its_expiry(away: timedelta, good: bool) -> None:
    from ibgw_tui.core.context import ApprovalFacts, PreviewFacts

    approval = ApprovalFacts.of(an_approval(expires_at=NOON + away))
    decision = evaluate(terms(), a_policy(), armed_context(), gate_context(approval=approval))
    assert decision.allowed is good
    preview = PreviewFacts("p1", "d1", a_policy().digest, NOON + away)
    decision = evaluate(terms(), a_policy(), armed_context(), gate_context(preview=preview))
    assert decision.allowed is good


POSITIONS: list[tuple[Side, dict[str, str], str, CheckStatus]] = [
    # held and open, limit 10, an order of 3: each side alone, everything of it filled
    (BUY, {"filled": "7"}, "10", PASS),
    (BUY, {"filled": "7.00000001"}, "10.00000001", REFUSE),
    (SELL, {"filled": "-7"}, "10", PASS),
    (SELL, {"filled": "-7.00000001"}, "10.00000001", REFUSE),
    (BUY, {"filled": "4", "working_buys": "1", "reserved_buys": "1", "in_doubt_buys": "1"}, "10", PASS),
    (BUY, {"filled": "4", "working_buys": "1", "reserved_buys": "1", "in_doubt_buys": "1.00000001"}, "10.00000001", REFUSE),
    (SELL, {"filled": "-4", "working_sells": "1", "reserved_sells": "1", "in_doubt_sells": "1"}, "10", PASS),
    (SELL, {"filled": "-4", "working_sells": "1", "reserved_sells": "2", "in_doubt_sells": "1"}, "11", REFUSE),
    (BUY, {"filled": "0", "working_buys": "7", "working_sells": "9"}, "10", PASS),
    (BUY, {"filled": "0", "working_buys": "8", "working_sells": "8"}, "11", REFUSE),
    (BUY, {"filled": "-12"}, "12", REFUSE),
    (SELL, {"filled": "12"}, "12", REFUSE),
    (BUY, {"filled": "0", "working_sells": "11"}, "11", REFUSE),
]  # fmt: skip


@pytest.mark.parametrize(("side", "held", "observed", "status"), POSITIONS)
def test_position_of_each_side_alone(side: Side, held: dict[str, str], observed: str, status: CheckStatus) -> None:
    made = BY_NAME["stock"]
    given: dict[str, Any] = {name: Decimal(value) for name, value in held.items()}
    position = PositionFacts(**given)
    order = order_of(made, side, LIMIT, {"limit_price": Decimal(100)})
    found = the("max_position", order, policy_of(made, max_position=Decimal(10)), context_of(made, position=position))
    assert (found.status, found.observed) == (status, observed)


def test_session_totals_in_other_currencies_are_converted_to_the_last_digit() -> None:
    made = BY_NAME["stock"]
    order = order_of(made, BUY, LIMIT, {"limit_price": Decimal(100)})
    for euros, status in (("90.90909090", PASS), ("90.90909091", REFUSE)):
        totals = Counters(0, 0, (Money(amount=Decimal(euros), currency="EUR"),))
        cap = SessionLimit(max_orders_per_session=20, max_session_notional=usd("400"))
        found = the("session_notional", order, policy_of(made, session_limit=cap), context_of(made, counters=totals))
        assert found.status is status


def test_no_product_is_rounded() -> None:
    """Twenty digits by twenty digits by twenty digits: the last of them decides."""
    made = BY_NAME["stock"]
    big = Decimal("123456789012.12345678")
    order = order_of(made, BUY, LIMIT, {"limit_price": big}, quantity=big, multiplier=Decimal("1.00000001"))
    exact = Fraction(big) * Fraction(big) * Fraction(Decimal("1.00000001"))
    found = the("max_notional", order, policy_of(made), context_of(made))
    assert Fraction(found.observed or "") == exact
