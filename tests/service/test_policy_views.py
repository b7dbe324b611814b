"""A policy as a person checks it: origins, warnings, differences."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ibgw_tui.core.checks import LIMITS, check_limits
from ibgw_tui.core.policy import FrequencyLimit, LimitPolicy, Override, SessionLimit
from ibgw_tui.core.terms import CheckStatus, HoursKind, Mode
from ibgw_tui.service.policy_views import (
    ALLOWS_NOTHING,
    FIELDS,
    SWITCHED_OFF,
    Direction,
    RemarkKind,
    compare,
    remarks,
    settings,
    shown,
)
from tests.makers import a_policy, limit_context, terms, usd


def armed(**changes: Any) -> LimitPolicy:
    """Every check armed."""
    everything: dict[str, Any] = {
        "max_fx_age_seconds": 10,
        "max_spread_bps": 300,
        "max_position": Decimal(100),
        "min_excess_liquidity": usd("1"),
        "duplicate_window_seconds": 60,
        "refuse_self_cross": True,
        "market_hours": HoursKind.LIQUID,
        "max_drift_bps": 100,
    }
    return a_policy(**{**everything, **changes})


@pytest.mark.parametrize("name", sorted(SWITCHED_OFF))
def test_what_is_called_off_is_off_in_the_checks(name: str) -> None:
    unset = armed(**{name: False if name == "refuse_self_cross" else None})
    context = limit_context(mode=Mode.PAPER)
    found = {finding.check: finding for finding in check_limits(terms(), unset, context)}
    assert found[SWITCHED_OFF[name]].status is CheckStatus.OFF
    assert [remark.field for remark in remarks(unset)] == [name]
    rest = {finding.check: finding for finding in check_limits(terms(), armed(), context)}
    assert rest[SWITCHED_OFF[name]].status is not CheckStatus.OFF


def test_every_check_that_a_field_switches_off_is_told() -> None:
    context = limit_context(mode=Mode.PAPER)
    bare = a_policy(max_price_deviation_bps=None, max_quote_age_seconds=None)
    off = {finding.check for finding in check_limits(terms(), bare, context) if finding.status is CheckStatus.OFF}
    by_the_same_fields = {"market_snapshot", "reference_price"}
    not_by_the_policy = {"trigger_price"}
    assert off - by_the_same_fields - not_by_the_policy == set(SWITCHED_OFF.values())
    assert len(LIMITS) == 22


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"enabled": False}, "enabled"),
        ({"max_quantity": None}, "max_quantity"),
        ({"max_quantity": Decimal(0)}, "max_quantity"),
        ({"max_notional": None}, "max_notional"),
        ({"max_notional": usd("0")}, "max_notional"),
        ({"allowed_symbols": ()}, "allowed_symbols"),
        ({"allowed_asset_classes": ()}, "allowed_asset_classes"),
        ({"frequency_limit": None}, "frequency_limit"),
        ({"frequency_limit": FrequencyLimit(max_orders=0, window_seconds=9)}, "frequency_limit.max_orders"),
        ({"session_limit": None}, "session_limit"),
        ({"session_limit": SessionLimit(max_orders_per_session=3)}, "session_limit.max_session_notional"),
    ],
)
def test_what_allows_nothing_is_said_and_is_true(changes: dict[str, Any], field: str) -> None:
    policy = armed(**changes)
    assert [(remark.kind, remark.field) for remark in remarks(policy)] == [(RemarkKind.ALLOWS_NOTHING, field)]
    assert any(finding.blocks for finding in check_limits(terms(), policy, limit_context())[:12])


def test_a_sound_policy_has_no_warning() -> None:
    assert remarks(armed()) == []
    assert {remark.field for remark in remarks(LimitPolicy())} == {"enabled", *ALLOWS_NOTHING, *SWITCHED_OFF}


def test_a_limit_of_zero_is_set() -> None:
    """0 is a number, not 'not set'."""
    policy = armed(max_spread_bps=0, max_drift_bps=0, max_price_deviation_bps=0)
    assert remarks(policy) == []
    assert all(not setting.means for setting in settings("p", policy))


def test_two_currencies_without_rates_allow_nothing() -> None:
    euros = usd("5000").replaced(currency="EUR")
    session = SessionLimit(max_orders_per_session=3, max_session_notional=euros)
    (remark,) = remarks(armed(session_limit=session, max_fx_age_seconds=None))
    assert "EUR" in remark.text and remark.kind is RemarkKind.ALLOWS_NOTHING
    assert remarks(armed(session_limit=session)) == []


def test_overrides_that_change_nothing_and_those_that_stop_everything() -> None:
    policy = armed(
        accounts={"DU1234567": Override(max_quantity=Decimal(50), allowed_symbols=("MSFT",))},
        symbols={"TSLA": Override(max_quantity=Decimal(1)), "AAPL": Override(max_spread_bps=10)},
    )
    assert {(remark.kind, remark.field) for remark in remarks(policy)} == {
        (RemarkKind.NO_EFFECT, "accounts.DU1234567.max_quantity"),
        (RemarkKind.ALLOWS_NOTHING, "accounts.DU1234567.allowed_symbols"),
        (RemarkKind.NO_EFFECT, "symbols.TSLA"),
    }


def test_each_number_says_where_it_comes_from() -> None:
    policy = armed(
        accounts={
            "DU1234567": Override(
                max_quantity=Decimal(5), frequency_limit=FrequencyLimit(max_orders=2, window_seconds=60)
            )
        },
        symbols={"AAPL": Override(max_quantity=Decimal(3), max_notional=usd("2000"))},
    )
    found = {setting.name: setting for setting in settings("p", policy, account="DU1234567", symbol="AAPL")}
    assert list(found) == list(FIELDS)
    effective = policy.effective("DU1234567", "AAPL")
    assert all(found[name].value == getattr(effective, name) for name in FIELDS)
    account, symbol = "policies.p.accounts.DU1234567", "policies.p.symbols.AAPL"
    assert found["max_quantity"].origins == (symbol,)
    assert found["max_notional"].origins == ("policies.p",), "2000 is not tighter than 1000"
    # Two orders of the account, in the longer window of the policy: both tables have a part in it.
    assert found["frequency_limit"].value == FrequencyLimit(max_orders=2, window_seconds=300)
    assert found["frequency_limit"].origins == ("policies.p", account)
    assert found["market_order_haircut_bps"].origins == ("default",)
    alone = {setting.name: setting for setting in settings("p", policy, account="DU1234567")}
    assert alone["max_quantity"].origins == (account,) and alone["max_quantity"].value == 5
    assert {setting.origins for setting in settings("p", policy)} == {("policies.p",), ("default",)}


@pytest.mark.parametrize(
    ("name", "tighter", "looser"),
    [
        ("enabled", False, True),
        ("max_notional", usd("999"), usd("1001")),
        ("max_quantity", None, Decimal(11)),
        ("allowed_symbols", (), ("AAPL", "MSFT")),
        ("frequency_limit", FrequencyLimit(max_orders=4, window_seconds=300), FrequencyLimit(max_orders=5, window_seconds=299)),
        ("max_price_deviation_bps", 499, None),
        ("market_order_haircut_bps", 300, 100),
        ("max_fx_age_seconds", None, 11),
        ("max_position", Decimal(99), None),
        ("min_excess_liquidity", usd("2"), usd("0")),
        ("duplicate_window_seconds", 61, 59),
        ("refuse_self_cross", True, False),
        ("market_hours", HoursKind.LIQUID, HoursKind.TRADING),
        ("max_drift_bps", 0, 101),
    ],
)  # fmt: skip
def test_each_change_is_tighter_or_looser(name: str, tighter: Any, looser: Any) -> None:
    middle = {"enabled": True, "market_hours": HoursKind.LIQUID}.get(name, getattr(armed(), name))
    for value, direction in ((tighter, Direction.TIGHTER), (looser, Direction.LOOSER)):
        if value == middle:
            continue
        old, new = armed(**{name: middle}), armed(**{name: value})
        (change,) = compare(old, new)
        assert (change.where, change.name, change.before, change.after) == ("", name, middle, value)
        assert change.direction is direction
        (back,) = compare(new, old)
        assert back.loosens is not change.loosens


def test_a_list_can_be_both() -> None:
    (change,) = compare(armed(), armed(allowed_symbols=("MSFT",)))
    assert change.direction is Direction.BOTH and change.loosens


def test_only_what_is_different_for_an_account_or_a_symbol_is_said_of_it() -> None:
    tight = {"symbols": {"AAPL": Override(max_quantity=Decimal(2))}}
    assert compare(armed(**tight), armed(**tight)) == []
    (gone,) = compare(armed(**tight), armed())
    assert (gone.where, gone.name, gone.before, gone.after) == ("symbols.AAPL", "max_quantity", Decimal(2), Decimal(10))
    assert gone.direction is Direction.LOOSER
    # The policy became looser; AAPL did not, and nothing else is different for it.
    changes = compare(armed(**tight), armed(max_quantity=Decimal(20), **tight))
    assert [(change.where, change.name) for change in changes] == [("", "max_quantity")]


def test_numbers_in_words() -> None:
    assert shown(usd("1000")) == "1000 USD" and shown(None) == "not set" and shown(()) == "none"
    assert shown(SessionLimit(max_orders_per_session=3)) == "3 orders, not set"
