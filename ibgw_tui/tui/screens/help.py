"""All keys, from plain data: the one table of keys makes it, this only draws it."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ibgw_tui.tui.sheet import MUTED, safe_part

Group = tuple[str, Sequence[tuple[str, str, str]]]
"""A title and its rows: keys, label, sentence."""

_CLOSING = frozenset({"escape", "question_mark", "q"})


class HelpScreen(ModalScreen[None]):
    """Closed by esc, ? or q."""

    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    HelpScreen { background: $background; align: center middle; }
    HelpScreen:ansi { background: ansi_default; }
    HelpScreen #frame {
        width: 1fr; max-width: 110; height: auto; max-height: 100%; border: round $primary; padding: 0 2;
        background: $surface; scrollbar-size-vertical: 1;
    }
    HelpScreen:ansi #frame { background: ansi_default; }
    HelpScreen #text { width: 1fr; height: auto; }
    """

    def __init__(self, groups: Sequence[Group], title: str = "Keys") -> None:
        super().__init__()
        self._groups = groups
        self._title = title

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="frame", can_focus=False):
            yield Static(self._text(104), id="text")

    def on_mount(self) -> None:
        frame = self.query_one("#frame")
        frame.border_title = safe_part(self._title)
        frame.border_subtitle = safe_part("esc close   up/down scroll")

    def on_resize(self, event: events.Resize) -> None:
        self.query_one("#text", Static).update(self._text(min(110, event.size.width) - 8))

    def _text(self, width: int) -> Content:
        keys_wide = max((len(keys) for _, rows in self._groups for keys, _, _ in rows), default=0)
        label_wide = max((len(label) for _, rows in self._groups for _, label, _ in rows), default=0)
        indent = keys_wide + label_wide + 4
        lines: list[Content] = []
        for title, rows in self._groups:
            lines += [Content(""), safe_part(title, "bold")] if lines else [safe_part(title, "bold")]
            for keys, label, sentence in rows:
                for at, part in enumerate(safe_part(sentence, MUTED).wrap(max(16, width - indent))):
                    head = (
                        Content.assemble((keys.ljust(keys_wide), "bold $primary"), "  ", label.ljust(label_wide), "  ")
                        if at == 0
                        else Content(" " * indent)
                    )
                    lines.append(Content.assemble(head, part))
        return Content("\n").join(lines)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        frame = self.query_one("#frame")
        if event.key in _CLOSING:
            self.dismiss(None)
        elif event.key in ("down", "j"):
            frame.scroll_relative(y=1, animate=False)
        elif event.key in ("up", "k"):
            frame.scroll_relative(y=-1, animate=False)
        elif event.key in ("pagedown", "space"):
            frame.scroll_page_down(animate=False)
        elif event.key == "pageup":
            frame.scroll_page_up(animate=False)
        elif event.key in ("home", "g"):
            frame.scroll_home(animate=False)
        elif event.key in ("end", "G"):
            frame.scroll_end(animate=False)
