"""The keys are always somewhere: also after the list was empty."""

from __future__ import annotations

from ibgw_tui.core.lifecycle import Status
from ibgw_tui.tui.screens.orders import OrdersScreen
from tests.tui.fake_desk import FakeDesk, TickingClock
from tests.tui.helpers import running, shows, until


async def test_the_first_order_on_an_empty_desk_is_reached_by_key() -> None:
    desk = FakeDesk(clock=TickingClock())
    ref = desk.stage()
    async with running(desk) as (app, pilot):
        view = app.view
        assert isinstance(view, OrdersScreen)
        desk.change(ref, status=Status.REJECTED)
        desk.ring()
        await until(pilot, lambda: view.orders.rows.is_gone(ref), "the tombstone")
        await pilot.press("g")
        await shows(pilot, "No orders wait")
        first, second = desk.stage(), desk.stage()
        desk.ring()
        await until(pilot, lambda: view.orders.cursor == first, "the first order")
        await until(pilot, lambda: view.orders.has_focus, "the keys to be in the list")
        await pilot.press("j")
        await until(pilot, lambda: view.orders.cursor == second, "the second order")
        await pilot.press("enter")
        await until(pilot, lambda: view.ticket_pane.has_focus, "its ticket")
