"""A terminal in which a person approves the brokerage orders that AI agents stage.

Importing this package loads neither the screen nor a broker.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("ibgw-tui")
except PackageNotFoundError:  # run from a checkout that was not installed
    __version__ = "0+checkout"
