"""The arming machine: every rule by example, and the one invariant under any interleaving."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from ibgw_tui.tui import arming
from ibgw_tui.tui.arming import (
    BEAT,
    DEAD_TIME,
    DWELL,
    DWELL_TYPED,
    EARLY_PENALTY,
    QUIET,
    ClockJump,
    DeadTime,
    Key,
    Mouse,
    Outcome,
    Painted,
    Paste,
    Phase,
    Plan,
    Resized,
    State,
    Tick,
    TicketChanged,
    step,
)

DIGEST = "ab12" + "0" * 60


@dataclass
class Machine:
    """Drives the machine as the screen does: beats go on between the events."""

    plan: Plan = field(default_factory=Plan)
    now: float = 100.0
    beating: bool = True
    decided_at: float = -math.inf

    def __post_init__(self) -> None:
        self.state = arming.opened(DIGEST, self.now, self.plan)

    def feed(self, event: arming.Event) -> State:
        undecided = self.state.outcome is Outcome.NONE
        self.state = step(self.state, event)
        if undecided and self.state.outcome is Outcome.DECIDED:
            self.decided_at = self.now
        return self.state

    def wait(self, seconds: float) -> State:
        end = self.now + seconds
        while self.beating and self.now + BEAT < end:
            self.now += BEAT
            self.feed(Tick(self.now))
        self.now = end
        return self.feed(Tick(self.now)) if self.beating else self.state

    def paint(self) -> State:
        return self.feed(Painted(self.state.frame, DIGEST, self.now))

    def press(self, name: str, *, arrived: float | None = None) -> State:
        character = name if len(name) == 1 else None
        return self.feed(Key(name, character, self.now if arrived is None else arrived, self.now))

    def armed(self) -> Machine:
        self.paint()
        self.wait(self.plan.dwell + 0.01)
        assert self.state.phase is Phase.ARMED
        return self


def test_a_deliberate_press_after_the_dwell_decides() -> None:
    machine = Machine().armed()
    pressed = machine.now
    assert machine.press("Y").outcome is Outcome.NONE  # nothing yet: another key may follow
    state = machine.wait(QUIET + BEAT)
    assert state.outcome is Outcome.DECIDED
    assert state.pressed_at == pressed
    assert state.painted_at is not None


def test_the_time_on_review_runs_from_the_first_painting_to_the_key() -> None:
    """What makes the dwell begin anew does not make the reading begin anew."""
    machine = Machine()
    machine.wait(0.5)
    machine.paint()
    machine.wait(3)
    machine.feed(Resized(machine.now))
    machine.wait(1)
    machine.paint()
    machine.wait(2)
    assert machine.state.reviewed == 0, "not before the key"
    machine.press("Y")
    state = machine.wait(QUIET + BEAT)
    assert state.outcome is Outcome.DECIDED and state.reviewed == pytest.approx(6)


def test_the_same_press_as_some_terminals_spell_it() -> None:
    machine = Machine().armed()
    machine.press("shift+y")
    assert machine.wait(0.3).outcome is Outcome.DECIDED


@pytest.mark.parametrize("key", ["y", "enter", "space", "a", "A", "alt+shift+y", "ctrl+y", "1", "tab"])
def test_no_other_key_decides(key: str) -> None:
    machine = Machine().armed()
    machine.press(key)
    assert machine.wait(1).outcome is Outcome.NONE


def test_a_key_before_the_painting_is_dropped_and_never_replayed() -> None:
    machine = Machine()
    machine.press("Y")
    machine.paint()
    state = machine.wait(10)
    assert state.outcome is Outcome.NONE
    assert state.early == 1
    assert state.phase is Phase.ARMED


def test_what_counts_is_arrival_not_when_it_was_looked_at() -> None:
    machine = Machine()
    machine.paint()
    machine.wait(DWELL - 0.05)
    arrived = machine.now
    machine.wait(0.2)
    assert machine.state.phase is Phase.ARMED
    machine.press("Y", arrived=arrived)
    assert machine.wait(1).outcome is Outcome.NONE


def test_an_early_key_pays_a_penalty_longer_than_any_keyboard_waits_to_repeat() -> None:
    machine = Machine()
    machine.paint()
    machine.wait(0.1)
    machine.press("Y")  # held from now on: the first repetition comes after up to two seconds
    assert max(0.25, 0.5, 0.66, 1.0, 1.8) < EARLY_PENALTY
    machine.wait(0.66)
    machine.press("Y")
    assert machine.wait(EARLY_PENALTY - 0.1).phase is Phase.DWELLING
    assert machine.wait(0.2).phase is Phase.ARMED


@pytest.mark.parametrize("key", ["Y", "a", "enter"])
@pytest.mark.parametrize("delay", [0.0, 0.25, 0.5, 1.0])
def test_a_key_held_since_before_never_decides(key: str, delay: float) -> None:
    """Thirty repetitions a second after the keyboard's initial delay."""
    machine = Machine()
    machine.press(key)
    machine.wait(0.02)
    machine.paint()
    machine.wait(delay)
    for _ in range(100):
        machine.press(key)
        machine.wait(0.033)
    assert machine.wait(0.1).outcome is Outcome.NONE


