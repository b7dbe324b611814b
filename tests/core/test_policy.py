"""Policies: what they refuse to mean, overrides that only tighten, what counts as looser, and their digests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from ibgw_tui.core.checks import check_limits
from ibgw_tui.core.policy import FrequencyLimit, LimitPolicy, Override, SessionLimit, looser_fields
from ibgw_tui.core.terms import AssetClass, CheckStatus, HoursKind, Money
from tests.makers import a_policy, an_armed_policy, limit_context, terms, usd

EUR = Money(amount=Decimal(1), currency="EUR")


def session(orders: int, cap: str | None = "5000") -> SessionLimit:
    return SessionLimit(max_orders_per_session=orders, max_session_notional=usd(cap) if cap else None)


def frequency(orders: int, seconds: int) -> FrequencyLimit:
    return FrequencyLimit(max_orders=orders, window_seconds=seconds)


STEPS: list[tuple[str, Any, Any]] = [
    # field, a tighter value, a looser one
    ("enabled", False, True),
    ("max_notional", usd("999.99999999"), usd("1000")),
    ("max_notional", None, usd("0.00000001")),
    ("max_quantity", Decimal("9.9"), Decimal(10)),
    ("max_quantity", None, Decimal(0)),
    ("allowed_symbols", ("AAPL",), ("AAPL", "MSFT")),
    ("allowed_symbols", (), ("AAPL",)),
    ("allowed_asset_classes", (AssetClass.STOCK,), (AssetClass.STOCK, AssetClass.ETF)),
    ("frequency_limit", frequency(4, 300), frequency(5, 300)),
    ("frequency_limit", frequency(5, 301), frequency(5, 300)),
    ("frequency_limit", None, frequency(0, 1)),
    ("session_limit", session(19), session(20)),
    ("session_limit", session(20, "4999"), session(20, "5000")),
    ("session_limit", session(20, None), session(20, "0")),
    ("session_limit", None, session(0, "0")),
    ("max_price_deviation_bps", 499, 500),
    ("max_price_deviation_bps", 0, None),
    ("max_quote_age_seconds", 29, 30),
    ("max_quote_age_seconds", 30, None),
    ("market_order_haircut_bps", 201, 200),
    ("max_fx_age_seconds", 59, 60),
    ("max_fx_age_seconds", None, 1),
    ("max_spread_bps", 99, 100),
    ("max_spread_bps", 100, None),
    ("max_position", Decimal(99), Decimal(100)),
    ("max_position", Decimal(100), None),
    ("min_excess_liquidity", usd("5001"), usd("5000")),
    ("min_excess_liquidity", usd("5000"), None),
    ("duplicate_window_seconds", 61, 60),
    ("duplicate_window_seconds", 60, None),
    ("refuse_self_cross", True, False),
    ("market_hours", HoursKind.LIQUID, HoursKind.TRADING),
    ("market_hours", HoursKind.TRADING, HoursKind.ANY),
    ("market_hours", HoursKind.LIQUID, HoursKind.ANY),
    ("market_hours", HoursKind.LIQUID, None),
    ("max_drift_bps", 49, 50),
    ("max_drift_bps", 50, None),
]
NAMED = [pytest.param(*step, id=f"{step[0]}: {step[1]} is tighter than {step[2]}") for step in STEPS]


def test_every_field_has_a_step() -> None:
    assert {name for name, _, _ in STEPS} == set(Override.model_fields)
    assert set(Override.model_fields) == set(LimitPolicy.model_fields) - {"accounts", "symbols"}


@pytest.mark.parametrize(("name", "tight", "loose"), NAMED)
def test_what_is_looser(name: str, tight: Any, loose: Any) -> None:
    tighter, looser = an_armed_policy(**{name: tight}), an_armed_policy(**{name: loose})
    assert looser_fields(tighter, looser) == (name,)
    assert looser_fields(looser, tighter) == ()
    assert looser_fields(looser, looser) == ()


def test_what_cannot_be_compared_counts_as_looser() -> None:
    assert looser_fields(a_policy(), a_policy(max_notional=EUR)) == ("max_notional",)
    euros = SessionLimit(max_orders_per_session=20, max_session_notional=EUR)
    assert looser_fields(a_policy(), a_policy(session_limit=euros)) == ("session_limit",)
    moved = a_policy(allowed_symbols=("MSFT",))
    assert looser_fields(a_policy(), moved) == ("allowed_symbols",)


def test_all_looser_fields_are_named_in_their_order() -> None:
    assert looser_fields(LimitPolicy(), a_policy()) == (
        "enabled", "max_notional", "max_quantity", "allowed_symbols", "allowed_asset_classes", "frequency_limit", "session_limit",
    )  # fmt: skip
    assert looser_fields(a_policy(), an_armed_policy()) == ("max_fx_age_seconds",)


@pytest.mark.parametrize(("name", "tight", "loose"), NAMED)
@pytest.mark.parametrize("where", ["accounts", "symbols"])
def test_an_override_only_tightens(where: str, name: str, tight: Any, loose: Any) -> None:
    who = "U1234567" if where == "accounts" else "AAPL"
    if tight not in (None, session(20, None)):  # what is not named is not changed
        policy = an_armed_policy(**{name: loose, where: {who: Override(**{name: tight})}})
        assert getattr(policy.effective("U1234567", "AAPL"), name) == tight
        assert getattr(policy.effective("U7654321", "MSFT"), name) == loose
    if loose is not None:
        policy = an_armed_policy(**{name: tight, where: {who: Override(**{name: loose})}})
        assert getattr(policy.effective("U1234567", "AAPL"), name) == tight


def test_account_and_symbol_together_the_tightest_of_each_field_wins() -> None:
    policy = a_policy(
        accounts={
            "U1234567": Override(max_quantity=Decimal(5), max_notional=usd("900"), frequency_limit=frequency(3, 60))
        },
        symbols={"AAPL": Override(max_quantity=Decimal(7), max_notional=usd("100"), frequency_limit=frequency(4, 900))},
    )
    both = policy.effective("U1234567", "AAPL")
    assert (both.max_quantity, both.max_notional, both.frequency_limit) == (Decimal(5), usd("100"), frequency(3, 900))
    assert policy.effective("U1234567", "MSFT").max_notional == usd("900")
    assert policy.effective("U7654321", "AAPL").max_quantity == Decimal(7)
    other = policy.effective("U7654321", "MSFT")
    assert (other.max_quantity, other.max_notional) == (Decimal(10), usd("1000"))


def test_a_policy_without_overrides_is_its_own_effective_one() -> None:
    policy = a_policy()
    assert policy.effective("U1234567", "AAPL") is policy


def test_each_account_and_each_symbol_has_its_own() -> None:
    policy = a_policy(
        accounts={f"U{n}000000": Override(max_quantity=Decimal(n)) for n in (1, 2)},
        symbols={name: Override(max_price_deviation_bps=bps) for name, bps in (("AAPL", 100), ("MSFT", 200))},
    )
    for _ in range(2):
        for n in (1, 2):
            for name, bps in (("AAPL", 100), ("MSFT", 200)):
                found = policy.effective(f"U{n}000000", name)
                assert (found.max_quantity, found.max_price_deviation_bps) == (Decimal(n), bps)


def test_what_was_asked_of_a_policy_does_not_make_it_another_one() -> None:
    asked, fresh = (a_policy(symbols={"AAPL": Override(max_quantity=Decimal(1))}) for _ in range(2))
    asked.effective("U1234567", "AAPL")
    assert asked == fresh and asked.digest == fresh.digest


def test_the_effective_policy_is_made_once_and_says_what_it_is_made_of() -> None:
    policy = a_policy(symbols={"AAPL": Override(allowed_symbols=("AAPL",), max_quantity=Decimal(1))})
    first = policy.effective("U1234567", "AAPL")
    assert policy.effective("U7654321", "AAPL") is first
    assert first.effective("U1234567", "AAPL").max_quantity == Decimal(1)
    assert policy.effective("U1234567", "MSFT") is policy.effective("U7654321", "TSLA")


def test_session_overrides() -> None:
    """No cap allows nothing, and an override without one leaves the policy's own."""
    for ours, theirs, wins in (
        (session(20, "5000"), session(30, None), session(20, "5000")),
        (session(20, None), session(10, "5000"), session(10, None)),
        (session(20, "5000"), session(10, "9000"), session(10, "5000")),
        (session(20, "5000"), session(30, "100"), session(20, "100")),
    ):
        policy = a_policy(session_limit=ours, symbols={"AAPL": Override(session_limit=theirs)})
        assert policy.effective("U1234567", "AAPL").session_limit == wins


