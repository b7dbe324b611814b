"""The seed's twelve checks at limit - 1, limit and limit + 1, and with each input missing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.core.checks import LIMITS, check_limits
from ibgw_tui.core.context import Counters, LimitContext, OrderTerms, Price
from ibgw_tui.core.decision import Finding
from ibgw_tui.core.limits import SEED_LIMITS
from ibgw_tui.core.policy import FrequencyLimit, LimitPolicy, SessionLimit
from ibgw_tui.core.prices import notional_of, reference_price, worst_case_price
from ibgw_tui.core.terms import AssetClass, CheckStatus, Money, OrderType, QuoteStatus, Side
from tests.makers import a_market, a_policy, counters, limit_context, terms, usd

PASS, REFUSE, UNKNOWN, OFF = CheckStatus.PASS, CheckStatus.REFUSE, CheckStatus.UNKNOWN, CheckStatus.OFF

CODES = [
    "LIVE_LIMIT_POLICY_DISABLED",
    "LIVE_SYMBOL_REFUSED",
    "LIVE_ASSET_CLASS_REFUSED",
    "LIVE_QUANTITY_LIMIT_REFUSED",
    "LIVE_NOTIONAL_LIMIT_REFUSED",
    "LIVE_MARKET_SNAPSHOT_MISSING",
    "LIVE_STALE_QUOTE",
    "LIVE_MARKET_SNAPSHOT_MISSING",
    "LIVE_PRICE_COLLAR_REFUSED",
    "LIVE_FREQUENCY_LIMIT_REFUSED",
    "LIVE_SESSION_ORDER_LIMIT_REFUSED",
    "LIVE_SESSION_NOTIONAL_LIMIT_REFUSED",
]


def finding(check: str, order: OrderTerms | None = None, policy: LimitPolicy | None = None, **context: Any) -> Finding:
    found = check_limits(order or terms(), policy or a_policy(), limit_context(**context))
    return next(f for f in found if f.check == check)


def test_the_baseline_passes_with_all_twelve_findings_in_the_seeds_order() -> None:
    found = check_limits(terms(), a_policy(), limit_context())
    assert [f.code for f in found[:12]] == CODES
    assert len(found) == len(LIMITS)
    assert LIMITS[:12] == SEED_LIMITS
    assert {f.status for f in found[:12]} == {PASS}


def test_a_disabled_policy() -> None:
    assert finding("policy_enabled", policy=a_policy(enabled=False)).status is REFUSE


@pytest.mark.parametrize("allowed", [(), ("MSFT",), ("AAP",), ("AAPL.B",)])
def test_symbols_are_exact_members(allowed: tuple[str, ...]) -> None:
    assert finding("symbol", policy=a_policy(allowed_symbols=allowed)).status is REFUSE


def test_asset_class() -> None:
    assert finding("asset_class", policy=a_policy(allowed_asset_classes=())).status is REFUSE
    assert finding("asset_class", terms(asset_class=AssetClass.ETF)).status is REFUSE


@pytest.mark.parametrize(
    ("quantity", "status", "headroom"),
    [("9.99999999", PASS, "0.00000001"), ("10", PASS, "0"), ("10.00000001", REFUSE, "-0.00000001")],
)
def test_quantity(quantity: str, status: CheckStatus, headroom: str) -> None:
    found = finding("max_quantity", terms(quantity=Decimal(quantity)))
    assert (found.status, found.headroom, found.limit) == (status, headroom, "10")


@pytest.mark.parametrize(("price", "status"), [("99.99", PASS), ("100", PASS), ("100.01", REFUSE)])
def test_notional_is_quantity_times_multiplier_times_price(price: str, status: CheckStatus) -> None:
    order = terms(quantity=Decimal("0.1"), multiplier=Decimal(100), limit_price=Decimal(price))
    assert finding("max_notional", order).status is status


def test_a_negative_price_still_has_a_size() -> None:
    order = terms(asset_class=AssetClass.FUTURE, multiplier=Decimal(1000), limit_price=Decimal("-37.63"))
    found = finding("max_notional", order)
    assert (found.status, found.observed) == (REFUSE, "37630")


@pytest.mark.parametrize(
    ("side", "stop", "worst"),
    [
        (Side.BUY, None, "103.02"),
        (Side.BUY, "110", "112.2"),
        (Side.SELL, None, "100.98"),
        (Side.SELL, "90", "100.98"),
        (Side.SELL, "120", "122.4"),
    ],
)
def test_an_order_without_a_limit_price_is_measured_at_its_worst_case(side: Side, stop: str | None, worst: str) -> None:
    kind = OrderType.STOP if stop else OrderType.MARKET
    order = terms(side=side, order_type=kind, limit_price=None, stop_price=Decimal(stop) if stop else None)
    assert worst_case_price(order, a_policy(), a_market()) == Price(Decimal(worst), "USD")
    assert finding("max_notional", order).observed == worst


@pytest.mark.parametrize(
    "market",
    [
        None,
        a_market(ask=None),
        a_market(status=QuoteStatus.UNAVAILABLE),
        a_market(ask="0"),
        a_market(ask="-1"),
    ],
)
def test_a_market_order_that_cannot_be_measured_is_unknown_and_blocks(market: Any) -> None:
    order = terms(order_type=OrderType.MARKET, limit_price=None)
    for check in ("max_notional", "session_notional"):
        found = finding(check, order, market=market)
        assert found.status is UNKNOWN and found.blocks


def test_a_stop_without_its_trigger_is_unknown() -> None:
    assert finding("max_notional", terms(order_type=OrderType.STOP, limit_price=None)).status is UNKNOWN


def test_a_quote_in_another_currency_is_said_where_it_matters() -> None:
    """Decisions, section 4: the reference keeps its usual code, the others say that currencies differ."""
    foreign = a_market(currency="EUR")
    found = finding("reference_price", market=foreign)
    assert (found.status, found.code) == (UNKNOWN, "LIVE_MARKET_SNAPSHOT_MISSING")
    found = finding("price_collar", market=foreign)
    assert (found.status, found.code) == (REFUSE, "LIVE_CURRENCY_MISMATCH")
    for check in ("max_notional", "session_notional"):
        found = finding(check, terms(order_type=OrderType.MARKET, limit_price=None), market=foreign)
        assert (found.status, found.code) == (REFUSE, "LIVE_CURRENCY_MISMATCH")


@pytest.mark.parametrize(("side", "foreign"), [(Side.BUY, "ask"), (Side.SELL, "bid")])
def test_the_side_an_order_trades_with_must_be_in_its_currency(side: Side, foreign: str) -> None:
    order = terms(side=side, order_type=OrderType.MARKET, limit_price=None)
    for name in ("bid", "ask"):
        changes: dict[str, Any] = {name: Price(Decimal(100), "EUR")}
        market = replace(a_market(), **changes)
        codes = {check: finding(check, order, market=market).code for check in ("max_notional", "price_collar")}
        usual = {"max_notional": "LIVE_NOTIONAL_LIMIT_REFUSED", "price_collar": "LIVE_PRICE_COLLAR_REFUSED"}
        assert codes == (dict.fromkeys(usual, "LIVE_CURRENCY_MISMATCH") if name == foreign else usual)


def test_amount_and_limit_in_different_currencies() -> None:
    order = terms(currency="EUR")
    for check in ("max_notional", "session_notional"):
        found = finding(check, order, market=a_market(currency="EUR"))
        assert (found.status, found.code) == (REFUSE, "LIVE_CURRENCY_MISMATCH")
    mixed = Counters(0, 0, (usd("1"), Money(amount=Decimal(1), currency="EUR")))
    assert finding("session_notional", counters=mixed).code == "LIVE_CURRENCY_MISMATCH"


@pytest.mark.parametrize("market", [None, a_market(status=QuoteStatus.UNAVAILABLE)])
def test_a_missing_quote(market: Any) -> None:
    for check in ("market_snapshot", "quote_age", "reference_price", "price_collar"):
        assert finding(check, market=market).status is UNKNOWN


def test_quote_checks_are_off_and_visible_when_not_set() -> None:
    policy = a_policy(max_price_deviation_bps=None, max_quote_age_seconds=None)
    for check in ("market_snapshot", "quote_age", "reference_price", "price_collar"):
        assert finding(check, policy=policy, market=None).status is OFF
    assert finding("market_snapshot", policy=a_policy(max_price_deviation_bps=None), market=None).status is UNKNOWN


@pytest.mark.parametrize(("age", "status"), [("29.999999", PASS), ("30", PASS), ("30.000001", REFUSE)])
def test_quote_age(age: str, status: CheckStatus) -> None:
    assert finding("quote_age", market=a_market(age_seconds=Decimal(age))).status is status


def test_a_quote_marked_stale_or_without_an_age() -> None:
    assert finding("quote_age", market=a_market(status=QuoteStatus.STALE)).status is REFUSE
    assert finding("quote_age", market=a_market(age_seconds=None)).status is UNKNOWN


def test_the_reference_is_the_mid_else_the_last_else_none() -> None:
    assert reference_price(a_market("99", "102")) == Price(Decimal("100.5"), "USD")
    assert reference_price(a_market("99", None, "98")) == Price(Decimal(98), "USD")
    assert reference_price(a_market(None, None, None)) is None
    foreign_bid = a_market(bid=None, last="97")
    assert reference_price(foreign_bid) == Price(Decimal(97), "USD")


@pytest.mark.parametrize(
    "market",
    [
        a_market(None, None, None),
        a_market("0", "0"),
        a_market("-2", "1"),
        a_market(None, None, "0"),
    ],
)
def test_no_positive_reference_in_the_orders_currency(market: Any) -> None:
    found = finding("reference_price", market=market)
    assert (found.status, found.code) == (UNKNOWN, "LIVE_MARKET_SNAPSHOT_MISSING")
    assert finding("price_collar", market=market).status is UNKNOWN


@pytest.mark.parametrize(
    ("price", "status"),
    [
        ("105", PASS),
        ("105.01", REFUSE),
        ("104.99", PASS),
        ("95", PASS),
        ("94.99", REFUSE),
        ("95.01", PASS),
        ("100", PASS),
        ("105.00000001", REFUSE),
    ],
)
def test_the_collar_is_exact_on_both_sides(price: str, status: CheckStatus) -> None:
    assert finding("price_collar", terms(limit_price=Decimal(price))).status is status


def test_the_collar_of_a_reference_that_does_not_divide() -> None:
    """1/3 has no exact decimal: the comparison must not be made on the quotient."""
    market = a_market("2.99", "3.01")
    policy = a_policy(max_price_deviation_bps=1)
    assert finding("price_collar", terms(limit_price=Decimal("3.0003")), policy, market=market).status is PASS
    assert finding("price_collar", terms(limit_price=Decimal("3.00030001")), policy, market=market).status is REFUSE


@pytest.mark.parametrize(
    ("used", "status", "headroom"), [(0, PASS, "5"), (4, PASS, "1"), (5, REFUSE, "0"), (6, REFUSE, "-1")]
)
def test_frequency(used: int, status: CheckStatus, headroom: str) -> None:
    found = finding("frequency", counters=counters(window=used))
    assert (found.status, found.headroom) == (status, headroom)


@pytest.mark.parametrize(("used", "status"), [(19, PASS), (20, REFUSE)])
def test_session_orders(used: int, status: CheckStatus) -> None:
    assert finding("session_orders", counters=counters(session=used)).status is status


@pytest.mark.parametrize(("used", "status"), [("4899.99", PASS), ("4900", PASS), ("4900.01", REFUSE)])
def test_session_notional_counts_this_order(used: str, status: CheckStatus) -> None:
    assert finding("session_notional", counters=counters(notional=used)).status is status


@pytest.mark.parametrize("missing", [None, Counters(None, None, None)])
def test_unknown_counters_refuse(missing: Any) -> None:
    for check in ("frequency", "session_orders", "session_notional"):
        assert finding(check, counters=missing).status is UNKNOWN


@pytest.mark.parametrize(
    ("field", "check"),
    [("max_quantity", "max_quantity"), ("max_notional", "max_notional"), ("frequency_limit", "frequency"),
     ("session_limit", "session_orders"), ("session_limit", "session_notional")],
)  # fmt: skip
def test_an_absent_limit_allows_nothing(field: str, check: str) -> None:
    assert finding(check, policy=a_policy(**{field: None})).blocks


def test_a_session_limit_without_notional_allows_nothing() -> None:
    policy = a_policy(session_limit=SessionLimit(max_orders_per_session=20))
    assert finding("session_notional", policy=policy).blocks


def test_the_default_policy_allows_nothing() -> None:
    found = check_limits(terms(), LimitPolicy(), limit_context())
    assert sum(f.blocks for f in found) >= 8


amounts = st.decimals(min_value="0.01", max_value="10000", places=2)


@given(quantity=amounts, price=amounts, used=amounts, cap=amounts)
def test_what_passes_is_within_every_limit(quantity: Decimal, price: Decimal, used: Decimal, cap: Decimal) -> None:
    policy = a_policy(
        max_quantity=cap,
        max_notional=usd(str(cap)),
        session_limit=SessionLimit(max_orders_per_session=9, max_session_notional=usd(str(cap))),
    )
    order = terms(quantity=quantity, limit_price=price)
    context = limit_context(counters=counters(notional=str(used)))
    by_check = {f.check: f for f in check_limits(order, policy, context)}
    notional = notional_of(order, Price(price, "USD"))
    assert (by_check["max_quantity"].status is PASS) == (quantity <= cap)
    assert (by_check["max_notional"].status is PASS) == (notional <= cap)
    assert (by_check["session_notional"].status is PASS) == (used + notional <= cap)


@given(st.sampled_from(["market", "counters"]), st.sampled_from(list(OrderType)))
def test_removing_an_input_never_turns_a_refusal_into_a_pass(gone: str, order_type: OrderType) -> None:
    limit = Decimal(100) if order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT) else None
    order = terms(order_type=order_type, limit_price=limit, stop_price=Decimal(101), quantity=Decimal(9))
    strict = a_policy(frequency_limit=FrequencyLimit(max_orders=1, window_seconds=1))
    full = limit_context(counters=counters(window=3))
    without = LimitContext(
        now=full.now,
        market=None if gone == "market" else full.market,
        counters=None if gone == "counters" else full.counters,
    )
    for before, after in zip(check_limits(order, strict, full), check_limits(order, strict, without), strict=True):
        assert not (before.blocks and after.status is PASS)
