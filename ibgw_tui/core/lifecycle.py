"""What follows what, and who may say so: two tables.

An order lives in one status. A *signal* is something that happened to it; `advance` looks the pair
up. There is no other way to change a status, so what is not in the table cannot happen.

Read the table with three things in mind:

*Only the operator's word leads to the wire.* Strike the operator's signals from the table and
`sending` cannot be reached. It is left by the broker's word, by the router's proof that nothing was
sent (`not_sent`), or into `in_doubt`; from nowhere after it is there a road to a second `sending`.

*In doubt is resolved by reading.* The wire may have been reached and no answer proves it. The order
stays in doubt until the broker's own records show it, or a person writes it off.

*Late broker facts win.* A cancelled order that fills after all is filled; one that was written off
and then shows up is whatever the broker says. Hence the rows under otherwise terminal statuses: real
markets do this. A report that fits no row is recorded as a discrepancy and raises an alarm; it is
never guessed into the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Status(StrEnum):
    STAGED = "staged"
    REFUSED = "refused"
    PENDING = "pending"
    CHANGES_REQUESTED = "changes_requested"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    STALE = "stale"
    SUPERSEDED = "superseded"
    APPROVED = "approved"
    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    WORKING = "working"
    PARTIALLY_FILLED = "partially_filled"
    CANCEL_REQUESTED = "cancel_requested"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED_BY_BROKER = "rejected_by_broker"
    NOT_PLACED = "not_placed"


class Signal(StrEnum):
    # the router, before anything is sent
    PREVIEWED = "previewed"
    REFUSE = "refuse"
    EXPIRE = "expire"
    GO_STALE = "go_stale"
    REFRESH = "refresh"
    # the agent
    WITHDRAW = "withdraw"
    REVISE = "revise"
    # the operator
    APPROVE = "approve"
    REJECT = "reject"
    ASK_CHANGES = "ask_changes"
    RECALL = "recall"
    WRITE_OFF = "write_off"
    # anyone: stopping is always allowed
    VOID = "void"
    """The kill switch closed: an approval not yet spent is taken back."""
    ASK_CANCEL = "ask_cancel"
    # the router, around the wire
    SEND = "send"
    NOT_SENT = "not_sent"
    """Proof that nothing left this machine."""
    LOSE = "lose"
    """The wire may have been reached and no answer proves it."""
    # the broker
    ACKNOWLEDGE = "acknowledge"
    FILL_PART = "fill_part"
    FILL = "fill"
    CANCEL = "cancel"
    BROKER_REJECT = "broker_reject"
    CANCEL_REFUSED = "cancel_refused"
    REPLACE = "replace"
    """A modify of it has taken effect: the order that resulted carries on."""


class Actor(StrEnum):
    AGENT = "agent"
    OPERATOR = "operator"
    ROUTER = "router"
    BROKER = "broker"


_BROKER_SAYS: dict[Signal, Status] = {
    Signal.ACKNOWLEDGE: Status.WORKING,
    Signal.FILL_PART: Status.PARTIALLY_FILLED,
    Signal.FILL: Status.FILLED,
    Signal.CANCEL: Status.CANCELLED,
    Signal.BROKER_REJECT: Status.REJECTED_BY_BROKER,
}

TRANSITIONS: Mapping[Status, Mapping[Signal, Status]] = MappingProxyType(
    {
        Status.STAGED: {
            Signal.PREVIEWED: Status.PENDING,
            Signal.REFUSE: Status.REFUSED,
            Signal.WITHDRAW: Status.WITHDRAWN,
            Signal.REVISE: Status.SUPERSEDED,
            Signal.EXPIRE: Status.EXPIRED,
        },
        Status.PENDING: {
            Signal.APPROVE: Status.APPROVED,
            Signal.REJECT: Status.REJECTED,
            Signal.ASK_CHANGES: Status.CHANGES_REQUESTED,
            Signal.WITHDRAW: Status.WITHDRAWN,
            Signal.REVISE: Status.SUPERSEDED,
            Signal.EXPIRE: Status.EXPIRED,
            Signal.GO_STALE: Status.STALE,
        },
        Status.CHANGES_REQUESTED: {
            Signal.REJECT: Status.REJECTED,
            Signal.WITHDRAW: Status.WITHDRAWN,
            Signal.REVISE: Status.SUPERSEDED,
            Signal.EXPIRE: Status.EXPIRED,
        },
        Status.STALE: {
            Signal.REFRESH: Status.PENDING,
            Signal.REFUSE: Status.REFUSED,
            Signal.REJECT: Status.REJECTED,
            Signal.WITHDRAW: Status.WITHDRAWN,
            Signal.REVISE: Status.SUPERSEDED,
            Signal.EXPIRE: Status.EXPIRED,
        },
        Status.APPROVED: {
            Signal.SEND: Status.SENDING,
            Signal.RECALL: Status.PENDING,
            Signal.VOID: Status.PENDING,
            Signal.REJECT: Status.REJECTED,
            Signal.WITHDRAW: Status.WITHDRAWN,
            Signal.REVISE: Status.SUPERSEDED,
            Signal.EXPIRE: Status.EXPIRED,
            Signal.GO_STALE: Status.STALE,
        },
        Status.SENDING: {
            **_BROKER_SAYS,
            Signal.NOT_SENT: Status.NOT_PLACED,
            Signal.LOSE: Status.IN_DOUBT,
            Signal.ASK_CANCEL: Status.CANCEL_REQUESTED,
        },
        Status.IN_DOUBT: {
            **_BROKER_SAYS,
            Signal.REPLACE: Status.SUPERSEDED,
            Signal.WRITE_OFF: Status.NOT_PLACED,
            # The wish is recorded; the order stays in doubt until the broker's records show it.
            Signal.ASK_CANCEL: Status.IN_DOUBT,
        },
        Status.WORKING: {
            **_BROKER_SAYS,
            Signal.REPLACE: Status.SUPERSEDED,
            Signal.LOSE: Status.IN_DOUBT,
            Signal.ASK_CANCEL: Status.CANCEL_REQUESTED,
        },
        Status.PARTIALLY_FILLED: {
            **_BROKER_SAYS,
            Signal.REPLACE: Status.SUPERSEDED,
            Signal.ACKNOWLEDGE: Status.PARTIALLY_FILLED,
            Signal.LOSE: Status.IN_DOUBT,
            Signal.ASK_CANCEL: Status.CANCEL_REQUESTED,
        },
        Status.CANCEL_REQUESTED: {
            **_BROKER_SAYS,
            # Only a request: the order is alive until the broker says otherwise.
            Signal.ACKNOWLEDGE: Status.CANCEL_REQUESTED,
            Signal.FILL_PART: Status.CANCEL_REQUESTED,
            Signal.CANCEL_REFUSED: Status.WORKING,
            Signal.REPLACE: Status.SUPERSEDED,
            Signal.ASK_CANCEL: Status.CANCEL_REQUESTED,
            Signal.NOT_SENT: Status.NOT_PLACED,
            Signal.LOSE: Status.IN_DOUBT,
        },
        # Terminal statuses: only a late broker fact can leave them.
        Status.FILLED: {Signal.FILL: Status.FILLED},
        Status.CANCELLED: {
            Signal.CANCEL: Status.CANCELLED,
            Signal.FILL_PART: Status.CANCELLED,  # the part filled before the cancel arrived
            Signal.FILL: Status.FILLED,  # real markets do this
        },
        Status.REJECTED_BY_BROKER: {**_BROKER_SAYS},  # an error code is weaker than a later status
        Status.NOT_PLACED: {**_BROKER_SAYS},  # written off, then found
        Status.REFUSED: {},
        Status.REJECTED: {},
        Status.WITHDRAWN: {},
        Status.EXPIRED: {},
        Status.SUPERSEDED: {},
    }
)

_ANYONE = frozenset({Actor.AGENT, Actor.OPERATOR, Actor.ROUTER})

AUTHORITY: Mapping[Signal, frozenset[Actor]] = MappingProxyType(
    {
        Signal.PREVIEWED: frozenset({Actor.ROUTER}),
        Signal.REFUSE: frozenset({Actor.ROUTER}),
        Signal.EXPIRE: frozenset({Actor.ROUTER}),
        Signal.GO_STALE: frozenset({Actor.ROUTER}),
        Signal.REFRESH: frozenset({Actor.ROUTER}),
        Signal.WITHDRAW: frozenset({Actor.AGENT}),
        Signal.REVISE: frozenset({Actor.AGENT, Actor.OPERATOR}),
        Signal.APPROVE: frozenset({Actor.OPERATOR}),
        Signal.REJECT: frozenset({Actor.OPERATOR}),
        Signal.ASK_CHANGES: frozenset({Actor.OPERATOR}),
        Signal.RECALL: frozenset({Actor.OPERATOR}),
        Signal.WRITE_OFF: frozenset({Actor.OPERATOR}),
        Signal.VOID: _ANYONE,
        Signal.ASK_CANCEL: _ANYONE,
        Signal.SEND: frozenset({Actor.ROUTER}),
        Signal.NOT_SENT: frozenset({Actor.ROUTER}),
        Signal.LOSE: frozenset({Actor.ROUTER}),
        Signal.ACKNOWLEDGE: frozenset({Actor.BROKER}),
        Signal.FILL_PART: frozenset({Actor.BROKER}),
        Signal.FILL: frozenset({Actor.BROKER}),
        Signal.CANCEL: frozenset({Actor.BROKER}),
        Signal.BROKER_REJECT: frozenset({Actor.BROKER}),
        Signal.CANCEL_REFUSED: frozenset({Actor.BROKER}),
        Signal.REPLACE: frozenset({Actor.BROKER}),
    }
)

OPEN = frozenset({Status.STAGED, Status.PENDING, Status.CHANGES_REQUESTED, Status.STALE, Status.APPROVED})
"""Nothing was sent yet, and something still may be."""
AT_BROKER = frozenset(
    {Status.SENDING, Status.IN_DOUBT, Status.WORKING, Status.PARTIALLY_FILLED, Status.CANCEL_REQUESTED}
)
"""The broker has it, or may have it."""
TERMINAL = frozenset(Status) - OPEN - AT_BROKER
UNDECIDED = frozenset({Status.STAGED, Status.PENDING, Status.STALE})
"""The operator has said nothing of it yet."""
UNDER_WAY = frozenset(Status) - TERMINAL - {Status.CHANGES_REQUESTED}
"""It goes on without its agent; one that was given back does not, so nobody waits for its end."""
CHANGEABLE = frozenset({Status.WORKING, Status.PARTIALLY_FILLED})
"""The broker has it for certain and nothing is asked of it: a modify may change it."""


class IllegalTransition(Exception):
    """The signal has no row under this status, or this actor may not give it."""

    def __init__(self, status: Status, signal: Signal, actor: Actor) -> None:
        super().__init__(f"{actor.value} may not {signal.value} an order that is {status.value}")
        self.status, self.signal, self.actor = status, signal, actor


def advance(status: Status, signal: Signal, actor: Actor) -> Status:
    """The status that follows. Raises IllegalTransition; never guesses."""
    follower = TRANSITIONS[status].get(signal)
    if follower is None or actor not in AUTHORITY[signal]:
        raise IllegalTransition(status, signal, actor)
    return follower
