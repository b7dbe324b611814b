"""`ibgw`: one function from arguments to an exit code, and the list of commands.

Nobody is shown a traceback: what was foreseen becomes a sentence (or one JSON object), what was not
becomes one line that names a private log file.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ibgw_tui.cli.commands import Globals, Group
from ibgw_tui.cli.exits import Exit, exit_code, published
from ibgw_tui.core.error_table import error_body
from ibgw_tui.core.errors import GatewayError, InvalidRequest
from ibgw_tui.core.lifecycle import IllegalTransition

_HERE = "ibgw_tui.cli"

COMMANDS = {
    "tui": f"{_HERE}.desk:tui",
    "demo": f"{_HERE}.desk:demo",
    "router": f"{_HERE}.desk:router",
    "status": f"{_HERE}.desk:status",
    "stage": f"{_HERE}.orders:stage",
    "bracket": f"{_HERE}.moves:bracket",
    "revise": f"{_HERE}.moves:revise",
    "modify": f"{_HERE}.orders:modify",
    "submit": f"{_HERE}.moves:submit",
    "cancel": f"{_HERE}.moves:cancel",
    "list": f"{_HERE}.orders:list_orders",
    "show": f"{_HERE}.orders:show",
    "wait": f"{_HERE}.orders:wait",
    "withdraw": f"{_HERE}.orders:withdraw",
    "limits": f"{_HERE}.advice:limits",
    "positions": f"{_HERE}.advice:positions",
    "explain": f"{_HERE}.explain:explain",
    "policy": f"{_HERE}.policy:policy",
    "checklist": f"{_HERE}.checklist:checklist",
    "kill": f"{_HERE}.kill:kill",
    "reconcile": f"{_HERE}.reconcile:reconcile",
    "audit": f"{_HERE}.audit:audit",
    "doctor": f"{_HERE}.doctor:doctor",
    "backup": f"{_HERE}.backup:backup",
    "restore": f"{_HERE}.backup:restore",
    "config": f"{_HERE}.settings:config",
    "twsim": f"{_HERE}.twsim:twsim",
    "schema": f"{_HERE}.schema:schema",
    "completion": f"{_HERE}.completion:completion",
}
"""Name -> where it lives; imported when it is named."""


def _version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        from ibgw_tui.cli.version import tell_version

        tell_version(context.ensure_object(Globals).console)
        context.exit()


cli = Group(
    "ibgw",
    lazy=COMMANDS,
    help="Stage brokerage orders for a person to review; look after the desk.\n\n"
    "Nothing here sends an order: an order is staged for review, and only the operator's yes in the "
    "terminal (`ibgw tui`) lets it go to Interactive Brokers.",
    examples="""
        ibgw demo
        ibgw stage --account DU1234567 --symbol AAPL --side buy --quantity 1 --limit-price 100
        ibgw list --json
        ibgw kill close --reason "runaway agent"
    """,
    more=f"Exit codes:\n{published()}",
    params=[
        # Not eager: `--json` may follow it.
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            callback=_version,
            help="Print all versions, for a bug report.",
        )
    ],
    subcommand_metavar="COMMAND [ARGS]...",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Never raises; the answer is the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    state = Globals()
    _calm_the_collector()
    _never_without_streams()
    _never_fail_to_encode()
    try:
        return _as_exit(cli.main(args=arguments, prog_name="ibgw", obj=state, standalone_mode=False))
    except BrokenPipeError:
        return _reader_left()
    except SystemExit as leaving:  # click's own answer to a reader that went away
        return leaving.code if isinstance(leaving.code, int) else Exit.UNEXPECTED
    except BaseException as error:  # noqa: BLE001 - the last catch: nobody is shown a traceback
        state.as_json = state.as_json or _asks_for_json(arguments)
        try:
            return _explain(error, state)
        except OSError:  # nothing can be written any more: a reader that left, a full disk
            return _reader_left()


def _calm_the_collector() -> None:
    """A command loads its modules and ends. With Python's own thresholds a sixth of that time goes into looking for
    garbage among what was just loaded."""
    gc.set_threshold(50_000, 20, 50)


def _as_exit(answer: object) -> int:
    return int(answer) if isinstance(answer, int) else Exit.OK


def _explain(error: BaseException, state: Globals) -> int:
    """Say what went wrong, once, and choose the exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and not state.as_json:
        print(error.format_message(), file=sys.stderr, flush=True)  # a page of its own, not a sentence
        return Exit.USAGE
    error = _in_our_words(error)
    if not isinstance(error, GatewayError | KeyboardInterrupt | IllegalTransition):
        from ibgw_tui.cli.crash import record_crash

        where = record_crash(error, state.config, state.home)
        known = f"details are in {where}" if where else "details could not be written"
        error = RuntimeError(f"unexpected error ({type(error).__name__}); {known}")
    elif isinstance(error, KeyboardInterrupt):
        error = KeyboardInterrupt("interrupted")
    state.console.failure(error_body(error))
    return exit_code(error)


def _in_our_words(error: BaseException) -> BaseException:
    """Click's errors as ours."""
    if isinstance(error, click.Abort):
        return KeyboardInterrupt()
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        path = error.ctx.command_path if error.ctx else "ibgw"
        return InvalidRequest("a command is missing", user_action=f"see `{path} --help`")
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "ibgw"
        return InvalidRequest(error.format_message(), user_action=f"see `{path} --help`")
    if isinstance(error, click.ClickException):
        return InvalidRequest(error.format_message())
    return error


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Arguments that could not be parsed may still have said how they want their answer."""
    known = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in known


def _never_without_streams() -> None:
    """A stream that was closed before we began (`>&-`, some schedulers) reads and writes nothing, and fails nothing.

    It also takes the free descriptor, so that no file of ours gets the number under which others print.
    """
    import os

    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def _never_fail_to_encode() -> None:
    """A terminal that cannot show a character gets its escape, not an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _reader_left() -> int:
    """The reader of our output went away (`ibgw list | head -1`): nothing to say, and nobody to say it to."""
    import os

    # What is still in a buffer would fail once more when Python leaves, and be told as a traceback.
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            except (OSError, ValueError):
                pass
    return Exit.UNEXPECTED
