"""Properties of the two tables. They are the proof; the code only looks them up."""

from __future__ import annotations

import pytest

from ibgw_tui.core.lifecycle import (
    AT_BROKER,
    AUTHORITY,
    OPEN,
    TERMINAL,
    TRANSITIONS,
    Actor,
    IllegalTransition,
    Signal,
    Status,
    advance,
)


def reachable(start: Status, without: frozenset[Signal] = frozenset()) -> set[Status]:
    seen, todo = {start}, [start]
    while todo:
        for signal, follower in TRANSITIONS[todo.pop()].items():
            if signal not in without and follower not in seen:
                seen.add(follower)
                todo.append(follower)
    return seen


def test_every_status_has_a_row_and_every_signal_an_authority() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert set(AUTHORITY) == set(Signal)
    assert all(AUTHORITY.values())
    used = {signal for row in TRANSITIONS.values() for signal in row}
    assert used == set(Signal)


def test_every_status_can_be_reached() -> None:
    assert reachable(Status.STAGED) == set(Status)


def test_without_the_operators_word_nothing_is_sent() -> None:
    operators = frozenset(signal for signal in Signal if AUTHORITY[signal] == {Actor.OPERATOR})
    assert Signal.APPROVE in operators
    within_reach = reachable(Status.STAGED, without=operators)
    assert Status.SENDING not in within_reach
    assert not within_reach & AT_BROKER


def test_after_sending_there_is_no_second_sending() -> None:
    for follower in set(TRANSITIONS[Status.SENDING].values()):
        assert Status.SENDING not in reachable(follower)
    assert not reachable(Status.SENDING) & OPEN


def test_terminal_statuses_are_left_by_the_brokers_word_only() -> None:
    for status in TERMINAL:
        for signal in TRANSITIONS[status]:
            assert AUTHORITY[signal] == {Actor.BROKER}


@pytest.mark.parametrize(
    "status", [Status.REFUSED, Status.REJECTED, Status.WITHDRAWN, Status.EXPIRED, Status.SUPERSEDED]
)
def test_what_never_reached_the_wire_stays_ended(status: Status) -> None:
    assert TRANSITIONS[status] == {}


def test_late_broker_facts_win() -> None:
    assert advance(Status.CANCELLED, Signal.FILL, Actor.BROKER) is Status.FILLED
    assert advance(Status.NOT_PLACED, Signal.ACKNOWLEDGE, Actor.BROKER) is Status.WORKING
    assert advance(Status.REJECTED_BY_BROKER, Signal.FILL, Actor.BROKER) is Status.FILLED


def test_a_cancel_is_only_a_request() -> None:
    assert TRANSITIONS[Status.CANCEL_REQUESTED][Signal.FILL] is Status.FILLED
    assert all(Signal.ASK_CANCEL in TRANSITIONS[status] for status in AT_BROKER)
    assert AUTHORITY[Signal.ASK_CANCEL] >= {Actor.AGENT, Actor.OPERATOR}


def test_in_doubt_is_left_by_reading_or_by_a_person() -> None:
    for signal, follower in TRANSITIONS[Status.IN_DOUBT].items():
        assert follower is Status.IN_DOUBT or AUTHORITY[signal] in ({Actor.BROKER}, {Actor.OPERATOR})


def test_agents_can_only_stop() -> None:
    agents = {signal for signal in Signal if Actor.AGENT in AUTHORITY[signal]}
    assert agents == {Signal.WITHDRAW, Signal.REVISE, Signal.VOID, Signal.ASK_CANCEL}


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("signal", list(Signal))
@pytest.mark.parametrize("actor", list(Actor))
def test_advance_follows_the_tables_and_nothing_else(status: Status, signal: Signal, actor: Actor) -> None:
    if signal in TRANSITIONS[status] and actor in AUTHORITY[signal]:
        assert advance(status, signal, actor) is TRANSITIONS[status][signal]
    else:
        with pytest.raises(IllegalTransition, match=f"{actor.value} may not {signal.value}"):
            advance(status, signal, actor)


