"""Where the simulated market lives between sessions: in its file, or in this process alone.

What is in the file is the truth. Whatever could not be written, or broke half-way, is dropped from
memory, and the next session starts from the file again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from ibgw_tui.core.errors import BrokerError, NotConnected, OutcomeUnknown
from ibgw_tui.exchange.exchange import Exchange
from ibgw_tui.state_file import StateFile, Taken

log = logging.getLogger(__name__)


class Keeper:
    """Holds the exchange while a market is open. `make` creates a new one when there is none yet."""

    def __init__(self, path: Path | None, make: Callable[[], Exchange]) -> None:
        self._file = StateFile(path) if path is not None else None
        self._make = make
        self._exchange: Exchange | None = None
        self._saved_revision = -1

    @property
    def exchange(self) -> Exchange:
        if self._exchange is None:
            raise NotConnected("the simulated market is closed", user_action="connect first")
        return self._exchange

    async def open(self) -> None:
        """Load the market, or make one. Raises BrokerError with the true reason."""
        if self._exchange is not None:
            return
        try:
            self._exchange = await asyncio.to_thread(self._read)
        except Taken:
            raise BrokerError(
                "another process is connected to this simulated market",
                user_action="close the other terminal, or wait until it has ended",
            ) from None
        except (OSError, ValueError) as error:
            raise BrokerError(
                f"the simulated market cannot be read: {error}",
                user_action=f"move {self._file.path if self._file else 'its file'} away to begin a new market",
            ) from error

    async def save(self) -> None:
        """Write what a restart must not lose. Raises OutcomeUnknown, and then nothing of it may be told."""
        exchange = self.exchange
        if self._file is None or exchange.revision == self._saved_revision:
            return
        try:
            await asyncio.to_thread(self._file.write, exchange.dump())
        except OSError as error:
            raise OutcomeUnknown(f"the simulated market could not be saved: {error}") from error
        self._saved_revision = exchange.revision

    def drop(self) -> None:
        """Forget what is in memory, if the file knows better."""
        if self._file is not None:
            self._exchange = None

    async def close(self) -> None:
        """Let go of the file: another process may trade before the next session reads it again."""
        if self._file is None:
            return
        exchange, self._exchange = self._exchange, None
        try:
            if exchange is not None:
                # Nothing but where the prices stand has changed since it was last saved.
                await asyncio.to_thread(self._file.write, exchange.dump())
        except OSError as error:
            log.warning("the simulated market was not saved when it closed: %s", error)
        finally:
            self._file.release()

    def _read(self) -> Exchange:
        self._saved_revision = -1
        if self._file is None:
            return self._make()
        self._file.hold()
        try:
            data = self._file.read()
            if data is None:
                return self._make()
            exchange = Exchange.load(data)
        except BaseException:
            self._file.release()
            raise
        self._saved_revision = exchange.revision
        return exchange
