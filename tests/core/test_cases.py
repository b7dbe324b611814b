"""Decision cases: read strictly, written so that they read back equal, and numbers that a broker means as 'unknown'."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ibgw_tui.core.cases import Case, parse_case, read_json
from ibgw_tui.core.context import (
    ApprovalFacts,
    AuditFacts,
    Checklist,
    Counters,
    ExitTerms,
    KeyFacts,
    LimitContext,
    Market,
    Modification,
    Operation,
    OrderTerms,
    PositionFacts,
    PreviewFacts,
    Price,
    Steps,
    WhatIfFacts,
)
from ibgw_tui.core.decision import Decision
from ibgw_tui.core.errors import ErrorCode, InvalidRequest
from ibgw_tui.core.orders import PriceStep
from ibgw_tui.core.policy import Override
from ibgw_tui.core.records import SwitchState
from ibgw_tui.core.terms import AssetClass, CheckStatus, KillSwitch, Mode, Money, OrderType, QuoteStatus, Side
from ibgw_tui.core.written import canonical_json
from tests.makers import (
    NOON,
    a_case_data,
    a_checklist,
    a_market,
    a_switch,
    an_approval,
    an_armed_case_data,
    an_armed_policy,
    an_own_order,
    armed_context,
    counters,
    gate_context,
    terms,
    usd,
)

MISSING = [None, "", "  ", "NaN", "-NaN", "sNaN", "Infinity", "-inf", "1.7976931348623157e308", "-1.7976931348623157E+308",
           "1e1000000", "1000000000000000"]  # fmt: skip
"""What a broker writes where it has no number."""
NOT_POSITIVE = ["-1", "0", "0.00", -1, 0]


def at(data: dict[str, Any], path: str) -> tuple[Any, Any]:
    """The container of a dotted path, and its last key."""
    *way, last = path.split(".")
    for step in way:
        data = data[int(step)] if isinstance(data, list) else data[step]
    return data, int(last) if isinstance(data, list) else last


def with_value(data: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(data)
    container, key = at(changed, path)
    container[key] = value
    return changed


def without(data: dict[str, Any], path: str) -> dict[str, Any]:
    changed = copy.deepcopy(data)
    container, key = at(changed, path)
    del container[key]
    return changed


def paths(value: Any, before: str = "") -> Iterator[str]:
    """Every path in nested JSON, containers too."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        path = f"{before}{key}"
        yield path
        yield from paths(item, f"{path}.")


def test_the_documented_baseline_is_allowed() -> None:
    decision = parse_case(a_case_data()).decide()
    assert decision.allowed and (decision.error_code, decision.refusal_code) == (None, None)
    assert parse_case(an_armed_case_data()).decide().allowed
    assert not parse_case(an_armed_case_data()).decide().warnings


def test_symbols_are_compared_exactly() -> None:
    data = with_value(a_case_data(), "policies.configured-policy.allowed_symbols", ["aapl"])
    assert parse_case(data).decide().refusal_code == "LIVE_SYMBOL_REFUSED"


def test_a_case_reads_from_text_with_its_numbers_exact() -> None:
    text = json.dumps(a_case_data()).replace('"99"', "99.10").replace('"101"', "NaN").replace('"100"', "1E2")
    case = parse_case(read_json(text))
    assert case.limits.market is not None and case.limits.market.bid == Price(Decimal("99.1"), "USD")
    assert case.limits.market.ask is None
    assert case.order.limit_price == 100
    assert parse_case(read_json(text.replace("NaN", "-Infinity").encode())).limits.market == case.limits.market


# ---- strictness


SECTIONS = ["", "order", "preview", "approval", "live", "checklist", "market", "counters", "counters.session_notional",
            "position", "what_if", "what_if.excess_liquidity_after", "hours", "fx.0", "working_orders.0",
            "recent_orders.0", "approved_market", "contract", "contract.price_steps.0", "session", "switch", "audit", "key",
            "policies.configured-policy"]  # fmt: skip


