"""When a key may decide: the state machine behind every confirmation, without a screen.

An accidental approval is the worst thing this program can do. Accidents have a shape: keys typed
before the question was visible, keys held down, pasted text, letters forged by escape sequences that
a slow link tore apart, numbers that changed under the finger. So a confirming key counts only when

    its *arrival* (stamped by the input thread, not when we got round to it) is at least `dwell`
    after the painting of exactly what is approved, and no other key came within `QUIET` before it
    or after it.

Everything else is dropped and never replayed. What makes the picture doubtful for a moment (focus
lost, window resized, program stopped, loop stalled) starts the dwell anew. What makes it *wrong* (the
order, a gate, a limit, the kill switch or the connection changed) disarms for good: the operator sees
what changed and has to open the review again.

`step(state, event) -> state` is the whole of it. It asks no clock: every event carries its time, in
seconds of `time.monotonic()`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

# ---- the numbers, and where they come from

DWELL = 0.35
"""Seconds from painting to the first key that counts. Measured in a real terminal: every type-ahead we could
make (both keys in one write, 10 ms apart, typed into a blocked loop) arrives before it has passed."""
DWELL_TYPED = 1.0
"""The same for an order that needs a typed value: something about it is unusual and has to be found."""
DWELL_CHEAP = 0.2
"""The same for confirmations on the safe side (cancel, quit): the safe acts are easy."""
QUIET = 0.15
"""No other key so long before and after a confirming key: held keys repeat every 0.03 s, pastes come at once."""
EARLY_PENALTY = 2.0
"""After a confirming key that came too early. Keyboards wait up to this long before they start to
repeat, so a key held since before the painting cannot slip in as its own first repetition."""
DEAD_TIME = 0.5
"""After a decision, keys that would begin the next one are dropped for so long."""
STALL = 0.25
"""A loop that was away for longer has keys waiting that were typed blindly."""
BEAT = 0.05
"""How often the screen sends Tick while a confirmation is open."""
LATE = 2 * BEAT
"""A beat that comes later may have overtaken a key that arrived before it: it confirms nothing, the next one may."""
TYPING_GAP = 0.015
"""Typed values: characters that come faster than any hand come from a paste. They are refused."""
MAX_TYPED = 20

CONFIRM_KEYS = frozenset({"Y", "shift+y"})
"""A shifted letter that no terminal sequence ends in (on a slow link its last letter can arrive alone) and that is not the opening key.
`shift+y` is the same press as some terminals report it."""
CLOSE_KEYS = frozenset({"escape"})


class Phase(StrEnum):
    WAITING = "waiting"
    """Not painted yet, or not painted anew."""
    DWELLING = "dwelling"
    ARMED = "armed"
    CONFIRMING = "confirming"
    """The key came; it counts once QUIET has passed without another."""
    HELD = "held"
    """Something stands in the way that may go away: no focus, a window too small."""
    DISARMED = "disarmed"
    """For good. Only closing is left."""
    ENDED = "ended"


class Outcome(StrEnum):
    NONE = "none"
    DECIDED = "decided"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much one confirmation asks for."""

    tier: int = 0
    dwell: float = DWELL
    confirm_keys: frozenset[str] = CONFIRM_KEYS
    accepted: frozenset[str] = frozenset()
    """Values of which one has to be typed before the confirming key (tier 1); empty: none."""
    impediment: str = ""
    """Why there is nothing to confirm at all (tier 2). Never armed."""


