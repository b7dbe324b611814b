"""`kill status`, `kill close`, `kill open`: the door that every new order must pass.

Closing always works: by the store, and if that does not answer by a file beside it. Opening is for a
person at a terminal, because what an agent can run in a pipe, an agent can run.
"""

from __future__ import annotations

import sys

import click

from ibgw_tui.cli import documents, sheets
from ibgw_tui.cli.commands import Globals, Group, command
from ibgw_tui.cli.session import as_agent, as_desk, say_home
from ibgw_tui.core.errors import NotPermitted
from ibgw_tui.core.records import SwitchState

PHRASE = "OPEN"

kill = Group(
    "kill",
    lazy={"status": f"{__name__}:status", "close": f"{__name__}:close", "open": f"{__name__}:open_switch"},
    help="The kill switch. Closed: no new order leaves. Open: new orders may pass to the other gates.",
    examples="""
        ibgw kill status
        ibgw kill close --reason "runaway agent"
        ibgw kill open --reason "cause found and fixed"
    """,
)


@command("status", help="Is the kill switch open or closed, and who said so.", examples="ibgw kill status --json")
def status(state: Globals) -> None:
    with as_agent(state, "cli") as side:
        switch = side.store.switch()
    state.console.result({"kill_switch": documents.switch_state(switch)}, *sheets.switch(switch, state.console))


@command(
    "close",
    help="Close the kill switch: no new order leaves, and approvals not yet spent are taken back. Anyone may. "
    "Works on a locked or broken store as well.",
    examples='ibgw kill close --reason "runaway agent"',
)
@click.option("--reason", default="", metavar="TEXT", help="Why, for everybody to read.")
@click.option("--agent", envvar="IBGW_AGENT", default="cli", show_default=True, metavar="NAME", help="Who asks.")
def close(state: Globals, reason: str, agent: str) -> None:
    from ibgw_tui.wiring.emergency import stop
    from ibgw_tui.wiring.paths import home_at_all_costs

    home, console = home_at_all_costs(state.config, state.home), state.console
    say_home(state, home)
    stopped = stop(home, principal=agent, reason=reason)
    file = str(stopped.file) if stopped.file else None
    console.result(
        {
            "kill_switch": documents.switch_state(stopped.switch),
            "sentinel_file": file,
            "store_problem": stopped.store_problem or None,
        },
        *sheets.switch(stopped.switch, console),
    )
    if home.source == "guess":
        console.warn(f"warning: the configuration cannot be read; closed in {home.folder} (another home: --home DIR)")
    if stopped.store_problem:
        console.warn(f"warning: the order store did not take it ({stopped.store_problem})")
    if file:
        console.warn(f"warning: closed by the file {file}; remove it before opening the switch again")


@command(
    "open",
    help=f"Open the kill switch. For a person at a terminal: asks for the word {PHRASE}.",
    examples='ibgw kill open --reason "cause found and fixed"',
)
@click.option("--reason", required=True, metavar="TEXT", help="Why it is safe again.")
def open_switch(state: Globals, reason: str) -> None:
    if state.no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise NotPermitted(
            "the kill switch is opened by a person at a terminal",
            user_action="run `ibgw kill open` in a terminal without pipes, or open it in `ibgw tui`",
        )
    with as_desk(state) as side:
        before = side.views.desk().switch
        if _answer(before, state) != PHRASE:
            raise NotPermitted(f"{PHRASE} was not typed; the kill switch stays {before.state.value}")
        switch = side.review.open_switch(reason)
    state.console.result({"kill_switch": documents.switch_state(switch)}, *sheets.switch(switch, state.console))


def _answer(before: SwitchState, state: Globals) -> str:
    """What the person types after having read the question; what was typed before does not count."""
    lines = [
        *sheets.switch(before, state.console),
        f"Type {PHRASE} to let new orders pass to the other gates: ",
    ]
    forget_typed_ahead()
    print("\n".join(lines), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def forget_typed_ahead() -> None:
    """What was typed before the question was read is no answer to it."""
    try:
        import termios

        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    except (ImportError, OSError, ValueError):
        pass
