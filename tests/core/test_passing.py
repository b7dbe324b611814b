"""What would pass: told values pass, the next ones do not, and nothing is told where nothing helps."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibgw_tui.core.cases import Case, parse_case
from ibgw_tui.core.context import OrderTerms
from ibgw_tui.core.passing import Passing, what_passes
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.terms import Side
from tests import makers


def a_case(policy: LimitPolicy | None = None, context: dict[str, Any] | None = None, **order: Any) -> Case:
    return Case(
        "test",
        makers.terms(**order),
        policy or makers.a_policy(),
        makers.limit_context(**(context or {})),
        makers.gate_context(),
    )


def passes(case: Case, **changes: Any) -> bool:
    changed: OrderTerms = replace(case.order, **changes)
    decision = Case("again", changed, case.policy, case.limits, case.gates).decide()
    return not any(finding.blocks for finding in decision.limits)


def test_nothing_is_told_of_an_order_that_passes() -> None:
    assert what_passes(a_case()) is None


def test_the_quantity_is_the_largest_one() -> None:
    assert what_passes(a_case(quantity=Decimal(14))) == Passing(quantity=Decimal(10))


def test_a_value_over_the_limit_can_be_mended_by_quantity_or_price() -> None:
    case = a_case(makers.a_policy(max_quantity=Decimal(1000), max_notional=makers.usd("1000")), quantity=Decimal(10),
                  limit_price=Decimal(104))  # fmt: skip
    assert what_passes(case) == Passing(quantity=Decimal(9), limit_price=Decimal("100.00"))
    assert passes(case, quantity=Decimal(9)) and passes(case, limit_price=Decimal(100))
    assert not passes(case, limit_price=Decimal("100.01"))


@pytest.mark.parametrize(
    ("asked", "nearest"), [("120", "105"), ("80", "95"), ("100.004", "100"), ("100.006", "100.01")]
)
def test_the_price_is_the_nearest_one(asked: str, nearest: str) -> None:
    found = what_passes(a_case(limit_price=Decimal(asked)))
    assert found is not None and found.limit_price == Decimal(nearest) and found.quantity is None


def test_of_two_equally_near_prices_the_less_aggressive_is_told() -> None:
    for side, nearest in (("buy", "100.00"), ("sell", "100.01")):
        found = what_passes(a_case(limit_price=Decimal("100.005"), side=Side(side)))
        assert found is not None and found.limit_price == Decimal(nearest)


def test_two_broken_numbers_are_mended_together() -> None:
    found = what_passes(a_case(quantity=Decimal(40), limit_price=Decimal(120)))
    assert found is not None and found.quantity is None and found.limit_price is None
    assert found.both == (Decimal(9), Decimal(105)) and found.words == "quantity 9 with limit price 105"


def test_nothing_is_told_where_no_number_helps() -> None:
    assert what_passes(a_case(symbol="ZZZZ")) is None
    assert what_passes(a_case(context={"market": None})) is None, "what is not known does not pass"
    assert what_passes(replace(a_case(), policy=None)) is None


def test_a_repeated_order_is_not_told_how_to_slip_past() -> None:
    policy = makers.an_armed_policy()
    context = {
        **{n: getattr(makers.armed_context(), n) for n in ("position", "what_if", "hours", "fx", "working_orders", "approved_market")},
        "recent_orders": (makers.an_own_order(quantity=Decimal(5)),),
    }  # fmt: skip
    case = a_case(policy, context, quantity=Decimal(5))
    assert passes(case, quantity=Decimal(4)), "it would pass, and is not offered all the same"
    assert what_passes(case) is None


@settings(max_examples=80, deadline=None)
@given(
    quantity=st.integers(1, 60),
    cents=st.integers(6000, 14000),
    side=st.sampled_from(["buy", "sell"]),
    cap=st.integers(100, 3000),
)
def test_what_is_told_passes_and_nothing_nearer_does(quantity: int, cents: int, side: str, cap: int) -> None:
    price = Decimal(cents) / 100
    case = a_case(makers.a_policy(max_notional=makers.usd(str(cap)), max_quantity=Decimal(30)),
                  quantity=Decimal(quantity), limit_price=price, side=Side(side))  # fmt: skip
    found = what_passes(case)
    by_quantity = [n for n in range(1, quantity) if passes(case, quantity=Decimal(n))]
    if passes(case):
        assert found is None
        return
    assert (found.quantity if found else None) == (Decimal(max(by_quantity)) if by_quantity else None)
    if found is not None and found.limit_price is not None:
        assert passes(case, limit_price=found.limit_price)
        nearer = abs(found.limit_price - price) - Decimal("0.01")
        assert nearer <= 0 or not any(passes(case, limit_price=price + way * nearer) for way in (1, -1))
    if found is not None and found.both is not None:
        assert passes(case, quantity=found.both[0], limit_price=found.both[1])


def test_it_is_read_from_a_recorded_case_too() -> None:
    data = makers.a_case_data()
    data["order"] = {**data["order"], "quantity": "12"}
    case = parse_case(data)
    found = what_passes(case)
    assert found is not None
    assert found.as_json() == {"quantity": "10", "limit_price": None, "both": None, "words": "quantity 10"}
