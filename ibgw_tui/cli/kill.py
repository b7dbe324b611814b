"""`kill status`, `kill close`, `kill open`: the door that every new order must pass.

Closing always works: by the store, and if that does not answer by a file beside it. Opening is for a
person at a terminal, because what an agent can run in a pipe, an agent can run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ibgw_tui.cli import sheets
from ibgw_tui.cli.commands import Globals, Group, command
from ibgw_tui.cli.exits import Exit
from ibgw_tui.cli.moments import Seconds
from ibgw_tui.cli.output import Console
from ibgw_tui.cli.person import require_phrase, require_terminal
from ibgw_tui.cli.session import as_agent, as_desk, say_home
from ibgw_tui.core.errors import InvalidRequest, NotPermitted
from ibgw_tui.core.text import one_line
from ibgw_tui.service import documents

if TYPE_CHECKING:
    from ibgw_tui.service.views import Swept
    from ibgw_tui.wiring.emergency import Sweep

PHRASE = "OPEN"
IN_SPITE_OF = "OPEN ANYWAY"
WAIT_SECONDS = 15.0

kill = Group(
    "kill",
    lazy={"status": f"{__name__}:status", "close": f"{__name__}:close", "open": f"{__name__}:open_switch"},
    help="The kill switch. Closed: no new order leaves. Open: new orders may pass to the other gates.",
    examples="""
        ibgw kill status
        ibgw kill close --reason "runaway agent" --cancel-working
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
    "Works on a locked or broken store as well. With --cancel-working also ask for the cancel of every order at the "
    f"broker, and tell what came of each; exit code {Exit.TIMED_OUT.value} when the broker did not confirm them all.",
    examples="""
        ibgw kill close --reason "runaway agent"
        ibgw kill close --reason "runaway agent" --cancel-working --wait 30
    """,
)
@click.option("--reason", default="", metavar="TEXT", help="Why, for everybody to read.")
@click.option("--agent", envvar="IBGW_AGENT", default="cli", show_default=True, metavar="NAME", help="Who asks.")
@click.option("--cancel-working", is_flag=True, help="Ask for the cancel of every order at the broker.")
@click.option(
    "--wait",
    type=Seconds(3600),
    metavar="SECONDS",
    help=f"How long to wait for the broker's word on each cancel (default {WAIT_SECONDS:.0f}).",
)
def close(state: Globals, reason: str, agent: str, cancel_working: bool, wait: float | None) -> int:
    from ibgw_tui.wiring.emergency import stop, sweep
    from ibgw_tui.wiring.paths import home_at_all_costs

    home, console = home_at_all_costs(state.config, state.home), state.console
    say_home(state, home)
    stopped = stop(home, principal=agent, reason=reason)
    file = str(stopped.file) if stopped.file else None
    body: dict[str, Any] = {
        "kill_switch": documents.switch_state(stopped.switch),
        "sentinel_file": file,
        "store_problem": stopped.store_problem or None,
    }
    lines, code = sheets.switch(stopped.switch, console), Exit.OK
    if cancel_working:
        console.note("asking for the cancel of everything at the broker ...")
        swept = sweep(home, principal=agent, wait_seconds=WAIT_SECONDS if wait is None else wait)
        body["cancels"], code = _sweep_body(swept), _sweep_code(swept)
        lines += _sweep_lines(swept, console)
    console.result(body, *lines)
    if home.source == "guess":
        console.warn(f"warning: the configuration cannot be read; closed in {home.folder} (another home: --home DIR)")
    if stopped.store_problem:
        console.warn(f"warning: the order store did not take it ({stopped.store_problem})")
    if file:
        console.warn(f"warning: closed by the file {file}; remove it before opening the switch again")
    return code


