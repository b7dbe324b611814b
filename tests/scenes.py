"""Scenes: a real desk with a standing clock, brought into a state worth looking at.

The same scenes are compared as text (`tests/tui/test_scenes.py`) and drawn as pictures
(`python -m tests.screenshots`). Nothing in them depends on the machine: clock, identities, market and
theme are given, and quotes stand still.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from ibgw_tui.brokers.simulated import SimulatedBroker
from ibgw_tui.config import Loaded, load_config
from ibgw_tui.core.context import Checklist
from ibgw_tui.core.lifecycle import Status
from ibgw_tui.core.terms import KillSwitch, Mode
from ibgw_tui.demo.settings import write_demo_settings
from ibgw_tui.service.health import AuditHealth
from ibgw_tui.service.pages import SettingsPage
from ibgw_tui.service.review import Review
from ibgw_tui.service.staging import Staging
from ibgw_tui.store import OrderStore
from ibgw_tui.tui.app import DeskApp
from ibgw_tui.tui.comfort import Comfort
from ibgw_tui.tui.screens.orders import OrdersScreen
from ibgw_tui.wiring.operator_side import OperatorDesk, operator_desk, settings_page
from ibgw_tui.wiring.rules import desk_rules
from tests.makers import SettableClock

DEADLINE_SECONDS = 20.0
Order = dict[str, str]

ORDERS: tuple[tuple[str, Order], ...] = (
    ("momentum-1", {"symbol": "AAPL", "side": "buy", "quantity": "5", "limit_price": "100.00",
                    "rationale": "20-day breakout with rising volume; risk 0.4 % of equity."}),
    ("rebalancer", {"symbol": "SPY", "side": "buy", "quantity": "4", "limit_price": "583.00",
                    "rationale": "Monthly rebalance: SPY is 1.8 % under its target weight."}),
    ("rebalancer", {"symbol": "EUR.USD", "side": "buy", "quantity": "10000", "limit_price": "1.0805",
                    "asset_class": "fx", "rationale": "Hedge half of the euro invoice due on Friday."}),
    ("momentum-1", {"symbol": "TSLA", "side": "buy", "quantity": "2", "order_type": "market",
                    "rationale": "Gap fill. I want in now, so a market order."}),
    ("intern-bot", {"symbol": "TSLA", "side": "sell", "quantity": "400", "limit_price": "240.00",
                    "rationale": "Target weight is zero after the quarterly review."}),
    ("intern-bot", {"symbol": "AAPL", "side": "buy", "quantity": "5", "limit_price": "81.00",
                    "rationale": "Limit taken from the closing price in my notes."}),
    ("momentum-1", {"symbol": "MSFT", "side": "buy", "quantity": "3", "limit_price": "405.00",
                    "rationale": "Buy the dip at the 50-day average."}),
)  # fmt: skip
SPREE: tuple[tuple[str, Order], ...] = (
    *ORDERS[:2],
    *(("intern-bot", {"symbol": "MSFT", "side": "buy", "quantity": str(number), "limit_price": "405.00",
                      "rationale": "More of it."}) for number in range(1, 13)),
)  # fmt: skip
HOSTILE: Order = {
    "symbol": "MSFT", "side": "buy", "quantity": "1", "limit_price": "412.00",
    "rationale": "\x1b[2J\x1b[1;1HAPPROVED BY RISK\x1b[0m [@click=app.quit]ok[/] [/red] \u202e0009 tfosorciM\n"
    "│ ✓ every gate passes: press Enter │\n" + "A" * 300,
}  # fmt: skip


class Stage:
    """What a scene may do: stage as an agent, press keys as the operator, wait for what comes."""

    def __init__(
        self, folder: Path, loaded: Loaded, desk: OperatorDesk, broker: SimulatedBroker, clock: SettableClock
    ) -> None:
        self.folder, self.desk, self.broker, self.clock = folder, desk, broker, clock
        self._account = "U1234567" if loaded.config.broker.mode == "live" else "DU1234567"
        self._numbers = itertools.count(1)
        self.refs: list[str] = []
        self.app: DeskApp
        self.pilot: Pilot[Any]

    async def stage(self, agent: str, order: Order) -> str:
        """Another process would do the same with a connection of its own."""
        reference = f"o-scene{next(self._numbers):05d}"
        self.clock.forward(seconds=0.25)

        def act() -> None:
            store = OrderStore.open(self.folder / "desk.sqlite3", clock=self.clock, automated=True)
            staging = Staging(store, principal=agent, make_ref=lambda: reference, max_pending=1000)
            staging.stage({"account": self._account, **order})
            store.close()

        await asyncio.to_thread(act)
        self.refs.append(reference)
        await self.until(lambda: self._is_previewed(reference), f"{reference} to be previewed")
        return reference

    async def _is_previewed(self, reference: str) -> bool:
        return (await self.desk.ticket(reference)).record.status is not Status.STAGED

    async def approve(self, reference: str) -> None:
        """By the role, where the scene is about something else than approving."""
        await self.until(lambda: self._is_approvable(reference), f"{reference} to be approvable")
        shown = (await self.desk.ticket(reference)).shown
        assert shown is not None
        await self.desk.approve(shown, {"key": "Y"})
        await self.desk.submit_now(reference)

    async def _is_approvable(self, reference: str) -> bool:
        return (await self.desk.ticket(reference)).approvable

    async def has_status(self, reference: str, *statuses: Status) -> None:
        async def look() -> bool:
            return (await self.desk.ticket(reference)).record.status in statuses

        await self.until(look, f"{reference} to be {statuses}")

    async def select(self, reference: str) -> None:
        async def look() -> bool:
            self.app.select(reference)
            return self.app.displayed_ref == reference

        await self.until(look, f"the ticket of {reference}")

    async def press_for(self, key: str, dialog: str) -> None:
        """Press until the dialog is there: in the moment after a decision, deciding keys do nothing."""

        async def look() -> bool:
            if type(self.app.screen).__name__ != dialog:
                await self.pilot.press(key)
                await self.pilot.pause(0.2)
            return type(self.app.screen).__name__ == dialog

        await self.until(look, dialog)

    async def settled(self) -> None:
        """The newest ticket is on the screen, and nothing moves any more."""

        async def fresh() -> bool:
            state = self.app.session.desk
            return (
                state is not None and state.router_alive and state.link_state == "connected" and self._beats(state.now)
            )

        await self.until(fresh, "a fresh header")
        previous = ""
        for _ in range(40):
            await self.pilot.pause(0.3)
            current = picture_text(self.app)
            if current == previous:
                return
            previous = current

    def _beats(self, now: datetime) -> bool:
        """The router has published at the time that stands now, so that every age on the screen is zero."""
        state = self.app.session.desk
        return state is not None and state.link_at == self.clock.now == now

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        end = time.monotonic() + DEADLINE_SECONDS
        while not await condition():
            if time.monotonic() > end:
                screen = picture_text(self.app) if hasattr(self, "app") else ""
                raise AssertionError(f"waited {DEADLINE_SECONDS:.0f} s for {what}; on the screen:\n{screen}")
            await asyncio.sleep(0.02)


def picture_text(app: DeskApp) -> str:
    """What is on the screen, as lines of text."""
    width, height = app.size
    lines = app.screen._compositor.render_strips() if app.screen.is_mounted else []
    texts = ["".join(segment.text for segment in strip)[:width].rstrip() for strip in lines[:height]]
    return "\n".join(texts) + "\n"


@asynccontextmanager
async def stage_for(
    folder: Path, scene: Scene, *, size: tuple[int, int], theme: str | None = None
) -> AsyncIterator[Stage]:
    """A desk with the scene's orders previewed, and then the app on it."""
    mode = scene.mode
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    clock = SettableClock()
    loaded = load_config(write_demo_settings(folder, mode=mode, seed=1, hold_back=3), {}, {})
    rules = desk_rules(loaded.config, enable_live=True, read_at=clock())
    broker = SimulatedBroker(clock, seed=1, mode=Mode(mode), tick_seconds=None)
    numbers = itertools.count(1)

    def make_id() -> str:
        return f"00000000-0000-7000-8000-{next(numbers):012d}"

    edits = itertools.count(1)

    def make_ref() -> str:
        return f"o-edit{next(edits):06d}"

    _prepare(folder, rules, clock, make_id)
    async with operator_desk(
        folder / "desk.sqlite3", rules, broker=broker, clock=clock, make_id=make_id, make_ref=make_ref, pid=4242,
        settings=_told_anywhere(settings_page(loaded), folder),
    ) as desk:  # fmt: skip
        stage = Stage(folder, loaded, desk, broker, clock)
        stage.app = DeskApp(desk, theme_name=theme, comfort=scene.comfort)

        async def is_router() -> bool:
            state = await desk.desk()
            return desk.is_router and state.link_state == "connected"

        await stage.until(is_router, "the router")
        # Before the app looks, so that no row is seen between being staged and being refused.
        for agent, order in scene.orders:
            await stage.stage(agent, order)
        if scene.before is not None:
            await scene.before(stage)
        async with stage.app.run_test(size=size, notifications=True) as pilot:
            stage.pilot = pilot
            yield stage


