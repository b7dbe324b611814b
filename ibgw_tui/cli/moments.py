"""Moments and durations as a person types them: `30d` ago, a date, a time with a zone; so many seconds."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import click

from ibgw_tui.core.errors import InvalidRequest
from ibgw_tui.core.text import one_line

_SPAN = re.compile(r"([0-9]{1,5})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
HOW = "30d, 12h, 2026-11-23 or 2026-11-23T15:00:00Z"


def moment(option: str, text: str | None, now: datetime) -> datetime | None:
    """A span counts back from now; a date is its first moment in UTC; a time without a zone is refused."""
    if text is None:
        return None
    span = _SPAN.fullmatch(text.strip())
    try:
        if span:
            return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
        if len(text.strip()) == 10:
            return datetime.combine(date.fromisoformat(text.strip()), time(), UTC)
        found = datetime.fromisoformat(text.strip())
        if found.tzinfo is None:
            raise ValueError("it has no zone")
        return found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(
            f"{option}: {one_line(text, 40)!r} is not a time ({error})", user_action=f"give {HOW}"
        ) from error


class Seconds(click.FloatRange):
    """So many seconds: at least none, and a number. (NaN is neither below a bound nor above one.)"""

    name = "seconds"

    def __init__(self, most: float | None = None) -> None:
        super().__init__(min=0, max=most)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return seconds
