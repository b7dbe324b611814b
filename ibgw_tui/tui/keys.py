"""Every key of the terminal, in one table.

From it are made: the bindings of the app, the screens and the lists, the footer, the help screen and
the table in the README. A key that is not here does nothing.

What may be a key at all is not a matter of taste. On a slow link an escape sequence can arrive torn
apart and its last letter be read as a key press, so no key that decides may be one of the letters
sequences end in (`FORGED`). A shifted letter confirms, never Enter, Space or `y`. Only the kill switch
and the quit guard have priority, that is, work inside dialogs too.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from enum import StrEnum

from textual.binding import Binding

FORGED = frozenset("ABCDEFHIMOPQRSZmuy~0123456789")
"""What a torn escape sequence can look like. `u` recalls all the same: taking back is the safe side."""


class Place(StrEnum):
    """Where a key works. Also the node of the screen that holds its binding."""

    APP = "everywhere"
    VIEW = "every screen"
    ORDERS = "review desk and blotter"
    LIST = "lists"
    TICKET = "the opened ticket"
    PAGE = "pages"
    REVIEW = "review dialog"


class Group(StrEnum):
    """The headings of the help screen."""

    MOVE = "Moving"
    DECIDE = "Deciding"
    STOP = "Stopping"
    LOOK = "Looking"
    LEAVE = "Leaving"


@dataclass(frozen=True, slots=True)
class Key:
    id: str
    keys: tuple[str, ...]
    """Names as Textual spells them."""
    shown: str
    """How a person reads them."""
    action: str
    """Name of the action on the node of `place`; empty where a dialog reads the key itself."""
    label: str
    """One or two words for the footer."""
    group: Group
    place: Place
    help: str
    priority: bool = False

    @property
    def footer(self) -> str:
        """The key as the footer shows it: the first of its spellings."""
        return self.shown.split(" ")[0]


_MOVE, _DECIDE, _STOP, _LOOK, _LEAVE = Group

# fmt: off
KEYS: tuple[Key, ...] = (
    # moving
    Key("down", ("j", "down"), "j ↓", "down", "next", _MOVE, Place.LIST, "To the next row."),
    Key("up", ("k", "up"), "k ↑", "up", "previous", _MOVE, Place.LIST, "To the previous row."),
    Key("first", ("g", "home"), "g Home", "first", "first", _MOVE, Place.LIST, "To the first row."),
    Key("last", ("G", "end"), "G End", "last", "last", _MOVE, Place.LIST, "To the last row."),
    Key("page_down", ("pagedown",), "PgDn", "page_down", "page", _MOVE, Place.LIST, "One page down."),
    Key("page_up", ("pageup",), "PgUp", "page_up", "page", _MOVE, Place.LIST, "One page up."),
    Key("newest", ("n",), "n", "newest", "newest", _MOVE, Place.VIEW,
        "To the newest row. New rows come in below and never move the cursor."),
    Key("open", ("enter",), "Enter", "open", "open", _MOVE, Place.LIST,
        "Open the ticket (or the audit entry): the keys above then scroll it. Enter never decides anything."),
    Key("back", ("escape",), "Esc", "go_back", "back", _MOVE, Place.APP,
        "Back: from the ticket to the list, out of a filter, out of a dialog."),
    Key("ticket_down", ("j", "down"), "j ↓", "ticket_down", "scroll", _MOVE, Place.TICKET, "One line down."),
    Key("ticket_up", ("k", "up"), "k ↑", "ticket_up", "scroll", _MOVE, Place.TICKET, "One line up."),
    Key("ticket_page_down", ("pagedown",), "PgDn", "ticket_page_down", "page", _MOVE, Place.TICKET, "A page down."),
    Key("ticket_page_up", ("pageup",), "PgUp", "ticket_page_up", "page", _MOVE, Place.TICKET, "A page up."),
    Key("ticket_first", ("g", "home"), "g Home", "ticket_first", "top", _MOVE, Place.TICKET, "To the top."),
    Key("ticket_last", ("G", "end"), "G End", "ticket_last", "end", _MOVE, Place.TICKET, "To the end."),
    Key("scroll_down", ("j", "down"), "j ↓", "scroll_down", "scroll", _MOVE, Place.PAGE, "One line down."),
    Key("scroll_up", ("k", "up"), "k ↑", "scroll_up", "scroll", _MOVE, Place.PAGE, "One line up."),
    Key("scroll_page_down", ("pagedown",), "PgDn", "page_down", "page", _MOVE, Place.PAGE, "A page down."),
    Key("scroll_page_up", ("pageup",), "PgUp", "page_up", "page", _MOVE, Place.PAGE, "A page up."),
    Key("scroll_first", ("g", "home"), "g Home", "scroll_home", "top", _MOVE, Place.PAGE, "To the top."),
    Key("scroll_last", ("G", "end"), "G End", "scroll_end", "end", _MOVE, Place.PAGE, "To the end."),
    # deciding
    Key("approve", ("a",), "a", "approve", "review to approve", _DECIDE, Place.ORDERS,
        "Open the review of the order on display. Only what is displayed there can be approved."),
    Key("confirm", ("Y",), "Y", "", "approve", _DECIDE, Place.REVIEW,
        "In the review: approve. It counts only when the review was on the screen for a moment and no other key "
        "came; an unusual order asks for its quantity or its code first."),
    Key("reject", ("r",), "r", "reject", "reject", _DECIDE, Place.ORDERS,
        "Reject the order with a reason, which the agent reads."),
    Key("edit", ("e",), "e", "edit", "edit", _DECIDE, Place.ORDERS,
        "Put another quantity, price or validity into an order that waits: a new revision by your hand, which the agent "
        "sees and you review like any other. Nothing is approved by it."),
    Key("ask_changes", ("b",), "b", "ask_changes", "give back", _DECIDE, Place.ORDERS,
        "Give the order back to the agent with what should be different: only a revision of it comes before you again."),
    Key("mark", ("space",), "Space", "mark", "mark", _LOOK, Place.ORDERS,
        "Mark the order under the cursor, or take its mark away: paper orders that are alike and pass everything can be "
        "reviewed together. Esc takes all marks away."),
    Key("review_marked", ("v",), "v", "review_marked", "review marked", _DECIDE, Place.ORDERS,
        "Open the review of all marked orders: every order and what they add up to. Their number or a code is typed, "
        "then Y; each is an approval of its own."),
    Key("submit", ("s",), "s", "submit", "send now", _DECIDE, Place.ORDERS,
        "Send an approved order now, without waiting for the rest of its hold-back."),
    Key("recall", ("u",), "u", "recall", "recall", _DECIDE, Place.ORDERS,
        "Take back an approval before it is sent."),
    Key("recall_all", ("U",), "U", "recall_all", "recall all", _DECIDE, Place.ORDERS,
        "Take back every approval that was not sent yet."),
    Key("write_off", ("w",), "w", "write_off", "write off", _DECIDE, Place.ORDERS,
        "Take an order in doubt as never placed, with a reason: only after the broker's records were looked up, or "
        "with a longer phrase. Nothing is sent."),
    # stopping
    Key("cancel", ("x",), "x", "cancel", "cancel", _STOP, Place.ORDERS,
        "Ask the broker to cancel the order. It may still fill until the broker has answered."),
    Key("cancel_all", ("X",), "X", "cancel_all", "cancel all", _STOP, Place.ORDERS,
        "Ask the broker to cancel every working order, and see what came of each."),
    Key("kill", ("K", "f12"), "K F12", "kill", "kill switch", _STOP, Place.APP,
        "Close the kill switch at once, from anywhere, also inside a dialog: no new order leaves. While you type text, "
        "K is a letter and F12 closes. When it is closed: open it, with a reason.", priority=True),
    # looking
    Key("desk", ("1",), "1", "view('desk')", "review desk", _LOOK, Place.APP,
        "The review desk: orders that wait, and one of them as a ticket."),
    Key("blotter", ("2",), "2", "view('blotter')", "blotter", _LOOK, Place.APP,
        "The blotter: orders that were sent or have ended."),
    Key("audit", ("3",), "3", "view('audit')", "audit log", _LOOK, Place.APP,
        "The audit log, newest entry at the bottom; further up, older ones are read as you come to them."),
    Key("positions", ("4",), "4", "view('positions')", "positions", _LOOK, Place.APP,
        "Positions of every account, what works, the worst case, and how much of each limit is used."),
    Key("switch", ("5",), "5", "view('switch')", "kill switch page", _LOOK, Place.APP,
        "The kill switch: its state and history, what stands against opening it, orders in doubt, foreign orders."),
    Key("policies", ("6",), "6", "view('policies')", "policies", _LOOK, Place.APP,
        "The limit policies number by number, with their overrides, and the paper-to-live checklist."),
    Key("agents", ("7",), "7", "view('agents')", "agents", _LOOK, Place.APP,
        "Who stages what: counts, approval rate, the last reasons against, the pending budget."),
    Key("settings", ("8",), "8", "view('settings')", "settings", _LOOK, Place.APP,
        "The configuration in force, where each value comes from, and where to change it."),
    Key("jump", (":",), ":", "jump", "go to", _LOOK, Place.VIEW,
        "Go to an order by its reference or the end of it, to a row by its number, to a screen by its name; in the audit "
        "log to an entry by its number."),
    Key("filter", ("/",), "/", "filter", "filter", _LOOK, Place.VIEW,
        "Show only rows that contain every word typed, in any column. The row under the cursor stays. In the audit log it "
        "searches the whole log: kind, actor, order and body."),
    Key("order_by", ("o",), "o", "order_by", "order by", _LOOK, Place.ORDERS,
        "Put the rows in another order: arrival, expiry, value, symbol, agent, state. The cursor stays on its row."),
    Key("wider", (">",), ">", "wider", "wider list", _LOOK, Place.ORDERS,
        "More room for the list, less for the ticket beside it."),
    Key("narrower", ("<",), "<", "narrower", "narrower list", _LOOK, Place.ORDERS,
        "Less room for the list, more for the ticket beside it."),
    Key("copy", ("c",), "c", "copy", "copy", _LOOK, Place.VIEW,
        "Copy the order reference (the entry's hash, the page) to the clipboard of your terminal."),
    Key("save", ("S",), "S", "save", "save", _LOOK, Place.VIEW,
        "Save the ticket (the entry, the page) as text to a file of your own, and say where."),
    Key("help", ("?",), "?", "help", "help", _LOOK, Place.APP, "This list of keys."),
    Key("palette", ("ctrl+p",), "Ctrl+P", "command_palette", "palette", _LOOK, Place.APP,
        "Search for screens, themes and other harmless commands. Nothing in it decides."),
    # leaving
    Key("quit", ("q",), "q", "quit_guard", "quit", _LEAVE, Place.APP,
        "Leave. Asks first while an approval is in its hold-back, or while orders work through this terminal."),
    Key("quit_now", ("ctrl+q", "ctrl+c"), "Ctrl+Q Ctrl+C", "quit_guard", "quit", _LEAVE, Place.APP,
        "The same from anywhere, also inside a dialog.", priority=True),
)
# fmt: on

ORDER_VIEWS = frozenset({"desk", "blotter"})
"""Screens with a list of orders and a ticket."""
BY_ID: dict[str, Key] = {key.id: key for key in KEYS}


def bindings(*places: Place) -> list[Binding]:
    """The Textual bindings for the node that stands for these places."""
    return [
        Binding(",".join(key.keys), key.action, key.label, id=key.id, priority=key.priority, show=False)
        for key in KEYS
        if key.place in places and key.action
    ]


def works_on(view: str) -> frozenset[Place]:
    """The places whose keys mean something on a screen."""
    inner = (
        {Place.ORDERS, Place.LIST, Place.REVIEW}
        if view in ORDER_VIEWS
        else {Place.LIST}
        if view == "audit"
        else {Place.PAGE}
    )
    return frozenset({Place.APP, Place.VIEW} | inner)


def grouped(
    keys: Iterable[Key] = KEYS, untold: Container[Place] = (Place.TICKET, Place.PAGE)
) -> list[tuple[Group, list[Key]]]:
    """Keys under their headings, in the order of the table; those that scroll a ticket or a page are told with the lists'."""
    told = [key for key in keys if key.place not in untold]
    return [(group, found) for group in Group if (found := [key for key in told if key.group is group])]


def markdown_table() -> str:
    """The keys that decide and stop, as the README shows them; the guide to the terminal has all."""
    rows = ["| key | what it does |", "|---|---|"]
    for group, keys in grouped():
        for key in keys if group in (Group.DECIDE, Group.STOP) else ():
            spellings = " ".join(f"`{spelling}`" for spelling in key.shown.split(" "))
            rows.append(f"| {spellings} | {key.help} |".replace("`|`", "`\\|`"))
    return "\n".join(rows)


def markdown_names() -> str:
    """Every key with its name for a keymap, as the guide shows them."""
    rows = ["| key | name | what it does |", "|---|---|---|"]
    for group, keys in grouped(KEYS, ()):
        rows.append(f"| **{group.value}** | | |")
        for key in keys:
            spellings = " ".join(f"`{spelling}`" for spelling in key.shown.split(" "))
            name = f"`{key.id}`" if key.action else "(one key, everywhere)"
            rows.append(f"| {spellings} | {name} | {key.help} |")
    return "\n".join(rows)
