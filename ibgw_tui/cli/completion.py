"""`completion`: the words of every command for the shell that is used."""

from __future__ import annotations

import click

from ibgw_tui.cli.commands import Globals, command


@command(
    "completion",
    help="Print the completion script of a shell.",
    examples="""
        ibgw completion bash >> ~/.bash_completion
        ibgw completion zsh > ~/.zfunc/_ibgw
        ibgw completion fish > ~/.config/fish/completions/ibgw.fish
    """,
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(state: Globals, shell: str) -> None:
    from click.shell_completion import get_completion_class

    from ibgw_tui.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(cli, {}, "ibgw", "_IBGW_COMPLETE").source()
    state.console.result({"shell": shell, "script": script}, script)
