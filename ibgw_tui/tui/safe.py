"""The one way text that is not ours gets onto the screen.

A plain `str` handed to a Textual widget is markup: agent text could crash the app with a stray
bracket, carry a clickable action, or (through escapes) repaint a number. `safe` returns Content that
is only text. Nothing that came from an agent, the store or a broker reaches a widget in another way.
"""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from ibgw_tui.core.text import one_line, sanitise

MOST, MOST_LINE = 6_000, 600
"""Characters of one text, and of one line, that are looked at. Longer ones are cut and say so: nothing that is
meant to be read needs more, and a megabyte must not hold up the screen."""


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} … ({len(text) - most:,} more characters)"


def _flat(text: str) -> str:
    """`one_line`, without looking at every character of the plain text that nearly all of it is."""
    return " ".join(text.split()) if text.isascii() and text.isprintable() else one_line(text)


def safe(text: str, style: str = "") -> Content:
    """Several lines of foreign text as inert content."""
    clean = sanitise(_cut(text, MOST))
    return Content.styled(clean, style) if style else Content(clean)


def safe_line(text: str, style: str = "", width: int | None = None) -> Content:
    """One line of foreign text, cut to `width`, as inert content."""
    flat = _flat(_cut(text, MOST_LINE))
    if width is not None and len(flat) > width:
        flat = flat[: max(0, width - 1)] + "…"
    return Content.styled(flat, style) if style else Content(flat)


def short(text: str, most: int) -> str:
    """One line of foreign text in at most `most` characters, however long it was."""
    flat = _flat(text[: most * 8 + 64])
    return flat if len(flat) <= most else flat[: max(0, most - 1)] + "…"


def fit(text: str, width: int, *, right: bool = False) -> str:
    """One line of foreign text in exactly `width` cells; an ellipsis says that it was cut."""
    # Escapes and marks may shrink: look a little further than the cells that will be shown.
    flat = _flat(text[: min(width, MOST_LINE) * 8 + 64])
    length = cell_len(flat)
    if length > width:
        return set_cell_size(set_cell_size(flat, max(0, width - 1)).rstrip() + "…", width)
    space = " " * (width - length)
    return space + flat if right else flat + space
