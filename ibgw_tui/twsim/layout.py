"""How a message is laid out, as a table, and the two functions that follow such a table.

The protocol has no field names and no lengths: each side knows the order, and which fields exist at the
agreed server version. A layout is that knowledge; it writes and reads, so that what is encoded here can be
decoded here, and a test can walk all versions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from ibgw_tui.exchange.exact import as_text
from ibgw_tui.twsim.wire import HIGHEST, LOWEST, Malformed

Values = dict[str, Any]
"""A message by field names: texts, and lists of such messages for repeated groups."""
UNSET_DOUBLE = "1.7976931348623157E308"
UNSET = frozenset({"", UNSET_DOUBLE, UNSET_DOUBLE.replace("E", "e+"), "2147483647", "9223372036854775807"})
"""All spellings of 'no value', of both clients. None of them is ever a price or a size."""


class Item(Protocol):
    def write(self, values: Values, version: int, out: list[str]) -> None: ...

    def read(self, source: Iterator[str], version: int, values: Values) -> None: ...


Layout = Sequence[Item]


def as_field(value: object) -> str:
    """One value as the wire has it. Floats are refused: they have lost their digits."""
    match value:
        case None:
            return ""
        case bool():
            return "1" if value else "0"
        case str():
            return value
        case int():
            return str(value)
        case Decimal():
            return as_text(value)
    raise TypeError(f"{type(value).__name__} cannot be sent")


@dataclass(frozen=True, slots=True)
class Field:
    """One text, from version `since` up to, and not including, `before`."""

    name: str
    default: str = ""
    since: int = LOWEST
    before: int = HIGHEST + 1

    def write(self, values: Values, version: int, out: list[str]) -> None:
        if self.since <= version < self.before:
            value = values.get(self.name)
            out.append(self.default if value is None else as_field(value))

    def read(self, source: Iterator[str], version: int, values: Values) -> None:
        if self.since <= version < self.before:
            values[self.name] = _next(source, self.name)


@dataclass(frozen=True, slots=True)
class Fixed:
    """A text that is always the same: the version of a message."""

    text: str
    before: int = HIGHEST + 1

    def write(self, values: Values, version: int, out: list[str]) -> None:
        if version < self.before:
            out.append(self.text)

    def read(self, source: Iterator[str], version: int, values: Values) -> None:
        if version < self.before:
            _next(source, "version")


@dataclass(frozen=True, slots=True)
class When:
    """Fields that are there only if those before them say so."""

    holds: Callable[[Values], bool]
    layout: Layout
    since: int = LOWEST

    def write(self, values: Values, version: int, out: list[str]) -> None:
        if version >= self.since and self.holds(values):
            for item in self.layout:
                item.write(values, version, out)

    def read(self, source: Iterator[str], version: int, values: Values) -> None:
        if version >= self.since and self.holds(values):
            for item in self.layout:
                item.read(source, version, values)


@dataclass(frozen=True, slots=True)
class Rows:
    """A count, so many rows, and after at least one row the fields of `tail`."""

    name: str
    layout: Layout
    tail: Layout = ()

    def write(self, values: Values, version: int, out: list[str]) -> None:
        rows = values.get(self.name) or []
        out.append(str(len(rows)))
        for row in rows:
            for item in self.layout:
                item.write(row, version, out)
        for item in self.tail if rows else ():
            item.write(values, version, out)

    def read(self, source: Iterator[str], version: int, values: Values) -> None:
        count = _next(source, f"number of {self.name}")
        if not (count == "" or (count.isdecimal() and count.isascii() and len(count) < 5)):
            raise Malformed(f"{count[:20]!r} is not a number of {self.name}")
        rows: list[Values] = []
        for _ in range(int(count or 0)):
            row: Values = {}
            for item in self.layout:
                item.read(source, version, row)
            rows.append(row)
        values[self.name] = rows
        for item in self.tail if rows else ():
            item.read(source, version, values)


@dataclass(frozen=True, slots=True)
class ByKind:
    """Fields that depend on the kind named by the field before them."""

    kind: str
    layouts: Mapping[str, Layout]

    def write(self, values: Values, version: int, out: list[str]) -> None:
        for item in self._layout(values):
            item.write(values, version, out)

    def read(self, source: Iterator[str], version: int, values: Values) -> None:
        for item in self._layout(values):
            item.read(source, version, values)

    def _layout(self, values: Values) -> Layout:
        kind = values[self.kind]
        if kind not in self.layouts:
            raise Malformed(f"{str(kind)[:20]!r} is no {self.kind}")
        return self.layouts[kind]


_TOKEN = re.compile(r"(?P<name>\w+)(?:=(?P<default>[^<>]+))?(?:<(?P<before>\d+)|>=(?P<since>\d+))?")


def fields(text: str) -> tuple[Field, ...]:
    """Fields by name: `tif parentId=0 faProfile<177 duration>=158` has a default and two version bounds."""
    made = []
    for token in text.split():
        found = _TOKEN.fullmatch(token)
        assert found is not None, token
        made.append(
            Field(
                found["name"],
                found["default"] or "",
                int(found["since"] or LOWEST),
                int(found["before"] or HIGHEST + 1),
            )
        )
    return tuple(made)


def write(layout: Layout, values: Values, version: int) -> list[str]:
    """The fields of a message at this server version."""
    out: list[str] = []
    for item in layout:
        item.write(values, version, out)
    return out


def read(layout: Layout, texts: Sequence[str], version: int) -> Values:
    """A message by field names. Raises Malformed when there are too few fields or too many."""
    values: Values = {}
    source = iter(texts)
    for item in layout:
        item.read(source, version, values)
    if (extra := len(list(source))) != 0:
        raise Malformed(f"{extra} fields more than the message has at server version {version}")
    return values


def _next(source: Iterator[str], name: str) -> str:
    for text in source:
        return text
    raise Malformed(f"the message ends before its field {name}")
