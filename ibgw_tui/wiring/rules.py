"""The configuration in the words of the core: what the roles may know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibgw_tui.core.rules import DeskRules
from ibgw_tui.core.terms import Mode

if TYPE_CHECKING:
    from ibgw_tui.config import Config


def desk_rules(config: Config, *, enable_live: bool = False) -> DeskRules:
    return DeskRules(mode=Mode(config.broker.mode), backend=config.broker.backend, operator=config.desk.operator)
