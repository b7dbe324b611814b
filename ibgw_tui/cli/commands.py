"""The shape of every command: global options on both sides of its name, an example in its help.

    ibgw --json list        ibgw list --json        are one

Subcommands are imported when they are named, so that `ibgw list` pays for nothing but itself.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ibgw_tui.cli.output import Console


@dataclass(slots=True)
class Globals:
    """The options every command has, as given so far; a later one replaces an earlier one."""

    config: Path | None = None
    home: Path | None = None
    as_json: bool = False
    quiet: bool = False
    no_input: bool = False

    @property
    def console(self) -> Console:
        return Console(as_json=self.as_json, quiet=self.quiet)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if isinstance(value, str):
        # An unset shell variable must not quietly become the folder one happens to stand in.
        if not value.strip():
            raise click.BadParameter("is empty", context, parameter)
        value = Path(value)
    if value:
        setattr(context.ensure_object(Globals), parameter.name or "", value)


def _global_options() -> list[click.Parameter]:
    shared: dict[str, Any] = {"expose_value": False, "is_eager": True, "callback": _remember}
    return [
        click.Option(["--config"], type=str, metavar="FILE", help="Configuration file to read.", **shared),
        click.Option(["--home"], type=str, metavar="DIR", help="Folder of the order store.", **shared),
        click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON document.", **shared),
        click.Option(["--quiet", "quiet"], is_flag=True, help="No remarks on stderr.", **shared),
        click.Option(["--no-input", "no_input"], is_flag=True, help="Never ask; refuse instead.", **shared),
    ]


_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def _with_examples(examples: str, more: str = "") -> str:
    """The epilog of a help text, kept as it is written."""
    parts = [f"Examples:\n{_indented(examples)}", more]
    return "\n\n".join("\b\n" + part for part in parts if part)


def _indented(examples: str) -> str:
    return "\n".join("  " + line.strip() for line in examples.strip().splitlines())


class Command(click.Command):
    """A command with the global options and examples."""

    def __init__(self, *arguments: Any, examples: str = "", **settings: Any) -> None:
        settings.setdefault("context_settings", _SETTINGS)
        super().__init__(*arguments, **settings)
        self.params.extend(_global_options())
        self.epilog = _with_examples(examples)


class Group(click.Group):
    """Commands by name, each imported when it is asked for.

    `lazy` maps a name to 'module:attribute'.
    """

    def __init__(
        self, *arguments: Any, lazy: Mapping[str, str], examples: str = "", more: str = "", **settings: Any
    ) -> None:
        settings.setdefault("context_settings", _SETTINGS)
        super().__init__(*arguments, **settings)
        self.params.extend(_global_options())
        self.epilog = _with_examples(examples, more)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._lazy)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self._lazy and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self._lazy, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(self._lazy)}"
            raise click.UsageError(f"no such command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return None
        module, attribute = self._lazy[cmd_name].split(":")
        found = getattr(importlib.import_module(module), attribute)
        assert isinstance(found, click.Command)
        return found


def command(name: str, *, examples: str, **settings: Any) -> Callable[[Callable[..., Any]], Command]:
    """Decorator: a command that receives `Globals` first."""

    def make(function: Callable[..., Any]) -> Command:
        made = click.command(name, cls=Command, examples=examples, **settings)(
            click.make_pass_decorator(Globals)(function)
        )
        assert isinstance(made, Command)
        return made

    return make