def test_a_confirming_key_right_after_another_key_does_not_count() -> None:
    machine = Machine().armed()
    machine.press("j")
    machine.wait(0.1)
    machine.press("Y")
    assert machine.wait(1).outcome is Outcome.NONE


def test_a_confirming_key_right_before_another_key_does_not_count() -> None:
    """Text pasted without brackets may begin with the confirming letter."""
    machine = Machine().armed()
    for letter in "Yes, please":
        machine.press("space" if letter == " " else letter)
        machine.wait(0.01)  # the loop goes on between two letters
    assert machine.wait(5).outcome is Outcome.NONE


def test_pastes_and_clicks_never_decide() -> None:
    machine = Machine().armed()
    machine.feed(Paste(machine.now, machine.now))
    machine.feed(Mouse(machine.now))
    assert machine.wait(1).outcome is Outcome.NONE
    machine.press("Y")
    machine.feed(Paste(machine.now, machine.now))
    assert machine.wait(1).outcome is Outcome.NONE


def test_escape_closes_at_any_time() -> None:
    for machine in (Machine(), Machine().armed()):
        assert machine.press("escape").outcome is Outcome.CLOSED
        assert machine.press("Y").outcome is Outcome.CLOSED


@pytest.mark.parametrize(
    "disturb",
    [
        lambda now: [arming.FocusLost(now), arming.FocusGained(now)],
        lambda now: [Resized(now)],
        lambda now: [arming.Suspended(now), arming.Resumed(now)],
        lambda now: [arming.Stall(300, now)],
        lambda now: [arming.Redrawn(now)],
    ],
)
def test_what_blurs_the_picture_starts_the_dwell_anew(disturb) -> None:  # type: ignore[no-untyped-def]
    machine = Machine().armed()
    for disturbance in disturb(machine.now):
        machine.feed(disturbance)
    assert machine.press("Y").phase is Phase.WAITING
    assert machine.wait(3).phase is Phase.WAITING  # it is not painted again yet
    machine.paint()
    machine.press("Y")
    assert machine.wait(EARLY_PENALTY + 0.1).phase is Phase.ARMED
    machine.press("Y")
    assert machine.wait(0.3).outcome is Outcome.DECIDED


def test_a_disturbance_takes_back_a_key_that_has_just_come() -> None:
    machine = Machine().armed()
    machine.press("Y")
    machine.feed(Resized(machine.now))
    machine.paint()
    assert machine.wait(5).outcome is Outcome.NONE


def test_a_short_stall_is_nothing() -> None:
    machine = Machine().armed()
    assert machine.feed(arming.Stall(200, machine.now)).phase is Phase.ARMED