def test_the_sets_cover_everything_once() -> None:
    assert not OPEN & AT_BROKER and not OPEN & TERMINAL and not AT_BROKER & TERMINAL
    assert set(Status) == OPEN | AT_BROKER | TERMINAL


ROADS = """
staged: previewed > pending, refuse > refused, withdraw > withdrawn, revise > superseded, expire > expired
refused:
pending: approve > approved, reject > rejected, ask_changes > changes_requested, withdraw > withdrawn, revise > superseded, expire > expired, go_stale > stale
changes_requested: reject > rejected, withdraw > withdrawn, revise > superseded, expire > expired
rejected:
withdrawn:
expired:
stale: refresh > pending, refuse > refused, reject > rejected, withdraw > withdrawn, revise > superseded, expire > expired
superseded:
approved: send > sending, recall > pending, void > pending, reject > rejected, withdraw > withdrawn, revise > superseded, expire > expired, go_stale > stale
sending: acknowledge > working, fill_part > partially_filled, fill > filled, cancel > cancelled, broker_reject > rejected_by_broker, not_sent > not_placed, lose > in_doubt, ask_cancel > cancel_requested
in_doubt: acknowledge > working, fill_part > partially_filled, fill > filled, cancel > cancelled, broker_reject > rejected_by_broker, replace > superseded, write_off > not_placed, ask_cancel > in_doubt
working: acknowledge > working, fill_part > partially_filled, fill > filled, cancel > cancelled, broker_reject > rejected_by_broker, replace > superseded, lose > in_doubt, ask_cancel > cancel_requested
partially_filled: acknowledge > partially_filled, fill_part > partially_filled, fill > filled, cancel > cancelled, broker_reject > rejected_by_broker, replace > superseded, lose > in_doubt, ask_cancel > cancel_requested
cancel_requested: acknowledge > cancel_requested, fill_part > cancel_requested, fill > filled, cancel > cancelled, broker_reject > rejected_by_broker, cancel_refused > working, replace > superseded, ask_cancel > cancel_requested, not_sent > not_placed, lose > in_doubt
filled: fill > filled
cancelled: cancel > cancelled, fill_part > cancelled, fill > filled
rejected_by_broker: acknowledge > working, fill_part > partially_filled, fill > filled, cancel > cancelled, broker_reject > rejected_by_broker
not_placed: acknowledge > working, fill_part > partially_filled, fill > filled, cancel > cancelled, broker_reject > rejected_by_broker
"""
MAY_SAY = """
previewed: router
refuse: router
expire: router
go_stale: router
refresh: router
withdraw: agent
revise: agent operator
approve: operator
reject: operator
ask_changes: operator
recall: operator
write_off: operator
void: agent operator router
ask_cancel: agent operator router
send: router
not_sent: router
lose: router
acknowledge: broker
fill_part: broker
fill: broker
cancel: broker
broker_reject: broker
cancel_refused: broker
replace: broker
"""


def test_the_tables_once_more() -> None:
    """Written down a second time, as `from: signal > to`: a road that is added or lost is meant, or is seen here."""
    rows = [line.partition(":") for line in ROADS.strip().splitlines()]
    pairs = {status: [road.split(" > ") for road in roads.split(",") if road.strip()] for status, _, roads in rows}
    written = {status: {signal.strip(): follower for signal, follower in found} for status, found in pairs.items()}
    assert written == {
        status.value: {signal.value: follower.value for signal, follower in row.items()}
        for status, row in TRANSITIONS.items()
    }
    speakers = [line.partition(":") for line in MAY_SAY.strip().splitlines()]
    assert {signal: set(who.split()) for signal, _, who in speakers} == {
        signal.value: {actor.value for actor in actors} for signal, actors in AUTHORITY.items()
    }
