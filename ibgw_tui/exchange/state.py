"""The whole market as one plain value and back, digit for digit.

A market loaded from its dump has the same future as the one that was dumped, because everything that
the future depends on is in it.
"""

from __future__ import annotations

from dataclasses import astuple
from datetime import datetime
from decimal import DecimalException
from typing import Any

from ibgw_tui.core.terms import Side, iso
from ibgw_tui.exchange.accounts import Account
from ibgw_tui.exchange.book import Book
from ibgw_tui.exchange.exact import as_text, from_text
from ibgw_tui.exchange.floor import Floor
from ibgw_tui.exchange.quotes import Touch

VERSION = 1


def dump_floor(floor: Floor) -> dict[str, Any]:
    return {
        "version": VERSION,
        "seed": floor.seed,
        "born": iso(floor.born),
        "keeps_hours": floor.keeps_hours,
        "at": iso(floor.at),
        "step": floor.step_number,
        "revision": floor.revision,
        "taken": floor.taken,
        "executed": floor.executed,
        "accounts": [account.dump() for account in floor.accounts.values()],
        "book": floor.book.dump(),
        "used": [[con_id, side.value, as_text(size)] for (con_id, side), size in floor.used.items()],
        "pins": {str(con_id): [as_text(number) for number in astuple(pin)] for con_id, pin in floor.pins.items()},
    }


def load_floor(data: dict[str, Any]) -> Floor:
    """Raises ValueError when `data` is not a market of this version."""
    version = data.get("version")
    if version != VERSION:
        raise ValueError(f"the market's state has version {version}; this program reads version {VERSION}")
    try:
        return _load(data)
    except (KeyError, TypeError, AttributeError, DecimalException) as error:
        raise ValueError(f"the market's state is damaged: {type(error).__name__} {error}") from error


def _load(data: dict[str, Any]) -> Floor:
    accounts = [Account.load(item) for item in data["accounts"]]
    return Floor(
        seed=data["seed"],
        born=datetime.fromisoformat(data["born"]),
        keeps_hours=data["keeps_hours"],
        at=datetime.fromisoformat(data["at"]),
        step_number=data["step"],
        revision=data["revision"],
        taken=data["taken"],
        executed=data["executed"],
        book=Book.load(data["book"]),
        accounts={account.account_id: account for account in accounts},
        used={(con_id, Side(side)): from_text(size) for con_id, side, size in data["used"]},
        # Markets were saved before prices could be pinned.
        pins={int(con_id): Touch(*map(from_text, numbers)) for con_id, numbers in data.get("pins", {}).items()},
    )