def test_limits_use_the_effective_policy() -> None:
    policy = a_policy(symbols={"AAPL": Override(max_quantity=Decimal("0.5"))})
    by_check = {finding.check: finding for finding in check_limits(terms(), policy, limit_context())}
    assert (by_check["max_quantity"].status, by_check["max_quantity"].limit) == (CheckStatus.REFUSE, "0.5")


MEANINGLESS: list[tuple[dict[str, Any], str]] = [
    ({"max_notional": Money(amount=Decimal(-1), currency="USD")}, "max_notional"),
    ({"max_quantity": Decimal(-1)}, "max_quantity"),
    ({"max_position": Decimal("-0.1")}, "max_position"),
    ({"max_price_deviation_bps": -1}, "max_price_deviation_bps"),
    ({"max_price_deviation_bps": 1.5}, "max_price_deviation_bps"),
    ({"max_quote_age_seconds": "30"}, "max_quote_age_seconds"),
    ({"duplicate_window_seconds": 0}, "duplicate_window_seconds"),
    ({"frequency_limit": {"max_orders": 5}}, "window_seconds"),
    ({"frequency_limit": {"max_orders": 5, "window_seconds": 0}}, "window_seconds"),
    ({"session_limit": {"max_orders_per_session": -1}}, "max_orders_per_session"),
    ({"max_notionl": usd("1")}, "max_notionl"),
    ({"accounts": {"somebody": {}}}, "accounts"),
    ({"symbols": {"aapl": {}}}, "symbols"),
    ({"symbols": {"AAPL": {"max_quantty": Decimal(1)}}}, "max_quantty"),
    ({"symbols": {"AAPL": {"accounts": {}}}}, "accounts"),
    ({"market_hours": "always"}, "market_hours"),
    ({"enabled": "yes"}, "enabled"),
]


