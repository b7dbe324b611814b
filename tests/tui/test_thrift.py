"""The thrifty writer draws the same picture: every cell, every colour, whatever the frames were."""

from __future__ import annotations

from typing import Any

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style
from textual.strip import Strip

from ibgw_tui.tui.thrift import thrifty

COLUMNS, ROWS = 24, 6
COLOURS = st.sampled_from([None, "default", "red", "bright_blue", "color(123)", "#102030", "#fedcba"])
FLAG = st.sampled_from([None, True, False])
STYLES = st.builds(
    Style, color=COLOURS, bgcolor=COLOURS, bold=FLAG, dim=FLAG, italic=FLAG, underline=FLAG, reverse=FLAG, strike=FLAG,
    blink=FLAG, conceal=FLAG, underline2=FLAG, overline=FLAG,
)  # fmt: skip
TEXT = st.text(alphabet="aB 1▲│", max_size=6)


@st.composite
def frames(draw: st.DrawFn) -> str:
    """What Textual writes: moves, styled pieces, lines that end in a line feed and a move to the next one, now and
    then a bare sequence. A line feed on the last line would scroll; Textual writes none there."""
    parts = []
    for _ in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(["piece", "piece", "piece", "bare", "move", "feed", "other"]))
        row, column = draw(st.integers(1, ROWS - 1)), draw(st.integers(1, COLUMNS))
        if kind == "piece":
            parts.append(Strip.render_style(draw(STYLES), draw(TEXT), _truecolor()))
        elif kind == "bare":
            parts.append(draw(TEXT))
        elif kind == "other":
            parts.append(draw(st.sampled_from(["\x1b[?25l", "\x1b]2;title\x07", "\x1b[K"])))
        elif kind == "feed":
            piece = Strip.render_style(draw(STYLES), draw(TEXT), _truecolor())
            parts.append(f"\x1b[{row};1H{piece}\n\x1b[{row + 1};{column}H")
        else:
            parts.append(f"\x1b[{row};{column}H")
    return "".join(parts)


def _truecolor() -> Any:
    from rich.color import ColorSystem

    return ColorSystem.TRUECOLOR


def drawn(frames: list[str]) -> list[list[Any]]:
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.Stream(screen)
    for frame in frames:
        stream.feed(frame)
    cells = [[screen.buffer[y][x] for x in range(COLUMNS)] for y in range(ROWS)]
    return [*cells, [(screen.cursor.x, screen.cursor.y, screen.cursor.attrs)]]


@given(st.lists(frames(), max_size=4))
def test_the_picture_is_the_same(written: list[str]) -> None:
    thrifted = [thrifty(frame) for frame in written]
    assert drawn(thrifted) == drawn(written)
    assert sum(map(len, thrifted)) <= sum(map(len, written))


def test_what_does_not_differ_is_not_written_again() -> None:
    style = "\x1b[1;38;2;1;2;3;48;2;4;5;6m"
    other = "\x1b[38;2;1;2;3;48;2;4;5;6m"
    assert thrifty(f"{style}a\x1b[0m{other}b\x1b[0m{style}c\x1b[0m") == f"{_sorted(style)}a\x1b[22mb\x1b[1mc\x1b[0m"
    assert thrifty(f"{other}a\x1b[0m\n\x1b[2;1H{other}b\x1b[0m").count("\x1b[48") == 1


def _sorted(style: str) -> str:
    return thrifty(f"{style}x\x1b[0m").split("x")[0]


@pytest.mark.parametrize("odd", ["\x1b[38;9m x\x1b[0m", "\x1b[1mx", "\x1b[73mx\x1b[0m", "\x1b[38mx\x1b[0m"])
def test_what_is_not_understood_stays_as_it_is(odd: str) -> None:
    assert thrifty(odd) == odd