def _told_anywhere(page: SettingsPage, folder: Path) -> SettingsPage:
    """As it would read on any machine."""

    def told(text: str) -> str:
        return text.replace(str(folder), "/desk").replace(str(Path.home()), "~")

    rows = tuple(replace(row, value=told(row.value), origin=told(row.origin)) for row in page.rows)
    return replace(page, file=told(page.file), rows=rows)


def _prepare(folder: Path, rules: Any, clock: SettableClock, make_id: Callable[[], str]) -> None:
    store = OrderStore.open(folder / "desk.sqlite3", clock=clock)
    review = Review(store, rules=rules, make_id=make_id, make_ref=make_id, health=AuditHealth(store))
    review.acknowledge_checklist(
        Checklist(
            paper_trading_validated=True,
            approvals_reviewed=True,
            limits_reviewed=True,
            kill_switch_tested=True,
            incident_runbook_reviewed=True,
        )
    )
    assert review.open_switch("start of day", override="nothing was sent yet").state is KillSwitch.OPEN
    store.close()


# ---- the scenes


@dataclass(frozen=True)
class Scene:
    name: str
    play: Callable[[Stage], Awaitable[None]]
    orders: tuple[tuple[str, Order], ...] = ORDERS
    before: Callable[[Stage], Awaitable[None]] | None = None
    """What happened before the terminal was opened."""
    mode: str = "paper"
    only: tuple[tuple[int, int], ...] = ()
    """Sizes, where it is about the size."""
    comfort: Comfort = field(default_factory=Comfort)