@pytest.mark.parametrize("section", SECTIONS)
def test_an_unknown_key_is_named(section: str) -> None:
    path = f"{section}.colour" if section else "colour"
    with pytest.raises(InvalidRequest) as caught:
        parse_case(with_value(an_armed_case_data(), path, "red"))
    named = path.removeprefix("policies.").replace("notional.colour", "notional.0.colour")
    assert caught.value.problems == (f"{named}: is not a key of a case",)
    assert (caught.value.code, caught.value.user_action) == (
        ErrorCode.INPUT_INVALID,
        "correct the named keys; the case was not decided",
    )


def test_everything_wrong_is_said_at_once() -> None:
    data = with_value(with_value(an_armed_case_data(), "order.side", "long"), "market.status", "good")
    data = without(with_value(data, "scopes", "all"), "order.con_id")
    with pytest.raises(InvalidRequest) as caught:
        parse_case(data)
    assert {line.split(":")[0] for line in caught.value.problems} == {
        "order.con_id", "order.side", "market.status", "scopes",
    }  # fmt: skip
    assert str(caught.value) == "; ".join(caught.value.problems)


WRONG: list[tuple[str, Any, str]] = [
    ("now", "2026-11-22T15:00:00", "zone"),
    ("now", "0001-01-01T00:00:00+14:00", "year 1"),
    ("now", 5, "zone"),
    ("operation", "buy", "must be"),
    ("mode", "demo", "must be"),
    ("order.quantity", "0", "greater than zero"),
    ("order.quantity", "NaN", "greater than zero"),
    ("order.quantity", None, "greater than zero"),
    ("order.multiplier", "-1", "greater than zero"),
    ("order.multiplier", "ten", "'ten' is not a number"),
    ("order.limit_price", 100.5, "not float"),
    ("order.limit_price", True, "not bool"),
    ("order.limit_price", [], "not list"),
    ("order.limit_price", "1e99999999999999999999", "is not a number"),
    ("order.limit_price", "0.1234567890123456789", "more than 18 digits"),
    ("order.limit_price", "1e-300", "more than 18 digits"),
    ("order.con_id", "265598", "integer"),
    ("order.account", 5, "string"),
    ("order.account", "x" * 201, "200"),
    ("order.outside_hours", "yes", "boolean"),
    ("live.enabled", "true", "boolean"),
    ("audit_available", 1, "boolean"),
    ("counters.submitted_in_window", -1, "greater than or equal"),
    ("counters.submitted_in_session", "3", "integer"),
    ("contract.price_steps.0.increment", "0", "greater than zero"),
    ("approval.status", "yes", "must be"),
    ("fx", "EUR", ""),
    ("hours.liquid.0", ["2026-11-22T14:30:00Z"], ""),
    ("policies.configured-policy.max_quantity", 10.5, "not float"),
    ("policies.configured-policy.max_quantity", "-1", "greater than or equal"),
    ("policies.configured-policy.enabled", "yes", "boolean"),
]


