"""Order ids that are never given twice, whatever TWS offers after a restart.

TWS can offer ids again that it has forgotten. A second use would mix up two orders, so the highest id that
may have been used is kept in a file, and the next session starts above it. The file also belongs to one
process at a time: two sessions of one client id would be worse than none.
"""

from __future__ import annotations

from pathlib import Path

from ibgw_tui.core.errors import BrokerError
from ibgw_tui.state_file import StateFile, Taken

RESERVED = 100
"""Ids are reserved in blocks, so that not every order waits for the disk."""


class OrderIds:
    """Give ids that were not used before. Without a file they are only new in this process."""

    def __init__(self, path: Path | None) -> None:
        self._file = StateFile(path) if path is not None else None
        self._reserved = 0
        self._used = 0

    def open(self) -> None:
        """Raises BrokerError when another process has it, or it cannot be read."""
        if self._file is None or self._file.is_held:
            return
        try:
            self._file.hold()
            data = self._file.read() or {}
            self._used = self._reserved = max(self._reserved, int(data.get("order_id", 0)))
        except Taken:
            raise BrokerError(
                "another process of this desk is connected to TWS", user_action="close it, or wait until it has ended"
            ) from None
        except (OSError, ValueError, TypeError) as error:
            self._file.release()
            raise BrokerError(
                f"{self._file.path.name} cannot be read: {error}",
                user_action="look at it; it keeps order ids from being used twice",
            ) from error

    def close(self) -> None:
        if self._file is not None:
            self._file.release()

    @property
    def highest(self) -> int:
        """No id up to this one may be used."""
        return self._used

    def use(self, order_id: int) -> None:
        """Before an id goes out. Raises OSError, and then it must not."""
        self._used = max(self._used, order_id)
        if order_id > self._reserved:
            reserved = order_id + RESERVED
            if self._file is not None:
                self._file.write({"order_id": reserved})
            self._reserved = reserved