@dataclass(frozen=True, slots=True)
class State:
    """Where one confirmation stands."""

    plan: Plan
    phase: Phase
    digest: str
    """Of what is being confirmed."""
    frame: int = 0
    """Rises whenever the picture has to be painted anew: a painting of an older frame proves nothing."""
    painted_at: float | None = None
    opened_at: float | None = None
    """When it was painted for the first time: from here on it could be read."""
    armed_at: float = math.inf
    """The earliest arrival that counts."""
    not_before: float = -math.inf
    """Set by a confirming key that came too early."""
    last_key_at: float = -math.inf
    beat_at: float = 0.0
    pressed_at: float | None = None
    pressed: str = ""
    typed: str = ""
    note: str = ""
    """Why the dwell began anew, for the eye."""
    reason: str = ""
    """Why it is disarmed."""
    impediments: frozenset[str] = frozenset()
    early: int = 0
    """Confirming keys that were dropped; goes to the audit log."""
    outcome: Outcome = Outcome.NONE

    @property
    def armed(self) -> bool:
        """Whether a confirming key would be taken now (typed value aside)."""
        return self.phase is Phase.ARMED

    @property
    def wants_painting(self) -> bool:
        return self.phase is Phase.WAITING

    @property
    def reviewed(self) -> float:
        """Seconds for which it could be read before the key."""
        return self.pressed_at - self.opened_at if self.pressed_at is not None and self.opened_at is not None else 0.0

    @property
    def typed_right(self) -> bool:
        return not self.plan.accepted or plain_value(self.typed) in self.plan.accepted

    def armed_in(self, now: float) -> float:
        """Seconds until a key counts; infinite while it is not painted."""
        return max(0.0, self.armed_at - now) if self.phase is Phase.DWELLING else math.inf


# ---- events: what the screen tells. Times are time.monotonic()


@dataclass(frozen=True, slots=True)
class Painted:
    """Frame `frame`, showing `digest` whole, was handed to the terminal."""

    frame: int
    digest: str
    at: float


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    character: str | None
    arrival: float
    """Stamp of the input thread."""
    now: float
    """When it is looked at."""


@dataclass(frozen=True, slots=True)
class Paste:
    arrival: float
    now: float


@dataclass(frozen=True, slots=True)
class Mouse:
    """A click, a scroll. Never decides anything."""

    now: float


@dataclass(frozen=True, slots=True)
class FocusLost:
    now: float


@dataclass(frozen=True, slots=True)
class FocusGained:
    now: float


@dataclass(frozen=True, slots=True)
class Resized:
    """The window has another size. `problem` says why the content cannot be shown in it, if so."""

    now: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Redrawn:
    """What is displayed was moved by the operator (scrolled): it has to be painted again."""

    now: float


@dataclass(frozen=True, slots=True)
class Suspended:
    now: float
    what: str = "it is not in front"


@dataclass(frozen=True, slots=True)
class Resumed:
    now: float
    note: str = "back in front"


@dataclass(frozen=True, slots=True)
class Comparing:
    """What is displayed has not been compared with the newest facts yet."""

    now: float


@dataclass(frozen=True, slots=True)
class Compared:
    """It has been, and nothing differed. Only this lifts `Comparing`."""

    now: float


@dataclass(frozen=True, slots=True)
class Stall:
    """Something else measured that the loop was away."""

    milliseconds: float
    now: float


@dataclass(frozen=True, slots=True)
class TicketChanged:
    """`what` in the operator's words, such as 'limit price changed 1.20 -> 1.25'."""

    what: str
    now: float


@dataclass(frozen=True, slots=True)
class Expired:
    now: float


@dataclass(frozen=True, slots=True)
class Tick:
    now: float


Event = (
    Painted
    | Key
    | Paste
    | Mouse
    | FocusLost
    | FocusGained
    | Resized
    | Redrawn
    | Suspended
    | Resumed
    | Comparing
    | Compared
    | Stall
    | TicketChanged
    | Expired
    | Tick
)

NO_FOCUS = "the terminal has no focus"
UNCOMPARED = "the newest facts are being read"


def opened(digest: str, at: float, plan: Plan = Plan()) -> State:
    """A confirmation of `digest` begins."""
    phase = Phase.DISARMED if plan.impediment else Phase.WAITING
    return State(plan, phase, digest, beat_at=at, reason=plan.impediment)


