"""What can go wrong, on command. A plain value that the simulated broker consults at each step."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Faults:
    """Each fault stays until it is taken back; `reject_next` and the placement faults fire once."""

    stalled: bool = False
    """Nothing is reported and nothing is matched."""
    disconnected: bool = False
    drop_next: bool = False
    """The next order is lost before it reaches the market, and nobody is told."""
    lose_next_answer: bool = False
    """The next order is taken, but its sender is told that nobody knows."""
    late_steps: int = 0
    """Reports arrive this many steps late."""
    fill_after_cancel: bool = False
    """A cancelled order fills all the same."""
    reject_next: tuple[int, str] | None = None
    """(code, text) for the next order."""
    what_if_hangs: bool = False
    quotes: dict[int, str] = field(default_factory=dict)
    """con_id -> 'stale', 'unavailable', 'crossed', 'one_sided', 'delayed' or 'frozen'."""
