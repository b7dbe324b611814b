"""Plays a scenario: acts at their time, or when what they wait for has happened."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

from ibgw_tui.twsim.control import Control, Impossible
from ibgw_tui.twsim.scenario import Cue, Scenario

log = logging.getLogger(__name__)


class Player:
    """One run of one scenario. What cannot be done when its moment comes is said and skipped."""

    def __init__(self, scenario: Scenario, control: Control, say: Callable[[str], None]) -> None:
        self._cues = scenario.cues
        self._control = control
        self._say = say
        self._seen: Counter[str] = Counter()
        self._timers: list[asyncio.TimerHandle] = []

    def start(self) -> None:
        for cue in self._cues:
            if cue.at is not None:
                self._later(float(cue.at), cue)

    def stop(self) -> None:
        for timer in self._timers:
            timer.cancel()

    def hear(self, event: str) -> None:
        """Something happened that a cue may wait for."""
        self._seen[event] += 1
        for cue in self._cues:
            if cue.on == event and cue.nth == self._seen[event]:
                if cue.after:
                    self._later(float(cue.after), cue)
                else:
                    self._do(cue)

    def _later(self, seconds: float, cue: Cue) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, self._do, cue))

    def _do(self, cue: Cue) -> None:
        name = getattr(cue.act, "do", "")
        try:
            self._control.do(cue.act)
        except Impossible as error:
            self._say(f"{name}: {error}")
        else:
            self._say(name)