def step(state: State, event: Event) -> State:
    """What follows from one event. Pure; an ended confirmation stays as it is."""
    if state.phase is Phase.ENDED:
        return state
    if isinstance(event, Painted):
        return _painted(state, event)
    late = event.now - state.beat_at > LATE
    state = _on_time(state, event.now)
    match event:
        case Tick(now):
            return state if late else _settle(state, now)
        case Key():
            return _key(state, event)
        case Paste(arrival, _):
            return _disturbed(replace(state, last_key_at=max(state.last_key_at, arrival)), "a paste was ignored")
        case Mouse():
            return state
        case FocusLost():
            return _impeded(state, NO_FOCUS)
        case FocusGained():
            return _freed(state, NO_FOCUS, "the terminal got the focus back")
        case Resized(_, problem):
            cleared = replace(state, impediments=frozenset(i for i in state.impediments if not i.startswith(_SIZE)))
            return _impeded(cleared, _SIZE + problem) if problem else _anew(cleared, "the window was resized")
        case Redrawn():
            return _anew(state, "")
        case Suspended(_, what):
            return _impeded(state, what)
        case Resumed(_, note):
            kept = frozenset(i for i in state.impediments if i in (NO_FOCUS, UNCOMPARED) or i.startswith(_SIZE))
            return _anew(replace(state, impediments=kept), note)
        case Comparing():
            return _impeded(state, UNCOMPARED)
        case Compared():
            return _freed(state, UNCOMPARED, "")
        case Stall(milliseconds, _):
            return _anew(state, _stalled(milliseconds)) if milliseconds > STALL * 1000 else state
        case TicketChanged(what, _):
            return _disarmed(state, what)
        case Expired():
            return _disarmed(state, "it has expired")
        case _:
            assert_never(event)


_SIZE = "\x00size:"
"""Marks the impediment of a window that is too small, so that the next size can lift it."""


def impediment_text(state: State) -> str:
    """What stands in the way, for the eye; the size first, because it is the one to act on."""
    shown = sorted(state.impediments)
    return shown[0].removeprefix(_SIZE) if shown else ""


def _painted(state: State, event: Painted) -> State:
    if state.phase is not Phase.WAITING or event.frame != state.frame or event.digest != state.digest:
        return state
    return replace(
        state,
        phase=Phase.DWELLING,
        painted_at=event.at,
        opened_at=event.at if state.opened_at is None else state.opened_at,
        armed_at=max(event.at + state.plan.dwell, state.not_before),
    )


def _on_time(state: State, now: float) -> State:
    """Notice a stall by the beats that did not come, and let the dwell pass."""
    away = now - state.beat_at
    state = replace(state, beat_at=max(now, state.beat_at))
    if away > STALL + BEAT:
        state = _anew(state, _stalled(away * 1000))
    if state.phase is Phase.DWELLING and now >= state.armed_at:
        state = replace(state, phase=Phase.ARMED, note="")
    return state


def _settle(state: State, now: float) -> State:
    """A confirming key counts when nothing followed it."""
    if state.phase is Phase.CONFIRMING and state.pressed_at is not None and now - state.pressed_at >= QUIET:
        return replace(state, phase=Phase.ENDED, outcome=Outcome.DECIDED)
    return state


def _key(state: State, key: Key) -> State:
    gap = key.arrival - state.last_key_at
    state = replace(state, last_key_at=max(state.last_key_at, key.arrival))
    if key.name in CLOSE_KEYS:
        return replace(state, phase=Phase.ENDED, outcome=Outcome.CLOSED)
    if state.phase is Phase.DISARMED:
        return state
    if key.now - key.arrival > STALL:
        state = _anew(state, _stalled((key.now - key.arrival) * 1000))
    if state.phase is Phase.CONFIRMING:
        return _early(state, key, "another key followed at once") if key.name in state.plan.confirm_keys else _anew(
            state, "not taken: another key followed at once"
        )  # fmt: skip
    if key.name in state.plan.confirm_keys:
        return _confirm(state, key, gap)
    if state.plan.accepted and state.phase is Phase.ARMED and key.arrival >= state.armed_at:
        return _type(state, key, gap)
    return state