@pytest.mark.parametrize(("changes", "name"), MEANINGLESS)
def test_a_policy_refuses_what_it_cannot_mean(changes: dict[str, Any], name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        a_policy(**changes)


def test_zero_is_a_limit() -> None:
    policy = a_policy(
        max_quantity=Decimal(0), max_notional=usd("0"), max_price_deviation_bps=0, max_quote_age_seconds=0
    )
    assert policy.max_quantity == 0


FOREIGN = [
    ("max_notional", {"max_notional": EUR}),
    ("min_excess_liquidity", {"min_excess_liquidity": EUR}),
    (
        "session_limit.max_session_notional",
        {"session_limit": {"max_orders_per_session": 1, "max_session_notional": EUR}},
    ),
]


@pytest.mark.parametrize(("name", "override"), FOREIGN)
@pytest.mark.parametrize(("where", "who"), [("accounts", "U1234567"), ("symbols", "AAPL")])
def test_an_override_in_another_currency_could_not_be_compared(
    where: str, who: str, name: str, override: dict[str, Any]
) -> None:
    with pytest.raises(
        ValidationError, match=rf"{where}\.{who}\.{name}: is in EUR, the policy's own in USD; give it in USD"
    ):
        an_armed_policy(**{where: {who: override}})


def test_overrides_that_meet_must_be_comparable_with_each_other() -> None:
    """The policy's own amount is not set: each override arms the check, and both may hold for one order."""
    accounts, symbols = {"U1234567": {"min_excess_liquidity": usd("1")}}, {"AAPL": {"min_excess_liquidity": EUR}}
    with pytest.raises(ValidationError, match="overrides give it in EUR, USD; give it in one currency"):
        a_policy(accounts=accounts, symbols=symbols)
    both = a_policy(accounts=accounts, symbols={"AAPL": {"min_excess_liquidity": usd("2")}})
    assert both.effective("U1234567", "AAPL").min_excess_liquidity == usd("2")


def test_one_policy_has_one_digest_and_every_number_is_in_it() -> None:
    assert a_policy().digest == a_policy().digest
    assert a_policy(max_quantity=Decimal("10.0")).digest == a_policy(max_quantity=Decimal(10)).digest
    digests = {an_armed_policy().digest}
    for name, tight, loose in STEPS:
        digests |= {an_armed_policy(**{name: tight}).digest, an_armed_policy(**{name: loose}).digest}
    values = {(name, str(value)) for name, tight, loose in STEPS for value in (tight, loose)}
    same = {
        (name, str(value)) for name, value in values if getattr(an_armed_policy(), name) == _parsed(name, values, value)
    }
    assert len(digests) == len(values) - len(same) + 1
    assert a_policy(symbols={"AAPL": Override(max_quantity=Decimal(1))}).digest != a_policy().digest
    assert a_policy(accounts={"U1234567": Override(enabled=False)}).digest != a_policy().digest


def _parsed(name: str, values: Any, text: str) -> Any:
    """The value of STEPS that is written so."""
    return next(value for field, *both in STEPS for value in both if field == name and str(value) == text)


def test_what_the_lists_show() -> None:
    policy = a_policy(allowed_symbols=("AAPL", "MSFT"), allowed_asset_classes=(AssetClass.STOCK, AssetClass.FX))
    assert (policy.symbols_shown, policy.classes_shown) == ("AAPL, MSFT", "stock, fx")
    assert (LimitPolicy().symbols_shown, LimitPolicy().classes_shown) == ("none", "none")
