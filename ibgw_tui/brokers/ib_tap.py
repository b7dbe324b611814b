"""Hears every message of TWS as it was decoded, before the client library makes something of it.

The library looks its handlers up on the wrapper object at each call, so an attribute of that object is
enough: no subclass, no copy of the library. It depends on this inside, and its version is pinned for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ib_async import IB

log = logging.getLogger(__name__)

Hear = Callable[..., None]


def tap(ib: IB, hearers: dict[str, Hear], failed: Callable[[str, Exception], None]) -> Callable[[set[str]], None]:
    """Call `hearers[name]` with the raw arguments of each message, then the library's own handler.

    Returns a function that keeps named messages from the library: then nothing is guessed from them.
    """
    silenced: set[str] = set()

    def wire(name: str, hear: Hear) -> None:
        original: Hear | None = getattr(ib.wrapper, name, None)

        def heard(*arguments: Any) -> None:
            try:
                hear(*arguments)
            except Exception as error:
                log.exception("a message of TWS (%s) could not be understood", name)
                failed(name, error)
            if original is not None and name not in silenced:
                original(*arguments)

        setattr(ib.wrapper, name, heard)

    for name, hear in hearers.items():
        wire(name, hear)
    return silenced.update