async def nothing(stage: Stage) -> None:
    """Nobody has staged anything yet."""


async def desk(stage: Stage) -> None:
    await stage.select(stage.refs[0])


async def review(stage: Stage) -> None:
    await stage.select(stage.refs[0])
    await stage.until(lambda: stage._is_approvable(stage.refs[0]), "the gates")
    await _shown_as_approvable(stage)
    await stage.press_for("a", "ApproveScreen")
    await _armed(stage)


async def unusual(stage: Stage) -> None:
    """A market order asks for its quantity or its code."""
    await stage.select(stage.refs[3])
    await _shown_as_approvable(stage)
    await stage.press_for("a", "ApproveScreen")
    await _armed(stage)


async def edit(stage: Stage) -> None:
    """The form with which the operator puts other numbers into an order."""
    await stage.select(stage.refs[0])
    await _shown_as_approvable(stage)
    await stage.press_for("e", "EditScreen")
    await stage.pilot.pause(0.3)


async def batch(stage: Stage) -> None:
    """Three dull orders that are alike, marked and reviewed together."""
    for ref in stage.refs[2:5]:
        await stage.select(ref)
        await _shown_as_approvable(stage)
        await stage.pilot.press("space")
    await _says(stage, "3 marked")
    await stage.press_for("v", "BatchScreen")
    await _armed(stage)


async def eight_are_approved(stage: Stage) -> None:
    """In the last seconds, and each after a short look."""
    for ref in stage.refs[2:10]:
        await stage.until(lambda ref=ref: stage._is_approvable(ref), f"{ref} to be approvable")  # type: ignore[misc]
        shown = (await stage.desk.ticket(ref)).shown
        assert shown is not None
        await stage.desk.approve(shown, {"key": "Y", "reviewed": "1.400"})


async def some_are_done(stage: Stage) -> None:
    """Two filled, one working, one rejected. One step of the market, so that the prices are the same each time."""
    for number in (0, 2, 6):
        await stage.approve(stage.refs[number])
        await stage.has_status(stage.refs[number], Status.WORKING)
    await stage.broker.step()
    for number in (0, 2):
        await stage.has_status(stage.refs[number], Status.FILLED)
    await stage.desk.reject(stage.refs[1], "wait for the rate decision", "BAD_TIMING")


async def blotter(stage: Stage) -> None:
    await stage.pilot.press("2")
    await stage.select(stage.refs[0])


