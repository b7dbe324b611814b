"""200 orders arrive from other processes while the operator moves and approves.

No approval ever hits an order other than the one that was displayed, byte for byte, and nothing that
was staged is lost.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from ibgw_tui.config import load_config
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.demo.settings import write_demo_settings
from ibgw_tui.store import OrderStore
from ibgw_tui.tui.app import DeskApp
from ibgw_tui.tui.arming import Phase
from ibgw_tui.tui.screens.approve import ApproveScreen
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.desk_side import open_desk_side
from ibgw_tui.wiring.operator_side import open_desk

STAGER = """
import random, sys, time
from pathlib import Path
from ibgw_tui.config import load_config
from ibgw_tui.wiring.agent_side import open_agent_side
name, count = sys.argv[2], int(sys.argv[3])
draw = random.Random(name)
with open_agent_side(load_config(Path(sys.argv[1]), {}, {}), name) as side:
    for number in range(count):
        symbol, price = draw.choice([("AAPL", "100.00"), ("MSFT", "412.00"), ("SPY", "583.00")])
        side.staging.stage({"account": "DU1234567", "symbol": symbol, "side": draw.choice(["buy", "sell"]),
            "quantity": str(draw.randint(1, 9)), "limit_price": price, "rationale": f"{name} {number}"}, key=f"k{number}")
        time.sleep(draw.uniform(0, 0.1))
"""
AGENTS, EACH = 4, 50
APPROVALS = 6
DEADLINE_SECONDS = 60.0
MOVES = ("j", "j", "j", "k", "down", "up", "G", "g", "n", "pagedown", "pageup")


async def until(pilot: Pilot[Any], condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"waited for {what}"
        await pilot.pause(0.05)


def _is_gone(app: DeskApp, screen: ApproveScreen) -> bool:
    return app.screen is not screen


async def test_no_approval_hits_an_order_other_than_the_one_displayed(tmp_path: Path) -> None:
    home = tmp_path / "desk"
    home.mkdir(mode=0o700)
    config = write_demo_settings(home, mode="paper", seed=1, hold_back=60)
    loaded = load_config(config, {}, {})
    with open_desk_side(loaded) as side:
        side.review.open_switch("a burst is coming", override="nothing was sent yet")
    displayed: dict[str, str] = {}
    draw = random.Random(7)
    async with open_desk(loaded) as desk:
        app = DeskApp(desk)
        async with app.run_test(size=(120, 40)) as pilot:
            stagers = [
                await asyncio.create_subprocess_exec(sys.executable, "-c", STAGER, str(config), f"agent-{n}", str(EACH))
                for n in range(AGENTS)
            ]
            await until(pilot, lambda: app.displayed_ref is not None, "the first ticket")
            end = time.monotonic() + DEADLINE_SECONDS
            while len(displayed) < APPROVALS and time.monotonic() < end:
                for _ in range(draw.randint(1, 4)):
                    await pilot.press(draw.choice(MOVES))
                await pilot.press("a")
                await pilot.pause(0.2)
                if not isinstance(app.screen, ApproveScreen):
                    continue
                screen: ApproveScreen = app.screen
                shown = screen.ticket.shown
                assert shown is not None
                waits = time.monotonic() + 6
                while app.screen is screen and screen.state.phase is not Phase.ARMED and time.monotonic() < waits:
                    await pilot.pause(0.05)
                if screen.state.phase is Phase.ARMED and not screen.is_armed:  # unusual: it wants the quantity typed
                    await pilot.press(*format(screen.ticket.record.intent.quantity, "f"))
                    await pilot.pause(0.3)
                if not screen.is_armed:  # something changed meanwhile, and it disarmed: leave it
                    await pilot.press("escape")
                    continue
                await pilot.press("Y")
                await until(pilot, partial(_is_gone, app, screen), "the answer")
                displayed[shown.order_ref] = shown.preview_digest
            for stager in stagers:
                assert await stager.wait() == 0

            async def all_previewed() -> bool:
                return (await desk.desk()).counts.get(Status.STAGED, 0) == 0

            while not await all_previewed():
                assert time.monotonic() < end
                await pilot.pause(0.1)
    store = OrderStore.open(home / "desk.sqlite3", clock=utc_now)
    approvals = [entry for entry in store.audit_entries(limit=10_000) if entry.kind == "order.approve"]
    assert len(displayed) == APPROVALS, "the operator could not approve while orders came in"
    assert {entry.order_ref: entry.body["shown"]["preview_digest"] for entry in approvals} == displayed
    for entry in approvals:
        assert entry.order_ref is not None
        record = store.order(entry.order_ref)
        assert record is not None and record.preview is not None and record.approval is not None
        assert record.preview.digest == record.approval.preview_digest == displayed[entry.order_ref]
    staged = [entry for entry in store.audit_entries(limit=10_000) if entry.kind == "order.staged"]
    assert len(staged) == AGENTS * EACH
    assert store.verify_audit().ok
    store.close()
