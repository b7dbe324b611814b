"""What nobody may overlook: one loud line for each thing that is wrong with the desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from ibgw_tui.core.broker import LinkState, OrderReport
from ibgw_tui.core.ringing import Flood
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.service.views import DeskState
from ibgw_tui.tui.keys import BY_ID
from ibgw_tui.tui.present import Tone, number, utc_clock, utc_moment
from ibgw_tui.tui.safe import fit, safe_line, short
from ibgw_tui.tui.theme import STYLES

MOST = 4
"""Lines. The screen must keep room for the orders."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that is wrong, in full, and in one line of a narrow window: the state, and what to do."""

    text: str
    brief: str
    tone: Tone = Tone.ALARM


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """How well this screen keeps up with the desk."""

    down_since: datetime | None = None
    problem: str = ""
    lag_seconds: float = 0.0
    """How long the screen's loop was away, if that was long."""


def alarms(
    state: DeskState | None, feed: FeedHealth, router_problem: str, now: datetime, floods: Sequence[Flood] = ()
) -> list[Alarm]:
    """Everything that is wrong, worst first. Pure."""
    found: list[Alarm] = []
    if feed.down_since is not None:
        since = utc_clock(feed.down_since)
        found.append(
            Alarm(
                f"FEED DOWN since {since} - what you see is old, nothing can be approved. {feed.problem}; trying again",
                f"FEED DOWN since {since}: what you see is old. Wait, or run: ibgw doctor",
            )
        )
    if feed.lag_seconds:
        stale = f"STALE: this screen was {feed.lag_seconds:.1f} s behind"
        found.append(Alarm(f"{stale}; read anew before you decide", f"{stale}; read anew", Tone.CAUTION))
    if state is not None:
        found += _of_the_desk(state, router_problem)
    found += _of_floods(floods)
    if state is not None and state.switch.state is not KillSwitch.OPEN:
        found.append(_who_closed(state, now))
    return found


def _of_the_desk(state: DeskState, router_problem: str) -> list[Alarm]:
    found = []
    if not state.audit_ok:
        found.append(
            Alarm(
                f"AUDIT LOG BROKEN - nothing can be sent. {state.audit_problem}. Run: ibgw audit verify",
                "AUDIT LOG BROKEN: nothing is sent. Run: ibgw audit verify",
            )
        )
    if state.in_doubt:
        told = f"{state.in_doubt} {_orders(state.in_doubt)} IN DOUBT"
        found.append(
            Alarm(
                f"{told} - the broker may have it. It is looked up, never sent again. Press 2 for the blotter, w there "
                "writes it off",
                f"{told}: never sent again. 2 is the blotter, w writes off",
            )
        )
    found += _of_the_broker(state, router_problem)
    if state.discrepancies:
        count = f"{state.discrepancies} {'report' if state.discrepancies == 1 else 'reports'} of the broker"
        verb = "does" if state.discrepancies == 1 else "do"
        told = f"{count} {verb} not fit our records"
        found.append(Alarm(f"{told} - run: ibgw reconcile", f"{told}. Run: ibgw reconcile"))
    if state.foreign:
        strangers = len(state.foreign)
        brief = f"{strangers} {_orders(strangers)} AT THE BROKER AND NOT OURS. Run: ibgw reconcile"
        found.append(Alarm(_strangers(state.foreign), brief, Tone.CAUTION))
    return found


