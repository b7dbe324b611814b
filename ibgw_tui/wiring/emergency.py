"""The emergency stop: closes the kill switch by the store, and if that does not answer by a file beside it.

A locked, full, broken or wrongly configured store must not keep anybody from stopping. The file is seen
by every reader of the switch; while it lies there the switch is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ibgw_tui.core.errors import GatewayError, OrderStoreError
from ibgw_tui.core.records import SwitchState
from ibgw_tui.core.terms import KillSwitch, iso
from ibgw_tui.core.text import one_line
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import Home

if TYPE_CHECKING:
    from ibgw_tui.service.switch import Swept

PATIENCE_SECONDS = 1.0
"""A store that has not answered by then no longer holds up the stop."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """How the switch was closed."""

    switch: SwitchState
    file: Path | None
    """The sentinel file, if it was needed."""
    store_problem: str
    """Why the store did not take it; empty when it did."""


def stop(home: Home, *, principal: str, reason: str, patience: float | None = None) -> Stopped:
    """Close the kill switch of `home`. Raises OrderStoreError only when neither store nor file can be written."""
    by_file = threading.Event()

    def put_file() -> None:
        close_by_file(home.sentinel, principal=principal, reason=reason)
        by_file.set()

    def meanwhile() -> None:
        with contextlib.suppress(OSError):  # tried again below, and then it is said
            put_file()

    timer = threading.Timer(PATIENCE_SECONDS if patience is None else patience, meanwhile)
    timer.daemon = True
    timer.start()
    switch, problem = _close_by_store(home, principal, reason)
    timer.cancel()
    timer.join()
    if switch is None:
        try:
            put_file()
        except OSError as error:
            raise _neither(home, problem, error) from error
        switch = closed_by_file(principal, reason)
    return Stopped(switch, home.sentinel if by_file.is_set() else None, problem)


def closed_by_file(principal: str, reason: str) -> SwitchState:
    """What is known of a switch that only the file closed so far."""
    return SwitchState(KillSwitch.CLOSED, 0, principal, one_line(reason, 400), None, "sentinel file")


async def stop_beside(closing: Awaitable[SwitchState], sentinel: Path, *, principal: str, reason: str) -> SwitchState:
    """Close the switch in a program whose store may be busy, locked or broken: by the file, if it does not answer.

    `closing` goes on behind it. Raises only when neither the store nor the file took it.
    """
    task = asyncio.ensure_future(closing)
    done, _ = await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
    if done and task.exception() is None:
        return task.result()
    try:
        await asyncio.to_thread(close_by_file, sentinel, principal=principal, reason=reason)
    except OSError:
        return await task  # what the store says is all there is
    task.add_done_callback(_look_away)
    return closed_by_file(principal, reason)


def _look_away(task: asyncio.Future[SwitchState]) -> None:
    """The file has closed the switch: an error of the store that comes later is nobody's to hear."""
    if not task.cancelled():
        task.exception()


@dataclass(frozen=True, slots=True)
class Sweep:
    """The orders whose cancel was asked for, as they are known now."""

    swept: tuple[Swept, ...]
    problem: str = ""
    """Why it is not known, or was not asked for; empty when all is well."""

    @property
    def is_certain(self) -> bool:
        return not self.problem and all(found.is_certain for found in self.swept)


def sweep(home: Home, *, principal: str, wait_seconds: float, pause_seconds: float = 0.1) -> Sweep:
    """Ask for the cancel of all that works, and wait until the broker has said what came of each, or time is up."""
    until = time.monotonic() + wait_seconds
    swept: tuple[Swept, ...] = ()
    try:
        from ibgw_tui.wiring.agent_side import open_at

        with open_at(home, principal) as side:
            refs = side.cancel_working()
            swept = tuple(side.what_came_of(refs))
            while not all(found.is_certain for found in swept) and time.monotonic() < until:
                time.sleep(max(0.0, min(pause_seconds, until - time.monotonic())))
                swept = tuple(side.what_came_of(refs))
    except GatewayError as error:
        return Sweep(swept, error.message)
    except KeyboardInterrupt:  # whoever does not want to wait is told what is known by now
        return Sweep(swept, "interrupted")
    return Sweep(swept)


def _close_by_store(home: Home, principal: str, reason: str) -> tuple[SwitchState | None, str]:
    """The closed switch, or None and why not."""
    try:
        from ibgw_tui.wiring.agent_side import open_at

        with open_at(home, principal) as side:
            switch = side.staging.arm_kill_switch(reason)
    except GatewayError as error:
        return None, error.message
    except KeyboardInterrupt:  # of somebody who waits too long for a stop
        return None, "interrupted"
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, stopping does not depend on the store
        return None, f"unexpected {type(error).__name__}"
    return (switch, "") if switch.state is KillSwitch.CLOSED else (None, "the store still says open")


def _neither(home: Home, problem: str, error: OSError) -> OrderStoreError:
    return OrderStoreError(
        f"the kill switch could NOT be closed: the order store says {problem!r}, and {home.sentinel} cannot be created "
        f"({error.strerror or error})",
        user_action=f"stop the router process, or create a file {home.sentinel} by hand",
    )


def close_by_file(sentinel: Path, *, principal: str, reason: str) -> None:
    """Put the sentinel file beside the database. Raises OSError only when there is none afterwards."""
    sentinel.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(sentinel, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    # The file alone closes the switch; who and why are a courtesy that a full disk may refuse.
    try:
        os.write(descriptor, f"{iso(utc_now())} {one_line(principal, 64)}: {one_line(reason, 400)}\n".encode())
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
