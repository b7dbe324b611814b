"""From a description to one contract: nothing guessed, and nothing taken whose numbers would mean something else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from ib_async import Contract as IbContract
from ib_async import ContractDetails

from ibgw_tui.brokers.ib_contracts import contract_of, question, rule_of, the_one, wire_contract
from ibgw_tui.core.errors import BrokerError, ErrorCode, InvalidRequest
from ibgw_tui.core.terms import AssetClass
from tests.makers import an_intent

LADDER = [(0.0, 0.01), (3.0, 0.05)]


def details(con_id: int = 1, **changes: Any) -> ContractDetails:
    contract = {
        "conId": con_id, "symbol": "AAPL", "secType": "STK", "exchange": "SMART", "primaryExchange": "NASDAQ",
        "currency": "USD", "localSymbol": "AAPL", "tradingClass": "NMS",
    }  # fmt: skip
    named = {name: changes.pop(name) for name in list(changes) if hasattr(IbContract(), name)}
    data = {
        "validExchanges": "SMART,ISLAND", "marketRuleIds": "26,27", "longName": "APPLE INC", "sizeIncrement": 1.0,
        "timeZoneId": "US/Eastern", "liquidHours": "20261123:0930-20261123:1600", "tradingHours": "20261123:CLOSED",
    }  # fmt: skip
    return ContractDetails(contract=IbContract(**{**contract, **named}), **{**data, **changes})


def test_the_contract_as_we_keep_it() -> None:
    contract = contract_of(details(), LADDER)
    assert contract.tick_at(Decimal("2.99")) == Decimal("0.01") and contract.tick_at(Decimal(3)) == Decimal("0.05")
    assert contract.size_increment == 1 and contract.time_zone == "America/New_York" and contract.multiplier == 1
    assert contract.trading_hours == () and contract.liquid_hours is not None and len(contract.liquid_hours) == 1
    assert rule_of(details()) == 26 and rule_of(details(exchange="ISLAND")) == 27
    assert rule_of(details(exchange="LSE")) is None and rule_of(details(marketRuleIds="26")) is None


def test_hours_that_cannot_be_read_are_unknown() -> None:
    contract = contract_of(details(timeZoneId="Mars/Olympus", sizeIncrement=0.0), LADDER)
    assert contract.liquid_hours is None and contract.trading_hours is None and contract.size_increment is None


@pytest.mark.parametrize(
    ("told", "asset_class"),
    [
        (details(stockType="ETF"), AssetClass.ETF),
        (details(stockType="COMMON"), AssetClass.STOCK),
        (details(symbol="EUR", secType="CASH", localSymbol="EUR.USD"), AssetClass.FX),
        (details(secType="FUT", lastTradeDateOrContractMonth="20261218", multiplier="50"), AssetClass.FUTURE),
        (details(secType="OPT", lastTradeDateOrContractMonth="20261218", strike=100.0, right="C", multiplier="100"),
         AssetClass.OPTION),
    ],
)  # fmt: skip
def test_classes_and_back_to_the_wire(told: ContractDetails, asset_class: AssetClass) -> None:
    contract = contract_of(told, LADDER)
    wire, origin = wire_contract(contract), told.contract
    assert contract.asset_class is asset_class and origin is not None
    for name in ("conId", "symbol", "secType", "exchange", "currency", "right", "lastTradeDateOrContractMonth"):
        assert getattr(wire, name) == getattr(origin, name)
    assert Decimal(str(wire.strike)) == Decimal(str(origin.strike)) and wire.multiplier == origin.multiplier


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (details(priceMagnifier=100), "fraction of its currency"),
        (details(secType="WAR"), "type WAR"),
        (details(secType="BAG"), "type BAG"),
    ],
)
def test_what_would_be_misunderstood_is_not_traded(told: ContractDetails, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        the_one(an_intent(), [told], "")
    assert words in caught.value.message and caught.value.code is ErrorCode.INPUT_INVALID_CONTRACT


def test_without_a_tick_ladder_there_is_no_contract() -> None:
    with pytest.raises(BrokerError, match="steps"):
        contract_of(details(), [])


def test_several_contracts_are_named_with_what_tells_them_apart() -> None:
    with pytest.raises(InvalidRequest) as caught:
        the_one(an_intent(), [details(1), details(2, currency="MXN", localSymbol="AAPL.M")], "")
    assert caught.value.code is ErrorCode.INPUT_AMBIGUOUS_CONTRACT
    assert "currency" in caught.value.user_action and "con_id 2" in caught.value.message
    found = the_one(an_intent(currency="USD"), [details(1), details(2, currency="MXN")], "")
    assert found.contract is not None and found.contract.conId == 1


def test_one_contract_on_several_exchanges_is_one() -> None:
    rows = [details(1, exchange=name, primaryExchange="CME") for name in ("QBALGO", "CME", "SMART")]
    for count, exchange in ((1, "QBALGO"), (2, "CME"), (3, "SMART")):
        found = the_one(an_intent(), rows[:count], "").contract
        assert found is not None and found.exchange == exchange


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"asset_class": "etf"}, "asset_class"),
        ({"currency": "EUR"}, "currency"),
        ({"symbol": "MSFT", "con_id": 1}, "symbol"),
    ],
)
def test_what_contradicts_the_contract_is_said(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        the_one(an_intent(**changes), [details(1)], "")
    assert any(problem.startswith(named) for problem in caught.value.problems)


def test_questions() -> None:
    assert question(an_intent(con_id=5)).conId == 5 and question(an_intent()).exchange == "SMART"
    pair = question(an_intent(symbol="EUR.USD"))
    assert (pair.symbol, pair.currency, pair.secType, pair.exchange) == ("EUR", "USD", "CASH", "IDEALPRO")
    assert question(an_intent(symbol="BRK B")).secType == "STK"
    future = question(an_intent(symbol="ES", expiry="20261218"))
    assert (future.secType, future.exchange) == ("FUT", "")
