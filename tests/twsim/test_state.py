"""What survives: the end of a connection, of TWS, and of the process."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibgw_tui.exchange.instruments import AAPL
from ibgw_tui.state_file import Taken
from ibgw_tui.twsim import acts
from ibgw_tui.twsim.desk import Settings
from ibgw_tui.twsim.server import TwsServer
from tests.makers import SettableClock
from tests.twsim.bench import a_tws, an_order, place
from tests.twsim.test_orders import bracket


async def test_a_new_process_goes_on_where_the_old_one_stopped(tmp_path: Path) -> None:
    path, clock = tmp_path / "market.json", SettableClock()
    async with a_tws(state_path=path, clock=clock) as bench:
        bench.pin("99.50", "99.60")
        ib = await bench.connect()
        place(ib, an_order("MKT", orderRef="filled"))
        family = [place(ib, order) for order in bracket(ib, 95)]
        place(ib, an_order(lmtPrice=90, orderRef="unsent", transmit=False))
        await bench.moved(ib)
        before = bench.tws.desk.dump()
        perm_ids = [trade.order.permId for trade in family]
        next_id = ib.client.getReqId()
    async with a_tws(state_path=path, clock=clock) as bench:
        assert bench.tws.desk.dump() == before
        ib = await bench.connect()
        assert [p.position for p in ib.positions()] == [10] and [f.execution.orderRef for f in ib.fills()] == ["filled"]
        opened = {trade.order.orderRef: trade for trade in ib.openTrades()}
        assert [opened[ref].order.permId for ref in ("b.P", "b.T", "b.S")] == perm_ids
        assert opened["unsent"].orderStatus.status == "ApiPending" and ib.client.getReqId() >= next_id
        bench.pin("94.90", "95")
        await bench.moved(ib, 2)
        assert [opened[ref].orderStatus.status for ref in ("b.P", "b.T", "b.S")] == [
            "Filled",
            "Submitted",
            "PreSubmitted",
        ]


async def test_it_is_saved_with_every_tick_that_changed_something(tmp_path: Path) -> None:
    path = tmp_path / "market.json"
    async with a_tws(state_path=path, tick_milliseconds=5) as bench:
        ib = await bench.connect()
        trade = place(ib, an_order("MKT", orderRef="x"))
        while trade.orderStatus.status != "Filled":
            await bench.settle(ib)
        while not path.exists() or '"x"' not in path.read_text() or not bench.tws.desk.is_saved:
            await bench.settle(ib)
        saved = json.loads(path.read_text())
        assert saved["exchange"]["executed"] == 1
        with pytest.raises(Taken, match="another running process"):
            TwsServer(Settings(), SettableClock(), state_path=path)


@pytest.mark.parametrize(
    "damage",
    [{"version": 2}, {"orders": {}}, {"exchange": None}, {"orders": {"orders": [{}]}}, {"exchange": {"version": 1}}],
)
async def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, damage: dict[str, Any]) -> None:
    path = tmp_path / "market.json"
    async with a_tws(state_path=path):
        pass
    whole = path.read_text()
    path.write_text(json.dumps({**json.loads(whole), **damage}))
    for _ in range(2):
        with pytest.raises(ValueError, match=r"state|version"):
            TwsServer(Settings(), SettableClock(), state_path=path)
    path.write_text("[1, 2]")
    with pytest.raises(ValueError, match="object"):
        TwsServer(Settings(), SettableClock(), state_path=path)
    path.write_text(whole)
    async with a_tws(state_path=path):
        pass


async def test_what_the_market_forgets_is_forgotten_here_too() -> None:
    async with a_tws() as bench:
        ib = await bench.connect()
        place(ib, an_order("MKT", orderRef="old"))
        place(ib, an_order(lmtPrice=90, orderRef="open", tif="GTC"))
        await bench.moved(ib)
        bench.clock.forward(days=8)
        place(ib, an_order("MKT", orderRef="new"))
        await bench.moved(ib)
        kept = [item["values"]["orderRef"] for item in bench.tws.desk.dump()["orders"]["orders"]]
        assert kept == ["open", "new"]
        done = await ib.reqCompletedOrdersAsync(False)
        assert [trade.order.orderRef for trade in done] == ["new"]


async def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    async with a_tws(state_path=folder / "market.json") as bench:
        ib = await bench.connect()
        place(ib, an_order("MKT"))
        await bench.moved(ib)
        (folder / "market.json.lock").unlink()
        folder.rmdir()
        bench.tws._save()
        assert "could not be saved" in caplog.text and not bench.tws.desk.is_saved
        await bench.settle(ib)
        folder.mkdir()
    assert (folder / "market.json").exists()


async def test_pinned_prices_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "market.json"
    async with a_tws(state_path=path) as bench:
        bench.do(acts.Pin(con_id=AAPL, bid=Decimal(95), ask=Decimal(96)))
    async with a_tws(state_path=path) as bench:
        assert bench.tws.desk.exchange.touch(AAPL).ask == 96
