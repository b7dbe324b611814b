"""A home with a router that works on the simulated market, shared by the tests that only need one to be there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ibgw_tui.core.lifecycle import Actor
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.agent_desk import AgentDesk, open_agent_desk
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import DATABASE, load_settings
from tests.cli.test_router import heard

ORDER = {"account": "DU1234567", "symbol": "AAPL", "side": "buy", "quantity": "1", "limit_price": "100"}


@pytest.fixture(scope="module")
def live_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """With a router; the switch is open, so that what refuses is the order's own doing."""
    home = tmp_path_factory.mktemp("desk")
    store = OrderStore.open(home / DATABASE, clock=utc_now)
    with store.write() as change:
        change.set_switch(KillSwitch.OPEN, actor=Actor.OPERATOR, principal="operator", reason="tests")
    store.close()
    command = [sys.executable, "-m", "ibgw_tui", "--home", str(home), "router"]
    router = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        heard(router, "this process is the router")
        yield home
    finally:
        router.terminate()
        router.communicate(timeout=30)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AgentDesk]:
    with open_agent_desk(load_settings(None, tmp_path / "home"), "agent-1") as opened:
        yield opened
