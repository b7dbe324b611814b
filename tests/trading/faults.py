"""What goes wrong in an hour: a table of faults, drawn by weight.

A fault is begun and, where it lasts, lifted after some seconds. TWS is told by acts (`ibgw_tui.twsim.acts`); the rest happens
to processes and files.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from ibgw_tui.exchange.instruments import AAPL
from ibgw_tui.twsim import acts


class Stage(Protocol):
    """What a fault can reach."""

    draw: random.Random

    def do(self, act: acts.Act) -> None:
        """Make TWS do it; what cannot be done now is left out."""

    def kill(self, name: str) -> None:
        """SIGKILL; it begins again a little later."""

    def kill_some(self, kind: str) -> None: ...

    def freeze(self, name: str, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after so long: it wakes up and knows nothing of what happened meanwhile."""

    def active_router(self) -> str | None:
        """The process that holds the lease."""

    def hold_lock(self, seconds: float) -> None:
        """Another program writes to the database and does not come to an end."""

    def run(self, *arguments: str) -> None:
        """A command of the product beside all this; anything but exit code 0 is a failure."""

    def put_file(self) -> None:
        """Somebody closes the kill switch by the file, because nothing else answers."""

    def take_file_away(self) -> None: ...

    def resize_terminal(self) -> None: ...

    def leave_terminal_unread(self, seconds: float) -> None:
        """Nobody takes what it writes: a closed laptop, a connection that hangs."""


Begin = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    weight: int
    begin: Begin
    lift: Begin | None = None
    seconds: tuple[float, float] = (1.0, 8.0)
    """How long it lasts, if it is lifted."""


def _act(*makes: Callable[[random.Random], acts.Act]) -> Begin:
    def begin(stage: Stage) -> None:
        for make in makes:
            stage.do(make(stage.draw))

    return begin


def _to_router(act: Callable[[Stage, str], None]) -> Begin:
    """To whichever process routes at the moment."""

    def begin(stage: Stage) -> None:
        name = stage.active_router()
        if name is not None:
            act(stage, name)

    return begin


def _all_routers(stage: Stage) -> None:
    for name in ("router-1", "router-2", "terminal"):
        stage.kill(name)


def _answer(draw: random.Random) -> acts.Act:
    code, text, carried_out = draw.choice(
        [
            (201, "Order rejected - reason: a drill", False),
            (202, "Order Canceled - reason: a drill", True),
            (110, "The price does not conform to the minimum price variation for this contract.", False),
            (321, "Error validating request: a drill", False),
            (399, "Order message: Warning: a drill", True),
            (2109, "Order Event Warning: a drill", True),
            (10349, "Order TIF was set to DAY based on order preset.", True),
            (104, "Cannot modify a filled order", False),
            (9999, "a code that nobody has seen before", False),
            (9998, "another one, of an order that lives", True),
        ]
    )
    return acts.Answer(code=code, text=text, request="place_order", carried_out=carried_out)


def _lose(draw: random.Random) -> acts.Act:
    kind = draw.choice((acts.LoseBefore, acts.LoseAfter))
    request = draw.choice(("place_order", "place_order", "place_order", "cancel_order"))
    return kind(request=request, link=draw.choice(("close", "keep")))


def _manual(draw: random.Random) -> acts.Act:
    return acts.ManualOrder(
        con_id=AAPL, side=draw.choice(("BUY", "SELL")), quantity=Decimal(3), limit_price=Decimal(97)
    )


def _swallow(draw: random.Random) -> acts.Act:
    return acts.Swallow(answer=draw.choice(("open_order_end", "completed_orders_end", "exec_details_end")), count=1)


def _pin(draw: random.Random) -> acts.Act:
    bid = Decimal(draw.randint(9500, 9990)) / 100
    return acts.Pin(con_id=AAPL, bid=bid, ask=bid + Decimal("0.05"))


CLEAR: Begin = _act(lambda _: acts.Clear())

