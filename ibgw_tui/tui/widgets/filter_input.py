"""Where the words of a filter are typed. Enter keeps it, Escape clears it."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import Input

from ibgw_tui.tui.messages import FilterLeft, FilterTyped


class FilterInput(Input):
    """One line of words. It cannot do anything but narrow a list."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave_filter", show=False)]
    DEFAULT_CSS = """
    FilterInput { height: 1; border: none; padding: 0 1; background: $panel; display: none; }
    FilterInput:focus { border: none; }
    FilterInput.-open { display: block; }
    """

    def __init__(self) -> None:
        super().__init__(
            placeholder="filter: words in any column. Enter keeps them, Esc clears", compact=True, select_on_focus=False
        )
        self.cursor_blink = False

    def open(self) -> None:
        self.add_class("-open")
        self.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(FilterTyped(self.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave(kept=bool(self.value.strip()))

    def action_leave_filter(self) -> None:
        self._leave(kept=False)

    def _leave(self, *, kept: bool) -> None:
        if not kept:
            self.value = ""
        self.set_class(kept, "-open")
        self.post_message(FilterLeft(kept=kept))

    def on_blur(self, event: events.Blur) -> None:
        if not self.value.strip():
            self.remove_class("-open")
