"""Which quantity and price would pass: never a promise that the decision does not keep."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.core.cases import Case
from ibgw_tui.core.context import Counters, PositionFacts, Steps
from ibgw_tui.core.hints import Bounds, hints
from ibgw_tui.core.orders import PriceStep
from ibgw_tui.core.terms import OrderType, Side
from tests.makers import a_market, a_policy, gate_context, limit_context, terms, usd

CENTS = Steps((PriceStep(from_price=Decimal(0), increment=Decimal("0.01")),), Decimal(1))


def case(quantity: str = "1", limit: str | None = "100", **changes: object) -> Case:
    order_changes = {
        "quantity": Decimal(quantity),
        "limit_price": Decimal(limit) if limit else None,
        "order_type": OrderType.LIMIT if limit else OrderType.MARKET,
        "side": changes.pop("side", Side.BUY),
    }
    policy = changes.pop("policy", a_policy())
    context = limit_context(**{"market": a_market(), "steps": CENTS, **changes})
    return Case("h", replace(terms(), **order_changes), policy, context, gate_context())  # type: ignore[arg-type]


def blocking(asked: Case) -> set[str]:
    return {finding.code for finding in asked.decide().limits if finding.blocks}


def bounds(asked: Case, field: str) -> Bounds:
    (found,) = [each for each in hints(asked).bounds if each.field == field]
    return found


def with_(asked: Case, **changes: Decimal) -> Case:
    return Case(asked.name, replace(asked.order, **changes), asked.policy, asked.limits, asked.gates)  # type: ignore[arg-type]


def test_an_order_that_passes_needs_no_proposal() -> None:
    assert not blocking(case()) and hints(case()).proposal is None


@pytest.mark.parametrize(
    ("asked", "most", "because"),
    [
        (case("500"), "10", {"LIVE_QUANTITY_LIMIT_REFUSED", "LIVE_NOTIONAL_LIMIT_REFUSED"}),
        (case("500", "104"), "9", {"LIVE_NOTIONAL_LIMIT_REFUSED"}),
        (case("500", "99.5"), "10", {"LIVE_QUANTITY_LIMIT_REFUSED"}),
        (case("500", None), "9", {"LIVE_NOTIONAL_LIMIT_REFUSED"}),  # at 101 plus the haircut of 2 %
        (case("5", counters=Counters(0, 0, (usd("4750"),))), "2", {"LIVE_SESSION_NOTIONAL_LIMIT_REFUSED"}),
        (case("5", counters=Counters(0, 0, (usd("6000"),))), "0", {"LIVE_SESSION_NOTIONAL_LIMIT_REFUSED"}),
        (
            case("5", policy=a_policy(max_position=Decimal(8)), position=PositionFacts(Decimal(5))),
            "3",
            {"LIVE_POSITION_LIMIT_REFUSED"},
        ),
        (
            case("5", policy=a_policy(max_position=Decimal(8)), position=PositionFacts(Decimal(-5)), side=Side.SELL),
            "3",
            {"LIVE_POSITION_LIMIT_REFUSED"},
        ),
    ],
)
def test_the_largest_quantity_and_which_limit_gives_it(asked: Case, most: str, because: set[str]) -> None:
    found = bounds(asked, "quantity")
    assert (found.most, set(found.because)) == (Decimal(most), because)


@pytest.mark.parametrize(
    ("limit", "nearest"), [("171.003", "105"), ("3", "95"), ("100.001", "100.01"), ("104.99", "104.99")]
)
def test_a_price_is_moved_into_the_collar_and_onto_the_tick(limit: str, nearest: str) -> None:
    found = bounds(case("1", limit), "limit_price")
    assert (found.least, found.most, found.nearest) == (Decimal(95), Decimal(105), Decimal(nearest))


def test_what_no_quantity_or_price_can_mend_gets_no_promise() -> None:
    for asked in (
        case("500", policy=a_policy(allowed_symbols=("MSFT",))),
        case("500", counters=None),
        case("500", market=None),
        case("500", policy=a_policy(enabled=False)),
    ):
        proposal = hints(asked).proposal
        assert proposal is None or not proposal.passes
    assert hints(Case("h", case().order, None, case().limits, case().gates)).bounds == ()


numbers = st.decimals(min_value=Decimal("0.001"), max_value=Decimal(100_000), places=3)


@given(
    quantity=numbers, limit=numbers, side=st.sampled_from(Side), spent=st.integers(0, 6000), collar=st.integers(0, 3000)
)
def test_a_proposal_that_is_said_to_pass_passes_and_bounds_are_where_the_limits_turn(
    quantity: Decimal, limit: Decimal, side: Side, spent: int, collar: int
) -> None:
    asked = case(
        str(quantity), str(limit), side=side, policy=a_policy(max_price_deviation_bps=collar),
        counters=Counters(0, 0, (usd(str(spent)),)),
    )  # fmt: skip
    found = hints(asked)
    if found.proposal is not None and found.proposal.passes:
        assert not blocking(with_(asked, **found.proposal.changes))
    if not blocking(asked):
        assert found.proposal is None
    prices = bounds(asked, "limit_price")
    assert prices.least is not None and prices.most is not None and prices.step is not None
    if prices.least <= prices.most:
        for inside, outside in ((prices.least, prices.least - prices.step), (prices.most, prices.most + prices.step)):
            assert "LIVE_PRICE_COLLAR_REFUSED" not in blocking(with_(asked, limit_price=inside))
            assert "LIVE_PRICE_COLLAR_REFUSED" in blocking(with_(asked, limit_price=outside))
    if prices.nearest is not None:
        moved = with_(asked, limit_price=prices.nearest)
        sizes = bounds(moved, "quantity")
        assert sizes.most is not None and sizes.step is not None
        if sizes.most > 0:
            assert not set(sizes.because) & blocking(with_(moved, quantity=sizes.most))
        assert set(sizes.because) & blocking(with_(moved, quantity=sizes.most + sizes.step))
