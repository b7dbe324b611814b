"""The parts of the documentation that are made from the doors: commands, tools, errors."""

from __future__ import annotations

import click

from ibgw_tui.cli.commands import Command, Group
from ibgw_tui.cli.exits import MEANING, Exit, exit_code
from ibgw_tui.cli.main import cli as root
from ibgw_tui.core import errors
from ibgw_tui.core.error_table import ERRORS, INTERRUPTED, UNEXPECTED
from ibgw_tui.core.errors import ErrorCode, GatewayError
from ibgw_tui.mcp_server.tools import TOOLS

SHARED = {"--config", "--home", "--json", "--quiet", "--no-input"}


def command_sections() -> str:
    """Every command with its words, its options and its examples, as its --help says it."""
    return "\n".join(_section(root, ()))


def _section(command: click.Command, path: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    if path:
        arguments = " ".join(
            p.make_metavar(click.Context(command)) for p in command.params if isinstance(p, click.Argument)
        )
        lines += [f"{'##' if len(path) == 1 else '###'} {' '.join(path)} {arguments}".rstrip(), ""]
        lines += [*(command.help or "").splitlines(), ""]
        options = [p for p in command.params if isinstance(p, click.Option) and not SHARED & set(p.opts)]
        if options:
            lines += ["| option | |", "|---|---|"]
            lines += [f"| `{_named(option)}` | {_words(option)} |" for option in options]
            lines.append("")
        lines += ["```sh", *_examples(command), "```", ""]
    if isinstance(command, Group):
        for name in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), name)
            assert found is not None
            lines += _section(found, (*path, name))
    return lines


def _named(option: click.Option) -> str:
    names = ", ".join((*option.opts, *option.secondary_opts))
    return names if option.is_flag else f"{names} {option.metavar or option.type.name.upper()}"


def _words(option: click.Option) -> str:
    said = (option.help or "").replace("|", "\\|")
    default = option.default
    shown = isinstance(default, str | int | float) and not isinstance(default, bool) and default != ""
    return f"{said} Default: {default}." if shown else said


def _examples(command: click.Command) -> list[str]:
    assert isinstance(command, Command | Group)
    text = (command.epilog or "").partition("Examples:\n")[2].partition("Exit codes:")[0]
    return [line.strip() for line in text.splitlines() if line.strip() and line.strip() != "\b"]


def exit_table() -> str:
    return "\n".join(["| code | means |", "|---|---|", *(f"| {code.value} | {MEANING[code]} |" for code in Exit)])


def _kinds(of: type[GatewayError]) -> list[type[GatewayError]]:
    return [of, *(kind for each in of.__subclasses__() for kind in _kinds(each))]


def _codes_of(code: str) -> str:
    """Exit codes that an error of this code may end a command with: by the class it usually comes in."""
    if code == UNEXPECTED:
        return str(int(Exit.UNEXPECTED))
    if code == INTERRUPTED:
        return str(int(Exit.INTERRUPTED))
    prefixes: list[tuple[tuple[str, ...], type[GatewayError]]] = [
        (("INPUT_NOT_FOUND", "PAPER_APPROVAL_REQUIRED"), errors.NotFound),
        (("CONFIG_",), errors.SettingsError),
        (("INPUT_", "ORDER_VALIDATION_FAILED"), errors.InvalidRequest),
        (("ORDER_STATUS_CONFLICT", "APPROVAL_", "PAPER_IDEMPOTENCY_CONFLICT"), errors.Conflict),
        (("BROKER_", "MARKET_DATA_"), errors.BrokerError),
        (("AUDIT_", "ORDER_STORE_", "OUTPUT_"), errors.OrderStoreError),
    ]
    kind = next((kind for names, kind in prefixes if code.startswith(names)), errors.NotPermitted)
    found = str(int(exit_code(kind("x", code=ErrorCode(code)))))
    return f"{found} (2 when it is blank)" if code == ErrorCode.PAPER_IDEMPOTENCY_CONFLICT else found


def error_table() -> str:
    rows = ["| code | means | what to do | same call again | exit code |", "|---|---|---|---|---|"]
    rows += [
        f"| `{code}` | {row.meaning} | {row.remedy} | {row.retry} | {_codes_of(code)} |" for code, row in ERRORS.items()
    ]
    return "\n".join(rows)


def tool_table() -> str:
    rows = ["| tool | what it does | needs |", "|---|---|---|"]
    rows += [
        f"| `{tool.name}` | {tool.description} | {', '.join(f'`{name}`' for name in tool.schema['required']) or 'nothing'} |"
        for tool in TOOLS
    ]
    return "\n".join(rows)