def test_beats_that_did_not_come_are_a_stall() -> None:
    machine = Machine().armed()
    machine.now += 1.0
    state = machine.press("Y")
    assert state.phase is Phase.WAITING
    assert "stalled" in state.note
    machine.paint()
    assert machine.wait(5).outcome is Outcome.NONE


def test_a_key_that_waited_in_the_queue_is_a_stall() -> None:
    machine = Machine().armed()
    machine.wait(1)
    assert machine.press("Y", arrived=machine.now - 0.4).phase is Phase.WAITING


def test_a_change_disarms_for_good_and_says_what_changed() -> None:
    machine = Machine().armed()
    machine.press("Y")
    machine.feed(TicketChanged("limit price changed 1.20 -> 1.25", machine.now))
    machine.feed(TicketChanged("something later", machine.now))
    machine.paint()
    machine.wait(5)
    machine.press("Y")
    state = machine.wait(5)
    assert state.phase is Phase.DISARMED
    assert state.reason == "limit price changed 1.20 -> 1.25"
    assert state.outcome is Outcome.NONE
    assert machine.press("escape").outcome is Outcome.CLOSED


def test_expiry_disarms() -> None:
    machine = Machine().armed()
    assert machine.feed(arming.Expired(machine.now)).phase is Phase.DISARMED


def test_a_window_too_small_holds_until_it_is_large_enough() -> None:
    machine = Machine().armed()
    machine.feed(Resized(machine.now, "it is 70x20"))
    machine.paint()
    machine.wait(2)
    machine.press("Y")
    assert machine.wait(1).phase is Phase.HELD
    assert arming.impediment_text(machine.state) == "it is 70x20"
    machine.feed(Resized(machine.now))
    assert machine.state.phase is Phase.WAITING


def test_lost_focus_holds_even_when_something_else_happens() -> None:
    machine = Machine().armed()
    machine.feed(arming.FocusLost(machine.now))
    machine.feed(Resized(machine.now))
    machine.feed(arming.Resumed(machine.now))
    assert machine.state.phase is Phase.HELD


def test_a_late_beat_confirms_nothing_because_keys_may_wait_behind_it() -> None:
    machine = Machine().armed()
    machine.press("Y")
    machine.now += QUIET + BEAT  # shorter than a stall, and long enough for a second key to wait unread
    late = machine.now
    assert machine.feed(Tick(late)).outcome is Outcome.NONE
    state = machine.feed(Key("Y", "Y", late - 0.1, late))
    assert (state.outcome, state.phase) == (Outcome.NONE, Phase.DWELLING)


def test_nothing_but_a_comparison_lifts_the_wait_for_it() -> None:
    machine = Machine()
    machine.feed(arming.Comparing(machine.now))
    machine.feed(arming.Suspended(machine.now))
    machine.feed(arming.Resumed(machine.now))
    machine.feed(Resized(machine.now))
    assert (machine.state.phase, arming.impediment_text(machine.state)) == (Phase.HELD, arming.UNCOMPARED)
    machine.feed(arming.Suspended(machine.now))
    machine.feed(arming.Compared(machine.now))
    assert machine.state.phase is Phase.HELD, "it is still not in front"
    assert machine.feed(arming.Resumed(machine.now)).phase is Phase.WAITING


def test_a_painting_of_an_older_frame_or_of_something_else_proves_nothing() -> None:
    machine = Machine()
    old = machine.state.frame
    machine.feed(Resized(machine.now))
    assert machine.feed(Painted(old, DIGEST, machine.now)).phase is Phase.WAITING
    assert machine.feed(Painted(machine.state.frame, "other", machine.now)).phase is Phase.WAITING


def test_what_cannot_be_approved_is_never_armed() -> None:
    machine = Machine(Plan(tier=2, impediment="the kill switch is closed"))
    machine.paint()
    machine.wait(2)
    machine.press("Y")
    state = machine.wait(2)
    assert (state.phase, state.reason) == (Phase.DISARMED, "the kill switch is closed")


