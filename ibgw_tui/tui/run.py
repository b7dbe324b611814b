"""Opens the terminal on a real desk: the one place where the screen meets the operator's roles."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from ibgw_tui.tui import hygiene
from ibgw_tui.tui.logbook import logbook
from ibgw_tui.tui.opening import OpeningDesk
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.opening import try_store
from ibgw_tui.wiring.paths import resolve_home

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from ibgw_tui.config import Loaded
    from ibgw_tui.tui.comfort import Comfort
    from ibgw_tui.tui.port import DeskPort


def run_terminal(loaded: Loaded, *, read_only: bool = False, enable_live: bool = False) -> int:
    """Run the terminal until the operator leaves it. Returns the exit code."""
    hygiene.scrub_environment()
    # Textual reads its environment when it is imported: not before the line above.
    from ibgw_tui.tui.app import DeskApp
    from ibgw_tui.tui.remembered import FILE, Memory

    folder = resolve_home(loaded).folder
    memory = Memory(folder / FILE if loaded.config.terminal.remember else None)

    def open_desk() -> AbstractAsyncContextManager[DeskPort]:
        # Loaded behind the first picture; see `tui/opening`.
        from ibgw_tui.wiring import operator_side

        return operator_side.open_desk(loaded, read_only=read_only, enable_live=enable_live)

    async def session() -> int:
        desk = OpeningDesk(open_desk, operator=loaded.config.desk.operator, read_only=read_only, clock=utc_now)
        app = DeskApp(desk.port, comfort=comfort_of(loaded, folder), memory=memory)
        desk.on_failure = app.exit
        try:
            code = await hygiene.run_app(app, folder)
        finally:
            await desk.close()
        if desk.failure is not None:
            raise desk.failure
        return code

    try_store(loaded)
    with logbook(folder):
        try:
            return asyncio.run(session())
        finally:
            memory.save()


def comfort_of(loaded: Loaded, folder: Path) -> Comfort:
    """What the configuration says about noises and keys. Files are named from the folder of the configuration."""
    from ibgw_tui.tui.comfort import Comfort
    from ibgw_tui.tui.heralds import apprise_messenger
    from ibgw_tui.tui.keymap import load_keymap

    told, beside = loaded.config.terminal, loaded.file.parent if loaded.file is not None else Path()
    apprise = [apprise_messenger(beside / Path(told.apprise_file).expanduser())] if told.apprise_file else []
    return Comfort(
        bell=told.bell,
        desktop=told.desktop,
        ring_every_seconds=told.ring_every_seconds,
        flood_per_minute=told.flood_per_minute,
        heralds=apprise,
        keymap=load_keymap(beside / Path(told.keymap).expanduser()),
        saved=folder / "saved",
    )
