"""A script for this TWS: how it starts, and what happens when. Read strictly, played with the server.

    [tws]                        [[act]]                  [[act]]
    seed = 7                     at = 2.5                 on = "place_order"
    quotes = "delayed"           do = "stall"             nth = 3
                                 client = 1               do = "lose_after"

Numbers are read exactly; a price may be written with or without quotes.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from ibgw_tui.core.terms import AccountId, Frozen, Mode
from ibgw_tui.twsim.acts import Act, read_act
from ibgw_tui.twsim.desk import Settings
from ibgw_tui.twsim.messages import REQUEST_NAMES

EVENTS = REQUEST_NAMES | {"connect", "disconnect", "accepted", "fill", "cancelled"}
"""What a cue can wait for: a request that arrives, or one of the things that happen here."""
_CUE = ("at", "on", "nth", "after")


class Start(Frozen):
    """The part of the settings that a file may say."""

    seed: int | None = None
    mode: Literal["paper", "live"] | None = None
    accounts: tuple[AccountId, ...] | None = None
    quotes: Literal["live", "delayed", "frozen", "none", "competing"] | None = None
    keeps_hours: bool | None = None
    messages_per_second: Annotated[int, Field(ge=0, le=100_000)] | None = None
    tick_milliseconds: Annotated[int, Field(ge=0, le=3_600_000)] | None = None

    def over(self, settings: Settings) -> Settings:
        said = {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}
        if "mode" in said:
            said["mode"] = Mode(said["mode"])
        return replace(settings, **said)


@dataclass(frozen=True, slots=True)
class Cue:
    """An act and its moment."""

    act: Act
    at: Decimal | None = None
    """Seconds after the start; None when it waits for an event."""
    on: str = ""
    nth: int = 1
    after: Decimal = Decimal(0)
    """Seconds between the event and the act. At 0 the act comes before the request is served."""


_AS_IT_IS = Start()


@dataclass(frozen=True, slots=True)
class Scenario:
    start: Start = _AS_IT_IS
    cues: tuple[Cue, ...] = ()


class BadScenario(ValueError):
    """The file cannot be meant; `problems` says everything that is wrong, each with its place."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__(f"{path}: " + "; ".join(problems))
        self.problems = problems


def load_scenario(path: Path) -> Scenario:
    """Read a .toml or a .jsonl file. Raises BadScenario, and OSError when it cannot be read."""
    text = path.read_text(encoding="utf-8")
    try:
        data = _from_toml(text) if path.suffix == ".toml" else _from_lines(text)
    except (ValueError, RecursionError) as error:
        raise BadScenario(path, [str(error)]) from error
    scenario, problems = read_scenario(data)
    if problems:
        raise BadScenario(path, problems)
    return scenario


def read_scenario(data: dict[str, Any]) -> tuple[Scenario, list[str]]:
    """A scenario from plain data, and everything that is wrong with it."""
    problems = [f"{name}: is neither tws nor act" for name in data if name not in ("tws", "act")]
    start, cues = Start(), []
    try:
        said = data.get("tws", {})
        if isinstance(said, dict) and isinstance(said.get("accounts"), list):
            said = {**said, "accounts": tuple(said["accounts"])}
        start = Start.model_validate(said)
    except ValidationError as error:
        problems += [
            f"tws: {'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        ]
    acts = data.get("act", [])
    if not isinstance(acts, list) or not all(isinstance(item, dict) for item in acts):
        return Scenario(start), [*problems, "act: must be a list of tables, each written [[act]]"]
    for number, item in enumerate(acts, start=1):
        try:
            cues.append(read_cue(item))
        except ValueError as error:
            problems.append(f"act {number}: {error}")
    return Scenario(start, tuple(cues)), problems


def read_cue(item: dict[str, Any]) -> Cue:
    """One act with its moment. Raises ValueError."""
    when = {name: item[name] for name in _CUE if name in item}
    act = read_act({name: value for name, value in item.items() if name not in _CUE})
    if ("at" in when) == ("on" in when):
        raise ValueError("give `at` (seconds after the start) or `on` (an event), one of them")
    if "at" in when and ("nth" in when or "after" in when):
        raise ValueError("`nth` and `after` go with `on`")
    if "on" in when and (not isinstance(when["on"], str) or when["on"] not in EVENTS):
        raise ValueError(f"on: {str(when['on'])[:40]!r} is no event; one of {', '.join(sorted(EVENTS))}")
    nth = when.get("nth", 1)
    if isinstance(nth, bool) or not isinstance(nth, int) or nth < 1:
        raise ValueError("nth: must be a whole number from 1 on")
    at = _seconds("at", when["at"]) if "at" in when else None
    return Cue(act, at, when.get("on", ""), nth, _seconds("after", when.get("after", 0)))


def _seconds(name: str, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= 86_400:
        raise ValueError(f"{name}: must be seconds from 0 to 86400")
    return Decimal(value)


def _from_toml(text: str) -> dict[str, Any]:
    return tomllib.loads(text, parse_float=Decimal)


def _from_lines(text: str) -> dict[str, Any]:
    """One JSON object a line; the first may be {"tws": {...}}."""
    data: dict[str, Any] = {"act": []}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        item = read_line(line, number)
        if set(item) == {"tws"} and not data["act"] and "tws" not in data:
            data["tws"] = item["tws"]
        else:
            data["act"].append(item)
    return data


def read_line(line: str, number: int = 1) -> dict[str, Any]:
    """One JSON object, its numbers exact. Raises ValueError."""
    try:
        item = json.loads(line, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_no_doubles)
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from None
    if not isinstance(item, dict):
        raise ValueError(f"line {number}: must be one JSON object")
    return item


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    doubles = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if doubles:
        raise ValueError(f"{', '.join(doubles)}: said twice")
    return dict(pairs)
