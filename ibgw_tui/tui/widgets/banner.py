"""What nobody may overlook: one loud line for each thing that is wrong with the desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from ibgw_tui.core.broker import LinkState, OrderReport
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.service.views import DeskState
from ibgw_tui.tui.present import Tone, number, utc_clock, utc_moment
from ibgw_tui.tui.safe import fit, safe_line
from ibgw_tui.tui.theme import STYLES

MOST = 4
"""Lines. The screen must keep room for the orders."""


@dataclass(frozen=True, slots=True)
class Alarm:
    text: str
    tone: Tone = Tone.ALARM


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """How well this screen keeps up with the desk."""

    down_since: datetime | None = None
    problem: str = ""
    lag_seconds: float = 0.0
    """How long the screen's loop was away, if that was long."""


def alarms(state: DeskState | None, feed: FeedHealth, router_problem: str, now: datetime) -> list[Alarm]:
    """Everything that is wrong, worst first. Pure."""
    found: list[Alarm] = []
    if feed.down_since is not None:
        found.append(
            Alarm(
                f"FEED DOWN since {utc_clock(feed.down_since)} - what you see is old, nothing can be approved. "
                f"{feed.problem}; trying again"
            )
        )
    if feed.lag_seconds:
        found.append(Alarm(f"STALE: this screen was {feed.lag_seconds:.1f} s behind", Tone.CAUTION))
    if state is None:
        return found
    if not state.audit_ok:
        found.append(Alarm(f"AUDIT LOG BROKEN - nothing can be sent. {state.audit_problem}"))
    if state.in_doubt:
        found.append(
            Alarm(
                f"{state.in_doubt} {_orders(state.in_doubt)} IN DOUBT - the broker may have it. "
                "It is looked up, never sent again. Press 2 for the blotter, w there writes it off"
            )
        )
    found += _of_the_broker(state, router_problem)
    if state.discrepancies:
        found.append(Alarm(f"{state.discrepancies} reports of the broker do not fit our records - run: ibgw reconcile"))
    if state.foreign:
        found.append(Alarm(_strangers(state.foreign), Tone.CAUTION))
    if state.switch.state is not KillSwitch.OPEN:
        found.append(Alarm(_who_closed(state, now), Tone.CAUTION))
    return found


def _of_the_broker(state: DeskState, router_problem: str) -> list[Alarm]:
    found = []
    if state.router is None or not state.router_alive:
        seen = f", last seen {utc_clock(state.router.heartbeat_at)}" if state.router else ""
        found.append(
            Alarm(f"NO ROUTER{seen} - approved orders are not sent, and fills are not heard. Run: ibgw router")
        )
    elif state.link_state not in (None, LinkState.CONNECTED):
        word = "BROKER UNREACHABLE" if state.link_state == LinkState.BROKER_UNREACHABLE else "DISCONNECTED"
        since = f" since {utc_clock(state.link_at)}" if state.link_at else ""
        found.append(Alarm(f"{word}{since} - no order leaves. {state.link_text}"))
    if router_problem:
        found.append(Alarm(f"router: {router_problem}", Tone.CAUTION))
    return found


def _strangers(foreign: Sequence[OrderReport]) -> str:
    first = foreign[0]
    told = f"{first.side.value} {number(first.quantity)} of contract {first.con_id} in {first.account}"
    more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
    return f"AT THE BROKER AND NOT OURS: {told}{more} - run: ibgw reconcile"


def _who_closed(state: DeskState, now: datetime) -> str:
    switch = state.switch
    if switch.changed_at is None:
        why = "it was never opened" if switch.source == "default" else f"it counts as closed ({switch.source})"
        return f"kill switch: {why}. K opens it, with a reason"
    when = (
        utc_clock(switch.changed_at) if now - switch.changed_at < timedelta(hours=12) else utc_moment(switch.changed_at)
    )
    return f"kill switch closed by {switch.changed_by} at {when}: {switch.reason}. K opens it, with a reason"


def _orders(count: int) -> str:
    return "order" if count == 1 else "orders"


def alarm_lines(found: Sequence[Alarm], width: int) -> list[Content]:
    """The alarms in full if there is room for that, else one line each, the worst ones first."""
    if width < 10:
        return []
    wrapped = [(alarm, safe_line(alarm.text).wrap(width - 2)) for alarm in found]
    if sum(len(lines) for _, lines in wrapped) <= MOST:
        return [
            Content.styled(" " + fit(line.plain, width - 1), STYLES[alarm.tone])
            for alarm, lines in wrapped
            for line in lines
        ]
    shown = found[:MOST]
    more = f"  (and {len(found) - len(shown)} more)" if len(found) > len(shown) else ""
    lines = [Content.styled(" " + fit(alarm.text, width - 1), STYLES[alarm.tone]) for alarm in shown[:-1]]
    last = " " + fit(shown[-1].text, max(1, width - 1 - len(more))) + more
    return [*lines, Content.styled(last, STYLES[shown[-1].tone])]


class Banners(Widget):
    """The alarms. Lays itself out anew only when their lines become more or fewer."""

    DEFAULT_CSS = "Banners { height: auto; width: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self._alarms: list[Alarm] = []

    def show(self, found: list[Alarm]) -> None:
        if found != self._alarms:
            width = self.size.width
            before, after = len(alarm_lines(self._alarms, width)), len(alarm_lines(found, width))
            self._alarms = found
            self.refresh(layout=before != after or not width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(alarm_lines(self._alarms, width))

    def render(self) -> Content:
        return Content("\n").join(alarm_lines(self._alarms, self.size.width))
