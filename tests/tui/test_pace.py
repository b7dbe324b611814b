"""How fast the operator approves, told on the next review: where the eye is, without a line, and never in the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.pace import Pace
from ibgw_tui.core.terms import Mode
from ibgw_tui.tui.screens.approve import ApproveScreen
from ibgw_tui.tui.sheet import make_sheet
from tests.scenes import SPREE, Scene, picture_text, stage_for
from tests.tui import samples
from tests.tui.helpers import running, screen_text, shows
from tests.tui.test_batching import a_basket, marked, opened, say_yes
from tests.tui.test_deciding import busy, confirm, dialog

FAST = Pace(approved=14, batched=12, seconds=Decimal("1.84"))
WORDS = {
    80: "14 approved in 2 min, 1.8 s each",
    120: "you approved 14 in the last 2 minutes, 1.8 s each",
    200: "you approved 14 (12 in batches) and turned none down in the last 2 minutes, 1.8 s each",
}
"""What fits in a window so wide."""


async def test_a_fast_pace_is_told_on_the_review_and_stands_in_nobodys_way(size: tuple[int, int]) -> None:
    desk = busy()
    desk.pace_now = FAST
    async with running(desk, size) as (_, pilot):
        await pilot.press("a")
        screen = await dialog(pilot, ApproveScreen)
        await shows(pilot, WORDS[size[0]])
        assert screen.state.plan.tier == 0, "it asks for nothing more than without"
        await confirm(pilot, ApproveScreen)
        await shows(pilot, "APPROVED BUY 8 AAPL")


async def test_a_calm_pace_is_not_told() -> None:
    desk = busy()
    desk.pace_now = Pace(approved=7, seconds=Decimal(9))
    async with running(desk) as (_, pilot):
        await pilot.press("a")
        await dialog(pilot, ApproveScreen)
        await shows(pilot, "press Y to approve")
        assert "approved 7" not in screen_text(pilot.app)


async def test_several_at_once_are_told_of_it_too() -> None:
    desk = a_basket()
    desk.pace_now = FAST
    async with running(desk) as (app, pilot):
        await marked(app, pilot, *list(desk.records)[:2])
        screen = await opened(pilot)
        await shows(pilot, WORDS[120])
        await say_yes(pilot, screen, "2")
        await shows(pilot, "2 of 2 approved")


async def _hangs() -> Pace:
    await asyncio.Event().wait()
    return FAST


async def _fails() -> Pace:
    raise OSError("the file is gone")


@pytest.mark.parametrize("pace", [_hangs, _fails], ids=["it hangs", "it fails"])
async def test_where_it_is_not_known_the_review_opens_without_it(
    pace: Callable[[], Awaitable[Pace]], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = busy()
    monkeypatch.setattr(desk, "pace", pace)
    async with running(desk) as (_, pilot):
        await pilot.press("a")
        await confirm(pilot, ApproveScreen)
        await shows(pilot, "APPROVED BUY 8 AAPL")


@pytest.mark.parametrize("width", range(80, 133))
@pytest.mark.parametrize("mode", Mode)
def test_it_never_takes_a_line_and_never_touches_what_stands_beside_it(width: int, mode: Mode) -> None:
    ticket = samples.a_ticket(mode=mode)
    plain, told = (make_sheet(ticket, width, 40, backend="ibkr", hints=hints).lines for hints in ((), FAST.hints))
    assert told[1:] == plain[1:] and told[0].cell_length == plain[0].cell_length == width
    hint = next(hint for hint in FAST.hints if hint in told[0].plain)
    assert f"   {hint}   " in told[0].plain
    assert told[0].plain.replace(hint, " " * len(hint)) == plain[0].plain


async def test_on_a_real_desk_the_ninth_review_tells_of_the_eight_before(tmp_path: Path) -> None:
    """Approved by keys, through the whole desk: counted in the audit log, with the time that each took."""
    async with stage_for(tmp_path / "desk", Scene("pace", _nothing, orders=SPREE), size=(120, 40)) as stage:
        for ref in stage.refs[2:10]:
            await stage.select(ref)
            await stage.until(lambda ref=ref: stage._is_approvable(ref), "the gates")  # type: ignore[misc]
            await stage.press_for("a", "ApproveScreen")
            if ref == stage.refs[2]:
                assert "you approved" not in picture_text(stage.app)
            await confirm(stage.pilot, ApproveScreen)
            await stage.has_status(ref, Status.APPROVED, Status.SENDING, Status.WORKING)
        entries = [entry for entry in await stage.desk.audit() if entry.kind == "order.approve"]
        assert len(entries) == 8 and all(float(entry.body["how"]["reviewed"]) >= 0.35 for entry in entries)
        pace = await stage.desk.pace()
        assert (pace.approved, pace.batched, pace.turned_down) == (8, 0, 0) and pace.seconds is not None
        await stage.select(stage.refs[0])
        await stage.until(lambda: stage._is_approvable(stage.refs[0]), "the gates")
        await stage.press_for("a", "ApproveScreen")
        await shows(
            stage.pilot, f"you approved 8 and turned none down in the last 2 minutes, {pace.seconds:.1f} s each"
        )


async def _nothing(stage: object) -> None:
    """All is done in the test."""