@command(
    "open",
    help=f"Open the kill switch. For a person at a terminal: asks for the word {PHRASE}. Needs a router that is "
    "connected, a complete comparison with the broker's records made lately, nothing in doubt and no report of the "
    "broker unexplained (see `ibgw reconcile`); with --override it opens in spite of that, and the audit log says so.",
    examples="""
        ibgw kill open --reason "cause found and fixed"
        ibgw kill open --reason "start of day" --override "no order was ever sent from here"
    """,
)
@click.option("--reason", required=True, metavar="TEXT", help="Why it is safe again.")
@click.option("--override", default=None, metavar="WHY", help="Open in spite of what stands against it, and say why.")
def open_switch(state: Globals, reason: str, override: str | None) -> None:
    why = require_words("--override", override)
    require_terminal(
        state,
        "the kill switch is opened by a person at a terminal",
        "run `ibgw kill open` in a terminal without pipes, or open it in `ibgw tui`",
    )
    with as_desk(state) as side:
        desk = side.views.desk()
        before, against = desk.switch, desk.against_opening
        lines = [*sheets.switch(before, state.console), *(f"  against it: {one_line(words)}" for words in against)]
        if against and not why:
            side.review.open_switch(reason)  # refuses, in its own words, and leaves the attempt in the audit log
            raise NotPermitted("it stood against opening a moment ago; look again", user_action="run it again")
        require_phrase(
            IN_SPITE_OF if against else PHRASE,
            lines,
            "to let new orders pass to the other gates",
            f"the kill switch stays {before.state.value}",
        )
        switch = side.review.open_switch(reason, override=why if against else "")
    state.console.result({"kill_switch": documents.switch_state(switch)}, *sheets.switch(switch, state.console))


def require_words(option: str, words: str | None) -> str:
    """An option that was given has to say something. Raises InvalidRequest."""
    if words is not None and not one_line(words, 400):
        raise InvalidRequest(f"{option} is empty", user_action="say why in a few words; it is kept in the audit log")
    return words or ""


# ---- what came of the cancels

_GROUPS = {
    "cancelled": "cancelled",
    "filled": "filled in the race",
    "not_at_broker": "not at the broker",
    "unconfirmed": "UNCONFIRMED",
}


def _sweep_code(swept: Sweep) -> Exit:
    if swept.problem:
        return Exit.INTERRUPTED if swept.problem == "interrupted" else Exit.UNAVAILABLE
    return Exit.OK if swept.is_certain else Exit.TIMED_OUT


def _sweep_body(swept: Sweep) -> dict[str, Any]:
    body: dict[str, Any] = {"certain": swept.is_certain, "problem": swept.problem or None}
    for name in _GROUPS:
        body[name] = [documents.order_line(found.record) for found in swept.swept if found.outcome.value == name]
    return body


def _sweep_lines(swept: Sweep, console: Console) -> list[str]:
    count = {name: sum(found.outcome.value == name for found in swept.swept) for name in _GROUPS}
    told = ", ".join(f"{count[name]} {words}" for name, words in _GROUPS.items() if count[name])
    lines = [f"{_GROUPS[found.outcome.value]:<19} {_told(found)}" for found in swept.swept]
    if swept.problem:
        lines.append(console.paint(f"what is at the broker is NOT KNOWN: {one_line(swept.problem)}", "red"))
    elif not swept.swept:
        lines.append("nothing was at the broker: nothing to cancel")
    else:
        lines.append(f"cancel asked for {len(swept.swept)}: {told}")
    if not swept.is_certain:
        lines.append(
            "what is unconfirmed may work still: see `ibgw list`, `ibgw reconcile`, and the broker's own screens"
        )
    return lines


def _told(found: Swept) -> str:
    record = found.record
    state = sheets.words(record.status)
    if not found.is_certain:
        state += (
            ", the cancel was sent" if record.cancel_sent_at else ", the cancel was not sent yet: is a router at work?"
        )
    part = f", {record.filled:f} filled" if record.filled else ""
    return f"{record.order_ref}  {sheets.sentence(record)}: {state}{part}"
