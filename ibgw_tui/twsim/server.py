"""The simulated TWS as a whole: a port on this machine, a market that ticks, a scenario that plays.

    async with TwsServer(Settings(), clock) as tws:
        await ib.connectAsync("127.0.0.1", tws.port, clientId=1)
        tws.do(acts.Stall())

It listens on a loopback address and nowhere else: the protocol has neither a password nor a cipher.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from ibgw_tui.state_file import StateFile
from ibgw_tui.twsim.acts import Act
from ibgw_tui.twsim.control import Control
from ibgw_tui.twsim.desk import Desk, Settings
from ibgw_tui.twsim.player import Player
from ibgw_tui.twsim.scenario import Scenario
from ibgw_tui.twsim.session import Session

log = logging.getLogger(__name__)


class NotLoopback(ValueError):
    """The address could be reached from other machines."""


def loopback(host: str) -> str:
    """The address to listen on. Raises NotLoopback."""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        if ipaddress.ip_address(address).is_loopback:
            return address
    except ValueError:
        pass
    raise NotLoopback(f"{host!r} is not a loopback address; the TWS protocol is neither encrypted nor authenticated")


class TwsServer:
    """Start, stop, and acts in between. With `state_path` it goes on where it was stopped."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], datetime],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        state_path: Path | None = None,
        scenario: Scenario | None = None,
        say: Callable[[str], None] = log.info,
    ) -> None:
        """Raises NotLoopback, OSError when the state file cannot be had, ValueError when it is damaged."""
        self._host = loopback(host)
        self._port = port
        self._file = StateFile(state_path, durable=False) if state_path is not None else None
        if self._file is not None:
            self._file.hold()
        try:
            data = self._file.read() if self._file else None
            self.desk = Desk(settings, clock, data)
        except BaseException:
            if self._file:
                self._file.release()
            raise
        self._control = Control(self.desk, self._restart)
        self._player = Player(scenario or Scenario(), self._control, say)
        self._listener: asyncio.Server | None = None
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._ticker: asyncio.Task[None] | None = None
        self._restarting: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port it listens on; before `start`, the one it was asked for."""
        return self._port

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, and let the market tick. Raises OSError when the port is taken."""
        await self._listen()
        self.desk.on_event = self._player.hear
        self._player.start()
        if self.desk.settings.tick_milliseconds:
            self._ticker = asyncio.create_task(self._ticking(), name="twsim-market")
            self._ticker.add_done_callback(_say_why)

    async def stop(self) -> None:
        """Close every connection and the port, and save."""
        self._player.stop()
        for task in (self._ticker, self._restarting):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        serving = list(self._connections.values())
        self._shut()
        await asyncio.gather(*serving, return_exceptions=True)
        self._save()
        if self._file is not None:
            self._file.release()
            self._file = None

    def do(self, act: Act) -> None:
        """Make something happen. Raises control.Impossible when it cannot happen now."""
        self._control.do(act)

    # ---- inside

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._serve, self._host, self._port)
        self._port = self._listener.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "connections are served by tasks"
        self._connections[writer] = task
        try:
            if self.desk.faults.mute:
                self.desk.faults.mute -= 1
                while await reader.read(1 << 16):
                    pass
            else:
                await Session(self.desk, writer).run(reader)
        except ConnectionError:
            pass  # gone while nobody answered
        finally:
            self._connections.pop(writer, None)
            writer.close()

    def _shut(self) -> None:
        """Stop listening and end every connection."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for session in list(self.desk.sessions.values()):
            session.hang_up()
        for writer in list(self._connections):
            writer.close()

    def _restart(self, seconds: float) -> None:
        self._shut()
        if self._restarting is not None:
            self._restarting.cancel()
        self._restarting = asyncio.create_task(self._come_back(seconds), name="twsim-restart")
        self._restarting.add_done_callback(_say_why)

    async def _come_back(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._listen()

    async def _ticking(self) -> None:
        while True:
            await asyncio.sleep(self.desk.settings.tick_milliseconds / 1000)
            self.desk.tick()
            self._save()

    def _save(self) -> None:
        if self._file is not None and not self.desk.is_saved:
            try:
                self._file.write(self.desk.dump())
            except OSError as error:
                log.error("the state could not be saved: %s", error)
                return
            self.desk.saved()


def _say_why(task: asyncio.Task[None]) -> None:
    """A market that stands still, or a port that stays closed, must not be a riddle."""
    if not task.cancelled() and task.exception() is not None:
        log.error("%s ended", task.get_name(), exc_info=task.exception())
