"""Where one types where to go: a reference, a number, the name of a screen."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import Input

from ibgw_tui.tui.messages import JumpAsked, JumpLeft


class JumpInput(Input):
    """One line. It moves the cursor or changes the screen, and nothing else."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]
    DEFAULT_CSS = """
    JumpInput { height: 1; border: none; padding: 0 1; background: $panel; display: none; }
    JumpInput:focus { border: none; }
    JumpInput.-open { display: block; }
    """

    def __init__(self) -> None:
        super().__init__(
            placeholder="go to: an order's reference or its end, a row's number, a screen", compact=True, max_length=80
        )
        self.cursor_blink = False

    def open(self) -> None:
        self.value = ""
        self.add_class("-open")
        self.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        words = self.value.strip()
        self.remove_class("-open")
        self.post_message(JumpAsked(words) if words else JumpLeft())

    def action_leave(self) -> None:
        self.remove_class("-open")
        self.post_message(JumpLeft())

    def on_blur(self, event: events.Blur) -> None:
        self.remove_class("-open")
