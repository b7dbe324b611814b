"""Everything that can be made to happen to this TWS, as values: its faults, its market, its other users.

A scenario, a line on standard input and a test all speak these. They are strict: a misspelt name or a
value that cannot be meant is refused before anything starts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from ibgw_tui.core.orders import PositiveAmount
from ibgw_tui.core.terms import Amount, Frozen
from ibgw_tui.exchange.instruments import INSTRUMENTS, listed
from ibgw_tui.twsim.messages import ANSWERS, REQUEST_NAMES


def _request(name: str) -> str:
    if name not in REQUEST_NAMES:
        raise ValueError(f"is no request; one of {', '.join(sorted(REQUEST_NAMES))}")
    return name


def _answer(name: str) -> str:
    if name not in ANSWERS:
        raise ValueError(f"is no answer; one of {', '.join(sorted(ANSWERS))}")
    return name


def _listed(con_id: int) -> int:
    if con_id not in INSTRUMENTS:
        names = ", ".join(f"{i.con_id} {i.contract.description}" for i in listed())
        raise ValueError(f"is not listed here; one of {names}")
    return con_id


RequestName = Annotated[str, AfterValidator(_request)]
AnswerName = Annotated[str, AfterValidator(_answer)]
ConId = Annotated[int, AfterValidator(_listed)]
Count = Annotated[int, Field(ge=1)]
Client = Annotated[int, Field(ge=0)] | None
"""One client by its id; None means every client."""
Seconds = Annotated[Amount, Field(ge=0, le=86_400)]
LinkFate = Literal["close", "keep"]


class Act(Frozen):
    """Base of all that can be asked for; `do` names it."""


# ---- faults of one request, armed until one such request comes


class LoseBefore(Act):
    """The next such request never reaches TWS."""

    do: Literal["lose_before"] = "lose_before"
    request: RequestName = "place_order"
    client: Client = None
    link: LinkFate = "close"
    """Whether the connection breaks with it, or goes on as if nothing had been sent."""


class LoseAfter(Act):
    """The next such request is carried out, and its direct answers are lost."""

    do: Literal["lose_after"] = "lose_after"
    request: RequestName = "place_order"
    client: Client = None
    link: LinkFate = "close"


class Answer(Act):
    """The next such request is answered with an error code."""

    do: Literal["answer"] = "answer"
    code: int
    text: str = ""
    request: RequestName | None = None
    """None: whatever comes next."""
    client: Client = None
    carried_out: bool = False
    """True: the code comes in addition, as a warning does."""


class CancelRace(Act):
    """The next cancel loses against a fill."""

    do: Literal["cancel_race"] = "cancel_race"
    winner: Literal["fill_first", "fill_after"]
    """Filled instead of cancelled, or reported as cancelled and filled after all."""


# ---- states that last until they are lifted


class Stall(Act):
    """Nothing is read from the client or sent to it; `resume` carries all of it out, in order."""

    do: Literal["stall"] = "stall"
    client: Client = None


class Resume(Act):
    do: Literal["resume"] = "resume"
    client: Client = None


class HalfOpen(Act):
    """The link looks healthy and carries nothing, ever again: both directions are lost."""

    do: Literal["half_open"] = "half_open"
    client: Client = None


class Swallow(Act):
    """Answers of this kind are not sent."""

    do: Literal["swallow"] = "swallow"
    answer: AnswerName
    count: Count | None = None
    """So many of them; None: until `clear`."""


class ReadOnly(Act):
    """The API is read-only, as its check box in TWS says it: every order is answered with 321."""

    do: Literal["read_only"] = "read_only"
    on: bool = True


class WhatIfReply(Act):
    """How previews are answered from now on."""

    do: Literal["what_if"] = "what_if"
    reply: Literal["ok", "unset", "twice", "silent"]
    """`unset`: only the warning text; `twice`: first a wrong answer, then the right one."""


class Duplicates(Act):
    """Every order status comes twice."""

    do: Literal["duplicates"] = "duplicates"
    on: bool = True


class Quotes(Act):
    """What market data this login is subscribed to."""

    do: Literal["quotes"] = "quotes"
    mode: Literal["live", "delayed", "frozen", "none", "competing"]


class Clear(Act):
    """Lift everything that is armed or lasts, but stalls, half-open links and lost connectivity."""

    do: Literal["clear"] = "clear"


# ---- the link, and TWS itself


class HangUp(Act):
    """The connection is closed."""

    do: Literal["hang_up"] = "hang_up"
    client: Client = None


class Mute(Act):
    """The next connections are accepted and never answered."""

    do: Literal["mute"] = "mute"
    count: Count = 1


class Connectivity(Act):
    """TWS loses its own link to the brokerage (1100) and gets it back (1101 data lost, 1102 data kept)."""

    do: Literal["connectivity"] = "connectivity"
    state: Literal["lost", "restored_data_lost", "restored"]


class RollBack(Act):
    """TWS forgets that order ids were used: the newest of them are offered again."""

    do: Literal["roll_back"] = "roll_back"
    ids: Count
    client: Client = None


class Restart(Act):
    """All connections break; for a time none is accepted. Orders live on at the brokerage."""

    do: Literal["restart"] = "restart"
    seconds: Seconds = Decimal(0)
    forget: bool = False
    """Executions and completed orders of before are not told any more."""
    mode: Literal["paper", "live"] | None = None
    """Log in to the other mode."""


class Say(Act):
    """An error or a notice that nobody asked for. With `order` it carries the id of an order."""

    do: Literal["say"] = "say"
    code: int
    text: str = ""
    order_ref: str | None = None
    newest_order: bool = False
    client: Client = None


# ---- the market and its other people


class OfOrder(Act):
    """About one order: by its reference or its permId, else the newest one."""

    order_ref: str | None = None
    perm_id: int | None = None


class Fill(OfOrder):
    """An order fills, whatever the market shows; a cancelled one fills late."""

    do: Literal["fill"] = "fill"
    quantity: PositiveAmount | None = None
    price: Amount | None = None


class Correct(OfOrder):
    """The newest execution of an order is corrected to another price."""

    do: Literal["correct"] = "correct"
    price: Amount


class Kill(OfOrder):
    """The brokerage itself cancels an order."""

    do: Literal["kill"] = "kill"
    reason: str = ""


class ManualOrder(Act):
    """Somebody places an order by hand in TWS."""

    do: Literal["manual_order"] = "manual_order"
    con_id: ConId
    side: Literal["BUY", "SELL"]
    quantity: PositiveAmount
    limit_price: Amount | None = None
    """None is a market order."""
    order_ref: str = ""


class Pin(Act):
    """Hold the prices of a contract in place."""

    do: Literal["pin"] = "pin"
    con_id: ConId
    bid: Amount
    ask: Amount
    bid_size: PositiveAmount | None = None
    ask_size: PositiveAmount | None = None

    @model_validator(mode="after")
    def _uncrossed(self) -> Pin:
        if self.bid >= self.ask:
            raise ValueError("the bid must be below the ask")
        return self


class Unpin(Act):
    """Let go of them."""

    do: Literal["unpin"] = "unpin"
    con_id: ConId


class Step(Act):
    """The market moves on, in addition to its own ticks."""

    do: Literal["step"] = "step"
    count: Annotated[int, Field(ge=1, le=100_000)] = 1


ACTS: tuple[type[Act], ...] = (
    LoseBefore, LoseAfter, Answer, CancelRace, Stall, Resume, HalfOpen, Swallow, ReadOnly, WhatIfReply, Duplicates,
    Quotes, Clear, HangUp, Mute, Connectivity, RollBack, Restart, Say, Fill, Correct, Kill, ManualOrder, Pin, Unpin, Step,
)  # fmt: skip
NAMES: dict[str, type[Act]] = {kind.model_fields["do"].default: kind for kind in ACTS}


def read_act(data: dict[str, Any]) -> Act:
    """An act from JSON-like data. Raises ValueError with everything that is wrong."""
    name = data.get("do")
    if not isinstance(name, str) or name not in NAMES:
        raise ValueError(f"do: {str(name)[:40]!r} is nothing that can be done; one of {', '.join(NAMES)}")
    try:
        return TypeAdapter(NAMES[name]).validate_python(data)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc'])) or name}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_url=False)
        ]
        raise ValueError(f"{name}: {'; '.join(problems)}") from None