FAULTS: tuple[Fault, ...] = (
    # ---- processes
    Fault("the router is killed", 16, _to_router(lambda stage, name: stage.kill(name))),
    Fault("all who could route are killed at once", 3, _all_routers),
    Fault("the router sleeps past its lease", 6, _to_router(lambda s, name: s.freeze(name, s.draw.uniform(6, 12)))),
    Fault("the router stalls for a moment", 4, _to_router(lambda s, name: s.freeze(name, s.draw.uniform(0.5, 4)))),
    Fault("an agent is killed", 8, lambda stage: stage.kill_some("agent")),
    Fault("the operator is killed", 5, lambda stage: stage.kill_some("operator")),
    Fault("the terminal is killed", 6, lambda stage: stage.kill("terminal")),
    Fault("the terminal is resized", 4, lambda stage: stage.resize_terminal()),
    Fault("nobody reads the terminal", 4, lambda stage: stage.leave_terminal_unread(stage.draw.uniform(5, 40))),
    # ---- files
    Fault("the database is locked by somebody else", 6, lambda stage: stage.hold_lock(stage.draw.uniform(0.5, 3))),
    Fault("a backup is made", 3, lambda stage: stage.run("backup", f"backup-{stage.draw.randrange(10**9)}.sqlite3")),
    Fault("the log is verified", 3, lambda stage: stage.run("audit", "verify")),
    Fault("the switch is closed by the file", 3, lambda s: s.put_file(), lambda s: s.take_file_away(), (1, 6)),
    Fault("an agent closes the switch", 2, lambda stage: stage.run("kill", "close", "--reason", "drill by an agent")),
    # ---- the link
    Fault("the connection is closed", 8, _act(lambda _: acts.HangUp())),
    Fault("TWS stalls", 6, _act(lambda _: acts.Stall()), _act(lambda _: acts.Resume()), (1, 14)),
    Fault("the link is half open", 5, _act(lambda _: acts.HalfOpen()), _act(lambda _: acts.HangUp()), (5, 20)),
    Fault("a connection is never answered", 4, _act(lambda _: acts.Mute(), lambda _: acts.HangUp())),
    Fault("no link to the brokerage", 6, _act(lambda _: acts.Connectivity(state="lost")),
          _act(lambda d: acts.Connectivity(state=d.choice(("restored", "restored_data_lost")))), (1, 20)),
    Fault("TWS restarts", 5, _act(lambda draw: acts.Restart(seconds=Decimal(draw.randint(0, 8))))),
    Fault("an order or a cancel is lost on the way, or its answer", 14, _act(_lose)),
    Fault("a list never ends", 4, _act(_swallow), CLEAR, (4, 10)),
    # ---- what TWS says
    Fault("an order is answered with a code", 10, _act(_answer)),
    Fault("the API is read-only", 2, _act(lambda _: acts.ReadOnly()), _act(lambda _: acts.ReadOnly(on=False)), (1, 6)),
    Fault("previews are answered badly", 4, _act(lambda d: acts.WhatIfReply(reply=d.choice(("unset", "twice", "silent")))),
          _act(lambda _: acts.WhatIfReply(reply="ok")), (3, 15)),
    Fault("every status comes twice", 3, _act(lambda _: acts.Duplicates()), _act(lambda _: acts.Duplicates(on=False)), (5, 30)),
    Fault("no quotes, or old ones", 4, _act(lambda d: acts.Quotes(mode=d.choice(("none", "delayed", "frozen", "competing")))),
          _act(lambda _: acts.Quotes(mode="live")), (3, 15)),
    Fault("order ids start again", 3, _act(lambda _: acts.RollBack(ids=5), lambda _: acts.HangUp())),
    # ---- the market and its other people
    Fault("a cancel loses against a fill", 6, _act(lambda d: acts.CancelRace(winner=d.choice(("fill_first", "fill_after"))))),
    Fault("the brokerage ends an order", 4, _act(lambda _: acts.Kill(reason="a drill"))),
    Fault("an execution is corrected", 4, _act(lambda d: acts.Correct(price=Decimal(d.randint(9600, 10100)) / 100))),
    Fault("an order fills whatever the market shows", 4, _act(lambda _: acts.Fill())),
    Fault("somebody trades by hand", 3, _act(_manual)),
    Fault("prices jump and stand still", 4, _act(_pin), _act(lambda _: acts.Unpin(con_id=AAPL)), (3, 15)),
)  # fmt: skip
