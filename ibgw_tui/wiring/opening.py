"""What is tried before a screen is drawn: whoever cannot open the store is told so in the terminal they started in."""

from __future__ import annotations

from ibgw_tui.config import Loaded
from ibgw_tui.store import OrderStore
from ibgw_tui.wiring.clock import utc_now
from ibgw_tui.wiring.paths import resolve_home


def try_store(loaded: Loaded) -> None:
    """Raises OrderStoreError or SettingsError, as opening the desk would: no permission, a newer version, a broken file."""
    OrderStore.open(resolve_home(loaded).database, clock=utc_now).close()
