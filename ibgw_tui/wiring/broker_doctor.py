"""What a newcomer has to change in TWS, in words: connects as the desk would, looks around, places nothing.

A what-if and a quote are all it asks for. It uses a client id of its own choice beside the desk's one, so
that it can be run while the desk is at work; the desk's own id is only tried when it is free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from ibgw_tui.config import Config
from ibgw_tui.core.errors import BrokerError, GatewayError
from ibgw_tui.core.orders import BrokerOrder, Contract, OrderIntent
from ibgw_tui.core.terms import AssetClass, OrderType, QuoteStatus, Side
from ibgw_tui.service import doctor as judge
from ibgw_tui.service.doctor import Check
from ibgw_tui.wiring.market import ib_settings

if TYPE_CHECKING:
    from ibgw_tui.brokers.ib import IbBroker
    from ibgw_tui.brokers.ib_settings import IbSettings

OTHER_ID = 900_000
"""Added to the desk's client id while the desk itself is connected."""
PROBED = ("AAPL", "SPY", "MSFT")
"""Looked for in this order: one of them is known to every login."""


def examine_broker(config: Config, clock: Callable[[], datetime]) -> list[Check]:
    """All findings about the market of this configuration. Never raises."""
    if config.broker.backend != "ibkr":
        return [judge.ok("broker", "the built-in simulated market; nothing to connect to")]
    try:
        return asyncio.run(examine_tws(ib_settings(config), clock))
    except Exception as error:  # noqa: BLE001 - a doctor that breaks helps nobody
        return [judge.fail("broker", f"cannot be looked at: {type(error).__name__}: {error}", "report this")]


async def examine_tws(settings: IbSettings, clock: Callable[[], datetime]) -> list[Check]:
    """What is wrong with the way to TWS, and with TWS."""
    from ibgw_tui.brokers.ib import IbBroker

    found = [_port(settings)]
    broker = IbBroker(clock, settings)
    try:
        await broker.connect()
        found.append(judge.ok("client id", f"{settings.client_id} is free"))
    except BrokerError as error:
        if "326" not in error.message:
            return [*found, _connection(error)]
        found.append(judge.warn("client id", error.message, error.user_action))
        broker = IbBroker(clock, replace(settings, client_id=settings.client_id + OTHER_ID))
        try:
            await broker.connect()
        except BrokerError as second:
            return [*found, _connection(second)]
    try:
        accounts = ", ".join(await broker.managed_accounts())
        found.append(judge.ok("connection", f"{settings.host}:{settings.port}, {settings.mode.value}, {accounts}"))
        return [*found, *await _inside(broker)]
    finally:
        await broker.close()


def _port(settings: IbSettings) -> Check:
    from ibgw_tui.brokers.ib_start import USUAL_PORTS
    from ibgw_tui.core.terms import Mode

    other = Mode.LIVE if settings.mode is Mode.PAPER else Mode.PAPER
    if settings.port in USUAL_PORTS[other]:
        gateway, tws = USUAL_PORTS[settings.mode]
        return judge.warn(
            "port",
            f"{settings.port} is usually the one of {other.value}, and broker.mode is {settings.mode.value}",
            f"for {settings.mode.value} it is usually {gateway} in IB Gateway and {tws} in TWS; correct broker.port",
        )
    return judge.ok("port", str(settings.port))


def _connection(error: BrokerError) -> Check:
    return judge.fail("connection", error.message, error.user_action or "look at TWS")


async def _inside(broker: IbBroker) -> list[Check]:
    snapshot = await broker.snapshot()
    lists = (
        judge.ok("lists", f"{len(snapshot.open_orders)} open orders, {len(snapshot.executions)} executions")
        if snapshot.complete
        else judge.fail("lists", "TWS did not list all orders and executions", "wait until TWS has loaded; restart it")
    )
    contract = await _some_contract(broker)
    if contract is None:
        return [lists, judge.fail("contracts", "TWS knows no contract", "wait until TWS has loaded; restart it")]
    return [lists, await _orders(broker, contract), await _data(broker, contract)]


async def _some_contract(broker: IbBroker) -> Contract | None:
    (account, *_) = await broker.managed_accounts()
    for symbol in PROBED:
        intent = OrderIntent(
            account=account,
            symbol=symbol,
            side=Side.BUY,
            quantity=Decimal(1),
            order_type=OrderType.MARKET,
            currency="USD",
            asset_class=AssetClass.ETF if symbol == "SPY" else AssetClass.STOCK,
        )
        try:
            return await broker.resolve(intent)
        except GatewayError:
            continue
    return None


async def _orders(broker: IbBroker, contract: Contract) -> Check:
    """Whether orders would be taken: asked with a what-if, which places nothing."""
    (account, *_) = await broker.managed_accounts()
    told = await broker.what_if(
        BrokerOrder(
            order_ref="doctor",
            account=account,
            contract=contract,
            side=Side.BUY,
            quantity=Decimal(1),
            order_type=OrderType.MARKET,
        )
    )
    if told is None:
        return judge.warn(
            "orders", "TWS does not answer a what-if", "look for a question on its screen; it can be slow after a login"
        )
    if "read-only" in told.warning.lower():
        return judge.fail(
            "orders", f"the API is read-only: {told.warning}", "untick 'Read-Only API' in the API settings of TWS"
        )
    if told.initial_margin_after is None:
        return judge.warn("orders", f"a what-if was answered with {told.warning!r}", "read it; TWS may be out of hours")
    return judge.ok("orders", "a what-if was answered; nothing was placed")


async def _data(broker: IbBroker, contract: Contract) -> Check:
    quote = await broker.quote(contract)
    match quote.status:
        case QuoteStatus.LIVE if quote.bid is not None and quote.ask is not None:
            return judge.ok("market data", f"live, {contract.symbol} {quote.bid:f} / {quote.ask:f}")
        case QuoteStatus.LIVE:
            return judge.warn("market data", f"live, without bid and ask of {contract.symbol}", "the market is closed?")
        case QuoteStatus.DELAYED | QuoteStatus.FROZEN:
            return judge.warn(
                "market data",
                f"only {quote.status.value} for {contract.symbol}; limits that need a live quote refuse",
                "subscribe to live market data for this user in the client portal",
            )
    return judge.warn(
        "market data",
        f"none for {contract.symbol}: {broker.why_no_quote(contract) or 'TWS sent no price'}",
        "subscribe to market data in the client portal, and end other sessions of the same user",
    )
