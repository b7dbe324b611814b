"""Opens what a command needs: configuration, home, roles. Says it when the home is a running demo's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ibgw_tui.cli.commands import Globals

if TYPE_CHECKING:
    from ibgw_tui.config import Loaded
    from ibgw_tui.wiring.agent_desk import AgentDesk
    from ibgw_tui.wiring.agent_side import AgentSide
    from ibgw_tui.wiring.audit_side import AuditSide
    from ibgw_tui.wiring.desk_side import DeskSide
    from ibgw_tui.wiring.paths import Home
    from ibgw_tui.wiring.reading_side import ReadingSide


def load(state: Globals) -> Loaded:
    """The configuration with the flags of this invocation. Raises SettingsError."""
    from ibgw_tui.wiring.paths import load_settings, resolve_home

    loaded = load_settings(state.config, state.home)
    say_home(state, resolve_home(loaded))
    return loaded


def say_home(state: Globals, home: Home) -> None:
    """A remark when a demo's store is used because nothing else was configured."""
    if home.source == "demo":
        state.console.note(f"note: a demo is running; using its store ({home.folder})")


@contextmanager
def as_agent(state: Globals, principal: str) -> Iterator[AgentSide]:
    """The staging role and the reading half of the store."""
    from ibgw_tui.wiring.agent_side import open_agent_side

    with open_agent_side(load(state), principal) as side:
        yield side


@contextmanager
def as_adviser(state: Globals, principal: str) -> Iterator[AgentDesk]:
    """The staging role with everything an agent may know."""
    from ibgw_tui.wiring.agent_desk import open_agent_desk

    with open_agent_desk(load(state), principal) as side:
        yield side


@contextmanager
def as_desk(state: Globals) -> Iterator[DeskSide]:
    """The read models, and the operator's role for the one command that needs it."""
    from ibgw_tui.wiring.desk_side import open_desk_side

    with open_desk_side(load(state)) as side:
        yield side


@contextmanager
def as_reader(state: Globals, *, must_exist: bool = False, enable_live: bool = False) -> Iterator[ReadingSide]:
    """The store to look at (with `must_exist` none is made), and the rules in force. Loads nothing that decides."""
    from ibgw_tui.wiring.reading_side import open_reading_side

    with open_reading_side(load(state), must_exist=must_exist, enable_live=enable_live) as side:
        yield side


def audit_side(state: Globals) -> AuditSide:
    """The audit log, its checkpoints and its evidence."""
    from ibgw_tui.wiring.audit_side import AuditSide

    return AuditSide(load(state))
