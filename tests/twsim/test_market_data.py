"""Contracts and quotes as the unmodified client gets them: resolved, laddered, scheduled; live, late, frozen or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from ib_async import IB, Contract, ContractDetails, Forex, Future, Option, Stock

from ibgw_tui.exchange.instruments import AAPL, AAPL_CALL, ES_FRONT, EUR_USD, INSTRUMENTS, MSFT
from ibgw_tui.twsim import acts
from tests.twsim.bench import Bench, a_tws, aapl, errors_of, raw


async def details(ib: IB, contract: Contract) -> list[ContractDetails]:
    return list(await ib.reqContractDetailsAsync(contract))


@pytest.mark.parametrize("version", [157, 163, 164, 176, 178])
async def test_every_listed_contract_is_found_by_its_id_with_its_details(bench: Bench, version: int) -> None:
    ib = await bench.connect(version=version)
    for instrument in INSTRUMENTS.values():
        [found] = await details(ib, Contract(conId=instrument.con_id))
        contract, told = instrument.contract, found.contract
        assert told is not None and told.conId == instrument.con_id
        assert (told.localSymbol, told.currency) == (contract.local_symbol, contract.currency)
        assert found.longName == contract.description and found.minTick == float(instrument.finest_tick)
        assert contract.exchange in found.validExchanges.split(",")
        assert len(found.marketRuleIds.split(",")) == len(found.validExchanges.split(","))
        rule = await ib.reqMarketRuleAsync(int(found.marketRuleIds.split(",")[0]))
        assert [(str(step.lowEdge), str(step.increment)) for step in rule or []] == [
            (str(float(step.from_price)), str(float(step.increment))) for step in contract.price_steps
        ]
        assert found.liquidSessions() and found.tradingSessions()
        if version >= 164:
            assert found.sizeIncrement == float(instrument.size_increment)


async def test_descriptions_lead_to_the_contracts_that_fit(bench: Bench) -> None:
    ib = await bench.connect()

    async def ids(contract: Contract) -> list[int]:
        return [found.contract.conId for found in await details(ib, contract) if found.contract]

    assert await ids(Stock("MSFT", "SMART", "USD", primaryExchange="NASDAQ")) == [MSFT]
    assert await ids(Forex("EURUSD")) == [EUR_USD]
    assert await ids(Future("ES", "202612", "CME")) == await ids(Future("ES", "20261218", "CME")) == [ES_FRONT]
    assert len(await ids(Future("ES", exchange="CME"))) == 2
    assert await ids(Option("AAPL", "20261218", 100, "C", "SMART")) == [AAPL_CALL]
    assert await ids(Option("AAPL", "20261218", 100, "CALL", "SMART", multiplier="100")) == [AAPL_CALL]
    assert len(await ids(Contract(secType="OPT", symbol="AAPL"))) == 2
    assert len(await ids(Contract(symbol="AAPL"))) == 3
    assert await ids(Contract(localSymbol="ESZ6", exchange="CME")) == [ES_FRONT]
    for nothing in (
        Stock("AAPL", "LSE", "USD"),
        Stock("AAPL", "SMART", "EUR"),
        Stock("NOPE", "SMART", "USD"),
        Option("AAPL", "20261218", 101, "C", "SMART"),
        Contract(),
        Contract(conId=4711),
    ):
        with pytest.raises(Exception, match="200"):
            await ids(nothing)


async def test_hours_are_told_in_the_time_of_the_exchange(bench: Bench) -> None:
    ib = await bench.connect()
    [found] = await details(ib, aapl())
    assert found.timeZoneId == "US/Eastern"
    assert found.liquidHours.split(";")[:2] == ["20261123:0930-20261123:1600", "20261124:0930-20261124:1600"]
    assert "20261126:CLOSED" in found.tradingHours and "20261127:0930-20261127:1300" in found.liquidHours
    [future] = await details(ib, Contract(conId=ES_FRONT))
    assert future.timeZoneId == "US/Central" and future.tradingHours.startswith("20261122:1700-20261123:1600;")


async def test_symbols_are_found_by_their_beginning(bench: Bench) -> None:
    for version in (157, 178):
        ib = await bench.connect(version, version=version)
        found = await ib.reqMatchingSymbolsAsync("aap")
        assert found is not None
        assert [(d.contract.conId, d.derivativeSecTypes) for d in found if d.contract] == [(AAPL, ["OPT"])]
        assert [d.contract.conId for d in await ib.reqMatchingSymbolsAsync("micro") or [] if d.contract] == [MSFT]
        assert await ib.reqMatchingSymbolsAsync("zzz") == [] and await ib.reqMatchingSymbolsAsync("") == []


@pytest.mark.parametrize("version", [157, 178])
async def test_a_subscription_ticks_when_something_changes(bench: Bench, version: int) -> None:
    bench.pin("99.50", "99.60", size="300")
    ib = await bench.connect(version=version)
    ticker = ib.reqMktData(aapl())
    await bench.settle(ib)
    assert (ticker.bid, ticker.ask, ticker.bidSize, ticker.askSize) == (99.5, 99.6, 300, 300)
    assert (ticker.last, ticker.close, ticker.marketDataType, ticker.minTick) == (99.5, 99.5, 1, 0.01)
    bench.pin("99.50", "99.70", size="400")
    await bench.moved(ib)
    assert (ticker.bid, ticker.ask, ticker.bidSize) == (99.5, 99.7, 400)
    ib.cancelMktData(aapl())
    await bench.settle(ib)
    bench.pin("98.50", "98.70")
    await bench.moved(ib)
    assert ticker.ask == 99.7
    bench.do(acts.Unpin(con_id=AAPL))
    ib.reqMktData(aapl())
    await bench.moved(ib, 50)
    assert 98 < ticker.bid < ticker.ask < 101 and ticker.ask != 98.7


async def test_a_snapshot_is_one_answer(bench: Bench) -> None:
    bench.pin("99.50", "99.60")
    ib = await bench.connect()
    [ticker] = await ib.reqTickersAsync(aapl())
    assert (ticker.bid, ticker.ask, ticker.hasBidAsk()) == (99.5, 99.6, True)
    bench.pin("98.50", "98.60")
    await bench.moved(ib)
    assert ticker.ask == 99.6


Row = tuple[str, int, list[int], int, bool]
GRANTS: list[Row] = [
    # what the login may see, what the client asks for; the codes it hears, the type it gets, whether there is a quote
    ("live", 1, [], 1, True),
    ("live", 2, [], 1, True),
    ("live", 3, [], 1, True),
    ("delayed", 1, [354], 1, False),
    ("delayed", 2, [354], 1, False),
    ("delayed", 3, [10167], 3, True),
    ("delayed", 4, [10167], 3, True),
    ("frozen", 1, [], 1, False),
    ("frozen", 2, [], 2, True),
    ("frozen", 4, [], 2, True),
    ("none", 1, [354], 1, False),
    ("none", 3, [10168], 1, False),
    ("competing", 1, [10197], 1, False),
    ("competing", 3, [10197], 1, False),
]


@pytest.mark.parametrize(("mode", "asked", "codes", "kind", "quoted"), GRANTS)
async def test_what_a_login_may_see(mode: Any, asked: int, codes: list[int], kind: int, quoted: bool) -> None:
    async with a_tws(quotes=mode) as bench:
        bench.pin("99.50", "99.60")
        ib = await bench.connect()
        heard = errors_of(ib)
        ib.reqMarketDataType(asked)
        ticker = ib.reqMktData(aapl())
        await bench.moved(ib)
        assert [code for _, code, _ in heard] == codes
        assert ticker.marketDataType == kind
        assert ticker.hasBidAsk() == quoted and (ticker.ask > 0) == quoted
        if kind == 2:
            bench.pin("98.50", "98.60")
            await bench.moved(ib)
            assert ticker.ask == 99.6, "frozen prices stand"


async def test_delayed_quotes_are_those_of_a_quarter_of_an_hour_ago() -> None:
    async with a_tws(quotes="delayed") as bench:
        bench.step(3700)
        then = bench.tws.desk.exchange.touch(AAPL)
        bench.step(3600)
        assert bench.tws.desk.exchange.touch(AAPL) != then
        ib = await bench.connect()
        ib.reqMarketDataType(3)
        ticker = ib.reqMktData(aapl())
        await bench.settle(ib)
        assert (ticker.bid, ticker.ask) == (float(then.bid), float(then.ask))


async def test_the_market_data_of_a_login_can_change_while_it_is_used(bench: Bench) -> None:
    ib = await bench.connect()
    heard = errors_of(ib)
    ib.reqMarketDataType(3)
    ticker = ib.reqMktData(aapl())
    await bench.settle(ib)
    assert ticker.marketDataType == 1
    bench.do(acts.Quotes(mode="delayed"))
    await bench.settle(ib)
    assert (ticker.marketDataType, [code for _, code, _ in heard]) == (3, [10167])
    bench.do(acts.Quotes(mode="competing"))
    await bench.settle(ib)
    assert [code for _, code, _ in heard] == [10167, 10197]


async def test_a_shut_market_has_only_frozen_quotes() -> None:
    async with a_tws(keeps_hours=True) as bench:
        bench.clock.forward(hours=12)
        bench.step()
        ib = await bench.connect()
        ticker = ib.reqMktData(aapl())
        await bench.settle(ib)
        assert not ticker.hasBidAsk() and ticker.close == 99.5
        ib.cancelMktData(aapl())
        ib.reqMarketDataType(2)
        ticker = ib.reqMktData(aapl())
        await bench.settle(ib)
        assert ticker.hasBidAsk() and ticker.marketDataType == 2


async def test_what_is_not_served_is_refused_in_words(bench: Bench) -> None:
    ib = await bench.connect()
    with pytest.raises(Exception, match=r"322.*historical data"):
        await ib.reqHistoricalDataAsync(aapl(), "", "1 D", "1 hour", "TRADES", True)
    with pytest.raises(Exception, match="option chains"):
        await ib.reqSecDefOptParamsAsync("AAPL", "", "STK", AAPL)
    heard = errors_of(ib)
    with pytest.raises(Exception, match="No security definition"):
        await ib.reqTickersAsync(Stock("NOPE", "SMART", "USD", conId=5))
    raw(ib).reqMktData(900, Contract(conId=AAPL), "", False, False, [])
    raw(ib).reqMktData(901, aapl(), "", False, False, [])
    raw(ib).reqMktData(901, aapl(), "", False, False, [])
    raw(ib).reqMarketRule(1)
    await bench.settle(ib)
    assert [(about, code) for about, code, _ in heard[1:]] == [(900, 321), (901, 322), (-1, 321)]
