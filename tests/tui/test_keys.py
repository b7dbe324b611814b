"""The table of keys: complete, unambiguous, and free of keys that a torn escape sequence could press."""

from __future__ import annotations

import pytest
from textual.app import App
from textual.dom import DOMNode

from ibgw_tui.tui.app import DeskApp
from ibgw_tui.tui.keys import BY_ID, FORGED, KEYS, Group, Key, Place, bindings, grouped, markdown_names, markdown_table
from ibgw_tui.tui.screens.audit import AuditScreen
from ibgw_tui.tui.screens.blotter import BlotterScreen
from ibgw_tui.tui.screens.board import BoardScreen
from ibgw_tui.tui.screens.desk import DeskScreen
from ibgw_tui.tui.screens.orders import OrdersScreen
from ibgw_tui.tui.widgets.line_list import LineList
from ibgw_tui.tui.widgets.page_pane import PagePane
from ibgw_tui.tui.widgets.ticket import TicketPane

HOLDERS: dict[Place, tuple[type[DOMNode], ...]] = {
    Place.APP: (DeskApp,),
    Place.VIEW: (DeskScreen, BlotterScreen, AuditScreen),
    Place.ORDERS: (DeskScreen, BlotterScreen),
    Place.LIST: (LineList,),
    Place.TICKET: (TicketPane,),
    Place.PAGE: (PagePane,),
}
DECIDING = {"approve", "confirm", "reject", "submit", "write_off", "cancel", "cancel_all", "kill"}


def test_identities_and_keys_are_unique() -> None:
    assert len({key.id for key in KEYS}) == len(KEYS)
    # Reachable at the same time: the app's, the view's, and those of the list or of the ticket.
    for inner in (Place.LIST, Place.TICKET, Place.PAGE):
        together = [key for key in KEYS if key.place in (Place.APP, Place.VIEW, Place.ORDERS, inner)]
        names = [name for key in together for name in key.keys]
        assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("key", [key for key in KEYS if key.action], ids=lambda key: key.id)
def test_every_key_has_its_action(key: Key) -> None:
    name = key.action.split("(")[0]
    for holder in HOLDERS[key.place]:
        assert callable(getattr(holder, f"action_{name}", None)), f"{holder.__name__} has no action_{name}"


def test_every_holder_binds_its_keys() -> None:
    bound: dict[type[DOMNode], Place] = {
        DeskApp: Place.APP, BoardScreen: Place.VIEW, OrdersScreen: Place.ORDERS, LineList: Place.LIST, TicketPane: Place.TICKET,
        PagePane: Place.PAGE,
    }  # fmt: skip
    for holder, place in bound.items():
        ids = {getattr(binding, "id", None) for binding in holder.BINDINGS}
        assert {key.id for key in KEYS if key.place is place and key.action} <= ids


def test_no_deciding_key_can_be_forged_by_a_torn_escape_sequence() -> None:
    for name in DECIDING:
        assert not FORGED & {key for key in BY_ID[name].keys if len(key) == 1}, name


def test_enter_and_space_decide_nothing() -> None:
    assert BY_ID["open"].keys == ("enter",)
    assert BY_ID["mark"].keys == ("space",) and BY_ID["mark"].group is not Group.DECIDE
    assert not any({"space", "y"} & set(key.keys) for key in KEYS if key.id != "mark")


def test_only_the_kill_switch_and_the_way_out_have_priority() -> None:
    assert {key.id for key in KEYS if key.priority} == {"kill", "quit_now"}
    for binding in App.BINDINGS:
        assert getattr(binding, "action", "") in ("quit", "help_quit"), "Textual brings a binding we do not know"


def test_bindings_carry_identity_for_keymaps() -> None:
    assert all(binding.id for place in Place for binding in bindings(place))


def test_help_has_every_key_once_the_guide_has_all_and_the_readme_those_that_decide_and_stop() -> None:
    table, guide = markdown_table(), markdown_names()
    told = [key for _, keys in grouped() for key in keys]
    assert [key.id for key in told] == [key.id for group in Group for key in KEYS
                                        if key.group is group and key.place not in (Place.TICKET, Place.PAGE)]  # fmt: skip
    for key in told:
        assert (key.help in table) is (key.group in (Group.DECIDE, Group.STOP))
        assert key.help in guide
    assert all(line.count("|") - line.count("\\|") == 3 for line in table.splitlines())
