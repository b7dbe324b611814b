"""Alarms: each says what to do, at every width, and the worst keep their words the longest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ibgw_tui.core.broker import LinkState
from ibgw_tui.core.ringing import Flood
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.service.views import DeskState
from ibgw_tui.tui.widgets.banner import MOST, Alarm, FeedHealth, alarm_lines, alarms
from tests.makers import NOON
from tests.tui.fake_desk import a_busy_desk

REMEDIES = ("ibgw ", "K ", "w writes off", "writes it off", "read anew", "trying again", "router:")


async def desk_state(**changes: Any) -> DeskState:
    return replace(await a_busy_desk().desk(), **changes)


async def everything_wrong() -> list[Alarm]:
    state = await desk_state(
        audit_ok=False, audit_problem="entry 41 does not follow entry 40", in_doubt=2, discrepancies=3,
        link_state=LinkState.DISCONNECTED, link_at=NOON, link_text="no answer for 30 s",
    )  # fmt: skip
    switch = replace(state.switch, state=KillSwitch.CLOSED, reason="drill " * 20, changed_by="a.very.long.name" * 4)
    feed = FeedHealth(NOON, "STORE_UNAVAILABLE: the database is locked - " + "look at the disk " * 10, 2.5)
    flood = (Flood("an-agent-with-a-long-name-indeed" * 2, 4_321), Flood("b", 40))
    return alarms(replace(state, switch=switch), feed, "ConnectionError", NOON + timedelta(minutes=1), flood)


async def test_every_alarm_names_its_remedy_in_full_and_in_brief() -> None:
    found = await everything_wrong()
    assert len(found) == 9
    for alarm in found:
        assert any(remedy in alarm.text for remedy in REMEDIES), alarm.text
        assert any(remedy in alarm.brief for remedy in REMEDIES), alarm.brief


@pytest.mark.parametrize("width", [80, 110])
async def test_no_alarm_is_cut_off_in_a_line_of_its_own(width: int) -> None:
    for alarm in await everything_wrong():
        assert len(alarm.brief) <= 78, alarm.brief
        lines = alarm_lines([alarm], width)
        assert 1 <= len(lines) <= MOST
        text = " ".join(line.plain.strip() for line in lines)
        assert "…" not in text
        assert text in (" ".join(alarm.text.split()), alarm.brief)


@pytest.mark.parametrize("width", [80, 110, 200])
async def test_many_alarms_are_brief_and_none_is_cut_before_its_remedy(width: int) -> None:
    found = await everything_wrong()
    for count in range(1, len(found) + 1):
        lines = [line.plain for line in alarm_lines(found[:count], width)]
        assert len(lines) <= MOST
        assert all(len(line) <= width for line in lines)
        told = lines if count <= MOST else lines[:-1]
        assert not any("…" in line for line in told), lines
    assert "and 5 more: key 5" in alarm_lines(found, width)[-1].plain


def test_no_alarm_is_no_line() -> None:
    assert alarm_lines([], 80) == []


async def test_the_worst_is_told_in_full_as_long_as_all_have_a_line() -> None:
    long = Alarm("the worst " * 12, "worst")
    lines = [line.plain.strip() for line in alarm_lines([long, Alarm("b " * 150, "brief")], 80)]
    assert " ".join(lines[:-1]) == " ".join(long.text.split())
    assert lines[-1] == "brief"
