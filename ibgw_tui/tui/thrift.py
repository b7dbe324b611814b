"""Fewer bytes for the same picture: what a slow link has to carry for every key and every tick.

Textual ends each piece of text with a reset and begins the next one with all of its colours, forty bytes for
a single letter. Here only what differs from the piece before is written: a third of the bytes. The tests draw
both on a model screen, cell by cell. Anything that is not understood is written as it came.
"""

from __future__ import annotations

import re
from functools import lru_cache

Style = tuple[tuple[str, str], ...]
"""What is switched on: (what it is, the codes that switch it on), in a fixed order."""
PLAIN: Style = ()

_TOKEN = re.compile(r"\x1b\[(?P<style>[0-9;]*)m|\n?(?P<move>\x1b\[[0-9]+;[0-9]+H)")
"""A style, or a jump of the cursor, which needs none (nor the line feed that Textual writes before some)."""
_FLAGS = {
    "1": ("weight", "22"), "2": ("weight", "22"), "3": ("italic", "23"), "4": ("underline", "24"),
    "5": ("blink", "25"), "6": ("blink", "25"), "7": ("reverse", "27"), "8": ("concealed", "28"),
    "9": ("struck", "29"), "21": ("underline", "24"), "53": ("overline", "55"),
}  # fmt: skip
"""Code -> what it switches, and the code that switches it off."""
_OFF = {**dict(_FLAGS.values()), "text": "39", "ground": "49"}
_COLOURS = {
    **{str(code): "text" for code in (*range(30, 38), *range(90, 98))},
    **{str(code): "ground" for code in (*range(40, 48), *range(100, 108))},
}


class NotUnderstood(ValueError):
    """A style that is none of ours."""


def thrifty(data: str) -> str:
    """The same picture in fewer bytes. Begins and ends, as every frame does, with nothing switched on."""
    try:
        return _rewritten(data)
    except NotUnderstood:
        return data


def _rewritten(data: str) -> str:
    parts: list[str] = []
    now = wanted = PLAIN
    at, move = 0, ""
    for token in _TOKEN.finditer(data):
        if token.start() > at:
            parts.append(move)
            move = ""
            if now != wanted:
                parts.append(_step(now, wanted))
                now = wanted
            parts.append(data[at : token.start()])
        at = token.end()
        codes = token["style"]
        if codes is None:
            move = token["move"]  # of several in a row the last one counts
        else:
            wanted = _after(wanted, codes)
    parts.append(move)
    if at < len(data):
        if now != wanted:
            parts.append(_step(now, wanted))
            now = wanted
        parts.append(data[at:])
    if now != wanted:
        parts.append(_step(now, wanted))
    if wanted:
        raise NotUnderstood("a frame that leaves something switched on")
    return "".join(parts)


@lru_cache(maxsize=4096)
def _after(style: Style, codes: str) -> Style:
    """What is on after one more sequence."""
    on = dict(style)
    words = iter(codes.split(";"))
    for word in words:
        if word in ("", "0"):
            on.clear()
        elif word in _FLAGS:
            name = _FLAGS[word][0]
            on[name] = f"{on[name]};{word}" if name in on and word not in on[name].split(";") else on.get(name, word)
        elif word in ("38", "48"):
            kind = next(words, "")
            count = {"2": 3, "5": 1}.get(kind)
            if count is None:
                raise NotUnderstood(codes)
            on["text" if word == "38" else "ground"] = ";".join([word, kind, *(next(words, "0") for _ in range(count))])
        elif word in _COLOURS:
            on[_COLOURS[word]] = word
        elif word in ("39", "49"):
            on.pop("text" if word == "39" else "ground", None)
        else:
            raise NotUnderstood(codes)
    return tuple(sorted(on.items()))


@lru_cache(maxsize=8192)
def _step(before: Style, after: Style) -> str:
    """The shortest way from one style to another: by its differences, or from nothing."""
    if not after:
        return "\x1b[0m"
    was, will = dict(before), dict(after)
    codes = [_OFF[name] for name in was if name not in will]
    for name, value in will.items():
        if was.get(name) != value:
            codes += [_OFF[name], value] if name in was and name not in ("text", "ground") else [value]
    anew = ["0", *will.values()]
    return f"\x1b[{min(';'.join(codes), ';'.join(anew), key=len)}m"
