"""A session stands with everything known, or says the true reason why it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from ibgw_tui.brokers.ib import IbBroker
from ibgw_tui.brokers.ib_settings import IbSettings
from ibgw_tui.core.broker import LinkReport, LinkState
from ibgw_tui.core.errors import BrokerError, ErrorCode, NotConnected
from ibgw_tui.core.terms import Mode
from ibgw_tui.twsim import acts
from tests.brokers.bench import connected
from tests.brokers.ib.bench import IbBench, ib_bench
from tests.exchange.market import an_order
from tests.makers import SettableClock


async def reason(broker: IbBroker) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        await broker.connect()
    await broker.close()
    return caught.value


async def test_nothing_listens() -> None:
    broker = IbBroker(SettableClock(), IbSettings(port=1, accounts=("DU1234567",), start_seconds=0.3))
    error = await reason(broker)
    assert isinstance(error, NotConnected) and "nothing listens on 127.0.0.1:1" in error.message
    assert "Enable ActiveX and Socket Clients" in error.user_action and "4002" in error.user_action


async def test_the_client_id_is_taken(bench: IbBench) -> None:
    async with connected(bench):
        started = asyncio.get_running_loop().time()
        error = await reason(bench.another(start_seconds=5.0))
        assert "326" in error.message and "client_id" in error.user_action
        assert asyncio.get_running_loop().time() - started < 2, "said at once, not at the end of the deadline"


async def test_a_mute_peer(bench: IbBench) -> None:
    bench.do(acts.Mute())
    error = await reason(bench.another(start_seconds=0.1))
    assert "says nothing" in error.message and "Accept incoming connection" in error.user_action


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ("position_end", "positions"),
        ("open_order_end", "open orders"),
        ("completed_orders_end", "completed orders"),
        ("exec_details_end", "executions"),
        ("account_download_end", "account updates"),
        ("managed_accounts", "ready"),
    ],
)
async def test_half_a_start_is_none(bench: IbBench, answer: str, named: str) -> None:
    bench.do(acts.Swallow(answer=answer))
    error = await reason(bench.another(start_seconds=0.1))
    assert "did not finish its start" in error.message and named in error.message
    bench.do(acts.Clear())
    async with connected(bench):
        assert await bench.broker.managed_accounts() == ("DU1234567",)


async def test_a_request_that_is_refused_during_the_start(bench: IbBench) -> None:
    bench.do(acts.Answer(request="req_executions", code=322, text="no executions today"))
    error = await reason(bench.another(start_seconds=0.2))
    assert "no executions today" in error.message


async def test_a_foreign_account() -> None:
    bench = ib_bench(tws_accounts=("DU7654321",))
    async with bench.opened():
        error = await reason(bench.broker)
        assert "DU7654321" in error.message and "broker.accounts" in error.user_action
        assert error.code is ErrorCode.CONFIG_INVALID
        broker = bench.another(accounts=("DU1234567", "DU7654321"))
        await broker.connect()
        assert set(await broker.managed_accounts()) == {"DU1234567", "DU7654321"}
        assert (await broker.account("DU7654321")).net_liquidation is not None
        await broker.close()


@pytest.mark.parametrize("mode", [Mode.PAPER, Mode.LIVE])
async def test_paper_and_live_are_never_mixed_up(mode: Mode) -> None:
    bench = ib_bench(tws_mode=mode)
    other = Mode.LIVE if mode is Mode.PAPER else Mode.PAPER
    accounts = ("DU1234567", "U1234567")
    async with bench.opened():
        error = await reason(bench.another(mode=other, accounts=accounts))
        assert f"TWS is logged in to {mode.value}" in error.message and "broker.mode" in error.user_action
        right = bench.another(mode=mode, accounts=accounts)
        await right.connect()
        (account,) = await right.managed_accounts()
        assert (await right.account(account)).mode is mode and mode.value.upper() in right.name
        await right.close()


async def test_after_a_restart_in_the_other_mode_nothing_goes_on(bench: IbBench) -> None:
    async with connected(bench) as ear:
        bench.do(acts.Restart(mode="live"))
        await ear.until(lambda: ear.ended)
        error = await reason(bench.broker)
        assert "TWS is logged in to live (U1234567)" in error.message
        with pytest.raises(NotConnected):
            await bench.broker.place(an_order())
    assert bench.refs() == []


async def test_a_login_that_changes_while_connected_ends_the_session(bench: IbBench) -> None:
    async with connected(bench) as ear:
        (session,) = bench.tws.desk.sessions.values()
        session.send("managed_accounts", accounts="U1234567")
        await ear.until(lambda: ear.ended)
        link = ear.heard[-1]
        assert isinstance(link, LinkReport) and "live (U1234567)" in link.text


async def test_no_account_yet(bench: IbBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(bench.tws.desk), "accounts", ())
    error = await reason(bench.another(start_seconds=0.5))
    assert "names no account" in error.message and "login" in error.user_action


async def test_a_caller_that_gives_up_leaves_no_session(bench: IbBench, tmp_path: Path) -> None:
    bench.do(acts.Swallow(answer="position_end"))
    task = asyncio.create_task(bench.broker.connect())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    bench.do(acts.Clear())
    await until(lambda: not bench.tws.desk.sessions)
    async with connected(bench):
        assert len(bench.tws.desk.sessions) == 1


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def test_it_reconnects_under_the_same_client_id_and_waits_longer_each_time(bench: IbBench) -> None:
    broker = bench.another(longest_wait_seconds=0.2, start_seconds=0.1, alarm_seconds=0.3)
    bench.do(acts.Mute(count=4))
    loop = asyncio.get_running_loop()
    took, words = [], []
    for _ in range(4):
        started = loop.time()
        with pytest.raises(BrokerError) as caught:
            await broker.connect()
        took.append(loop.time() - started)
        words.append(caught.value.message)
    assert took[0] < 0.2 and took[3] > 0.25, "the first attempts at once, later ones after a pause"
    assert not words[0].startswith("ALARM") and words[3].startswith("ALARM")
    await broker.connect()
    assert list(bench.tws.desk.sessions) == [7]
    await broker.close()


async def test_closing_is_clean(bench: IbBench) -> None:
    for _ in range(3):
        await bench.broker.connect()
        await bench.broker.close()
        await until(lambda: not bench.tws.desk.sessions)
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "ibkr-session"] == []


async def test_an_older_tws_is_understood() -> None:
    bench = ib_bench(tws_highest_version=157)
    async with bench.opened(), connected(bench) as ear:
        await bench.broker.place(order := an_order())
        await bench.advance()
        await ear.until_state(order.order_ref, "filled")


async def test_a_link_that_is_back_is_believed_after_everything_was_read(bench: IbBench) -> None:
    """TWS does not tell a client that connects during an outage; it hears the end of it."""
    bench.do(acts.Connectivity(state="lost"))
    async with connected(bench) as ear:
        bench.do(acts.Connectivity(state="restored"))
        await ear.until(lambda: len(ear.heard) == 3)
        states = [report.state for report in ear.heard if isinstance(report, LinkReport)]
        assert states == [LinkState.CONNECTED, LinkState.BROKER_UNREACHABLE, LinkState.CONNECTED]


async def test_two_processes_do_not_connect_at_once(bench: IbBench, tmp_path: Path) -> None:
    bench.ids_path = tmp_path / "ids.json"
    one, two = bench.another(), bench.another(client_id=8)
    await one.connect()
    error = await reason(two)
    assert "another process" in error.message
    await one.close()
    await two.connect()
    await two.close()