def _confirm(state: State, key: Key, gap: float) -> State:
    if state.phase is not Phase.ARMED or key.arrival < state.armed_at:
        return _early(state, key, "too early")
    if gap < QUIET:
        return _early(state, key, "not taken: keys came too fast")
    if not state.typed_right:
        return replace(state, note="type the value first")
    return replace(state, phase=Phase.CONFIRMING, pressed_at=key.arrival, pressed=key.name, note="")


def _early(state: State, key: Key, note: str) -> State:
    """A confirming key that must not count: nor may its own repetitions."""
    not_before = max(state.not_before, key.arrival + EARLY_PENALTY)
    state = replace(state, early=state.early + 1, not_before=not_before, pressed_at=None, pressed="")
    if state.phase in (Phase.DWELLING, Phase.ARMED, Phase.CONFIRMING):
        return replace(state, phase=Phase.DWELLING, armed_at=max(state.armed_at, not_before), note=note)
    return replace(state, note=state.note or note)  # counted in when it is painted


def _type(state: State, key: Key, gap: float) -> State:
    if key.name in ("backspace", "ctrl+h"):
        return replace(state, typed=state.typed[:-1], note="")
    if key.name == "ctrl+u":
        return replace(state, typed="", note="")
    character = key.character
    if (
        character is None
        or len(character) != 1
        or not (character.isascii() and (character.isalnum() or character in ".,"))
    ):
        return state
    if gap < TYPING_GAP:
        return replace(state, typed="", note="refused: that came faster than typing")
    if len(state.typed) >= MAX_TYPED:
        return state
    return replace(state, typed=state.typed + character, note="")


def _disturbed(state: State, note: str) -> State:
    """A paste: not a key, and never a confirmation."""
    state = replace(state, note=note, typed="") if state.phase is not Phase.DISARMED else state
    return _anew(state, note) if state.phase is Phase.CONFIRMING else state


def _anew(state: State, note: str) -> State:
    """Paint again, dwell again. What was typed or pressed before is gone."""
    if state.phase in (Phase.DISARMED, Phase.ENDED):
        return state
    return replace(
        state,
        phase=Phase.HELD if state.impediments else Phase.WAITING,
        frame=state.frame + 1,
        painted_at=None,
        armed_at=math.inf,
        pressed_at=None,
        pressed="",
        typed="",
        note=note,
    )


def _impeded(state: State, what: str) -> State:
    return _anew(replace(state, impediments=state.impediments | {what}), "")


def _freed(state: State, what: str, note: str) -> State:
    return _anew(replace(state, impediments=state.impediments - {what}), note)


def _disarmed(state: State, reason: str) -> State:
    if state.phase is Phase.DISARMED:
        return state  # the first reason is the one to read
    return replace(_anew(state, ""), phase=Phase.DISARMED, reason=reason)


def _stalled(milliseconds: float) -> str:
    return f"the terminal stalled for {milliseconds:,.0f} ms"


def plain_value(text: str) -> str:
    """A typed value as it is compared: without grouping, in lower case."""
    return text.replace(",", "").strip().lower()


class DeadTime:
    """After a decision, keys that would begin the next one are dropped for a moment.

    A hand that types ahead ('a', 'Y', 'a', 'Y') decides once; the next review is opened on purpose.
    """

    def __init__(self) -> None:
        self._until = -math.inf

    def decided(self, at: float) -> None:
        self._until = max(self._until, at + DEAD_TIME)

    def drops(self, arrival: float) -> bool:
        """Whether a decision key that arrived then must be ignored."""
        return arrival < self._until


class ClockJump:
    """Sees that the machine slept: the wall clock moved on and the monotonic clock did not."""

    TOLERANCE = 2.0
    """Seconds; less is a clock being set right."""

    def __init__(self, wall: float, monotonic: float) -> None:
        self._offset = wall - monotonic

    def slept(self, wall: float, monotonic: float) -> bool:
        """Whether the wall clock ran ahead since the last call."""
        jump = (wall - monotonic) - self._offset
        self._offset = wall - monotonic
        return jump > self.TOLERANCE
