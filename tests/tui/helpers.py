"""How a terminal test starts, presses and waits: on conditions, with a deadline, never on time."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from ibgw_tui.tui.app import DeskApp
from tests.tui.fake_desk import FakeDesk

SIZES = ((80, 24), (120, 40), (200, 60))
DEADLINE_SECONDS = 10.0


async def until(pilot: Pilot[Any], condition: Callable[[], object], what: str = "") -> None:
    """Wait for a condition, and say what the screen showed when it never came."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {DEADLINE_SECONDS} s for {what or condition}\n{screen_text(pilot.app)}")
        await pilot.pause(0.01)


async def shows(pilot: Pilot[Any], *texts: str) -> str:
    """Wait until all of the texts are on the screen (line breaks aside). Returns the screen."""
    await until(
        pilot, lambda: all(text in flat(pilot.app) or text in screen_text(pilot.app) for text in texts), f"{texts}"
    )
    return screen_text(pilot.app)


async def settled(pilot: Pilot[Any], *texts: str) -> list[str]:
    """Wait for the texts, and until nothing moves any more (a scrollbar comes after its page). Returns the lines."""
    previous, same = await shows(pilot, *texts), 0
    end = time.monotonic() + DEADLINE_SECONDS
    while same < 4:
        assert time.monotonic() < end, f"the screen never came to rest\n{previous}"
        await pilot.pause(0.05)
        current = screen_text(pilot.app)
        same, previous = (same + 1 if current == previous else 0), current
    return previous.splitlines()


def flat(app: Any) -> str:
    """The screen as one line, without frames."""
    return " ".join(screen_text(app).replace("│", " ").split())


def screen_text(app: Any) -> str:
    """What is on the screen, as plain lines."""
    height = app.size.height
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips[:height])


@asynccontextmanager
async def running(
    desk: FakeDesk, size: tuple[int, int] = (120, 40), **options: Any
) -> AsyncIterator[tuple[DeskApp, Pilot[Any]]]:
    """The app on a desk, after its first complete reading. Toasts and tooltips on, as in real life."""
    app = DeskApp(desk, **options)
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        if desk.failure is None and not desk.hang:
            await until(pilot, lambda: app.feed.readings >= 1 and app.session.lists is not None, "the first reading")
            if app._wanted() is not None:
                await until(pilot, lambda: app.displayed_ref is not None, "the first ticket")
        yield app, pilot
