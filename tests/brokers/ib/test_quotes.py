"""Quotes: only of what was asked for lately, honest about what they are, and as old as their newest tick."""

from __future__ import annotations

import pytest

from ibgw_tui.brokers import ib_quotes
from ibgw_tui.core.orders import Contract
from ibgw_tui.core.terms import QuoteStatus
from ibgw_tui.exchange.instruments import AAPL, INSTRUMENTS, TSLA
from ibgw_tui.twsim import acts
from tests.brokers.bench import connected
from tests.brokers.ib.bench import IbBench

CONTRACT = INSTRUMENTS[AAPL].contract


async def test_one_line_serves_all_who_ask(bench: IbBench) -> None:
    async with connected(bench):
        bench.pin("99.50", "99.60")
        quotes = [await bench.broker.quote(CONTRACT) for _ in range(5)]
        assert {(str(q.bid), str(q.ask), q.status, q.bid_size) for q in quotes} == {
            ("99.5", "99.6", QuoteStatus.LIVE, quotes[0].ask_size)
        }
        assert quotes[0].close is not None and quotes[0].last is not None and quotes[0].source == "IBKR"
    assert len(bench.received("req_mkt_data")) == 1
    assert [request.values["marketDataType"] for request in bench.received("req_market_data_type")] == ["3"]


async def test_it_follows_the_market_and_is_as_old_as_its_newest_tick(bench: IbBench) -> None:
    async with connected(bench):
        bench.pin("99.50", "99.60")
        first = await bench.broker.quote(CONTRACT)
        bench.clock.forward(seconds=5)
        again = await bench.broker.quote(CONTRACT)
        assert again.as_of == first.as_of, "nothing was heard since"
        bench.pin("99.40", "99.60")
        await bench.advance()
        moved = await bench.broker.quote(CONTRACT)
        assert (str(moved.bid), moved.as_of) == ("99.4", bench.clock())


async def test_a_quiet_contract_is_asked_for_anew(bench: IbBench, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(bench):
        bench.pin("99.50", "99.60")
        await bench.broker.quote(CONTRACT)
        bench.clock.forward(seconds=20)
        monkeypatch.setattr(ib_quotes, "CONFIRM_SECONDS", -1.0)
        confirmed = await bench.broker.quote(CONTRACT)
        assert confirmed.as_of == bench.clock() and str(confirmed.bid) == "99.5"
        await bench.settle()
    assert len(bench.received("req_mkt_data")) == 2 and len(bench.received("cancel_mkt_data")) == 1


async def test_a_line_nobody_asks_for_is_given_back(bench: IbBench, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(bench):
        await bench.broker.quote(CONTRACT)
        bench.session.lines.sweep()
        await bench.settle()
        assert bench.received("cancel_mkt_data") == []
        monkeypatch.setattr(ib_quotes, "KEPT_SECONDS", -1.0)
        bench.session.lines.sweep()
        await bench.settle()
        assert len(bench.received("cancel_mkt_data")) == 1


async def test_delayed_data_is_marked_and_as_late_as_it_is(bench: IbBench) -> None:
    async with connected(bench):
        bench.do(acts.Quotes(mode="delayed"))
        bench.pin("99.50", "99.60")
        quote = await bench.broker.quote(CONTRACT)
        assert quote.status is QuoteStatus.DELAYED and str(quote.bid) == "99.5"
        assert (bench.clock() - quote.as_of).total_seconds() >= 900


@pytest.mark.parametrize(("mode", "code"), [("none", "10168"), ("competing", "10197")])
async def test_no_data_is_no_price(bench: IbBench, mode: str, code: str) -> None:
    async with connected(bench):
        bench.do(acts.Quotes(mode=mode))  # type: ignore[arg-type]
        quote = await bench.broker.quote(CONTRACT)
        assert quote.status is QuoteStatus.UNAVAILABLE and quote.bid is quote.ask is quote.last is None
        assert bench.broker.why_no_quote(CONTRACT)[:3] in (code[:3], "354")


async def test_data_that_is_taken_away_leaves_no_old_price(bench: IbBench, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(bench):
        assert (await bench.broker.quote(CONTRACT)).bid is not None
        bench.do(acts.Quotes(mode="competing"))
        await bench.settle()
        assert (await bench.broker.quote(CONTRACT)).bid is None
        bench.do(acts.Quotes(mode="live"))
        monkeypatch.setattr(ib_quotes, "REFUSED_SECONDS", -1.0)
        assert (await bench.broker.quote(CONTRACT)).bid is not None, "it is tried again"


async def test_frozen_prices_say_so_and_a_side_without_size_is_none(bench: IbBench) -> None:
    async with connected(bench):
        bench.do(acts.Quotes(mode="frozen"))
        quote = await bench.broker.quote(CONTRACT)
        assert quote.bid is None and quote.ask is None and quote.close is not None


async def test_an_unknown_contract_has_no_quote(bench: IbBench) -> None:
    async with connected(bench):
        stranger: Contract = CONTRACT.replaced(con_id=1)
        assert (await bench.broker.quote(stranger)).status is QuoteStatus.UNAVAILABLE


async def test_a_new_session_asks_anew(bench: IbBench) -> None:
    for _ in range(2):
        async with connected(bench):
            assert (await bench.broker.quote(INSTRUMENTS[TSLA].contract)).ask is not None
    assert len(bench.received("req_mkt_data")) == 2
