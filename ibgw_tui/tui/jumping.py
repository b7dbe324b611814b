"""What the words of a jump mean. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

VIEW_NAMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("desk", ("desk", "queue", "review")),
    ("blotter", ("blotter", "sent", "orders")),
    ("audit", ("audit", "log")),
    ("positions", ("positions", "limits", "risk")),
    ("switch", ("switch", "kill")),
    ("policies", ("policies", "checklist")),
    ("agents", ("agents",)),
    ("settings", ("settings", "configuration")),
)
"""(screen, what people call it)"""
LEAST = 3
"""Letters of a reference that are looked for inside it; fewer would find anything."""


def view_meant(words: str) -> str | None:
    """The screen whose name begins with these words; None when there is none, or more than one."""
    typed = words.lower()
    found = {view for view, names in VIEW_NAMES if any(name.startswith(typed) for name in names)}
    return found.pop() if len(found) == 1 and len(typed) >= 2 else None


def row_meant(words: str, rows: Sequence[str]) -> str | None:
    """The row of this number, counted from 1 as it stands on the screen."""
    if not (words.isascii() and words.isdigit() and len(words) <= 9):
        return None
    number = int(words)
    return rows[number - 1] if 1 <= number <= len(rows) else None


def refs_meant(words: str, refs: Iterable[str]) -> list[str]:
    """References that these words mean: the very one, else those that end with them, else those that contain them."""
    typed, known = words.lower(), list(dict.fromkeys(refs))
    exact = [ref for ref in known if ref.lower() == typed]
    if exact or len(typed) < LEAST:
        return exact
    return [ref for ref in known if ref.lower().endswith(typed)] or [ref for ref in known if typed in ref.lower()]