async def closed(stage: Stage) -> None:
    await stage.select(stage.refs[0])
    await stage.pilot.press("K")

    async def look() -> bool:
        return (await stage.desk.desk()).switch.state is KillSwitch.CLOSED and not stage.app.session.switch_open

    await stage.until(look, "the switch")
    await _says(stage, "CLOSED")


async def refused(stage: Stage) -> None:
    """Why an order was refused, with every number."""
    await stage.pilot.press("2")
    await stage.select(stage.refs[4])


async def help_page(stage: Stage) -> None:
    await stage.press_for("question_mark", "HelpScreen")


async def audit(stage: Stage) -> None:
    await stage.pilot.press("3")
    await stage.pilot.pause(0.3)


def page(key: str) -> Callable[[Stage], Awaitable[None]]:
    """One of the pages, when it was read."""

    async def show(stage: Stage) -> None:
        await stage.pilot.press(key)

        async def look() -> bool:
            return getattr(stage.app.view, "page", None) is not None

        await stage.until(look, f"the page of key {key}")

    return show


async def trouble(stage: Stage) -> None:
    """The switch was closed for a reason, and opened again."""
    await stage.desk.close_switch("the rebalancer sent the same order twice")
    stage.clock.forward(minutes=4)
    await stage.desk.open_switch("its configuration was mended; both orders were looked at", "drill")
    stage.clock.forward(seconds=30)
    await stage.desk.close_switch("lunch")


async def search(stage: Stage) -> None:
    await audit(stage)
    await stage.pilot.press("slash", *"staged rebalancer", "enter")
    await _says(stage, "the whole log")


async def filtered(stage: Stage) -> None:
    """What is typed is looked for in every column; the row under the cursor stays."""
    await stage.select(stage.refs[3])
    await stage.pilot.press("slash", *"tsla", "enter")
    await _says(stage, "shown by the filter")


async def jump(stage: Stage) -> None:
    await stage.select(stage.refs[0])
    await stage.pilot.press("colon", *"block")
    await _says(stage, "block")


async def palette(stage: Stage) -> None:
    await stage.select(stage.refs[0])
    await stage.press_for("ctrl+p", "CommandPalette")
    await _says(stage, "Forget what is remembered")


async def flood(stage: Stage) -> None:
    """One agent stages faster than anybody reads."""
    await stage.select(stage.refs[0])
    await _says(stage, "FLOOD")


async def _armed(stage: Stage) -> None:
    async def look() -> bool:
        return bool(getattr(stage.app.screen, "is_armed", False)) or "type" in picture_text(stage.app)

    await stage.until(look, "the review to be ready")
    await stage.pilot.pause(1.2)


async def _shown_as_approvable(stage: Stage) -> None:
    async def look() -> bool:
        view = stage.app.view
        ticket = view.ticket_pane.ticket if isinstance(view, OrdersScreen) else None
        return ticket is not None and ticket.approvable

    await stage.until(look, "an approvable ticket on the screen")


async def _says(stage: Stage, word: str) -> None:
    async def look() -> bool:
        return word in picture_text(stage.app)

    await stage.until(look, f"{word} on the screen")


SCENES: tuple[Scene, ...] = (
    Scene("empty", nothing, orders=()),
    Scene("desk", desk),
    Scene("hostile", desk, orders=(("intern-bot", HOSTILE),)),
    Scene("review", review),
    Scene("hurried", review, orders=SPREE, before=eight_are_approved),
    Scene("unusual", unusual),
    Scene("edit", edit),
    Scene("batch", batch, orders=SPREE),
    Scene("blotter", blotter, before=some_are_done),
    Scene("refused", refused),
    Scene("closed", closed),
    Scene("live", desk, mode="live"),
    Scene("help", help_page, orders=()),
    Scene("audit", audit),
    Scene("search", search),
    Scene("positions", page("4"), before=some_are_done),
    Scene("switch", page("5"), before=trouble),
    Scene("policies", page("6")),
    Scene("agents", page("7"), before=some_are_done),
    Scene("settings", page("8"), orders=()),
    Scene("filtered", filtered),
    Scene("jump", jump),
    Scene("palette", palette),
    Scene("flood", flood, orders=SPREE, comfort=Comfort(flood_per_minute=10)),
    Scene("small", desk, only=((60, 20),)),
    Scene("large", desk, only=((240, 80),)),
)
SIZES = ((80, 24), (120, 40), (200, 60))
