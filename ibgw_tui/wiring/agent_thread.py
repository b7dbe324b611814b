"""An agent's desk on a thread of its own, for doors with an event loop: a foreign lock costs patience, not the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, Self, TypeVar

from ibgw_tui.config import Loaded
from ibgw_tui.wiring.agent_desk import AgentDesk, open_agent_desk

P = ParamSpec("P")
T = TypeVar("T")


class AgentThread:
    """Runs functions of the desk, one after the other, on the one thread that holds its store."""

    def __init__(self, open_desk: Callable[[], AgentDesk]) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="agent")
        try:
            self._desk = self._executor.submit(open_desk).result()
        except BaseException:
            self._executor.shutdown()
            raise

    @classmethod
    def open(cls, loaded: Loaded, principal: str) -> Self:
        """Raises InvalidRequest (not a name), OrderStoreError, SettingsError."""
        return cls(lambda: open_agent_desk(loaded, principal))

    async def run(self, act: Callable[Concatenate[AgentDesk, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """`act(desk, ...)` on the thread; its result or its error comes back here."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: act(self._desk, *arguments, **named))

    def close(self) -> None:
        """Wait for what runs, then close the store."""
        try:
            self._executor.submit(self._desk.close).result()
        finally:
            self._executor.shutdown()
