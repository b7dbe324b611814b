"""Which market the configuration names, as a broker behind the port."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ibgw_tui.core.broker import Broker
from ibgw_tui.core.terms import Mode

if TYPE_CHECKING:
    from ibgw_tui.config import Config


def make_broker(config: Config, folder: Path, clock: Callable[[], datetime]) -> Broker:
    """The broker of `[broker] backend`. The simulated one keeps its book in `folder`, so that a restart finds it."""
    from ibgw_tui.brokers.simulated import SimulatedBroker

    return SimulatedBroker(
        clock=clock,
        seed=config.broker.seed,
        mode=Mode(config.broker.mode),
        state_path=folder / "simulated-market.json",
    )
