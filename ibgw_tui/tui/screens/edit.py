"""Putting other numbers into an order: a form of what may change, and what the change amounts to.

Saving decides nothing: it makes a new revision, which is previewed, shown and approved like any order. A form
that is refused stays open with everything that was typed, and says which field is wrong and what to do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from ibgw_tui.core.edits import VALIDITY, differences, editable, edited
from ibgw_tui.core.errors import GatewayError, InvalidRequest
from ibgw_tui.core.orders import OrderIntent
from ibgw_tui.core.records import OrderRecord
from ibgw_tui.core.text import one_line
from ibgw_tui.service.views import Edit, Ticket
from ibgw_tui.tui.feed import problem_of
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.screens.typing import TextScreen
from ibgw_tui.tui.sheet import CAUTION, MUTED, STRONG, safe_part
from ibgw_tui.tui.theme import STYLES

REASON = "reason"
MAX_FIELD, MAX_REASON = 30, 300
_GOOD = STYLES[Tone.GOOD]


class EditScreen(TextScreen[OrderRecord]):
    """Returns the revision that was made, or None when it was closed and the order stays as it is."""

    DEFAULT_CSS = """
    EditScreen .field { height: 1; width: 1fr; }
    EditScreen .field Static { width: 30; height: 1; }
    EditScreen #said { height: auto; min-height: 1; max-height: 5; }
    """

    def __init__(self, ticket: Ticket, save: Callable[[Edit], Awaitable[OrderRecord]]) -> None:
        super().__init__()
        self.ticket = ticket
        self._save = save
        self._intent: OrderIntent = ticket.record.intent
        self.fields = editable(self._intent)
        self._before = {name: _typed(getattr(self._intent, name)) for name in self.fields}
        self._saving = False
        self.in_doubt = False
        """Whether a saving was asked for and nobody knows what came of it."""

    def compose(self) -> ComposeResult:
        record = self.ticket.record
        with Vertical(id="frame"):
            yield Static(safe_part(self.ticket.sentence, STRONG))
            yield Static(safe_part(f"staged by {record.staged_by}, revision {record.revision}", MUTED))
            for name in self.fields:
                yield from self._field(name, _label(name), self._before[name], MAX_FIELD)
            yield from self._field(REASON, f"why, for {one_line(record.staged_by, 18)}", "", MAX_REASON)
            if self.ticket.passing:
                yield Static(safe_part(f"the limits would let pass: {self.ticket.passing.words}", _GOOD))
            yield Static(safe_part("nothing is changed yet", MUTED), id="change", classes="-gap")
            yield Static("", id="said")
            keys = "enter save as a new revision   tab next field   ctrl+u clear   esc close   F12 kill switch"
            yield Static(safe_part(keys, MUTED))

    def _field(self, name: str, label: str, value: str, most: int) -> ComposeResult:
        with Horizontal(classes="field"):
            yield Static(safe_part(label, MUTED))
            yield Input(value, id=name, max_length=most, select_on_focus=False)

    def begin(self) -> None:
        self.query_one("#frame").border_title = safe_part(f"Edit {self.ticket.record.order_ref}")
        self._input(self.fields[0]).focus()

    def _input(self, name: str) -> Input:
        return self.query_one(f"#{name}", Input)

    # ---- what was typed

    def changes(self) -> dict[str, str]:
        """The fields that are not as they were, as they were typed."""
        typed = {name: self._input(name).value for name in self.fields}
        return {name: value for name, value in typed.items() if value.strip() != self._before[name]}

    def has_typed(self) -> bool:
        return bool(self.changes()) or bool(self._input(REASON).value)

    def on_input_changed(self, event: Input.Changed) -> None:
        super().on_input_changed(event)
        if not self.is_mounted or self._saving:
            return
        self.query_one("#change", Static).update(self._change())
        self.say("")

    def _change(self) -> Content:
        changes = self.changes()
        if not changes:
            return safe_part("nothing is changed yet", MUTED)
        try:
            after = edited(self._intent, changes)
        except InvalidRequest as error:
            return safe_part("; ".join(error.problems) or error.message, CAUTION)
        return safe_part("; ".join(found.words for found in differences(self._intent, after)), STRONG)

    def leaving_text(self) -> str:
        if self._saving:
            return "the desk has not answered yet: esc again closes this without knowing what came of it"
        return super().leaving_text()

    # ---- saving

    def arrow(self, step: int) -> None:
        (self.focus_next if step > 0 else self.focus_previous)()

    def submit(self) -> None:
        preview = self.ticket.record.preview
        if self._saving or preview is None:
            return
        changes = self.changes()
        try:
            edited(self._intent, changes)
        except InvalidRequest as error:
            named = self._go_to_first(error.problems)
            what = f"correct {named}, then press enter again" if named else f"{error.message}: {error.user_action}"
            self.say(f"not saved: {what}")
            return
        self._saving = True
        self.say("saving ...", MUTED)
        wanted = Edit(self.ticket.record.order_ref, preview.digest, changes, self._input(REASON).value)
        self.run_worker(self._saved(wanted), name="edit", exit_on_error=False)

    async def _saved(self, wanted: Edit) -> None:
        before, self.in_doubt = self.in_doubt, True
        try:
            revision = await self._save(wanted)
        except GatewayError as error:
            self.in_doubt = before  # a refusal says nothing of an earlier try that nobody answered
            self._go_to_first(getattr(error, "problems", ()))
            self.say(f"not saved: {problem_of(error)}")
        except Exception as error:  # noqa: BLE001  what was typed stays; that nothing is known is said
            self.say(f"UNKNOWN whether it was saved ({problem_of(error)}): close this and look at the order first")
        else:
            self.dismiss(revision)
        finally:
            self._saving = False

    def _go_to_first(self, problems: Iterable[str]) -> str:
        """Go to the first field that is named; which ones are, in words."""
        named = {line.split(":", 1)[0] for line in problems}
        fields = [name for name in self.fields if name in named]
        if fields:
            self._input(fields[0]).focus()
        return ", ".join(name.replace("_", " ") for name in fields)

    def say(self, text: str, style: str = CAUTION) -> None:
        self.query_one("#said", Static).update(safe_part(text, style))  # with a layout: it may need more lines


def _typed(value: object) -> str:
    return f"{value:f}" if hasattr(value, "as_tuple") else str(getattr(value, "value", value))


def _label(name: str) -> str:
    words = name.replace("_", " ")
    return f"{words} (day gtc ioc)" if name == VALIDITY else words
