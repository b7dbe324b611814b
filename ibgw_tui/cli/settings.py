"""`config path`, `config show`, `config check`, `config init`: what the desk was told, and by whom."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ibgw_tui.cli.commands import Globals, Group, command
from ibgw_tui.cli.output import table
from ibgw_tui.cli.session import load
from ibgw_tui.core.errors import InvalidRequest, SettingsError
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

    file = config_file(state.config).absolute()
    state.console.result({"config_file": str(file), "exists": file.is_file()}, one_line(str(file)))
    if not file.is_file():
        state.console.note("note: there is no such file, so the defaults are in force; `ibgw config init` makes one")


@command(
    "show",
    help="Every setting in force.",
    examples="""
        ibgw config show --origin
        ibgw config show --json
    """,
)
@click.option("--origin", is_flag=True, help="Also where each value came from.")
def show(state: Globals, origin: bool) -> None:
    from ibgw_tui.config import show as settings_in_force
    from ibgw_tui.config import values

    loaded = load(state)
    exact = dict(values(loaded.config))
    rows = settings_in_force(loaded)
    columns = 3 if origin else 2
    state.console.result(
        {
            "config_file": str(loaded.file) if loaded.file else None,
            "settings": [{"key": key, "value": exact[key], "origin": where} for key, _, where in rows],
        },
        *table(["SETTING", "VALUE", "ORIGIN"][:columns], [row[:columns] for row in rows]),
    )


@command(
    "check",
    help="Read the configuration and say everything that is wrong with it.",
    examples="""
        ibgw config check
        ibgw config check --config draft.toml
    """,
)
def check(state: Globals) -> None:
    loaded = load(state)
    file = str(loaded.file) if loaded.file else None
    state.console.result(
        {"config_file": file, "ok": True},
        f"all is right: {one_line(file) if file else 'no file, the defaults are in force'}",
    )


@command(
    "init",
    help="Write a configuration file with every setting explained.",
    examples="""
        ibgw config init
        ibgw config init --config draft.toml --force
    """,
)
@click.option("--force", is_flag=True, help="Replace the file that is there; the old one is kept beside it as .bak.")
def init(state: Globals, force: bool) -> None:
    from ibgw_tui.config import default_toml
    from ibgw_tui.wiring.paths import config_file

    file = config_file(state.config).absolute()
    if file.exists() and not force:
        raise InvalidRequest(f"{file} exists already", user_action="edit it, or replace it with --force")
    try:
        kept = _write(file, default_toml())
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror or error}") from error
    state.console.result(
        {"config_file": str(file), "kept": str(kept) if kept else None},
        f"written: {one_line(str(file))}",
        *([f"kept the old one: {one_line(str(kept))}"] if kept else []),
    )


def _write(file: Path, text: str) -> Path | None:
    """Put a private file there; returns where the old one is kept.

    The old one keeps its name until the new one is whole: without a file the defaults would be in force.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not file.exists():
        _create(file, text.encode())
        return None
    kept, draft = file.with_name(file.name + ".bak"), file.with_name(f"{file.name}.{os.getpid()}.new")
    _create(draft, text.encode())
    try:
        before = file.read_bytes()
        kept.unlink(missing_ok=True)
        _create(kept, before)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return kept


def _create(path: Path, content: bytes) -> None:
    """A new private file, whole and on the disk, or none."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise
