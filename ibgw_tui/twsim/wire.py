"""Bytes and fields: the framing of the TWS protocol, and its handshake.

A frame is a length of four bytes and text fields, each ended by NUL. A client opens with `API\\0` and one
frame that names the versions it speaks and, other than all later ones, has no final NUL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

PREFIX = b"API\0"
LARGEST_FRAME = 1 << 20
"""Bytes; nothing a client may ask for comes near."""
LOWEST, HIGHEST = 157, 178
"""The server versions this TWS speaks."""

_HELLO = re.compile(rb"v(\d{1,4})\.\.(\d{1,4})(?: (.*))?", re.DOTALL)


class Malformed(ValueError):
    """The bytes are not what the protocol allows. Says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The versions that a client offers."""

    lowest: int
    highest: int

    @classmethod
    def parse(cls, payload: bytes) -> Hello:
        found = _HELLO.fullmatch(payload)
        if found is None:
            raise Malformed(f"the client opened with {payload[:40]!r}, not with versions such as v157..178")
        return cls(int(found[1]), int(found[2]))

    def agree(self, highest: int) -> int | None:
        """The highest version that both sides speak; None when there is none."""
        version = min(self.highest, highest)
        return version if version >= max(self.lowest, LOWEST) else None


class Frames:
    """Cuts a stream into frames, however it arrives."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._greeted = False

    def feed(self, data: bytes) -> list[bytes]:
        """Payloads that are complete by now, the handshake first. Raises Malformed."""
        self._buffer += data
        if not self._greeted:
            if not PREFIX.startswith(bytes(self._buffer[:4])):
                raise Malformed("the client did not open with API")
            if len(self._buffer) < len(PREFIX):
                return []
            del self._buffer[: len(PREFIX)]
            self._greeted = True
        payloads = []
        while (payload := self._next()) is not None:
            payloads.append(payload)
        return payloads

    def _next(self) -> bytes | None:
        if len(self._buffer) < 4:
            return None
        length = int.from_bytes(self._buffer[:4], "big")
        if not 0 < length <= LARGEST_FRAME:
            raise Malformed(f"a frame of {length} bytes")
        if len(self._buffer) < 4 + length:
            return None
        payload = bytes(self._buffer[4 : 4 + length])
        del self._buffer[: 4 + length]
        return payload


def split(payload: bytes) -> list[str]:
    """The fields of one frame."""
    if not payload.endswith(b"\0"):
        raise Malformed("the last field has no end")
    try:
        return payload[:-1].decode("utf-8").split("\0")
    except UnicodeDecodeError as error:
        raise Malformed("the text is not UTF-8") from error


def frame(fields: Iterable[str]) -> bytes:
    """Fields as one frame. What is not ASCII is sent as its escape, as servers from version 153 on do."""
    texts = list(fields)
    assert not any("\0" in text for text in texts), "a NUL would shift the fields after it"
    payload = "".join(text + "\0" for text in texts).encode("ascii", "backslashreplace")
    return len(payload).to_bytes(4, "big") + payload
