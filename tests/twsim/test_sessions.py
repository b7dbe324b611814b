"""Connections: what is agreed, what is synchronised, who is let in, who is sent away."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async import IB, StartupFetchNONE

from ibgw_tui.core.terms import Mode
from ibgw_tui.exchange.instruments import AAPL
from ibgw_tui.twsim import acts
from ibgw_tui.twsim.desk import Settings
from ibgw_tui.twsim.layout import write
from ibgw_tui.twsim.messages import REQUESTS, encode
from ibgw_tui.twsim.server import NotLoopback, TwsServer
from ibgw_tui.twsim.session import Pace
from ibgw_tui.twsim.wire import HIGHEST, LOWEST, Frames, Hello, Malformed, frame, split
from tests.makers import SettableClock
from tests.twsim.bench import ACCOUNT, Bench, a_tws, aapl, an_order, errors_of, place, raw, until
from tests.twsim.test_layouts import sample

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def dial(bench: Bench) -> Wire:
    return await asyncio.open_connection("127.0.0.1", bench.tws.port)


async def hear(reader: asyncio.StreamReader) -> list[str]:
    """The next message."""
    length = int.from_bytes(await asyncio.wait_for(reader.readexactly(4), 5), "big")
    return split(await reader.readexactly(length))


def hello(versions: bytes = b"v157..178") -> bytes:
    return b"API\0" + len(versions).to_bytes(4, "big") + versions


@pytest.mark.parametrize("version", range(LOWEST, HIGHEST + 1))
async def test_a_client_of_any_version_is_fully_synchronised(bench: Bench, version: int) -> None:
    first = await bench.connect(8)
    place(first, an_order("MKT", orderRef="filled"))
    await bench.moved(first)
    working = place(first, an_order(lmtPrice=90, orderRef="working"))
    await bench.settle(first)
    ib = await bench.connect(9, version=version)
    assert ib.client.serverVersion() == version
    assert ib.managedAccounts() == [ACCOUNT]
    assert {value.tag for value in ib.accountValues()} >= {"NetLiquidation", "AvailableFunds", "BuyingPower"}
    assert [(p.account, p.position) for p in ib.positions()] == [(ACCOUNT, 10)]
    assert [(i.contract.symbol, i.position) for i in ib.portfolio()] == [("AAPL", 10)]
    assert [fill.execution.orderRef for fill in ib.fills()] == ["filled"]
    assert [fill.commissionReport.commission for fill in ib.fills()] == [1.0]
    assert [t.order.orderRef for t in ib.trades()] == ["filled"]
    [seen] = await ib.reqAllOpenOrdersAsync()
    assert (seen.order.orderRef, seen.order.permId) == ("working", working.order.permId)
    summary = {value.tag: value.value for value in await ib.accountSummaryAsync()}
    assert summary["AccountType"] == "INDIVIDUAL" and float(summary["NetLiquidation"]) > 99_000


async def test_a_client_hears_of_its_own_orders_again_after_a_new_connection(bench: Bench) -> None:
    ib = await bench.connect()
    trade = place(ib, an_order(lmtPrice=90, orderRef="mine"))
    await bench.settle(ib)
    ib.disconnect()
    await until(lambda: not bench.tws.desk.sessions)
    bench.step(3)
    again = await bench.connect()
    assert [t.order.permId for t in again.openTrades()] == [trade.order.permId]
    assert again.client.getReqId() > trade.order.orderId
    bench.do(acts.Fill())
    await bench.settle(again)
    assert again.openTrades() == [] and [f.execution.orderRef for f in again.fills()] == ["mine"]


async def test_two_clients_and_an_id_that_is_taken(bench: Bench) -> None:
    one, two = await bench.connect(1), await bench.connect(2)
    place(two, an_order(lmtPrice=90, orderRef="two"))
    await bench.settle(two)
    assert one.openTrades() == [] and await one.reqOpenOrdersAsync() == []
    assert [t.order.clientId for t in await one.reqAllOpenOrdersAsync()] == [2]
    intruder = IB()
    heard = errors_of(intruder)
    with pytest.raises(TimeoutError):
        await intruder.connectAsync("127.0.0.1", bench.tws.port, clientId=1, timeout=0.3)
    assert [code for _, code, _ in heard] == [326]
    await bench.settle(one)
    one.disconnect()
    await until(lambda: 1 not in bench.tws.desk.sessions)
    await bench.connect(1)


async def test_order_ids_are_each_clients_own_and_never_offered_twice(bench: Bench) -> None:
    ib = await bench.connect(1)
    place(ib, an_order(lmtPrice=90, orderId=41))
    await bench.settle(ib)
    assert (await bench.connect(2)).client.getReqId() < 41
    ib.disconnect()
    await until(lambda: 1 not in bench.tws.desk.sessions)
    reader, writer = await dial(bench)
    writer.write(hello() + frame(["71", "2", "1", ""]))
    assert [await hear(reader) for _ in range(3)][2] == ["9", "1", "42"]
    writer.write(frame(["8", "1", "1"]))
    while (message := await hear(reader))[0] != "9":
        assert message[0] == "4"
    assert message == ["9", "1", "42"]
    writer.close()


async def test_the_login_decides_the_accounts() -> None:
    async with a_tws(mode=Mode.LIVE) as bench:
        assert (await bench.connect()).managedAccounts() == ["U1234567"]
    async with a_tws(accounts=("DU7654321",)) as bench:
        ib = await bench.connect(account=ACCOUNT)
        assert ib.managedAccounts() == [ACCOUNT, "DU7654321"]
        heard = errors_of(ib)
        trade = place(ib, an_order(lmtPrice=90))
        await bench.settle(ib)
        assert [code for _, code, _ in heard] == [436]
        other = place(ib, an_order("MKT", account="DU7654321"))
        await bench.moved(ib)
        assert [(p.account, p.position) for p in ib.positions()] == [("DU7654321", 10)]
        assert trade is not other
        assert {v.account for v in await ib.accountSummaryAsync() if v.account != "All"} == {ACCOUNT, "DU7654321"}


@pytest.mark.parametrize(
    ("offer", "agreed"), [(b"v100..157", "157"), (b"v157..160 +PACEAPI", "160"), (b"v1..999", "178")]
)
async def test_the_highest_version_of_both_is_agreed(bench: Bench, offer: bytes, agreed: str) -> None:
    reader, writer = await dial(bench)
    writer.write(hello(offer))
    message = await hear(reader)
    assert message[0] == agreed and len(message) == 2
    writer.close()


@pytest.mark.parametrize(
    "opening",
    [hello(b"v100..156"), hello(b"v179..200"), hello(b"hello"), b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x05hello"],
)
async def test_who_speaks_something_else_is_sent_away(bench: Bench, opening: bytes) -> None:
    reader, writer = await dial(bench)
    writer.write(opening)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await bench.connect()


async def test_nothing_is_said_between_the_handshake_and_the_start(bench: Bench) -> None:
    """The official client throws away what comes along with the handshake."""
    reader, writer = await dial(bench)
    for byte in hello():
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    assert (await hear(reader))[0] == "178"
    writer.write(frame(["61", "1"]) + frame(["49", "1"]))
    bench.step()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readexactly(1), 0.05)
    writer.write(frame(["71", "2", "5", ""]))
    assert await hear(reader) == ["15", "1", ACCOUNT]
    assert (await hear(reader))[:2] == ["9", "1"]
    assert [(await hear(reader))[2:4] for _ in range(3)] == [["-1", "2104"], ["-1", "2106"], ["-1", "2158"]]
    writer.close()


async def test_what_cannot_be_read_is_answered_and_harms_nobody(bench: Bench) -> None:
    reader, writer = await dial(bench)
    writer.write(hello() + frame(["71", "2", "5", ""]))
    for _ in range(6):
        await hear(reader)
    for sent, about, code in (
        (["3", "77", "short"], "77", "320"),
        (["1", "11", "12"], "12", "320"),
        (["4", "1", "x", ""], "-1", "320"),
        (["20", "8", "history"], "8", "322"),
        (["999"], "-1", "505"),
        (["61", "1", "surplus"], "-1", "320"),
    ):
        writer.write(frame(sent))
        assert (await hear(reader))[2:4] == [about, code]
    writer.write(frame(["25", "1", "8"]) + frame(["49", "1"]))  # a cancel of what is not served is nothing
    assert (await hear(reader))[0] == "49"
    writer.write((1 << 30).to_bytes(4, "big"))
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await bench.connect()


JUNK = ["x", "-1", "9" * 40, "1e999999999", "1.5", "é\u202e", "NaN", "\n", "²", "BAG", "20261399 99:99:99 Mars/Base"]


@pytest.mark.parametrize("version", [157, 178])
@pytest.mark.parametrize("junk", JUNK)
async def test_no_value_breaks_a_session(bench: Bench, junk: str, version: int) -> None:
    """Every request, with this in each of its fields in turn and in all of them; it still answers."""
    reader, writer = await dial(bench)
    writer.write(hello(b"v157..%d" % version) + frame(["71", "2", "5", ""]))
    for message in REQUESTS.values():
        if message.name == "start_api":
            continue
        good = sample(message.layout, itertools.count(1), version) | {
            "exchange": "SMART",
            "conId": str(AAPL),
            "conditions": [],
        }
        plain = [name for name, value in good.items() if isinstance(value, str)]
        for changed in ({}, dict.fromkeys(plain, junk), *({name: junk} for name in plain)):
            try:
                texts = write(message.layout, {**good, **changed}, version)
            except Malformed:
                continue  # this layout cannot carry it
            payload = "".join(text + "\0" for text in [str(message.number), *texts]).encode()
            writer.write(len(payload).to_bytes(4, "big") + payload)
    writer.write(frame(["104", "777777"]))
    async with asyncio.timeout(20):
        while (await hear(reader))[:2] != ["107", "777777"]:
            pass
    writer.close()
    bench.step(3)


async def test_a_client_that_sends_too_much_is_told_and_then_sent_away() -> None:
    async with a_tws(messages_per_second=20) as bench:
        ib = await bench.connect(fetchFields=StartupFetchNONE)
        heard = errors_of(ib)
        ib.client.MaxRequests = 0
        for number in range(30):
            raw(ib).placeOrder(number + 1, aapl(), an_order(lmtPrice=90))
        await until(lambda: any(code == 100 for _, code, _ in heard))
        assert len(bench.received("place_order")) < 20
        assert ib.isConnected()
        for _ in range(2):
            await asyncio.sleep(1.01)
            for number in range(30):
                raw(ib).reqIds(number)
        await until(lambda: not ib.isConnected())


def test_three_seconds_of_too_much_are_counted_once_each() -> None:
    pace = Pace(2)
    assert [pace.exceeded(t) for t in (0, 0.1, 0.2, 0.3, 1.0, 1.2, 1.3, 2.3, 2.4, 2.5)] == [
        False, False, True, True, False, False, True, False, False, True,
    ]  # fmt: skip
    assert pace.violations == 3
    assert not any(Pace(0).exceeded(0) for _ in range(1000))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com", ""])
def test_it_listens_on_this_machine_only(host: str) -> None:
    with pytest.raises(NotLoopback, match="loopback"):
        TwsServer(Settings(), SettableClock(), host=host)


async def test_localhost_is_a_loopback_address() -> None:
    async with TwsServer(Settings(), SettableClock(), host="localhost") as tws:
        assert tws.port > 0


@given(st.binary(max_size=200), st.lists(st.integers(1, 7), max_size=60))
def test_frames_come_out_however_they_arrive(data: bytes, cuts: list[int]) -> None:
    payloads = [b"v157..178", data + b"\0", b"\0"]
    stream = b"API\0" + b"".join(len(p).to_bytes(4, "big") + p for p in payloads)
    frames, found = Frames(), []
    for cut in cuts:
        found += frames.feed(stream[:cut])
        stream = stream[cut:]
    assert [*found, *frames.feed(stream)] == payloads


def test_fields_that_would_shift_others_never_leave() -> None:
    with pytest.raises(AssertionError):
        frame(["a\0b"])
    assert split(frame(["1", "", "é"])[4:]) == ["1", "", "\\xe9"]
    for wrong in (b"no end", b"\xff\0"):
        with pytest.raises(Malformed):
            split(wrong)
    assert Hello.parse(b"v100..157").agree(178) == 157
    assert Hello.parse(b"v160..170").agree(157) is None
    assert encode("current_time", 178, {"time": 5}) == ["49", "1", "5"]
