"""REMEMBERS. The only room that speaks SQL (through Peewee, on the SQLite that apsw brings)."""

from ibgw_tui.store.change import Change
from ibgw_tui.store.order_store import OrderStore

__all__ = ["Change", "OrderStore"]