def _of_the_broker(state: DeskState, router_problem: str) -> list[Alarm]:
    found = []
    if state.router is None or not state.router_alive:
        seen = f", last seen {utc_clock(state.router.heartbeat_at)}" if state.router else ""
        found.append(
            Alarm(
                f"NO ROUTER{seen} - approved orders are not sent, and fills are not heard. Run: ibgw router",
                "NO ROUTER: nothing is sent, no fill is heard. Run: ibgw router",
            )
        )
    elif state.link_state not in (None, LinkState.CONNECTED):
        word = "BROKER UNREACHABLE" if state.link_state == LinkState.BROKER_UNREACHABLE else "DISCONNECTED"
        since = f" since {utc_clock(state.link_at)}" if state.link_at else ""
        found.append(
            Alarm(
                f"{word}{since} - no order leaves. {state.link_text}. Run: ibgw doctor --broker",
                f"{word}{since}: no order leaves. Run: ibgw doctor --broker",
            )
        )
    if router_problem:
        found.append(Alarm(f"router: {router_problem}", f"router: {router_problem}", Tone.CAUTION))
    return found


def _of_floods(floods: Sequence[Flood]) -> list[Alarm]:
    """One line for all of them: a flood must not push what is broken off the screen."""
    if not floods:
        return []
    told = ", ".join(f"{flood.agent} staged {flood.staged:,}" for flood in floods[:3])
    more = f" and {len(floods) - 3} more agents" if len(floods) > 3 else ""
    first = floods[0]
    others = f" (+{len(floods) - 1})" if len(floods) > 1 else ""
    return [
        Alarm(
            f"FLOOD: {told} in the last minute{more}. Nothing leaves without you. 7 shows who, / filters, K closes the switch",
            f"FLOOD: {short(first.agent, 20)} {first.staged:,} a minute{others}. 7 shows who, K closes",
            Tone.CAUTION,
        )
    ]


def _strangers(foreign: Sequence[OrderReport]) -> str:
    first = foreign[0]
    told = f"{first.side.value} {number(first.quantity)} of contract {first.con_id} in {first.account}"
    more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
    return f"AT THE BROKER AND NOT OURS: {told}{more} - run: ibgw reconcile"


def _who_closed(state: DeskState, now: datetime) -> Alarm:
    switch = state.switch
    if switch.changed_at is None:
        why = "it was never opened" if switch.source == "default" else f"it counts as closed ({switch.source})"
        told = f"kill switch: {why}. K opens it, with a reason"
        return Alarm(told, "kill switch closed. K opens it, with a reason", Tone.CAUTION)
    when = (
        utc_clock(switch.changed_at) if now - switch.changed_at < timedelta(hours=12) else utc_moment(switch.changed_at)
    )
    return Alarm(
        f"kill switch closed by {switch.changed_by} at {when}: {switch.reason}. K opens it, with a reason",
        f"kill switch closed by {short(switch.changed_by or '?', 16)} at {when}. K opens it",
        Tone.CAUTION,
    )


def _orders(count: int) -> str:
    return "order" if count == 1 else "orders"


def alarm_lines(found: Sequence[Alarm], width: int) -> list[Content]:
    """The alarms in full if there is room for that, else one brief line each, the worst ones first.

    Those that must be brief are the last ones: what is worst is told in full as long as all have a line.
    """
    if width < 10 or not found:
        return []
    in_full = [_wrapped(alarm.text, alarm, width) for alarm in found]
    for brief_from in range(len(found), -1, -1):
        told = in_full[:brief_from] + [_wrapped(alarm.brief, alarm, width)[:1] for alarm in found[brief_from:]]
        if sum(map(len, told)) <= MOST:
            return [line for lines in told for line in lines]
    shown = found[:MOST]
    more = f"  (and {len(found) - MOST} more: key {BY_ID['switch'].footer})"
    lines = [Content.styled(" " + fit(alarm.brief, width - 1), STYLES[alarm.tone]) for alarm in shown[:-1]]
    last = " " + fit(shown[-1].brief, max(1, width - 1 - len(more))) + more
    return [*lines, Content.styled(last, STYLES[shown[-1].tone])]


def _wrapped(text: str, alarm: Alarm, width: int) -> list[Content]:
    lines = safe_line(text).wrap(width - 2)
    return [Content.styled(" " + fit(line.plain, width - 1), STYLES[alarm.tone]) for line in lines]


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
