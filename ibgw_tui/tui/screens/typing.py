"""What the dialogs with a text field share: an opaque frame, lines above the field, no accidents.

A field that takes free text takes pastes; a field that stands for consent (`TypedInput`) does not.
Escape with text in a field warns once, so that a stray Escape does not throw a reason away. In a window too
small to decide in nothing is answered either: what the fields are about is not whole on the screen.
"""

from __future__ import annotations

import time
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from ibgw_tui.tui.arming import DWELL_CHEAP, TYPING_GAP
from ibgw_tui.tui.session import LEAST_HEIGHT, LEAST_WIDTH
from ibgw_tui.tui.sheet import safe_part

Answer = TypeVar("Answer")


class TypedInput(Input):
    """A field whose value has to come from the fingers: it refuses every way of pasting."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+v,shift+insert,ctrl+shift+v,super+v", "refuse_paste", show=False)
    ]
    _last_key_at = 0.0

    async def _on_key(self, event: events.Key) -> None:
        """A paste without brackets looks like keys, only faster than any hand."""
        too_fast = event.is_printable and event.time - self._last_key_at < TYPING_GAP
        self._last_key_at = event.time
        if too_fast:
            event.stop()
            event.prevent_default()
            self.value = ""
            self.action_refuse_paste()

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.action_refuse_paste()

    def action_paste(self) -> None:
        self.action_refuse_paste()

    def action_refuse_paste(self) -> None:
        if isinstance(self.screen, TextScreen):
            self.screen.say("refused: this cannot be pasted, it has to be typed")


class TextScreen(ModalScreen[Answer], Generic[Answer]):
    """A dialog with text fields. Its message line is called `say`."""

    AUTO_FOCUS = ""
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    TextScreen { background: $background; align: center middle; }
    TextScreen:ansi { background: ansi_default; }
    TextScreen Toast, TextScreen Tooltip { display: none; }
    TextScreen #frame {
        width: 1fr; max-width: 92; height: auto; max-height: 100%; border: round $primary; padding: 0 2;
        background: $surface; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
    }
    TextScreen:ansi #frame { background: ansi_default; }
    TextScreen #frame.-stern { border: heavy $error; }
    TextScreen #frame > Static { width: 1fr; height: auto; }
    TextScreen #frame > .-gap { margin-top: 1; }
    TextScreen Input { width: 1fr; height: 1; border: none; padding: 0 1; background: $panel; }
    TextScreen Input:focus { border: none; background: $panel; }
    TextScreen:ansi Input { background: ansi_default; text-style: underline; }
    TextScreen #said { height: 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._ready_at = float("inf")
        self._warned = False

    def on_mount(self) -> None:
        self.call_after_refresh(self._painted)
        self.begin()

    def begin(self) -> None:
        """Called once, when the fields are there. (Textual calls every `on_mount` of a class tree by itself.)"""

    @property
    def too_small(self) -> str:
        """Why nothing can be answered in this window; empty when it can."""
        width, height = self.app.size
        if width >= LEAST_WIDTH and height >= LEAST_HEIGHT:
            return ""
        return f"{width}x{height}: answering needs {LEAST_WIDTH}x{LEAST_HEIGHT}"

    def on_resize(self) -> None:
        self.query_one("#frame").border_subtitle = safe_part(self.too_small)
        if self.focused is not None:
            self.call_after_refresh(self.focused.scroll_visible, animate=False)

    def _painted(self) -> None:
        self._ready_at = time.monotonic() + DWELL_CHEAP

    def say(self, text: str, style: str = "bold $warn") -> None:
        self.query_one("#said", Static).update(safe_part(text, style), layout=False)

    def submit(self) -> None:
        """Enter was pressed."""
        raise NotImplementedError

    def arrow(self, step: int) -> None:
        """Down (1) or up (-1) was pressed."""

    def on_key(self, event: events.Key) -> None:
        """Keys the field did not take. Enter is read here and not in the field, for its time of arrival."""
        if event.key == "escape":
            event.stop()
            self._leave()
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            if event.time >= self._ready_at and not self.too_small:
                self.submit()
        elif event.key in ("up", "down"):
            event.stop()
            event.prevent_default()
            self.arrow(1 if event.key == "down" else -1)
        elif event.key in ("tab", "shift+tab"):
            event.stop()
            event.prevent_default()
            (self.focus_next if event.key == "tab" else self.focus_previous)()

    def has_typed(self) -> bool:
        """Whether closing would lose something."""
        return any(field.value for field in self.query(Input))

    def leaving_text(self) -> str:
        """What closing would cost, said once before it happens."""
        return "what you typed will be lost: esc again to close, or go on typing"

    def _leave(self) -> None:
        if self._warned or not self.has_typed():
            self.dismiss(None)
            return
        self._warned = True
        self.say(self.leaving_text())

    def on_input_changed(self, event: Input.Changed) -> None:
        """Going on with typing takes the warning back."""
        event.stop()
        if self._warned:
            self._warned = False
            self.say("")
