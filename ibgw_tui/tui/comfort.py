"""What the operator may set about the screen: noises, keys, where things are saved. None of it changes a decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ibgw_tui.tui.heralds import Herald
from ibgw_tui.tui.keymap import Keymap


@dataclass(frozen=True, slots=True)
class Comfort:
    """The defaults are for a terminal that makes no noise and writes no file."""

    bell: bool = False
    desktop: str = "off"
    """'auto', 'osc9', 'osc777' or 'off'."""
    ring_every_seconds: float = 10.0
    flood_per_minute: int = 30
    heralds: Sequence[Herald] = ()
    """Who else hears of a ring."""
    keymap: Keymap = field(default_factory=Keymap)
    saved: Path | None = None
    """Folder of the files that the save key writes; None: it cannot save."""
