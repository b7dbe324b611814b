"""What all screens share: the port, what was last read from it, and what came of the last acts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from ibgw_tui.core.lifecycle import AT_BROKER, Status
from ibgw_tui.core.ringing import Flood
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.service.views import DeskState, OrderRow
from ibgw_tui.tui.port import DeskPort
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.safe import MOST_LINE, short
from ibgw_tui.tui.widgets.banner import Alarm, FeedHealth, alarms
from ibgw_tui.tui.widgets.results import KEPT, Result

LEAST_WIDTH, LEAST_HEIGHT = 80, 24
"""Below this the screen cannot show an order without cutting it, so nothing can be decided."""
LEGIBLE_WIDTH, LEGIBLE_HEIGHT = 60, 20
"""From here on lists and pages can be read, if nothing more."""


@dataclass(frozen=True)
class Snapshot:
    """The lists as of one reading."""

    queue: tuple[OrderRow, ...] = ()
    blotter: tuple[OrderRow, ...] = ()
    """Oldest first: here, as everywhere on the screen, new rows come in at the bottom."""
    sent: Mapping[str, OrderRow] = field(default_factory=dict)
    """The blotter by reference."""

    @cached_property
    def at_broker(self) -> tuple[OrderRow, ...]:
        """Orders the broker has or may have. Picked out once: the footer asks at every key."""
        return tuple(row for row in self.blotter if row.status in AT_BROKER)

    @cached_property
    def held_back(self) -> tuple[OrderRow, ...]:
        """Approved, and not sent yet."""
        return tuple(row for row in self.queue if row.status is Status.APPROVED)


class Session:
    """Shared state. Whoever changes it calls `changed`."""

    def __init__(self, port: DeskPort) -> None:
        self.port = port
        self.desk: DeskState | None = None
        self.lists: Snapshot | None = None
        self.health = FeedHealth()
        self.results: list[Result] = []
        self.in_flight: set[str] = set()
        """Orders whose approval was handed to the desk and not answered yet."""
        self.unknown: set[str] = set()
        """Orders of which nobody can say what came of the last act, until the desk was read again."""
        self.floods: tuple[Flood, ...] = ()
        """Agents that stage faster than a person can read."""
        self.marks: dict[str, str] = {}
        """Orders to be reviewed together: reference -> digest of what was displayed when it was marked."""
        self.follow: tuple[str, str] | None = None
        """An order that was edited, and its revision: the cursor goes along, unless the operator has moved it."""
        self.big_enough = True
        self.saved: Path | None = None
        """Folder of the files that the save key writes."""
        self.on_change: Callable[[], None] = lambda: None

    @property
    def now(self) -> datetime:
        return self.port.clock()

    @property
    def switch_open(self) -> bool:
        """As last read; not known is closed."""
        return self.desk is not None and self.desk.switch.state is KillSwitch.OPEN

    @property
    def may_be_open(self) -> bool:
        """Whether the kill switch is open, or may have been opened since it was read: then its key closes it."""
        return self.switch_open or self.desk is None or self.health.down_since is not None

    @property
    def may_decide(self) -> bool:
        return self.big_enough and not self.port.read_only

    def alarms(self) -> list[Alarm]:
        """Everything that is wrong now, worst first."""
        return alarms(self.desk, self.health, self.port.router_problem, self.now, self.floods)

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Add a line to the results, which every screen shows."""
        self.results.append(Result(self.now, short(text, MOST_LINE), tone))
        del self.results[:-KEPT]
        self.on_change()

    def at_broker(self) -> Sequence[OrderRow]:
        """Orders the broker has or may have, as last read."""
        return self.lists.at_broker if self.lists else ()

    def held_back(self) -> Sequence[OrderRow]:
        """Approved, and not sent yet."""
        return self.lists.held_back if self.lists else ()

    def reasons_to_stay(self) -> list[str]:
        """What would be left alone if this terminal were closed now."""
        reasons = []
        if self.in_flight:
            count = len(self.in_flight)
            verb = "approval is" if count == 1 else "approvals are"
            reasons.append(f"{count} {verb} on the way to the desk and not answered yet.")
        held, working = len(self.held_back()), len(self.at_broker())
        if self.port.is_router:
            if held:
                reasons.append(f"{held} approved and not sent yet: nothing sends them without this terminal's router.")
            if working:
                reasons.append(f"{working} at the broker: fills are not heard until a router runs again.")
            if reasons:
                reasons.append("`ibgw router` in another terminal takes over when this one is closed.")
        elif held:
            reasons.append(f"{held} approved and in their hold-back: only a terminal can recall them.")
        return reasons
