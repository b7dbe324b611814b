"""Which market the configuration names, as a broker behind the port."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ibgw_tui.core.broker import Broker
from ibgw_tui.core.terms import Mode

if TYPE_CHECKING:
    from ibgw_tui.brokers.ib_settings import IbSettings
    from ibgw_tui.config import Config


def ib_settings(config: Config) -> IbSettings:
    """How to reach TWS, and what its login has to be."""
    from ibgw_tui.brokers.ib_settings import IbSettings
    from ibgw_tui.config import expected_accounts

    broker = config.broker
    return IbSettings(
        host=broker.host,
        port=broker.port,
        client_id=broker.client_id,
        mode=Mode(broker.mode),
        accounts=expected_accounts(config),
    )


def make_broker(config: Config, folder: Path, clock: Callable[[], datetime]) -> Broker:
    """The broker of `[broker] backend`. What a restart must find is kept in `folder`."""
    if config.broker.backend == "ibkr":
        from ibgw_tui.brokers.ib import IbBroker

        return IbBroker(clock, ib_settings(config), ids_path=folder / f"ibkr-{config.broker.client_id}.json")
    from ibgw_tui.brokers.simulated import SimulatedBroker

    return SimulatedBroker(
        clock=clock,
        seed=config.broker.seed,
        mode=Mode(config.broker.mode),
        state_path=folder / "simulated-market.json",
    )
