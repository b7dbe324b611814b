"""What a newcomer is told about his TWS, each case at a real port."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ibgw_tui.brokers.ib_settings import IbSettings
from ibgw_tui.core.terms import Mode
from ibgw_tui.service.doctor import Check, Health
from ibgw_tui.twsim import acts
from ibgw_tui.wiring.broker_doctor import examine_tws
from tests.brokers.ib.bench import ACCOUNT, QUICK, IbBench, ib_bench


async def findings(bench: IbBench, **changes: Any) -> dict[str, Check]:
    settings = IbSettings(**{**QUICK, "port": bench.tws.port, "accounts": (ACCOUNT,), **changes})
    return {check.name: check for check in await examine_tws(settings, bench.clock)}


async def test_all_is_well(bench: IbBench) -> None:
    found = await findings(bench)
    assert {check.health for check in found.values()} == {Health.OK}, found
    assert list(found) == ["port", "client id", "connection", "lists", "orders", "market data"]
    assert bench.refs() == [], "nothing was placed"


@pytest.mark.parametrize(
    ("act", "name", "health", "words"),
    [
        (acts.ReadOnly(), "orders", Health.FAIL, ["read-only", "untick 'Read-Only API'"]),
        (acts.Mute(), "connection", Health.FAIL, ["says nothing", "Accept incoming connection"]),
        (acts.Quotes(mode="delayed"), "market data", Health.WARN, ["delayed", "subscribe"]),
        (acts.Quotes(mode="none"), "market data", Health.WARN, ["none", "subscribe"]),
        (acts.Quotes(mode="competing"), "market data", Health.WARN, ["10197", "other sessions"]),
        (acts.WhatIfReply(reply="silent"), "orders", Health.WARN, ["does not answer"]),
        (acts.Swallow(answer="completed_orders_end"), "connection", Health.FAIL, ["completed orders", "restart"]),
    ],
)
async def test_what_is_wrong_and_what_to_do(
    bench: IbBench, act: acts.Act, name: str, health: Health, words: list[str]
) -> None:
    bench.do(act)
    check = (await findings(bench))[name]
    assert check.health is health and all(word in f"{check.value} {check.remedy}" for word in words), check


async def test_the_client_id_is_taken_and_the_rest_is_looked_at_all_the_same(bench: IbBench) -> None:
    await bench.broker.connect()
    found = await findings(bench)
    assert found["client id"].health is Health.WARN and "326" in found["client id"].value
    assert found["orders"].health is Health.OK
    assert bench.broker._session is not None, "the desk was not disturbed"


async def test_the_other_mode() -> None:
    bench = ib_bench(tws_mode=Mode.LIVE)
    async with bench.opened():
        check = (await findings(bench))["connection"]
        assert check.health is Health.FAIL and "logged in to live (U1234567)" in check.value


async def test_a_port_of_the_other_mode() -> None:
    found = {check.name: check for check in await examine_tws(IbSettings(port=7496, start_seconds=0.2), lambda: None)}  # type: ignore[arg-type, return-value]
    assert found["port"].health is Health.WARN and "usually the one of live" in found["port"].value


def test_at_the_command_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    config = tmp_path / "config.toml"
    config.write_text(f'[desk]\nhome = "{tmp_path / "home"}"\n[broker]\nbackend = "ibkr"\nport = {port}\n')
    config.chmod(0o600)
    done = subprocess.run(
        [sys.executable, "-m", "ibgw_tui", "--config", str(config), "doctor", "--broker", "--json"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).resolve().parents[3],
    )  # fmt: skip
    assert done.returncode == 7 and done.stderr == "", done.stderr
    checks = {check["check"]: check for check in json.loads(done.stdout)["doctor"]["checks"]}
    assert "nothing listens" in checks["connection"]["value"] and "socket port" in checks["connection"]["remedy"]


def test_the_simulated_market_needs_no_doctor(tmp_path: Path) -> None:
    from ibgw_tui.config import load_config
    from ibgw_tui.wiring.broker_doctor import examine_broker
    from ibgw_tui.wiring.clock import utc_now

    (check,) = examine_broker(load_config(None, {}, {"desk.home": str(tmp_path)}).config, utc_now)
    assert check.health is Health.OK
    assert asyncio.iscoroutinefunction(examine_tws)