class TestTyped:
    PLAN = Plan(tier=1, dwell=DWELL_TYPED, accepted=frozenset({"90000", "ab12"}))

    def type(self, machine: Machine, text: str, gap: float = 0.1) -> State:
        for letter in text:
            machine.press(letter)
            machine.wait(gap)
        return machine.state

    def confirm(self, machine: Machine) -> State:
        machine.wait(QUIET)
        machine.press("Y")
        return machine.wait(0.3)

    @pytest.mark.parametrize("text", ["ab12", "AB12", "90000", "90,000"])
    def test_the_value_and_then_the_key(self, text: str) -> None:
        machine = Machine(self.PLAN).armed()
        self.type(machine, text)
        assert self.confirm(machine).outcome is Outcome.DECIDED

    @pytest.mark.parametrize("text", ["", "ab1", "ab123", "9000", "900000", "90.000"])
    def test_another_value_does_not_do(self, text: str) -> None:
        machine = Machine(self.PLAN).armed()
        self.type(machine, text)
        assert self.confirm(machine).outcome is Outcome.NONE

    def test_the_value_alone_does_not_decide(self) -> None:
        machine = Machine(self.PLAN).armed()
        self.type(machine, "ab12")
        machine.press("enter")
        assert machine.wait(1).outcome is Outcome.NONE

    def test_a_mistake_can_be_corrected(self) -> None:
        machine = Machine(self.PLAN).armed()
        self.type(machine, "ab13")
        machine.press("backspace")
        machine.wait(0.1)
        self.type(machine, "2")
        assert self.confirm(machine).outcome is Outcome.DECIDED

    def test_it_cannot_be_typed_before_it_is_armed(self) -> None:
        machine = Machine(self.PLAN)
        machine.paint()
        self.type(machine, "ab12", 0.05)
        machine.wait(2)
        assert machine.state.typed == ""

    def test_it_cannot_be_pasted_in_either_way(self) -> None:
        machine = Machine(self.PLAN).armed()
        self.type(machine, "ab12", 0.001)
        assert machine.state.typed != "ab12"
        machine.wait(1)
        machine.feed(Paste(machine.now, machine.now))
        assert machine.state.typed == ""

    def test_what_was_typed_is_gone_when_the_picture_blurs(self) -> None:
        machine = Machine(self.PLAN).armed()
        self.type(machine, "ab12")
        machine.feed(Resized(machine.now))
        assert machine.state.typed == ""


def test_dead_time_after_a_decision() -> None:
    dead = DeadTime()
    assert not dead.drops(1.0)
    dead.decided(10.0)
    assert dead.drops(10.0 + DEAD_TIME - 0.01)
    assert not dead.drops(10.0 + DEAD_TIME)


def test_a_machine_that_slept_is_noticed_and_a_standing_clock_is_not() -> None:
    jump = ClockJump(1000.0, 10.0)
    assert not jump.slept(1000.5, 10.5)
    assert not jump.slept(1000.5, 15.0)
    assert jump.slept(1060.5, 15.1)
    assert not jump.slept(1060.6, 15.2)


# ---- the invariant, under any interleaving