@pytest.mark.parametrize(("path", "value", "word"), WRONG)
def test_what_cannot_be_meant_is_refused_and_named(path: str, value: Any, word: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_case(with_value(an_armed_case_data(), path, value))
    assert any(line.startswith(path.removeprefix("policies.")) for line in caught.value.problems), caught.value.problems
    assert any(word in line for line in caught.value.problems), caught.value.problems
    assert max(map(len, caught.value.problems)) < 300


def test_a_bad_price_of_a_quote_is_named() -> None:
    for value in (1.5, "abc", True, {"amount": "abc", "currency": "USD"}):
        with pytest.raises(InvalidRequest) as caught:
            parse_case(with_value(a_case_data(), "market.bid", value))
        assert len(caught.value.problems) == 1 and caught.value.problems[0].startswith("market.bid.amount: ")


def test_eighteen_digits_behind_the_point_are_kept_and_padding_is_none() -> None:
    case = parse_case(with_value(a_case_data(), "order.limit_price", "100.123456789012345678"))
    assert case.order.limit_price == Decimal("100.123456789012345678")
    padded = parse_case(with_value(a_case_data(), "order.limit_price", "100.10" + "0" * 40))
    assert str(padded.order.limit_price) == "100.1"
    largest = parse_case(with_value(a_case_data(), "order.limit_price", "999999999999999.999999999999999999"))
    assert largest.order.limit_price == Decimal("999999999999999.999999999999999999")


# ---- numbers that mean 'unknown'


PRICES = ["order.limit_price", "market.bid", "market.ask", "market.last", "approved_market.bid", "approved_market.ask",
          "approved_market.last", "fx.0.rate", "contract.size_increment"]  # fmt: skip


def value_at(case: Case, path: str) -> Any:
    limits = case.limits
    reads: dict[str, Callable[[], Any]] = {
        "order.limit_price": lambda: case.order.limit_price,
        "market.bid": lambda: limits.market.bid if limits.market else 0,
        "market.ask": lambda: limits.market.ask if limits.market else 0,
        "market.last": lambda: limits.market.last if limits.market else 0,
        "approved_market.bid": lambda: limits.approved_market.bid if limits.approved_market else 0,
        "approved_market.ask": lambda: limits.approved_market.ask if limits.approved_market else 0,
        "approved_market.last": lambda: limits.approved_market.last if limits.approved_market else 0,
        "fx.0.rate": lambda: limits.fx[0].rate,
        "contract.size_increment": lambda: limits.steps.size_increment if limits.steps else 0,
    }
    return reads[path]()


@pytest.mark.parametrize("path", PRICES)
@pytest.mark.parametrize("value", [*MISSING, *NOT_POSITIVE])
def test_a_price_that_is_none(path: str, value: Any) -> None:
    case = parse_case(with_value(an_armed_case_data(), path, value))
    assert value_at(case, path) is None
    if path.startswith("market") and path != "market.last":
        wrapped = parse_case(with_value(an_armed_case_data(), path, {"amount": value, "currency": "USD"}))
        assert value_at(wrapped, path) is None
        assert not case.decide().allowed
        assert wrapped.decide() == case.decide()


TYPED: list[tuple[str, dict[str, str]]] = [
    ("limit_price", {"order_type": "limit", "limit_price": "100"}),
    ("stop_price", {"order_type": "stop", "stop_price": "102"}),
    ("stop_price", {"order_type": "stop_limit", "stop_price": "102", "limit_price": "103"}),
    ("limit_price", {"order_type": "stop_limit", "stop_price": "102", "limit_price": "103"}),
    ("trailing_amount", {"order_type": "trailing_stop", "trailing_amount": "3"}),
    ("trailing_percent", {"order_type": "trailing_stop", "trailing_percent": "3"}),
    ("trailing_percent", {"order_type": "trailing_stop_limit", "trailing_percent": "3", "limit_offset": "0.5"}),
]


@pytest.mark.parametrize(("name", "prices"), TYPED)
@pytest.mark.parametrize("value", [*MISSING, *NOT_POSITIVE])
def test_an_order_without_one_of_its_prices_refuses(name: str, prices: dict[str, str], value: Any) -> None:
    data = an_armed_case_data()
    plain = {key: item for key, item in data["order"].items() if key != "limit_price"}
    data["policies"]["configured-policy"]["max_price_deviation_bps"] = 900
    assert parse_case({**data, "order": {**plain, **prices}}).decide().allowed
    case = parse_case({**data, "order": {**plain, **prices, name: value}})
    assert getattr(case.order, name) is None
    decision = case.decide()
    assert not decision.allowed
    assert any(found.status is CheckStatus.UNKNOWN for found in decision.limits)


@pytest.mark.parametrize("value", MISSING)
def test_a_limit_offset_that_is_none_refuses(value: Any) -> None:
    data = an_armed_case_data()
    order = {**data["order"], "order_type": "trailing_stop_limit", "trailing_amount": "3", "limit_offset": value}
    case = parse_case({**data, "order": order})
    assert case.order.limit_offset is None and case.decide().refusal_code == "LIVE_NOTIONAL_LIMIT_REFUSED"


@pytest.mark.parametrize("value", MISSING)
def test_a_future_has_prices_at_and_below_zero_but_not_these(value: Any) -> None:
    data = an_armed_case_data()
    future = {
        **data["order"],
        "asset_class": "future",
        "order_type": "stop_limit",
        "limit_price": "0",
        "stop_price": "-1",
    }
    case = parse_case({**data, "order": future, "market": {**data["market"], "bid": "-2", "ask": 0, "last": value}})
    assert (case.order.limit_price, case.order.stop_price) == (Decimal(0), Decimal(-1))
    assert case.limits.market is not None and case.limits.market.bid == Price(Decimal(-2), "USD")
    assert case.limits.market.ask == Price(Decimal(0), "USD") and case.limits.market.last is None


@pytest.mark.parametrize("value", MISSING)
def test_other_numbers_that_are_none(value: Any) -> None:
    data = an_armed_case_data()
    for path in ("position.filled", "position.working_buys", "position.working_sells", "position.reserved_buys",
                 "position.reserved_sells", "position.in_doubt_buys", "position.in_doubt_sells"):  # fmt: skip
        decision = parse_case(with_value(data, path, value)).decide()
        assert (decision.error_code, decision.refusal_code) == ("LIVE_LIMIT_REFUSED", "LIVE_POSITION_LIMIT_REFUSED")
    amounts = [
        ("counters.session_notional.amount", "LIVE_SESSION_NOTIONAL_LIMIT_REFUSED"),
        ("what_if.excess_liquidity_after.amount", "LIVE_BUYING_POWER_REFUSED"),
        ("market.age_seconds", "LIVE_STALE_QUOTE"),
    ]
    for path, code in amounts:
        assert parse_case(with_value(data, path, value)).decide().refusal_code == code
    assert parse_case(with_value(data, "fx.0.age_seconds", value)).limits.fx[0].age_seconds is None
    recent = parse_case(with_value(data, "recent_orders.0.age_seconds", value)).limits.recent_orders or ()
    assert [order.age_seconds for order in recent] == [None]


def test_an_age_below_zero_is_not_known() -> None:
    case = parse_case(with_value(a_case_data(), "market.age_seconds", "-0.5"))
    assert case.limits.market is not None and case.limits.market.age_seconds is None
    zero = parse_case(with_value(a_case_data(), "market.age_seconds", 0))
    assert zero.limits.market is not None and zero.limits.market.age_seconds == 0


# ---- what is absent


ABSENT: dict[str, tuple[str, str | None]] = {
    # section: headline and refusal code of the armed case without it
    "preview": ("LIVE_GATE_MISSING", "LIVE_PREVIEW_EXPIRED"),
    "approval": ("LIVE_GATE_MISSING", "LIVE_APPROVAL_MISSING"),
    "idempotency_key": ("LIVE_GATE_MISSING", "LIVE_IDEMPOTENCY_KEY_MISSING"),
    "risk_policy_id": ("LIVE_GATE_MISSING", "LIVE_RISK_POLICY_REFUSED"),
    "policies": ("LIVE_POLICY_UNKNOWN", None),
    "live": ("LIVE_TRADING_DISABLED", "LIVE_FEATURE_DISABLED"),
    "scopes": ("LIVE_GATE_MISSING", "LIVE_SCOPE_MISSING"),
    "kill_switch": ("LIVE_KILL_SWITCH_CLOSED", "LIVE_KILL_SWITCH_CLOSED"),
    "audit_available": ("LIVE_GATE_MISSING", "LIVE_AUDIT_UNAVAILABLE"),
    "checklist": ("LIVE_MIGRATION_REQUIRED", "LIVE_MIGRATION_CHECKLIST_MISSING"),
    "market": ("LIVE_LIMIT_REFUSED", "LIVE_MARKET_SNAPSHOT_MISSING"),
    "counters": ("LIVE_LIMIT_REFUSED", "LIVE_FREQUENCY_LIMIT_REFUSED"),
    "position": ("LIVE_LIMIT_REFUSED", "LIVE_POSITION_LIMIT_REFUSED"),
    "what_if": ("LIVE_LIMIT_REFUSED", "LIVE_BUYING_POWER_REFUSED"),
    "recent_orders": ("LIVE_LIMIT_REFUSED", "LIVE_DUPLICATE_ORDER"),
    "working_orders": ("LIVE_LIMIT_REFUSED", "LIVE_SELF_CROSS_REFUSED"),
    "approved_market": ("LIVE_LIMIT_REFUSED", "LIVE_PRICE_DRIFT"),
}
ALLOWED_WITHOUT = {"case", "hours", "contract", "fx", "session", "switch", "audit", "key"}
"""Unknown hours, ticks and sizes warn; the rest is not needed here, or is told of the desk's own decisions only."""


@pytest.mark.parametrize("section", ABSENT)
def test_an_absent_section_is_not_known(section: str) -> None:
    decision = parse_case(without(an_armed_case_data(), section)).decide()
    assert (decision.error_code, decision.refusal_code) == ABSENT[section]
    assert not decision.allowed


def test_every_optional_section_is_in_one_of_the_lists() -> None:
    needed = {"now", "operation", "mode", "order"}
    assert set(an_armed_case_data()) == set(ABSENT) | ALLOWED_WITHOUT | needed
    for section in ALLOWED_WITHOUT:
        assert parse_case(without(an_armed_case_data(), section)).decide().allowed
    for section in needed:
        with pytest.raises(InvalidRequest, match=f"{section}: is required"):
            parse_case(without(an_armed_case_data(), section))


@pytest.mark.parametrize("value", [None, "", "Open", "OPEN", "shut", "unknown"])
def test_a_switch_that_is_not_clearly_open_is_closed(value: str | None) -> None:
    decision = parse_case(with_value(a_case_data(), "kill_switch", value)).decide()
    assert decision.error_code is ErrorCode.LIVE_KILL_SWITCH_CLOSED


def test_what_is_not_told_of_switch_and_audit_is_nothing() -> None:
    gates = parse_case(a_case_data()).gates
    assert gates.switch == SwitchState(KillSwitch.OPEN, 0, "", "", None, "case")
    assert gates.audit == AuditFacts(True, 0)


def test_an_empty_checklist_acknowledges_nothing() -> None:
    assert parse_case(a_case_data(checklist={})).gates.checklist == Checklist()


def test_numbers_of_a_policy_may_be_bare_numbers_in_json() -> None:
    text = json.dumps(a_case_data()).replace('"max_quantity": "10"', '"max_quantity": 0.10')
    policy = parse_case(read_json(text)).policy
    assert policy is not None and policy.max_quantity == Decimal("0.1")


def test_counters_without_a_total_and_totals_of_several_currencies() -> None:
    none = parse_case(without(a_case_data(), "counters.session_notional"))
    assert none.limits.counters == Counters(0, 0, None)
    both = [{"amount": "1", "currency": "USD"}, {"amount": "2", "currency": "EUR"}]
    case = parse_case(with_value(a_case_data(), "counters.session_notional", both))
    assert case.limits.counters == Counters(0, 0, (usd("1"), Money(amount=Decimal(2), currency="EUR")))
    half = parse_case(
        with_value(a_case_data(), "counters.session_notional", [both[0], {"amount": "NaN", "currency": "EUR"}])
    )
    assert half.limits.counters == Counters(0, 0, None)


def test_prices_that_a_type_does_not_have_bind_nobody() -> None:
    """A market order is not cheap because somebody wrote a price beside it."""
    order = {
        **a_case_data()["order"],
        "limit_price": "1",
        "stop_price": "1",
        "trailing_amount": "1",
        "limit_offset": "1",
    }
    kept = {
        "market": set(),
        "limit": {"limit_price"},
        "stop": {"stop_price"},
        "stop_limit": {"limit_price", "stop_price"},
        "trailing_stop": {"stop_price", "trailing_amount"},
        "trailing_stop_limit": {"stop_price", "trailing_amount", "limit_offset"},
    }
    for kind, names in kept.items():
        read = parse_case(a_case_data(order={**order, "order_type": kind})).order
        prices = ("limit_price", "stop_price", "trailing_amount", "trailing_percent", "limit_offset")
        assert {name for name in prices if getattr(read, name) is not None} == names
    market = parse_case(a_case_data(order={**order, "order_type": "market"})).decide()
    assert {found.check: found for found in market.limits}["max_notional"].observed == "103.02"


def test_a_ladder_in_any_order_is_the_same_ladder() -> None:
    steps = [{"from_price": "1", "increment": "0.01"}, {"increment": "0.0001"}]
    case = parse_case(a_case_data(contract={"price_steps": steps, "size_increment": "1"}))
    assert case.limits.steps == Steps(
        (
            PriceStep(from_price=Decimal(0), increment=Decimal("0.0001")),
            PriceStep(from_price=Decimal(1), increment=Decimal("0.01")),
        ),
        Decimal(1),
    )


BRACKET = {"take_profit": {"limit_price": "103"}, "stop_loss": {"stop_price": "97"}}


def test_a_bracket() -> None:
    case = parse_case(with_value(an_armed_case_data(), "order.bracket", BRACKET))
    assert case.order.exits == (
        ExitTerms("take_profit", OrderType.LIMIT, Decimal(103)),
        ExitTerms("stop_loss", OrderType.STOP, None, Decimal(97)),
    )
    assert case.decide().allowed
    limited = {"stop_loss": {"stop_price": "97", "limit_price": "96.5"}}
    case = parse_case(with_value(an_armed_case_data(), "order.bracket", limited))
    assert case.order.exits == (ExitTerms("stop_loss", OrderType.STOP_LIMIT, Decimal("96.5"), Decimal(97)),)
    empty = parse_case(with_value(an_armed_case_data(), "order.bracket", {}))
    assert empty.order.exits == ()
    nothing = parse_case(
        with_value(an_armed_case_data(), "order.bracket", {"take_profit": {}, "stop_loss": {"stop_price": "-1"}})
    )
    assert [(leg.limit_price, leg.stop_price) for leg in nothing.order.exits] == [(None, None), (None, None)]
    assert not nothing.decide().allowed
    with pytest.raises(InvalidRequest, match=r"order\.bracket\.take_profit\.stop_price: is not a key"):
        parse_case(with_value(an_armed_case_data(), "order.bracket", {"take_profit": {"stop_price": "1"}}))


def test_a_modify() -> None:
    data = an_armed_case_data(operation="modify", scopes=["orders:live:modify"])
    plain = {key: value for key, value in data["order"].items() if key != "time_in_force"}
    modifies = {"recorded": {**plain, "limit_price": "98"}, "working": {**plain, "limit_price": "98"}, "filled": "0"}
    case = parse_case({**data, "modifies": modifies})
    assert case.limits.modifies == Modification(terms(limit_price=Decimal(98)), terms(limit_price=Decimal(98)))
    assert case.decide().allowed
    plain_filled = {key: value for key, value in modifies.items() if key != "filled"}
    for unknown in (plain_filled, {**modifies, "filled": "NaN"}, {**modifies, "working": None}):
        read = parse_case({**data, "modifies": unknown}).limits.modifies
        assert read is not None and (read.working, read.filled) == (None, Decimal(0))
        assert parse_case({**data, "modifies": unknown}).decide().refusal_code == "LIVE_MODIFY_TARGET_REFUSED"
    counted = parse_case({**data, "modifies": {**modifies, "filled": "0.5"}})
    assert counted.limits.modifies is not None and counted.limits.modifies.filled == Decimal("0.5")


def test_paper_has_a_section_of_its_own_and_falls_back_to_live() -> None:
    live = {"enabled": False, "invocation_enabled": True, "allowed_accounts": ["U1"]}
    paper = {"enabled": True, "invocation_enabled": True, "allowed_accounts": ["U1234567"]}
    own = parse_case(a_case_data(mode="paper", live=live, paper=paper))
    assert own.gates.enabled is True and own.decide().allowed
    assert parse_case(a_case_data(mode="paper", live=live)).decide().error_code is ErrorCode.PAPER_TRADING_DISABLED
    assert parse_case(a_case_data(live=live, paper=paper)).decide().error_code is ErrorCode.LIVE_TRADING_DISABLED
    assert parse_case(a_case_data(mode="paper", live=None)).gates.enabled is None


def test_quotes_in_another_currency_are_kept_as_such() -> None:
    market = {
        "bid": {"amount": "99", "currency": "EUR"},
        "ask": "101",
        "currency": "USD",
        "status": "live",
        "age_seconds": 1,
    }
    case = parse_case(a_case_data(market=market))
    assert case.limits.market is not None
    assert case.limits.market.bid == Price(Decimal(99), "EUR") and case.limits.market.ask == Price(Decimal(101), "USD")


def test_a_review_has_no_approval_to_have_drifted_from() -> None:
    assert parse_case(a_case_data(operation="review")).limits.was_approved is False
    for operation in ("submit", "modify", "cancel"):
        assert parse_case(a_case_data(operation=operation)).limits.was_approved is True


# ---- replay


def replayed(case: Case) -> Case:
    """What comes back after the case was written as text and read again."""
    return parse_case(read_json(canonical_json(case.as_json())))


def assert_replays(case: Case) -> None:
    again = replayed(case)
    assert again == case
    assert canonical_json(again.as_json()) == canonical_json(case.as_json())
    assert again.digest == case.digest
    assert canonical_json(again.decide().as_json()) == canonical_json(case.decide().as_json())
    written = case.decide().as_json()
    assert Decision.from_json(json.loads(json.dumps(written))) == case.decide()


VARIANTS: list[dict[str, Any]] = [
    {},
    {"operation": "review"},
    {"operation": "cancel"},
    {"mode": "paper"},
    {"order": {**a_case_data()["order"], "bracket": BRACKET}},
    {"order": {**a_case_data()["order"], "bracket": {"stop_loss": {"stop_price": "97", "limit_price": "96"}}}},
    {"order": {**a_case_data()["order"], "asset_class": "future", "limit_price": "-37.63"}},
    {
        "order": {
            **a_case_data()["order"],
            "order_type": "trailing_stop_limit",
            "trailing_percent": "2.5",
            "limit_offset": "-1",
        }
    },
    {"risk_policy_id": "another"},
    {"now": "2026-11-22T15:00:00.000001+00:00"},
    {"contract": {"price_steps": [{"from_price": "1", "increment": "0.01"}, {"increment": "0.0001"}]}},
    {"fx": [{"base": "EUR", "quote": "USD"}]},
    {"configured_at": "2026-11-22T12:00:00Z", "policy_digest": "abc"},
    {"key": {}},
    {"session": {}},
    {"market": {"currency": "USD", "status": "unavailable"}},
    {"what_if": {}},
    {"counters": {}},
    {"position": {}},
    {"hours": {"liquid": [], "trading": []}},
    {"working_orders": [], "recent_orders": []},
    {"scopes": ["b", "a"]},
    {"kill_switch": "closed"},
    {"audit_available": False, "audit": {"problem": "entry 7 was altered", "seq": 9}},
    {"checklist": {"evidence": {"paper": "o-1 filled", "switch": "closed in 0.2 s"}}},
]


@pytest.mark.parametrize("changes", VARIANTS)
def test_a_case_comes_back_equal_and_decides_the_same_to_the_byte(changes: dict[str, Any]) -> None:
    assert_replays(parse_case(an_armed_case_data(**changes)))
    assert_replays(parse_case(a_case_data(**changes)))


@pytest.mark.parametrize("path", sorted(paths(an_armed_case_data())))
def test_a_case_with_one_thing_missing_comes_back_equal(path: str) -> None:
    try:
        case = parse_case(without(an_armed_case_data(), path))
    except InvalidRequest as error:
        assert any("is required" in line or "Field required" in line or line for line in error.problems)
    else:
        assert_replays(case)


def a_desks_case(**limits: Any) -> Case:
    """A case made of values, as the desk records it."""
    policy = an_armed_policy(symbols={"AAPL": Override(max_quantity=Decimal(7))})
    gates = gate_context(
        preview=PreviewFacts("p1", "d1", policy.digest, NOON + timedelta(minutes=5), None, "agent", NOON),
        approval=ApprovalFacts.of(an_approval(policy_digest=policy.digest)),
        policy_digest=policy.digest,
        checklist=a_checklist(evidence={"paper": "o-1"}),
        configured_at=NOON,
    )
    return Case("o-2", terms(), policy, armed_context(**limits), gates)


def test_the_desks_own_cases_replay() -> None:
    assert_replays(a_desks_case())
    assert a_desks_case().decide().allowed
    recorded = terms(limit_price=Decimal(99))
    assert_replays(a_desks_case(modifies=Modification(recorded, recorded, Decimal("0.5"))))
    assert_replays(a_desks_case(modifies=Modification(recorded, None)))
    assert_replays(
        a_desks_case(
            market=Market("USD", QuoteStatus.DELAYED, Decimal("0.000001"), Price(Decimal(1), "EUR"), as_of=NOON),
            counters=Counters(None, 3, (usd("1.5"), Money(amount=Decimal("2.50"), currency="EUR"))),
            steps=Steps((), None),
            position=PositionFacts(None, None, Decimal(1), None, Decimal(2), None, Decimal(3), NOON),
            what_if=WhatIfFacts(Money(amount=Decimal(-5), currency="USD"), None),
            recent_orders=(an_own_order(age_seconds=None), an_own_order(order_type=OrderType.MARKET, limit_price=None)),
            working_orders=(an_own_order(trailing_amount=Decimal(1), limit_offset=Decimal("-0.5")),),
        )
    )


def test_a_session_that_was_never_there_decides_the_same_when_replayed() -> None:
    case = a_desks_case()
    alone = replace(case, gates=replace(case.gates, session=None))
    assert not alone.decide().allowed
    assert canonical_json(replayed(alone).decide().as_json()) == canonical_json(alone.decide().as_json())


def test_a_case_without_switch_audit_or_checklist_replays() -> None:
    case = a_desks_case()
    changes: tuple[dict[str, Any], ...] = (
        {"switch": None},
        {"audit": None},
        {"checklist": None},
        {"checklist": Checklist()},
        {"switch": a_switch(KillSwitch.CLOSED)},
        {"key": KeyFacts(None)},
        {"scopes": None},
        {"enabled": None, "allowed_accounts": None},
        {"operation": Operation.REVIEW},
    )
    for change in changes:
        limits = replace(case.limits, was_approved=change.get("operation") is None)
        assert_replays(replace(case, limits=limits, gates=replace(case.gates, **change)))


def test_the_digest_covers_the_inputs() -> None:
    digest = a_desks_case().digest
    assert len(digest) == 64
    assert a_desks_case(counters=counters(window=1)).digest != digest
    assert replace(a_desks_case(), order=terms(quantity=Decimal(2))).digest != digest


def test_under_another_policy_only_the_limits_change() -> None:
    case = a_desks_case()
    tight = case.under(an_armed_policy(max_quantity=Decimal("0.5")))
    assert (tight.order, tight.limits, tight.gates) == (case.order, case.limits, case.gates)
    assert tight.decide().refusal_code == "LIVE_QUANTITY_LIMIT_REFUSED"
    assert case.under(None).decide().error_code is ErrorCode.LIVE_POLICY_UNKNOWN
    assert tight.decide().gates[:6] == case.decide().gates[:6]


def test_every_key_that_is_written_can_be_read() -> None:
    written = a_desks_case(modifies=Modification(terms(), terms())).as_json()
    for path in paths(written):
        container, key = at(written, path)
        assert container[key] is None or isinstance(container[key], str | int | list | dict), path
    assert list(written)[:5] == ["case", "now", "operation", "mode", "order"]
    assert written["scopes"] == ["orders:live:submit"] and written["live"]["enabled"] is True


def test_orders_of_an_intent_and_of_a_case_are_the_same_terms() -> None:
    from tests.makers import a_contract, an_intent

    intent = an_intent(
        account="U1234567", side="sell", quantity="2", order_type="trailing_stop_limit", limit_price=None,
        trailing_amount="1.5", limit_offset="0.5", stop_price="95",
    )  # fmt: skip
    order = OrderTerms.of(intent, a_contract(multiplier=Decimal(100), asset_class=AssetClass.OPTION))
    case = Case("x", order, None, LimitContext(NOON, a_market(), None), gate_context(risk_policy_id=None))
    assert replayed(case).order == order == terms(
        side=Side.SELL, quantity=Decimal(2), order_type=OrderType.TRAILING_STOP_LIMIT, limit_price=None,
        trailing_amount=Decimal("1.5"), limit_offset=Decimal("0.5"), stop_price=Decimal(95), multiplier=Decimal(100),
        asset_class=AssetClass.OPTION,
    )  # fmt: skip
    assert replayed(case).limits.mode is Mode.LIVE
