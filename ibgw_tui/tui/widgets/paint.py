"""Content to strips, for the widgets that draw line by line."""

from __future__ import annotations

from collections.abc import Callable

from rich.segment import Segment
from textual.content import Content
from textual.strip import Strip
from textual.style import Style


def strip_of(content: Content, width: int, base: Style, parse: Callable[[str | Style], Style]) -> Strip:
    """One line of content over a base style, exactly `width` cells long."""
    parts = content.render(base, end="", parse_style=parse)
    return Strip([Segment(text, style.rich_style) for text, style in parts]).adjust_cell_length(width, base.rich_style)


def beside(left: list[Content], right: list[Content], left_width: int, gap: Content) -> list[Content]:
    """Two columns of lines as one."""
    blank = Content("")
    rows = max(len(left), len(right))
    left = left + [blank] * (rows - len(left))
    right = right + [blank] * (rows - len(right))
    return [
        Content.assemble(one.pad_right(max(0, left_width - one.cell_length)), gap, two)
        for one, two in zip(left, right, strict=True)
    ]
