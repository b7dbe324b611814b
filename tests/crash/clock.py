"""One clock for all processes of a desk, which the harness can move forward without waiting."""

from __future__ import annotations

import mmap
import os
from datetime import datetime, timedelta
from pathlib import Path

from ibgw_tui.wiring.clock import utc_now

_BYTES = 8


class SharedClock:
    """The real time plus what is in a small file that every process has mapped."""

    def __init__(self, path: Path) -> None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(handle, _BYTES)
        self._map = mmap.mmap(handle, _BYTES)
        os.close(handle)

    def __call__(self) -> datetime:
        return utc_now() + timedelta(microseconds=int.from_bytes(self._map[:_BYTES], "little"))

    def forward(self, seconds: float) -> None:
        """Only one process may move it."""
        offset = int.from_bytes(self._map[:_BYTES], "little") + int(seconds * 1_000_000)
        self._map[:_BYTES] = offset.to_bytes(_BYTES, "little")
