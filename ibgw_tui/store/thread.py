"""The one thread that touches the database in a process with a screen.

A foreign lock may hold a call for seconds: on this thread it costs the caller patience, in the event
loop it would freeze the screen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from ibgw_tui.store.order_store import OrderStore

P = ParamSpec("P")
T = TypeVar("T")


class StoreThread:
    """Runs functions of the store, one after the other, on a thread of their own."""

    def __init__(
        self, path: Path, *, clock: Callable[[], datetime], automated: bool = False, read_only: bool = False
    ) -> None:
        self._closed = False
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        try:
            self._store = self._executor.submit(
                lambda: OrderStore.open(path, clock=clock, automated=automated, read_only=read_only)
            ).result()
        except BaseException:
            self._executor.shutdown()
            raise

    async def run(self, act: Callable[Concatenate[OrderStore, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """`act(store, ...)` on the thread; its result or its error comes back here."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: act(self._store, *arguments, **named))

    def run_sync(self, act: Callable[Concatenate[OrderStore, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """The same, waiting. Not from an event loop."""
        return self._executor.submit(lambda: act(self._store, *arguments, **named)).result()

    def close(self) -> None:
        """Wait for what runs, then close the store. Closing twice is closing once."""
        if self._closed:
            return
        self._closed = True
        try:
            self._executor.submit(self._store.close).result()
        finally:
            self._executor.shutdown()
