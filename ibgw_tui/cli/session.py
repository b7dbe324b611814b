"""Opens what a command needs: configuration, home, roles. Says it when the home is a running demo's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ibgw_tui.cli.commands import Globals

if TYPE_CHECKING:
    from ibgw_tui.config import Loaded

    from ibgw_tui.wiring.agent_side import AgentSide
    from ibgw_tui.wiring.desk_side import DeskSide


def load(state: Globals) -> Loaded:
    """The configuration with the flags of this invocation. Raises SettingsError."""
    from ibgw_tui.wiring.paths import load_settings

    return load_settings(state.config, state.home)


def load_and_say(state: Globals) -> Loaded:
    """`load`, and a remark when a demo's store is used because nothing else was configured."""
    from ibgw_tui.wiring.paths import resolve_home

    loaded = load(state)
    home = resolve_home(loaded)
    if home.source == "demo":
        state.console.note(f"note: a demo is running; using its store ({home.folder})")
    return loaded


@contextmanager
def as_agent(state: Globals, principal: str) -> Iterator[AgentSide]:
    """The staging role and the reading half of the store."""
    from ibgw_tui.wiring.agent_side import open_agent_side

    with open_agent_side(load_and_say(state), principal) as side:
        yield side


@contextmanager
def as_desk(state: Globals) -> Iterator[DeskSide]:
    """The read models, and the operator's role for the one command that needs it."""
    from ibgw_tui.wiring.desk_side import open_desk_side

    with open_desk_side(load_and_say(state)) as side:
        yield side
