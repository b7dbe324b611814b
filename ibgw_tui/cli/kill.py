"""`kill status`, `kill close`, `kill open`: the door that every new order must pass.

Closing always works: by the store, and if that does not answer by a file beside it. Opening is for a
person at a terminal, because what an agent can run in a pipe, an agent can run.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import Any

import click

from ibgw_tui.cli import documents, sheets
from ibgw_tui.cli.commands import Globals, Group, command
from ibgw_tui.cli.session import as_agent, as_desk
from ibgw_tui.core.errors import ErrorCode, GatewayError, NotPermitted, OrderStoreError
from ibgw_tui.core.records import SwitchState
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.core.text import one_line

PATIENCE_SECONDS = 1.0
"""A store that has not answered by then no longer holds up the stop: the file is created beside it."""
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
    from ibgw_tui.wiring.emergency import close_by_file
    from ibgw_tui.wiring.paths import home_at_all_costs

    home, failure, by_file = home_at_all_costs(state.config, state.home), "", threading.Event()

    def put_the_file() -> None:
        close_by_file(home, principal=agent, reason=reason)
        by_file.set()

    def meanwhile() -> None:
        with contextlib.suppress(OSError):  # tried again below, and then it is said
            put_the_file()

    patience = threading.Timer(PATIENCE_SECONDS, meanwhile)
    patience.daemon = True
    patience.start()
    switch: SwitchState | None = None
    try:
        with as_agent(state, agent) as side:
            switch = side.staging.arm_kill_switch(reason)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, stopping does not depend on the store
        failure = error.message if isinstance(error, GatewayError) else f"unexpected {type(error).__name__}"
    patience.cancel()
    patience.join()
    if switch is None or switch.state is not KillSwitch.CLOSED:
        try:
            put_the_file()
        except OSError as error:
            raise _not_closed(str(home.sentinel), failure, error) from error
    _say_closed(state, switch, str(home.sentinel) if by_file.is_set() else None, failure, (agent, reason))


def _not_closed(sentinel: str, failure: str, error: OSError) -> OrderStoreError:
    return OrderStoreError(
        f"the kill switch could NOT be closed: the order store says {failure!r}, and {sentinel} cannot be created "
        f"({error.strerror or error})",
        user_action=f"stop the router process, or create a file {sentinel} by hand",
    )


def _say_closed(
    state: Globals, switch: SwitchState | None, sentinel: str | None, failure: str, said: tuple[str, str]
) -> None:
    principal, reason = said
    if switch is None:
        switch = SwitchState(KillSwitch.CLOSED, 0, principal, one_line(reason, 400), None, "sentinel file")
    state.console.result(
        {"kill_switch": documents.switch_state(switch), "sentinel_file": sentinel, "store_problem": failure or None},
        *sheets.switch(switch, state.console),
    )
    if failure:
        state.console.warn(f"warning: the order store did not take it ({failure})")
    if sentinel:
        state.console.warn(f"warning: closed by the file {sentinel}; remove it before opening the switch again")


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
            code=ErrorCode.AUTH_PERMISSION_DENIED,
        )
    with as_desk(state) as side:
        before = side.views.desk().switch
        if _answer(before, state) != PHRASE:
            raise NotPermitted(f"{PHRASE} was not typed; the kill switch stays {before.state.value}")
        switch = side.review.open_switch(reason)
    state.console.result({"kill_switch": documents.switch_state(switch)}, *sheets.switch(switch, state.console))


def _answer(before: SwitchState, state: Globals) -> str:
    """What the person types after having read the question; what was typed before does not count."""
    lines: list[Any] = [
        *sheets.switch(before, state.console),
        f"Type {PHRASE} to let new orders pass to the other gates: ",
    ]
    _forget_typed_ahead()
    print("\n".join(lines), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def _forget_typed_ahead() -> None:
    try:
        import termios

        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    except (ImportError, OSError, ValueError):
        pass
