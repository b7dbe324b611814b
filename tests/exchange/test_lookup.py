"""Exactly one contract, or a sentence that says what to change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.core.errors import ErrorCode, InvalidRequest
from ibgw_tui.core.orders import Contract
from ibgw_tui.exchange.instruments import AAPL, AAPL_CALL, ES_FRONT, ES_NEXT, EUR_USD, MSFT, SPY, TSLA, listed
from ibgw_tui.exchange.lookup import resolve
from tests.makers import an_intent

CALL = {"asset_class": "option", "expiry": "20261218", "strike": "100", "right": "call"}


@pytest.mark.parametrize(
    ("words", "con_id"),
    [
        ({"symbol": "AAPL"}, AAPL),
        ({"symbol": "AAPL", "asset_class": "stock", "currency": "USD"}, AAPL),
        ({"symbol": "AAPL", "con_id": 265598}, AAPL),
        ({"symbol": "MSFT"}, MSFT),
        ({"symbol": "SPY", "asset_class": "etf"}, SPY),
        ({"symbol": "TSLA"}, TSLA),
        ({"symbol": "EUR.USD"}, EUR_USD),
        ({"symbol": "EUR.USD", "asset_class": "fx"}, EUR_USD),
        ({"symbol": "ES", "asset_class": "future", "expiry": "20261218"}, ES_FRONT),
        ({"symbol": "ES", "expiry": "20270319"}, ES_NEXT),
        ({"symbol": "AAPL", **CALL}, AAPL_CALL),
        ({"symbol": "AAPL", "expiry": "20261218", "strike": "100.00", "right": "call"}, AAPL_CALL),
        ({"symbol": "AAPL", "con_id": AAPL_CALL}, AAPL_CALL),
    ],
)
def test_the_one_meant_is_found(words: dict[str, Any], con_id: int) -> None:
    assert resolve(an_intent(**words)).con_id == con_id


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ({"symbol": "APPL"}, ErrorCode.INPUT_INVALID_CONTRACT, ["no contract has the symbol APPL", "did you mean AAPL"]),
        ({"symbol": "APPLE"}, ErrorCode.INPUT_INVALID_CONTRACT, ["did you mean AAPL"]),
        ({"symbol": "TESLA"}, ErrorCode.INPUT_INVALID_CONTRACT, ["did you mean TSLA"]),
        ({"symbol": "EURUSD"}, ErrorCode.INPUT_INVALID_CONTRACT, ["did you mean EUR.USD"]),
        ({"symbol": "EUR"}, ErrorCode.INPUT_INVALID_CONTRACT, ["did you mean EUR.USD"]),
        ({"symbol": "ESZ6"}, ErrorCode.INPUT_INVALID_CONTRACT, ["did you mean ES"]),
        ({"symbol": "NVDA"}, ErrorCode.INPUT_INVALID_CONTRACT, ["listed here are AAPL, ES, EUR.USD, MSFT, SPY, TSLA"]),
        ({"symbol": "ES"}, ErrorCode.INPUT_AMBIGUOUS_CONTRACT, ["add expiry (20261218 or 20270319)"]),
        (
            {"symbol": "AAPL", "expiry": "20261218"},
            ErrorCode.INPUT_AMBIGUOUS_CONTRACT,
            ["add strike (100), right (call or put)"],
        ),
        (
            {"symbol": "AAPL", "expiry": "20261218", "strike": "100"},
            ErrorCode.INPUT_AMBIGUOUS_CONTRACT,
            ["add right (call or put)"],
        ),
        ({"symbol": "MSFT", "con_id": 265598}, ErrorCode.INPUT_INVALID_CONTRACT, ["con_id 265598 is AAPL, not MSFT"]),
        ({"symbol": "AAPL", "con_id": 5}, ErrorCode.INPUT_INVALID_CONTRACT, ["no contract has con_id 5", "265598"]),
        ({"symbol": "NVDA", "con_id": 5}, ErrorCode.INPUT_INVALID_CONTRACT, ["leave con_id out"]),
        ({"symbol": "AAPL", "currency": "EUR"}, ErrorCode.INPUT_INVALID_CONTRACT, ["currency: AAPL has USD, not EUR"]),
        ({"symbol": "AAPL", "con_id": 265598, "currency": "EUR"}, ErrorCode.INPUT_INVALID_CONTRACT, ["USD, not EUR"]),
        ({"symbol": "SPY", "asset_class": "stock"}, ErrorCode.INPUT_INVALID_CONTRACT, ["asset_class: SPY has etf, not stock"]),
        ({"symbol": "AAPL", **CALL, "strike": "105"}, ErrorCode.INPUT_INVALID_CONTRACT, ["100", "not 105", "correct strike"]),
        ({"symbol": "ES", "expiry": "20280317"}, ErrorCode.INPUT_INVALID_CONTRACT, ["20261218 or 20270319, not 20280317"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_the_remedy(words: dict[str, Any], code: ErrorCode, says: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        resolve(an_intent(**words))
    said = f"{caught.value.message}. {caught.value.user_action}"
    assert caught.value.code is code
    assert all(part in said for part in says), said
    assert caught.value.user_action


@given(st.sampled_from(list(listed())))
def test_a_full_description_always_finds_its_contract(instrument) -> None:  # type: ignore[no-untyped-def]
    contract: Contract = instrument.contract
    words: dict[str, Any] = {
        "symbol": contract.symbol,
        "asset_class": contract.asset_class.value,
        "currency": contract.currency,
        "expiry": contract.expiry,
        "strike": None if contract.strike is None else f"{contract.strike:f}",
        "right": contract.right.value if contract.right else None,
    }
    assert resolve(an_intent(**words)) == contract


def test_con_ids_are_unique_and_units_are_complete() -> None:
    contracts = [instrument.contract for instrument in listed()]
    assert len({c.con_id for c in contracts}) == len(contracts)
    assert len({c.local_symbol for c in contracts}) == len(contracts)
    for contract in contracts:
        assert contract.price_steps and contract.size_increment and contract.time_zone and contract.description
