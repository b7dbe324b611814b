"""`status`, `tui`, `demo`: the desk as a whole."""

from __future__ import annotations

import click

from ibgw_tui.cli import sheets
from ibgw_tui.cli.commands import Globals, command
from ibgw_tui.cli.person import require_screen
from ibgw_tui.cli.session import as_desk, load
from ibgw_tui.service import documents


@command(
    "status",
    help="The desk in a few lines: mode, kill switch, link, router, orders, audit log.",
    examples="""
        ibgw status
        ibgw status --json
    """,
)
def status(state: Globals) -> None:
    with as_desk(state) as side:
        desk = side.views.desk()
    state.console.result({"desk": documents.desk_state(desk)}, *sheets.desk(desk, state.console))


@command(
    "tui",
    help="The operator's terminal: review, approve, reject, watch.",
    examples="""
        ibgw tui
        ibgw tui --read-only
        ibgw tui --enable-live
    """,
)
@click.option("--read-only", is_flag=True, help="Look, decide nothing.")
@click.option(
    "--enable-live", is_flag=True, help="Allow live orders in this run, if the configuration allows them too."
)
def tui(state: Globals, read_only: bool, enable_live: bool) -> int:
    loaded = load(state)
    require_screen("start it in a terminal; `ibgw router`, `ibgw status` and `ibgw list` work without one")
    from ibgw_tui.tui.run import run_terminal

    return run_terminal(loaded, read_only=read_only, enable_live=enable_live)


@command(
    "router",
    help="Route without a screen: preview what is staged, send what is approved, hear what fills. Ctrl+C stops it.",
    examples="""
        ibgw router
        ibgw router --enable-live
    """,
)
@click.option(
    "--enable-live", is_flag=True, help="Allow live orders in this run, if the configuration allows them too."
)
def router(state: Globals, enable_live: bool) -> None:
    import asyncio
    import signal

    from ibgw_tui.wiring.operator_side import route_until

    loaded = load(state)

    async def run() -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await route_until(
            stopped, loaded, enable_live=enable_live, say=lambda text: state.console.note(f"router: {text}")
        )

    asyncio.run(run())
    state.console.result({"router": "stopped"})


@command(
    "demo",
    help="A desk with a simulated market and a busy agent. No account, no network, no configuration.",
    examples="""
        ibgw demo
        ibgw demo --backend ibkr
        ibgw demo --headless --json --seed 7
    """,
)
@click.option("--headless", is_flag=True, help="No screen: play the story and print what happened.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another market.")
@click.option(
    "--mode", type=click.Choice(["paper", "live"]), default="paper", show_default=True, help="Of the pretended account."
)
@click.option(
    "--backend",
    type=click.Choice(["simulated", "ibkr"]),
    default="simulated",
    show_default=True,
    help="ibkr: the same market behind a simulated TWS, over its wire protocol.",
)
def demo(state: Globals, headless: bool, seed: int, mode: str, backend: str) -> int:
    if not headless:
        require_screen("start it in a terminal, or with --headless")
    from ibgw_tui.demo.run import run_demo

    return run_demo(headless=headless, as_json=state.as_json, seed=seed, mode=mode, backend=backend, quiet=state.quiet)
