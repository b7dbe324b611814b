"""Reading an order: all that is wrong in one answer, and one digest for one meaning."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.core.errors import ErrorCode, InvalidRequest
from ibgw_tui.core.orders import BrokerOrder, Estimate, Preview, digest_of, order_sentence, parse_intent
from ibgw_tui.core.terms import Mode, OrderType
from ibgw_tui.core.written import canonical_json
from tests.makers import NOON, a_contract, an_intent, an_intent_data


def problems_of(**changes: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidRequest) as caught:
        parse_intent(an_intent_data(**changes))
    return caught.value.problems


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_intent({"symbol": "aapl", "side": "long", "quantity": "-1", "limit_price": 0.1, "limitprice": "1"})
    named = {line.split(":")[0] for line in caught.value.problems}
    assert named == {"account", "symbol", "side", "quantity", "limit_price", "limitprice"}
    assert caught.value.code is ErrorCode.INPUT_MISSING_ACCOUNT
    assert "nothing was recorded" in caught.value.user_action


@pytest.mark.parametrize(
    ("changes", "field", "word"),
    [
        ({"account": "paper"}, "account", "DU1234567"),
        ({"symbol": "aapl"}, "symbol", "upper case"),
        ({"symbol": "AA\x1b[31mPL"}, "symbol", "not valid"),
        ({"quantity": "0"}, "quantity", "greater than zero"),
        ({"quantity": "NaN"}, "quantity", "not a number"),
        ({"quantity": "0.30000000000000004"}, "quantity", "round it first"),
        ({"quantity": 0.5}, "quantity", "not float"),
        ({"quantity": float("nan")}, "quantity", "not float"),
        ({"side": "hold"}, "side", "'buy' or 'sell'"),
        ({"limit_price": None}, "limit_price", "needs one"),
        ({"limit_price": "0"}, "limit_price", "greater than zero"),
        ({"limit_price": "-5"}, "limit_price", "greater than zero"),
        ({"order_type": "market"}, "limit_price", "has none"),
        ({"order_type": "stop", "limit_price": None}, "stop_price", "needs one"),
        ({"order_type": "stop_limit"}, "stop_price", "needs one"),
        ({"order_type": "trailing_stop", "limit_price": None}, "trailing_amount", "one of them"),
        ({"time_in_force": "gtd"}, "good_till", "needs a moment"),
        ({"good_till": "2026-11-22T15:00:00Z"}, "good_till", "only a gtd order"),
        ({"time_in_force": "gtd", "good_till": "2026-11-22T15:00:00"}, "good_till", "zone"),
        ({"asset_class": "option"}, "strike", "needs one"),
        ({"asset_class": "future"}, "expiry", "YYYYMMDD"),
        ({"rationale": "x" * 10_000_000}, "rationale", "10,000,000 characters"),
        ({"colour": "red"}, "colour", "not a field"),
        ({"con_id": "265598"}, "con_id", "integer"),
    ],
)
def test_each_problem_names_its_field_and_the_remedy(changes: dict[str, Any], field: str, word: str) -> None:
    found = [line for line in problems_of(**changes) if line.startswith(f"{field}:")]
    assert found, problems_of(**changes)
    assert word in found[0]
    assert len(found[0]) < 400


def test_a_future_may_trade_below_zero() -> None:
    intent = an_intent(symbol="ES", asset_class="future", expiry="20261218", limit_price="-37.63")
    assert intent.limit_price == Decimal("-37.63")


def test_the_rationale_is_made_harmless_where_it_enters() -> None:
    assert an_intent(rationale="buy\x1b[2Jnow").rationale == "buy␛now"


@given(st.text(max_size=60))
def test_no_symbol_ever_carries_control_characters(symbol: str) -> None:
    try:
        intent = an_intent(symbol=symbol)
    except InvalidRequest:
        return
    assert intent.symbol.isascii() and intent.symbol.isprintable()


@given(
    st.dictionaries(
        st.text(max_size=12),
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.floats()),
        max_size=6,
    )
)
def test_any_json_object_is_an_order_or_one_clear_error(data: dict[str, Any]) -> None:
    try:
        parse_intent(data)
    except InvalidRequest as error:
        assert error.problems


def a_preview(**changes: Any) -> Preview:
    return Preview(
        preview_id="p1", order_ref="o-1", mode=Mode.PAPER, staged_by="agent", intent=an_intent(**changes), contract=a_contract(),
        estimate=Estimate(), policy_id="example", policy_digest="x", created_at=NOON, expires_at=NOON,
    )  # fmt: skip


def test_one_meaning_has_one_digest() -> None:
    assert a_preview(limit_price="100.10").digest == a_preview(limit_price="100.1").digest
    assert a_preview(limit_price="100.10").digest != a_preview(limit_price="100.11").digest


@pytest.mark.parametrize(
    "change",
    [{"quantity": "2"}, {"side": "sell"}, {"rationale": "other"}, {"account": "U1234567"}, {"outside_hours": True}],
)
def test_every_field_is_in_the_digest(change: dict[str, Any]) -> None:
    assert a_preview().digest != a_preview(**change).digest


def test_a_preview_survives_being_written_and_read() -> None:
    preview = a_preview(time_in_force="gtd", good_till="2026-12-01T00:00:00Z")
    again = Preview.model_validate_json(preview.model_dump_json())
    assert again == preview and again.digest == preview.digest


def test_what_goes_over_the_wire_is_what_was_previewed() -> None:
    order = BrokerOrder.of(a_preview(order_type="stop_limit", stop_price="99"))
    assert (order.order_ref, order.limit_price, order.stop_price) == ("o-1", Decimal(100), Decimal(99))
    assert order.order_type is OrderType.STOP_LIMIT


def test_floats_have_no_canonical_form() -> None:
    for value in (1.5, {"a": [1.5]}, [{"b": 1.0}]):
        with pytest.raises(TypeError):
            canonical_json(value)
    assert canonical_json({"b": "ü", "a": [1, None]}) == '{"a":[1,null],"b":"ü"}'.encode()
    assert digest_of("x", 1) != digest_of("y", 1)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "BUY 1 AAPL at limit 100 USD, day, in DU1234567"),
        ({"order_type": "market", "limit_price": None, "quantity": "90000"}, "BUY 90,000 AAPL at market, day, in DU1234567"),
        ({"side": "sell", "order_type": "stop", "limit_price": None, "stop_price": "95.5", "time_in_force": "gtc"},
         "SELL 1 AAPL at market once 95.5 USD trades, GTC, in DU1234567"),
        ({"order_type": "stop_limit", "stop_price": "101"}, "BUY 1 AAPL at limit 100 USD once 101 USD trades, day, in DU1234567"),
        ({"order_type": "trailing_stop", "limit_price": None, "trailing_percent": "2", "side": "sell"},
         "SELL 1 AAPL at market, trailing by 2 %, day, in DU1234567"),
        ({"order_type": "trailing_stop_limit", "limit_price": None, "trailing_amount": "2", "limit_offset": "0.1"},
         "BUY 1 AAPL at a limit 0.1 USD from the stop, trailing by 2 USD, day, in DU1234567"),
        ({"asset_class": "option", "expiry": "20261218", "strike": "100", "right": "call", "limit_price": "4.2"},
         "BUY 1 AAPL 20261218 100 call at limit 4.2 USD, day, in DU1234567"),
    ],
)  # fmt: skip
def test_the_order_as_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    assert order_sentence(an_intent(**changes), "USD") == sentence


def test_the_tick_ladder() -> None:
    from ibgw_tui.core.orders import PriceStep

    ladder = a_contract(
        price_steps=(
            PriceStep(from_price=Decimal(0), increment=Decimal("0.01")),
            PriceStep(from_price=Decimal(3), increment=Decimal("0.05")),
        )
    )
    assert ladder.tick_at(Decimal("2.99")) == Decimal("0.01")
    assert ladder.tick_at(Decimal(3)) == Decimal("0.05")
    assert a_contract(price_steps=()).tick_at(Decimal(1)) is None
