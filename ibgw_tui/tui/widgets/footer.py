"""The keys that mean something right now, in one line and one widget.

Textual's own footer makes new widgets (and leaks them) at every change of focus or binding; a console
that stays open all day draws its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.widget import Widget

from ibgw_tui.core.lifecycle import AT_BROKER, OPEN, Status
from ibgw_tui.service.views import OrderRow
from ibgw_tui.tui.keys import BY_ID, ORDER_VIEWS
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.theme import STYLES


@dataclass(frozen=True, slots=True)
class Offer:
    """A key and what it would do now."""

    key: str
    label: str


@dataclass(frozen=True, slots=True)
class Situation:
    """What the footer has to know."""

    view: str
    """Name of the screen: a mode of the app."""
    selected: OrderRow | None = None
    approvable: bool = False
    in_ticket: bool = False
    switch_open: bool = False
    read_only: bool = False
    may_decide: bool = True
    working: int = 0
    marked: int = 0
    held: int = 0
    """Approved and not sent yet."""


def offers(now: Situation) -> tuple[list[Offer], list[Offer]]:
    """The keys for the left and, always there, the right of the line. Pure."""
    left: list[Offer] = []
    if now.selected is not None and now.may_decide and not now.read_only:
        left += _deciding(now.selected, approvable=now.approvable)
    if now.may_decide and not now.read_only and now.view in ORDER_VIEWS:
        left += [_offer("review_marked")] if now.marked > 1 else []
        left += [_offer("recall_all")] if now.held > 1 else []
    if now.working and now.may_decide and not now.read_only and now.view in ORDER_VIEWS:
        left.append(_offer("cancel_all"))
    if now.in_ticket:
        left += [Offer("j k", "scroll"), _offer("back")]
    elif now.selected is not None or now.view == "audit":
        left.append(_offer("open"))
    elif now.view not in ORDER_VIEWS:
        left.append(Offer("j k", "scroll"))
    left += [
        _offer(key) for key in ("filter", "newest", "jump", "copy", "save", "order_by", "palette") if _means(key, now)
    ]
    kill = Offer(BY_ID["kill"].footer, "CLOSE kill switch" if now.switch_open else "open kill switch")
    return left, [*([] if now.read_only else [kill]), _offer("help"), _offer("quit")]


def _means(key: str, now: Situation) -> bool:
    """Whether a key of the lists can do anything."""
    if key in ("palette", "jump"):
        return True
    if now.view in ORDER_VIEWS:
        return now.selected is not None
    return key != "order_by" and (key != "newest" or now.view in _GROWING)


_GROWING = frozenset({"audit", "switch"})
"""Other screens whose newest line is the last one."""


def _deciding(row: OrderRow, *, approvable: bool) -> list[Offer]:
    if row.status is Status.PENDING:
        no = [_offer("reject"), _offer("edit"), _offer("ask_changes")]
        return [_offer("approve"), *no] if approvable else no
    if row.status is Status.APPROVED:
        return [_offer("recall"), _offer("submit")]
    if row.status is Status.IN_DOUBT:
        return [_offer("write_off"), _offer("cancel")]
    if row.status in AT_BROKER and row.status is not Status.CANCEL_REQUESTED:
        return [_offer("cancel")]
    if row.status in OPEN and row.status is not Status.STAGED:
        return [_offer("reject")]
    return []


def _offer(key: str) -> Offer:
    return Offer(BY_ID[key].footer, BY_ID[key].label)


def footer_line(left: Sequence[Offer], right: Sequence[Offer], width: int) -> Content:
    """As many of the left as fit; the right stays."""
    end = [_drawn(offer) for offer in right]
    room = width - sum(part.cell_length for part in end) - 1
    start: list[Content] = []
    for offer in left:
        part = _drawn(offer)
        if part.cell_length > room:
            break
        start.append(part)
        room -= part.cell_length
    return Content.assemble(*start, " " * max(0, room), *end)


def _drawn(offer: Offer) -> Content:
    return Content.assemble(" ", (offer.key, "bold $primary"), " ", (offer.label, STYLES[Tone.PLAIN]), " ")


class KeyFooter(Widget):
    DEFAULT_CSS = "KeyFooter { height: 1; width: 1fr; background: $panel; }"

    def __init__(self) -> None:
        super().__init__()
        self._situation: Situation | None = None
        self._drawn = Content("")

    def show(self, situation: Situation) -> None:
        """Another order under the cursor is often the same line again: then nothing is drawn."""
        if situation != self._situation:
            self._situation = situation
            if not self._drawn.is_same(self._line()):
                self.refresh()

    def _line(self) -> Content:
        if self._situation is None:
            return Content("")
        return footer_line(*offers(self._situation), self.size.width)

    def render(self) -> Content:
        self._drawn = self._line()
        return self._drawn
