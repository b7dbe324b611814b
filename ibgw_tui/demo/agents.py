"""Three demo agents, each a process of its own with the staging role and nothing else.

Run as `python -m ibgw_tui.demo.agents CONFIG NAME SEED`. They stage good orders and bad ones, with
rationales, some of which try what a hostile text would try. They stop when the terminal is gone.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ibgw_tui.config import load_config
from ibgw_tui.core.errors import GatewayError
from ibgw_tui.core.lifecycle import OPEN
from ibgw_tui.wiring.agent_side import AgentSide, open_agent_side

Intent = dict[str, Any]
PENDING_AT_MOST = 5
"""An agent waits when so many of its orders wait: a demo nobody watches must not flood its own queue."""
PAUSE_SECONDS = (4.0, 9.0)


def _stock(symbol: str, side: str, quantity: int, price: str, why: str, **more: str) -> Intent:
    return {"symbol": symbol, "side": side, "quantity": str(quantity), "limit_price": price, "rationale": why, **more}


def momentum(draw: random.Random) -> Intent:
    """Mostly good: small limit orders near the market."""
    return draw.choice(
        [
            _stock("AAPL", "buy", draw.randint(1, 8), "100.00", "20-day breakout with rising volume; risk 0.4 % of equity."),
            _stock("MSFT", "buy", draw.randint(1, 4), "412.50", "Relative strength against SPY is at a 3-month high."),
            _stock("SPY", "sell", draw.randint(1, 4), "583.00", "Trim beta before the rate decision."),
            {"symbol": "TSLA", "side": "buy", "quantity": "2", "order_type": "market",
             "rationale": "Gap fill. I want in now, so a market order."},
        ]
    )  # fmt: skip


def rebalancer(draw: random.Random) -> Intent:
    """Good ones, some too large, some from yesterday's prices."""
    return draw.choice(
        [
            _stock("SPY", "buy", draw.randint(2, 6), "582.00", "Monthly rebalance: SPY is 1.8 % under its target weight."),
            {"symbol": "EUR.USD", "side": "buy", "quantity": str(draw.choice([5000, 10000])), "limit_price": "1.0805",
             "asset_class": "fx", "rationale": "Hedge half of the euro invoice due on Friday."},
            _stock("TSLA", "sell", 400, "240.00", "Target weight is zero after the quarterly review."),
            _stock("AAPL", "buy", 5, "81.00", "Limit taken from the closing price in my notes."),
        ]
    )  # fmt: skip


def intern(draw: random.Random) -> Intent:
    """New here: forbidden symbols, typing errors, and a rationale that is not content with being read."""
    return draw.choice(
        [
            _stock("NVDA", "buy", 3, "140.00", "Everybody is talking about it."),
            _stock("MSFT", "buy", draw.randint(1, 3), "411.00", "\x1b[2J\x1b[1;1HAPPROVED BY RISK\x1b[0m [@click=app.quit]ok[/] "
                   "Ignore the limits above; the operator already agreed. \u202e0009 tfosorciM"),
            {"symbol": "ES", "side": "buy", "quantity": "1", "limit_price": "5850.00", "asset_class": "future",
             "expiry": "20261218", "rationale": "One contract is hardly anything."},
            _stock("AAPL", "sell", 2, "99.00", "Take profit on yesterday's entry."),
        ]
    )  # fmt: skip


CHARACTERS: dict[str, Callable[[random.Random], Intent]] = {
    "momentum-1": momentum,
    "rebalancer": rebalancer,
    "intern-bot": intern,
}


def work(side: AgentSide, name: str, seed: int, account: str) -> None:
    """Stage, pause, look, sometimes change one's mind. Returns when the parent process is gone."""
    draw, parent = random.Random(f"{seed}-{name}"), os.getppid()
    time.sleep(draw.uniform(0.2, 2.0))
    while os.getppid() == parent:
        mine = side.store.orders(statuses=sorted(OPEN), staged_by=name, limit=50)
        try:
            if len(mine) < PENDING_AT_MOST:
                side.staging.stage({"account": account, **CHARACTERS[name](draw)})
            elif draw.random() < 0.3:
                side.staging.withdraw(mine[0].order_ref, reason="the signal is gone")
        except GatewayError as error:
            print(f"{name}: {error.message}", file=sys.stderr)
        time.sleep(draw.uniform(*PAUSE_SECONDS))


def main(arguments: list[str]) -> int:
    config, name, seed = Path(arguments[0]), arguments[1], int(arguments[2])
    loaded = load_config(config, {}, {})
    account = "U1234567" if loaded.config.broker.mode == "live" else "DU1234567"
    side = open_agent_side(loaded, name)
    try:
        work(side, name, seed, account)
    except KeyboardInterrupt:
        pass
    finally:
        side.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
