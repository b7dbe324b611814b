"""A terminal in which a person approves the brokerage orders that AI agents stage.

Importing this package loads neither the screen nor a broker.
"""

from __future__ import annotations

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """The version is looked up when somebody asks: the look-up costs more than many a command."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ibgw-tui")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0+checkout"
