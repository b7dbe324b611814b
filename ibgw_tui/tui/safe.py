"""The one way text that is not ours gets onto the screen.

A plain `str` handed to a Textual widget is markup: agent text could crash the app with a stray
bracket, carry a clickable action, or (through escapes) repaint a number. `safe` returns Content that
is only text. Nothing that came from an agent, the store or a broker reaches a widget in another way.
"""

from __future__ import annotations

from textual.content import Content

from ibgw_tui.core.text import one_line, sanitise


def safe(text: str, style: str = "") -> Content:
    """Several lines of foreign text as inert content."""
    return Content.styled(sanitise(text), style) if style else Content(sanitise(text))


def safe_line(text: str, style: str = "", width: int | None = None) -> Content:
    """One line of foreign text, cut to `width`, as inert content."""
    flat = one_line(text, width)
    return Content.styled(flat, style) if style else Content(flat)
