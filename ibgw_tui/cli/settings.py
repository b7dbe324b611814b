"""`config path`, `config show`, `config check`, `config init`: what the desk was told, and by whom."""

from __future__ import annotations

import click

from ibgw_tui.cli.commands import Globals, Group, command
from ibgw_tui.cli.session import load
from ibgw_tui.core.text import one_line

config = Group(
    "config",
    lazy={name: f"{__name__}:{name}" for name in ("path", "show", "check", "init")},
    help="The configuration: where it is, what it says, whether it is right.",
    examples="""
        ibgw config init
        ibgw config show --origin
        ibgw config check --config draft.toml
    """,
)


@command(
    "path",
    help="Where the configuration file is, or would be.",
    examples="""
        ibgw config path
        "${EDITOR:-vi}" "$(ibgw config path)"
    """,
)
def path(state: Globals) -> None:
    from ibgw_tui.wiring.paths import config_file

    file = config_file(state.config)
    state.console.result({"config_file": str(file), "exists": file.is_file()}, one_line(str(file)))
    if not file.is_file():
        state.console.note("note: there is no such file; the defaults are in force (make one with `ibgw config init`)")


@command("show", help="Every setting in force.", examples="ibgw config show --origin")
@click.option("--origin", is_flag=True, help="And where each value came from.")
def show(state: Globals, origin: bool) -> None:
    raise NotImplementedError


@command(
    "check",
    help="Read the configuration and say everything that is wrong.",
    examples="ibgw config check --config draft.toml",
)
def check(state: Globals) -> None:
    load(state)


@command("init", help="Write a configuration file with every setting explained.", examples="ibgw config init")
@click.option("--force", is_flag=True, help="Replace the file that is there.")
def init(state: Globals, force: bool) -> None:
    raise NotImplementedError
