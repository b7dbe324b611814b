"""Opens the terminal on a real desk: the one place where the screen meets the operator's roles."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ibgw_tui.tui import hygiene
from ibgw_tui.wiring.operator_side import open_desk
from ibgw_tui.wiring.paths import resolve_home

if TYPE_CHECKING:
    from ibgw_tui.config import Loaded


def run_terminal(loaded: Loaded, *, read_only: bool = False, enable_live: bool = False) -> int:
    """Run the terminal until the operator leaves it. Returns the exit code."""
    hygiene.scrub_environment()
    # Textual reads its environment when it is imported: not before the line above.
    from ibgw_tui.tui.app import DeskApp

    async def session() -> int:
        async with open_desk(loaded, read_only=read_only, enable_live=enable_live) as desk:
            return await hygiene.run_app(DeskApp(desk), resolve_home(loaded).folder)

    return asyncio.run(session())