PLANS = st.sampled_from(
    [
        Plan(),
        Plan(),
        Plan(),
        Plan(dwell=0.2),
        Plan(tier=1, dwell=1.0, accepted=frozenset({"1"})),
        Plan(tier=2, impediment="no"),
    ]
)
KEYS = st.sampled_from(["Y", "Y", "Y", "Y", "Y", "shift+y", "y", "a", "1", "enter", "A"])
LATENESS = st.one_of(st.just(0.0), st.just(0.0), st.sampled_from([0.02, 0.1, 0.2, 0.3, 0.4, 1.0]))
GAPS = st.one_of(
    st.sampled_from([0.0, 0.001, 0.033, 0.05, 0.1, 0.149, 0.16, 0.16, 0.2, 0.35, 0.5, 1.0, 2.0]),
    st.floats(0, 2.5, allow_nan=False),
)
OTHERS = st.sampled_from(
    ["arm", "arm", "arm", "arm", "arm", "arm", "paint", "paint", "paint old", "paint other", "paste", "mouse", "lose", "gain", "resize", "small",
     "suspend", "resume", "stall", "stall short", "change", "expire", "tick", "tick", "redraw"]
)  # fmt: skip
ACTIONS = st.lists(
    st.tuples(
        GAPS,
        st.sampled_from([True, True, True, False]),  # whether the loop beats during the gap, or hangs
        st.one_of(st.tuples(KEYS, LATENESS), st.tuples(KEYS, LATENESS), OTHERS),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=3000, deadline=None)
@given(plan=PLANS, actions=ACTIONS)
def test_nothing_is_decided_that_was_not_on_the_screen_long_enough(
    plan: Plan, actions: list[tuple[float, bool, str | tuple[str, float]]]
) -> None:
    """decided => painted last with this digest, arrival >= painted + dwell, quiet before and after it."""
    machine = Machine(plan)
    painted_at, clean, arrivals, impeded, changed = math.inf, False, [], set(), bool(plan.impediment)
    last_arrival = -math.inf
    for gap, beats, action in actions:
        machine.beating = beats
        machine.wait(gap)
        if machine.state.outcome is not Outcome.NONE:
            break
        now = machine.now
        if isinstance(action, tuple):
            name, late = action
            # The input thread stamps in order, and never in the future.
            arrival = max(now - late, last_arrival)
            last_arrival = arrival
            arrivals.append((name, arrival))
            machine.press(name, arrived=arrival)
        elif action in ("paint", "arm"):
            was_waiting = machine.state.phase is Phase.WAITING
            machine.paint()
            if was_waiting:
                painted_at, clean = now, True
            if action == "arm":
                machine.beating = True
                machine.wait(plan.dwell)
        elif action == "paint old":
            machine.feed(Painted(machine.state.frame - 1, DIGEST, now))
        elif action == "paint other":
            machine.feed(Painted(machine.state.frame, "other", now))
        elif action == "paste":
            machine.feed(Paste(now, now))
            arrivals.append(("paste", now))
            last_arrival = max(last_arrival, now)
        else:
            others: dict[str, arming.Event] = {
                "mouse": Mouse(now),
                "lose": arming.FocusLost(now),
                "gain": arming.FocusGained(now),
                "resize": Resized(now),
                "small": Resized(now, "too small"),
                "suspend": arming.Suspended(now),
                "resume": arming.Resumed(now),
                "stall": arming.Stall(400, now),
                "stall short": arming.Stall(100, now),
                "change": TicketChanged("a limit", now),
                "expire": arming.Expired(now),
                "tick": Tick(now),
                "redraw": arming.Redrawn(now),
            }
            machine.feed(others[action])
            if action not in ("mouse", "stall short", "tick"):
                clean = False
            impeded |= {"lose": {"focus"}, "small": {"size"}, "suspend": {"front"}}.get(action, set())
            impeded -= {"gain": {"focus"}, "resize": {"size"}, "resume": {"front"}}.get(action, set())
            changed = changed or action in ("change", "expire")
    machine.beating = True
    state = machine.wait(1.0)
    event(state.outcome.value)
    if state.outcome is not Outcome.DECIDED:
        return
    pressed = state.pressed_at
    assert pressed is not None
    assert machine.decided_at - pressed >= QUIET - 1e-9
    assert not changed
    assert not impeded
    assert clean, "decided on a picture that was disturbed after it was painted"
    assert state.painted_at == painted_at
    assert pressed >= painted_at + plan.dwell
    assert state.digest == DIGEST
    keys = [at for _, at in arrivals]
    assert sum(abs(at - pressed) < QUIET - 1e-9 for at in keys) == 1, "another key came within the quiet time"
    assert any(name in ("Y", "shift+y") and at == pressed for name, at in arrivals)
    early = [at for name, at in arrivals if name in ("Y", "shift+y") and at < painted_at + plan.dwell]
    assert all(pressed - at >= EARLY_PENALTY - 1e-9 for at in early)
