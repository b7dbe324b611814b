"""The review of several orders at once: the same guard as for one, and a value to type.

The page is made from one frozen batch and never changes. Twice a second all of its orders are read and decided
anew; whatever differs about any of them disarms them all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from ibgw_tui.service.views import Batch, Shown
from ibgw_tui.tui.arming import Phase
from ibgw_tui.tui.batch_sheet import batch_changed, batch_digest, judged, make_batch_sheet, plan_for
from ibgw_tui.tui.present import countdown
from ibgw_tui.tui.screens.watched import WatchedScreen
from ibgw_tui.tui.sheet import Sheet


@dataclass(frozen=True, slots=True)
class BatchYes:
    """A yes: to what, in which order, and how it was given."""

    shown: tuple[Shown, ...]
    how: dict[str, str]


class BatchScreen(WatchedScreen[BatchYes]):
    """Returns a BatchYes, or None when it was closed."""

    def __init__(
        self,
        batch: Batch,
        *,
        refresh: Callable[[], Awaitable[Batch]],
        clock: Callable[[], datetime],
        backend: str = "",
        link: Callable[[], str] | None = None,
        hidden: Collection[str] = (),
        hints: Sequence[str] = (),
    ) -> None:
        """`hidden` are orders that a filter hides: they are named; of `hints` the one that fits is shown."""
        self.orders = judged(batch)
        super().__init__(batch_digest(self.orders), plan_for(self.orders), live=False, clock=clock, link=link)
        self._read = refresh
        self._backend = backend
        self._hidden = frozenset(hidden)
        self._hints = hints

    async def difference(self) -> str | None:
        return batch_changed(self.orders, judged(await self._read()))

    @property
    def expires_at(self) -> datetime | None:
        previews = (line.ticket.record.preview for line in self.orders.lines)
        return min((preview.expires_at for preview in previews if preview), default=None)

    @property
    def count(self) -> int:
        return len(self.orders.lines)

    # ---- what it shows

    def make_page(self, width: int, height: int, scroll: int) -> Sheet:
        return make_batch_sheet(
            self.orders, width, height, backend=self._backend, hidden=self._hidden, hints=self._hints
        )

    def ready_text(self) -> str:
        if not self.state.typed_right:
            return "armed: type the value above, then press Y"
        return f"press Y to approve all {self.count}, each to be sent after its hold-back"

    def key_text(self) -> str:
        expires = self.expires_at
        left = f"   first expires in {countdown(expires - self._time())}" if expires else ""
        if self.state.phase is Phase.DISARMED:
            return f"esc close: nothing was approved   K kill switch{left}"
        return f"Y approve all   esc close: nothing is approved   K kill switch{left}"

    def typing_text(self) -> str:
        typed = self.state.typed.ljust(4, "_")
        return f"type {batch_digest(self.orders)[:4]} or {self.count}, then Y: [{typed}]   {self.count} orders"

    def answered(self) -> BatchYes | None:
        shown = tuple(line.ticket.shown for line in self.orders.lines if line.ticket.shown is not None)
        if len(shown) < self.count or self.state.painted_at is None or self.state.pressed_at is None:
            return None
        return BatchYes(shown, {**self.how(), "batch_digest": batch_digest(self.orders)})
