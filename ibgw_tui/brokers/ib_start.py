"""Getting a session, or the true reason why there is none, with what to do about it.

The library waits out its whole deadline where TWS has long said no, and takes half a start for a whole
one. Here a refusal counts at once, and whatever did not come makes the start fail.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ib_async import IB, RequestError

from ibgw_tui.brokers.ib_settings import IbSettings, mode_of
from ibgw_tui.brokers.ib_tap import tap
from ibgw_tui.brokers.ib_words import Means, meaning
from ibgw_tui.core.errors import BrokerError, ErrorCode, NotConnected
from ibgw_tui.core.terms import Mode

STEPS = 4
"""The library gives each step of a start its own deadline."""
USUAL_PORTS = {Mode.PAPER: (4002, 7497), Mode.LIVE: (4001, 7496)}
"""IB Gateway and TWS as they are installed."""


async def start(ib: IB, settings: IbSettings) -> tuple[str, ...]:
    """Connect and synchronise; returns the accounts of the login, all of them allowed. Raises BrokerError."""
    heard = _Heard(settings)
    tap(ib, {"error": heard.error, "connectAck": heard.greeting, "managedAccounts": heard.accounts}, heard.failed)
    ib.client.apiError += heard.api_error
    connecting = asyncio.ensure_future(
        ib.connectAsync(
            settings.host, settings.port, settings.client_id, timeout=settings.start_seconds, raiseSyncErrors=True
        )
    )
    try:
        await asyncio.wait(
            {connecting, heard.refusal}, timeout=STEPS * settings.start_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if heard.refusal.done():
            raise heard.refusal.result()
        if not connecting.done():
            raise TimeoutError
        connecting.result()
    except BrokerError:
        raise
    except (OSError, TimeoutError, RequestError) as error:
        # A ConnectionError of the library is an OSError, too.
        raise heard.explain(error) from error
    finally:
        ib.client.apiError -= heard.api_error
        if not connecting.done():
            connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        if not heard.refusal.done():
            heard.refusal.cancel()
    accounts = tuple(ib.client.getAccounts())
    problem = accounts_problem(",".join(accounts), settings)
    if problem is not None:
        raise problem
    return accounts


class _Heard:
    """What came in during the start."""

    def __init__(self, settings: IbSettings) -> None:
        self._settings = settings
        self._at = f"{settings.host}:{settings.port}"
        self._greeted = False
        self._said: list[str] = []
        self.refusal: asyncio.Future[BrokerError] = asyncio.get_running_loop().create_future()

    def greeting(self) -> None:
        self._greeted = True

    def accounts(self, told: str) -> None:
        if not told.replace(",", "").strip():
            self._refuse(
                "TWS answers but names no account",
                "finish the login in TWS or IB Gateway, and look whether it shows an account",
            )

    def error(self, req_id: int, code: int, text: str, reject: str = "") -> None:
        row = meaning(code)
        if code == 326:
            self._refuse(
                f"326 the client id {self._settings.client_id} is in use at {self._at}",
                "close the other program that uses it, or set broker.client_id to another number; after a lost "
                "connection TWS may hold the old session for a minute: it ends by itself",
            )
        elif row.means is Means.SESSION:
            self._refuse(f"{code} {text}", row.remedy or "look at TWS")
        elif row.means not in (Means.FARM, Means.NOTE):
            self._said.append(f"{code} {text}")

    def api_error(self, text: str) -> None:
        if "version" in text:
            self._refuse(f"TWS at {self._at} is too old: {text}", "install a newer TWS or IB Gateway")
        elif text.startswith("Peer closed"):
            self._refuse(
                f"TWS at {self._at} closed the connection" + (f": {'; '.join(self._said)}" if self._said else ""),
                "in its API settings, add this machine to the trusted addresses and look for a question on its screen",
            )

    def failed(self, name: str, error: Exception) -> None:
        self._said.append(f"{name}: {error}")

    def explain(self, error: Exception) -> BrokerError:
        """The reason behind what the library raised."""
        if isinstance(error, ConnectionRefusedError):
            return NotConnected(
                f"nothing listens on {self._at}",
                user_action="start TWS or IB Gateway and log in; in its API settings tick 'Enable ActiveX and Socket "
                f"Clients' and compare its socket port with broker.port ({_ports(self._settings)})",
            )
        words = "; ".join(self._said)
        if any("read-only" in said.lower() for said in self._said):
            return BrokerError(f"TWS is read-only: {words}", user_action="untick 'Read-Only API' in its API settings")
        if not self._greeted and isinstance(error, TimeoutError):
            return NotConnected(
                f"{self._at} accepts the connection and says nothing",
                user_action="look for a question on the screen of TWS ('Accept incoming connection?'), restart it when "
                "there is none; or another program has this port",
            )
        told = _reasons(error)
        return NotConnected(
            f"TWS at {self._at} did not finish its start: {told}" + (f" ({words})" if words else ""),
            user_action="wait until TWS has loaded, then try again; restart it when that does not help",
        )

    def _refuse(self, message: str, remedy: str) -> None:
        if not self.refusal.done():
            self.refusal.set_result(NotConnected(message, user_action=remedy))


def accounts_problem(told: str, settings: IbSettings) -> BrokerError | None:
    """Why a login must not be used: a foreign account, or the other mode."""
    accounts = [account.strip() for account in told.split(",") if account.strip()]
    other = [account for account in accounts if mode_of(account) is not settings.mode]
    if other:
        found = Mode.LIVE if settings.mode is Mode.PAPER else Mode.PAPER
        return BrokerError(
            f"TWS is logged in to {found.value} ({', '.join(other)}), and this desk is set to {settings.mode.value}",
            user_action=f"log TWS in to {settings.mode.value} trading, or correct broker.mode and broker.port "
            f"({_ports(settings)})",
            code=ErrorCode.CONFIG_INVALID,
        )
    foreign = [account for account in accounts if account not in settings.accounts]
    if foreign:
        return BrokerError(
            f"TWS is logged in with {', '.join(foreign)}, which this desk may not use",
            user_action=f"add it to broker.accounts if it is yours; allowed: {', '.join(settings.accounts) or 'none'}",
            code=ErrorCode.CONFIG_INVALID,
        )
    return None


def _reasons(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it was not ready in time"
    first: Any = error.args[0] if error.args else str(error)
    return ", ".join(map(str, first)) if isinstance(first, list) else str(error)


def _ports(settings: IbSettings) -> str:
    gateway, tws = USUAL_PORTS[settings.mode]
    return f"for {settings.mode.value} usually {gateway} in IB Gateway and {tws} in TWS"
