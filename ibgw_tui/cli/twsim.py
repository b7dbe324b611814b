"""`twsim`: the simulated TWS / IB Gateway on a port of this machine, for any client that speaks its protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ibgw_tui.cli.commands import Globals, command
from ibgw_tui.core.errors import BrokerError, InvalidRequest
from ibgw_tui.core.terms import Mode

if TYPE_CHECKING:
    import asyncio

    from ibgw_tui.twsim.server import TwsServer


@command(
    "twsim",
    help="A simulated TWS / IB Gateway on a loopback port, for any client of Interactive Brokers. Ctrl+C stops it.\n\n"
    "It speaks the TWS wire protocol, trades in a market of its own and makes trouble on command: "
    "docs/twsim.md says what it can do. Nothing leaves this machine.",
    examples="""
        ibgw twsim --port 4002
        ibgw twsim --mode live --port 4001 --seed 7
        ibgw twsim --scenario outage.toml --state market.json
        ibgw twsim --stdin
    """,
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address; others are refused.")
@click.option("--port", type=click.IntRange(0, 65535), default=4002, show_default=True, help="0 takes any free port.")
@click.option("--mode", type=click.Choice(["paper", "live"]), help="Of the login.  [default: paper]")
@click.option("--seed", type=int, help="Another market.  [default: 1]")
@click.option(
    "--client-version",
    type=click.IntRange(157, 178),
    default=178,
    show_default=True,
    help="Agree with any client on at most this server version.",
)
@click.option("--scenario", type=click.Path(path_type=Path), help="A script of acts, .toml or .jsonl.")
@click.option("--state", "state_path", type=click.Path(path_type=Path), help="File in which it outlives this process.")
@click.option("--stdin", "commands", is_flag=True, help="Read acts from standard input, one JSON object a line.")
def twsim(
    state: Globals,
    host: str,
    port: int,
    mode: str | None,
    seed: int | None,
    client_version: int,
    scenario: Path | None,
    state_path: Path | None,
    commands: bool,
) -> None:
    import asyncio
    import dataclasses

    from ibgw_tui.twsim.desk import Settings
    from ibgw_tui.twsim.scenario import BadScenario, Scenario, load_scenario
    from ibgw_tui.twsim.server import NotLoopback, TwsServer
    from ibgw_tui.wiring.clock import utc_now

    try:
        script = load_scenario(scenario) if scenario is not None else Scenario()
    except BadScenario as error:
        raise InvalidRequest(
            f"the scenario {scenario} cannot be played: {'; '.join(error.problems)}",
            user_action="correct the file; docs/twsim.md lists what it may say",
            problems=error.problems,
        ) from error
    except OSError as error:
        raise InvalidRequest(f"the scenario cannot be read: {error}", user_action="correct --scenario") from error
    settings = dataclasses.replace(script.start.over(Settings()), highest_version=client_version)
    if mode is not None:
        settings = dataclasses.replace(settings, mode=Mode(mode))
    if seed is not None:
        settings = dataclasses.replace(settings, seed=seed)
    try:
        server = TwsServer(
            settings,
            utc_now,
            host=host,
            port=port,
            state_path=state_path,
            scenario=script,
            say=lambda text: state.console.note(f"twsim: {text}"),
        )
    except NotLoopback as error:
        raise InvalidRequest(str(error), user_action="give 127.0.0.1, ::1 or no --host at all") from error
    except (OSError, ValueError) as error:
        raise BrokerError(
            f"the state file cannot be used: {error}", user_action="correct --state, or move the file away"
        ) from error
    asyncio.run(_serve(state, server, commands))
    state.console.line({"twsim": "stopped"}, "twsim stopped")


async def _serve(state: Globals, server: TwsServer, commands: bool) -> None:
    """Until a signal comes, or standard input ends where acts are read from it."""
    import asyncio
    import signal

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    try:
        await server.start()
    except OSError as error:
        await server.stop()
        raise BrokerError(
            f"port {server.port} cannot be listened on: {error.strerror or error}",
            user_action="close what uses the port, or give another --port (0 takes any free one)",
        ) from error
    desk = server.desk
    told = {"port": server.port, "mode": desk.mode.value, "accounts": list(desk.accounts)}
    state.console.line(
        {"twsim": "listening", **told},
        f"twsim listens on port {server.port}: {desk.mode.value}, {', '.join(desk.accounts)}, "
        f"server versions 157 to {desk.settings.highest_version}",
    )
    reading = asyncio.create_task(_read_acts(state, server, stopped)) if commands else None
    try:
        await stopped.wait()
    finally:
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        await server.stop()


async def _read_acts(state: Globals, server: TwsServer, stopped: asyncio.Event) -> None:
    """Carry out each line of standard input, and answer it with one line."""
    import asyncio
    import sys
    import threading

    from ibgw_tui.twsim.acts import read_act
    from ibgw_tui.twsim.control import Impossible
    from ibgw_tui.twsim.scenario import read_line

    loop, lines = asyncio.get_running_loop(), asyncio.Queue[str]()

    def read() -> None:
        # A thread that is not waited for: standard input may be a file, a pipe, or a keyboard nobody touches.
        for line in iter(sys.stdin.readline, ""):
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, daemon=True, name="twsim-stdin").start()
    number = 0
    while line := await lines.get():
        number += 1
        if not line.strip():
            continue
        try:
            server.do(read_act(read_line(line, number)))
        except (ValueError, Impossible) as error:
            state.console.line({"line": number, "done": False, "problem": str(error)}, f"line {number}: {error}")
        else:
            state.console.line({"line": number, "done": True}, f"line {number}: done")
    stopped.set()
