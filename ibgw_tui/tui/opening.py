"""The desk while it is being opened: the first picture is drawn before what stands behind it is loaded.

Roles, router and the broker's library (alone as much as all else together) are nothing that an empty screen
needs. So the terminal is given this: a port from the first moment, whose every question waits until the desk
is there. Nobody asks before the first picture, and the first question opens it. Keys typed meanwhile find a
screen that has read nothing yet, on which nothing can be decided.

This is the one place where the terminal loads late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from ibgw_tui.tui.port import DeskPort


class OpeningDesk:
    """Stands before a desk that is opened at the first question. Close it when the screen has gone."""

    def __init__(
        self,
        open_desk: Callable[[], AbstractAsyncContextManager[DeskPort]],
        *,
        operator: str,
        read_only: bool,
        clock: Callable[[], datetime],
    ) -> None:
        """`open_desk` may load modules; it is called in the loop, at the first question."""
        self.operator, self.read_only, self.clock = operator, read_only, clock
        self.failure: Exception | None = None
        """Why the desk could not be opened: for whoever started the screen, once the screen has gone."""
        self.on_failure: Callable[[], None] = lambda: None
        self._open = open_desk
        self._desk: DeskPort | None = None
        self._there = asyncio.Event()
        self._leaving = asyncio.Event()
        self._life: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[], None]] = []

    @property
    def port(self) -> DeskPort:
        """This, as what it stands for: `__getattr__` gives every question that is not answered here."""
        return cast("DeskPort", self)

    @property
    def is_router(self) -> bool:
        return self._desk is not None and self._desk.is_router

    @property
    def router_problem(self) -> str:
        return self._desk.router_problem if self._desk is not None else ""

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def __getattr__(self, question: str) -> Callable[..., Awaitable[Any]]:
        """Any other member of the port: the desk's own, once it is there."""
        if question.startswith("_"):
            raise AttributeError(question)

        async def asked(*arguments: Any, **named: Any) -> Any:
            if self._life is None:
                self._life = asyncio.create_task(self._live(), name="desk")
            await self._there.wait()
            return await getattr(self._desk, question)(*arguments, **named)

        return asked

    async def _live(self) -> None:
        """Opens the desk and takes it down, in one task. If it cannot be opened, its questions wait for ever."""
        try:
            async with self._open() as desk:
                desk.listen(self._rung)
                self._desk = desk
                self._there.set()
                await self._leaving.wait()
        except Exception as error:
            if self._desk is not None:
                raise  # it was open, and failed at its end: `close` tells
            self.failure = error
            self.on_failure()

    def _rung(self) -> None:
        for callback in list(self._listeners):
            callback()

    async def close(self) -> None:
        """Take the desk down again, if it was opened."""
        self._leaving.set()
        if self._life is not None:
            await self._life
