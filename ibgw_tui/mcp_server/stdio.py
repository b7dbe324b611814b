"""One agent on stdin and stdout, for as long as its client keeps them open."""

from __future__ import annotations

import anyio
from mcp.server.stdio import stdio_server

from ibgw_tui.config import Loaded
from ibgw_tui.mcp_server.server import Door
from ibgw_tui.wiring.agent_thread import AgentThread


def serve(loaded: Loaded, agent: str) -> None:
    """Raises InvalidRequest (not a name), OrderStoreError, SettingsError before anything is served."""
    desk = AgentThread.open(loaded, agent)
    try:
        anyio.run(_run, desk)
    finally:
        desk.close()


async def _run(desk: AgentThread) -> None:
    server = Door(desk).server()
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())
