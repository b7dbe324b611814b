"""Text from outside made harmless: it can never move the cursor, hide, or pretend to be ours.

Agent text reaches a terminal in which a person decides about money. An escape sequence in it could
repaint a quantity, a bidi override could reverse a price, a zero-width character could make two
different symbols look alike. Everything of that kind is removed, and what was removed leaves a
visible mark, so that the operator sees that something was there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

MARK = "\u241b"  # SYMBOL FOR ESCAPE: shown where an escape sequence was
CONTROL_MARK = "\u00bf"  # shown where another control or invisible character was

_ESCAPE_SEQUENCE = re.compile(
    "\x1b\\][^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)?"  # OSC ... BEL or ST
    "|\x1b[PX^_][^\x1b\x9c]*(?:\x1b\\\\|\x9c)?"  # DCS, SOS, PM, APC ... ST
    "|\x1b\\[[0-?]*[ -/]*[@-~]?"  # CSI
    "|\x9b[0-?]*[ -/]*[@-~]?"  # CSI as one C1 character
    "|\x9d[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)?"  # OSC as one C1 character
    "|\x1b[ -/]*[0-~]?"  # two-character escapes
)
_KEPT_WHITESPACE = {"\n": "\n", "\t": " "}


def _is_invisible(character: str) -> bool:
    code = ord(character)
    return (
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
        or 0xFE00 <= code <= 0xFE0F  # variation selectors
        or 0xE0100 <= code <= 0xE01EF
        or code in (0x115F, 0x1160, 0x3164, 0xFFA0, 0x034F)  # fillers that draw nothing
    )


def sanitise(text: str) -> str:
    """Text that can be drawn anywhere: NFC, no escapes, controls, bidi or zero-width characters.

    Line feeds stay, tabs become a space. Idempotent. Marks are `␛` for an escape sequence and `¿`
    for any other character that was taken out.
    """
    if text.isascii() and text.isprintable():
        return text  # nearly all text is; ten thousand decisions have a million of them
    normalised = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    without_escapes = _ESCAPE_SEQUENCE.sub(MARK, normalised)
    kept = [_KEPT_WHITESPACE.get(c, CONTROL_MARK if _is_invisible(c) else c) for c in without_escapes]
    return _limit_marks("".join(kept))


_MANY_COMBINING = re.compile("(?:[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]){4,}")


def _limit_marks(text: str) -> str:
    """Towers of combining marks would paint over the lines above: four or more become one mark."""
    return unicodedata.normalize("NFC", _MANY_COMBINING.sub(CONTROL_MARK, text))


def one_line(text: str, width: int | None = None) -> str:
    """`sanitise`, with line feeds shown as a space, cut to `width` characters with an ellipsis."""
    flat = " ".join(sanitise(text).split())
    return flat if width is None or len(flat) <= width else flat[: max(0, width - 1)] + "…"


def harmless(value: Any) -> Any:
    """A JSON-like value whose every text, keys too, is sanitised."""
    if isinstance(value, str):
        return sanitise(value)
    if isinstance(value, Mapping):
        return {sanitise(str(key)): harmless(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [harmless(item) for item in value]
    return value
