"""What the command palette offers: every screen and everything that only looks. Nothing in it decides."""

from __future__ import annotations

SCREENS: tuple[tuple[str, str, str], ...] = (
    ("Review desk", "Orders that wait", "desk"),
    ("Blotter", "Orders that were sent or have ended", "blotter"),
    ("Audit log", "The whole log, newest entry last", "audit"),
    ("Positions", "And how much of each limit is used", "positions"),
    ("Kill switch", "Its history, and what stands against opening it", "switch"),
    ("Policies", "Every limit, and the paper-to-live checklist", "policies"),
    ("Agents", "Who stages what, and what becomes of it", "agents"),
    ("Settings", "The configuration in force", "settings"),
)
"""(name, what it is for, screen)"""
LOOKING: tuple[tuple[str, str, str], ...] = (
    ("Filter", "Show only rows with all the words you type", "filter"),
    ("Go to", "An order, a row or an entry by its number, a screen", "jump"),
    ("Newest", "To the newest row", "newest"),
    ("Copy", "The order's reference, the entry's hash or the page, to the clipboard", "copy"),
    ("Save", "The ticket, the entry or the page, as a text file", "save"),
    ("Order by", "Put the rows in another order", "order_by"),
    ("Wider list", "Less room for the ticket beside it", "wider"),
    ("Narrower list", "More room for the ticket beside it", "narrower"),
)
"""(name, what it does, action of the screen)"""
ORDERS_ONLY = frozenset({"order_by", "wider", "narrower"})
"""Actions of screens with a list of orders."""
