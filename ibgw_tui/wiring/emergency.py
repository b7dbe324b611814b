"""The emergency stop: closes the kill switch by the store, and if that does not answer by a file beside it.

A locked, full, broken or wrongly configured store must not keep anybody from stopping. The file is seen
by every reader of the switch; while it lies there the switch is closed.
"""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from ibgw_tui.core.errors import GatewayError, OrderStoreError
from ibgw_tui.core.records import SwitchState
from ibgw_tui.core.terms import KillSwitch, iso
from ibgw_tui.core.text import one_line
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import Home

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
        close_by_file(home, principal=principal, reason=reason)
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
        switch = SwitchState(KillSwitch.CLOSED, 0, principal, one_line(reason, 400), None, "sentinel file")
    return Stopped(switch, home.sentinel if by_file.is_set() else None, problem)


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


def close_by_file(home: Home, *, principal: str, reason: str) -> None:
    """Put the sentinel file beside the database. Raises OSError only when there is none afterwards."""
    home.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(home.sentinel, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
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
