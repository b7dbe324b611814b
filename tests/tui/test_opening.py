"""The desk behind the screen is opened when the first picture stands, and nobody notices but by the clock."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from ibgw_tui.core.errors import SettingsError
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.tui.app import DeskApp
from ibgw_tui.tui.opening import OpeningDesk
from ibgw_tui.tui.port import DeskPort
from tests.tui.fake_desk import FakeDesk
from tests.tui.helpers import screen_text, shows, until


class SlowDesk:
    """A desk that is there when a test lets it be."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.desk = FakeDesk()
        self.failure = failure
        self.may_open = asyncio.Event()
        self.story: list[str] = []
        self.port = OpeningDesk(
            self._open, operator=self.desk.operator, read_only=self.desk.read_only, clock=self.desk.clock
        )

    def _open(self) -> AbstractAsyncContextManager[DeskPort]:
        self.story.append("load")
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[DeskPort]:
        await self.may_open.wait()
        if self.failure is not None:
            raise self.failure
        self.story.append("open")
        yield self.desk
        self.story.append("closed")


def test_every_plain_member_of_the_port_is_answered_before_the_desk_is_there() -> None:
    """What is not a question would otherwise be a function, and a function is true."""
    port = SlowDesk().port
    for name, member in vars(DeskPort).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            assert not inspect.isfunction(getattr(port, name)) or name == "clock", name
        elif not inspect.iscoroutinefunction(member):
            assert name in vars(OpeningDesk), name
    assert (port.is_router, port.router_problem, port.read_only, port.operator) == (False, "", False, "olga")


async def test_the_first_picture_stands_before_anything_is_loaded() -> None:
    slow = SlowDesk()
    slow.desk.stage()
    app = DeskApp(slow.port.port)
    drawn_when_loading: list[str] = []
    slow.story = Watched(lambda: drawn_when_loading.append(screen_text(app)))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: slow.story == ["load"], "loading")
        assert (
            "reading the desk" in drawn_when_loading[0] and "the kill switch counts as closed" in drawn_when_loading[0]
        )
        slow.may_open.set()
        await shows(pilot, "AAPL")
    await slow.port.close()
    assert slow.story == ["load", "open", "closed"]


class Watched(list[str]):
    """A story that is looked at when it begins."""

    def __init__(self, look: object) -> None:
        super().__init__()
        self._look = look

    def append(self, word: str) -> None:
        if word == "load" and callable(self._look):
            self._look()
        super().append(word)


async def test_keys_before_the_desk_let_nothing_go_and_what_takes_back_is_not_lost() -> None:
    slow = SlowDesk()
    slow.desk.stage()
    app = DeskApp(slow.port.port)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("a", "Y", "r", "1", "enter", "x", "u", "U", "s", "e", "v")
        assert not app.dialog_is_open
        await pilot.press("question_mark")  # looking is possible at once
        assert app.dialog_is_open
        await pilot.press("escape")
        slow.may_open.set()
        await shows(pilot, "AAPL")
        assert slow.desk.acts == [("recall all",)], "U takes back; the others found nothing to decide on"
    await slow.port.close()


async def test_a_dialog_before_the_first_picture_does_not_keep_the_desk_from_being_read() -> None:
    desk = FakeDesk()
    app = DeskApp(desk)
    async with app.run_test(size=(120, 40)) as pilot:
        app.action_help()
        await until(pilot, lambda: app.session.lists is not None, "a reading")
        assert app.dialog_is_open


async def test_the_kill_switch_asked_for_before_the_desk_is_closed_when_it_is_there() -> None:
    slow = SlowDesk()
    app = DeskApp(slow.port.port)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("K")
        assert slow.desk.switch.state is KillSwitch.OPEN
        slow.may_open.set()
        await until(pilot, lambda: slow.desk.switch.state is KillSwitch.CLOSED, "the closed switch")
    await slow.port.close()


async def test_a_desk_that_cannot_be_opened_ends_the_screen_and_says_why() -> None:
    slow = SlowDesk(SettingsError("audit.folder is empty"))
    app = DeskApp(slow.port.port)
    slow.port.on_failure = app.exit
    slow.may_open.set()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: not app.is_running, "the end")
    await slow.port.close()
    assert slow.port.failure is slow.failure


async def test_a_failure_on_the_way_down_is_told_by_who_closes() -> None:
    slow = SlowDesk()

    @asynccontextmanager
    async def breaks() -> AsyncIterator[DeskPort]:
        yield slow.desk
        raise OSError("disk full")

    port = OpeningDesk(breaks, operator="olga", read_only=False, clock=slow.desk.clock)
    await port.port.desk()
    with pytest.raises(OSError, match="disk full"):
        await port.close()


async def test_what_was_never_asked_was_never_opened() -> None:
    slow = SlowDesk()
    await slow.port.close()
    assert slow.story == []


async def test_rings_reach_who_listened_before_the_desk_was_there() -> None:
    slow = SlowDesk()
    heard: list[str] = []
    stop = slow.port.listen(lambda: heard.append("ring"))
    slow.may_open.set()
    await slow.port.port.desk()
    slow.desk.ring()
    stop()
    slow.desk.ring()
    assert heard == ["ring"]
    await slow.port.close()
