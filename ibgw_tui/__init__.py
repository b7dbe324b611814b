"""A terminal in which a person approves the brokerage orders that AI agents stage.

`from ibgw_tui import Staging` is the public face for strategies; see `ibgw_tui.sdk`. Importing this package alone
loads nothing: neither the screen nor a broker, nor the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ibgw_tui.core.errors import (
        Conflict,
        GatewayError,
        InvalidRequest,
        NotFound,
        NotPermitted,
        OrderStoreError,
        SettingsError,
    )
    from ibgw_tui.core.lifecycle import Status
    from ibgw_tui.sdk import AsyncStaging, Order, Staging

    __version__: str

_FACE = {
    **dict.fromkeys(("Staging", "AsyncStaging", "Order"), "ibgw_tui.sdk"),
    "Status": "ibgw_tui.core.lifecycle",
    **dict.fromkeys(
        ("GatewayError", "InvalidRequest", "NotFound", "NotPermitted", "Conflict", "OrderStoreError", "SettingsError"),
        "ibgw_tui.core.errors",
    ),
}
"""Name -> where it lives; imported when somebody asks for it."""

__all__ = [
    "AsyncStaging",
    "Conflict",
    "GatewayError",
    "InvalidRequest",
    "NotFound",
    "NotPermitted",
    "Order",
    "OrderStoreError",
    "SettingsError",
    "Staging",
    "Status",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Looked up when somebody asks: the look-up of the version alone costs more than many a command."""
    if name in _FACE:
        from importlib import import_module

        return getattr(import_module(_FACE[name]), name)
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ibgw-tui")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0+checkout"
