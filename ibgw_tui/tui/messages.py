"""What widgets tell their screen. Values only; a widget never acts itself."""

from __future__ import annotations

from textual.message import Message


class CursorMoved(Message):
    """The cursor stands on another row, or on none."""

    def __init__(self, row: str | None) -> None:
        super().__init__()
        self.row = row


class RowOpened(Message):
    """Enter was pressed on a row."""

    def __init__(self, row: str) -> None:
        super().__init__()
        self.row = row


class FilterTyped(Message):
    """The words of the filter changed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class FilterLeft(Message):
    """The filter was left with Enter (kept) or Escape (cleared)."""

    def __init__(self, *, kept: bool) -> None:
        super().__init__()
        self.kept = kept


class JumpAsked(Message):
    """Where to go was typed."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words


class JumpLeft(Message):
    """Nothing was typed, or Escape."""


class WindowChanged(Message):
    """A list has another size, or looks at other rows."""
