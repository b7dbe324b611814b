"""Accounts, positions and summaries: asked once, heard after every trade, and stopped again."""

from __future__ import annotations

from typing import Any

from ib_async import Contract

from ibgw_tui.exchange.instruments import ES_FRONT
from tests.twsim.bench import ACCOUNT, Bench, a_tws, an_order, errors_of, place, raw


def listening(ib: Any, *names: str) -> list[tuple[Any, ...]]:
    """Every call of these methods of the client's wrapper, with its name first."""
    heard: list[tuple[Any, ...]] = []

    def wrap(name: str, original: Any) -> Any:
        def listen(*told: Any) -> None:
            heard.append((name, *told))
            original(*told)

        return listen

    for name in names:
        setattr(ib.wrapper, name, wrap(name, getattr(ib.wrapper, name)))
    return heard


async def test_a_trade_is_told_to_those_who_asked_and_to_nobody_else(bench: Bench) -> None:
    bench.pin("99.50", "99.60")
    trader, listener = await bench.connect(1), await bench.connect(2)
    await listener.reqAccountSummaryAsync()
    heard = listening(listener, "position", "updatePortfolio", "accountSummary", "updateAccountValue", "execDetails")
    place(trader, an_order("MKT"))
    await bench.moved(trader)
    await bench.settle(listener)
    assert {call[0] for call in heard} == {"position", "updatePortfolio", "accountSummary", "updateAccountValue"}
    heard.clear()
    raw(listener).cancelPositions()
    raw(listener).reqAccountUpdates(False, ACCOUNT)
    for req_id in list(bench.tws.desk.sessions[2].account_feed._summaries):
        raw(listener).cancelAccountSummary(int(req_id))
    await bench.settle(listener)
    place(trader, an_order("MKT"))
    await bench.moved(trader)
    await bench.settle(listener)
    assert heard == []


async def test_a_third_account_summary_is_too_many(bench: Bench) -> None:
    ib = await bench.connect()
    heard = errors_of(ib)
    for req_id in (901, 902, 903, 902):
        raw(ib).reqAccountSummary(req_id, "All", "NetLiquidation, AccountType")
    await bench.settle(ib)
    assert [(about, code) for about, code, _ in heard] == [(903, 322)]
    raw(ib).cancelAccountSummary(901)
    raw(ib).reqAccountSummary(903, "All", "NetLiquidation")
    await bench.settle(ib)
    assert len(heard) == 1


async def test_positions_and_values_of_one_account_or_of_all() -> None:
    async with a_tws(accounts=("DU7654321",)) as bench:
        bench.pin("99.50", "99.60")
        ib = await bench.connect(account=ACCOUNT)
        for account in (ACCOUNT, "DU7654321"):
            place(ib, an_order("MKT", account=account))
        await bench.moved(ib)
        heard = listening(ib, "positionMulti", "positionMultiEnd", "accountUpdateMulti", "accountUpdateMultiEnd")
        raw(ib).reqPositionsMulti(901, "DU7654321", "")
        raw(ib).reqPositionsMulti(902, "", "")
        raw(ib).reqAccountUpdatesMulti(903, "DU7654321", "", False)
        raw(ib).cancelPositionsMulti(901)
        raw(ib).cancelAccountUpdatesMulti(903)
        await bench.settle(ib)
        positions = [(call[1], call[2], call[5]) for call in heard if call[0] == "positionMulti"]
        assert positions == [(901, "DU7654321", 10), (902, ACCOUNT, 10), (902, "DU7654321", 10)]
        values = {call[4]: call[5] for call in heard if call[0] == "accountUpdateMulti"}
        assert values["TotalCashValue"] == "99003" and {
            call[2] for call in heard if call[0] == "accountUpdateMulti"
        } == {"DU7654321"}
        assert sum(call[0].endswith("End") for call in heard) == 3
        told = errors_of(ib)
        raw(ib).reqAccountUpdates(True, "DU9999999")
        await bench.settle(ib)
        assert [code for _, code, _ in told] == [321]


async def test_a_future_is_worth_its_gain_and_ties_up_its_margin(bench: Bench) -> None:
    bench.pin("5849.75", "5850", con_id=ES_FRONT)
    ib = await bench.connect()
    place(ib, an_order("MKT", quantity=1), Contract(conId=ES_FRONT, exchange="CME"))
    await bench.moved(ib)
    bench.pin("5859.75", "5860", con_id=ES_FRONT)
    summary = {value.tag: value.value for value in await ib.accountSummaryAsync()}
    assert summary["InitMarginReq"] == "16000" and summary["NetLiquidation"] == "100491.5"
    [item] = (await bench.connect(2)).portfolio()
    assert (item.averageCost, item.unrealizedPNL, item.contract.multiplier) == (292_500, 493.75, "50")


async def test_small_requests_are_answered(bench: Bench) -> None:
    ib = await bench.connect()
    heard = listening(ib, "managedAccounts", "nextValidId", "userInfo", "currentTime")
    raw(ib).reqManagedAccts()
    raw(ib).reqIds(1)
    raw(ib).reqUserInfo(901)
    raw(ib).setServerLogLevel(5)
    await bench.settle(ib)
    assert heard[:2] == [("managedAccounts", ACCOUNT), ("nextValidId", 1)]
    assert heard[2] == ("userInfo", 901, "") and heard[3] == ("currentTime", int(bench.clock.now.timestamp()))
