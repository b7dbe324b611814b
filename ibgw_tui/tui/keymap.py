"""The operator's own keys. They are added to the table's, never put in their place.

So what the screen, the manual and a colleague say ("press K") is true at every desk, also in a hurry. A key
that decides obeys the same rules as the table's own: nothing that a torn escape sequence could press, no
Enter, Space or `y`. A line that cannot be used is left out and said; the others count.

    [keys]
    down = "ctrl+n"
    filter = ["f", "ctrl+f"]
"""

from __future__ import annotations

import logging
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from textual.keys import _character_to_key

from ibgw_tui.tui.keys import BY_ID, FORGED, KEYS, Group, Key
from ibgw_tui.tui.safe import short

log = logging.getLogger(__name__)

MOST_BYTES = 100_000
_NAMED = re.compile(r"(?:(?:ctrl|alt|shift|super)\+)*(?:[a-z0-9_]+|[!-~])")
_ALONE = re.compile(r"(?:ctrl|alt)\+\S+|f[0-9]{1,2}")
"""Keys that type nothing."""
_NEVER = frozenset({"enter", "space", "escape", "tab", "y", "backspace"})
"""Of every dialog and every input; and none of them may ever decide."""


@dataclass(frozen=True, slots=True)
class Keymap:
    """Additional keys by the identity of what they do, and what was wrong with the file."""

    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def bound(self) -> dict[str, str]:
        """For Textual: the table's keys and the operator's, of those that have any."""
        return {name: ",".join((*BY_ID[name].keys, *keys)) for name, keys in self.extra.items()}

    def shown(self, key: Key) -> str:
        """The key as the help screen shows it."""
        return " ".join((key.shown, *self.extra.get(key.id, ())))


def load_keymap(file: Path) -> Keymap:
    """Read the file; none is an empty keymap. Never raises: what is wrong is said in `problems`."""
    try:
        with file.open("rb") as opened:
            text = opened.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise ValueError("it is too long")
        told = tomllib.loads(text.decode("utf-8"))
    except FileNotFoundError:
        return Keymap()
    except (OSError, ValueError) as error:  # TOML and UTF-8 errors are ValueErrors
        return _logged(Keymap(problems=(f"{file} cannot be used: {short(str(error), 200)}",)), file)
    return _logged(make_keymap(told), file)


def _logged(keymap: Keymap, file: Path) -> Keymap:
    for problem in keymap.problems:
        log.warning("keymap %s: %s", file, problem)
    return keymap


def make_keymap(told: Mapping[str, object]) -> Keymap:
    """The usable lines of a keymap, and what is wrong with the others."""
    problems = [
        f"{short(str(name), 40)!r} is no table of a keymap; there is one: [keys]" for name in told if name != "keys"
    ]
    table = told.get("keys", {})
    if not isinstance(table, Mapping):
        return Keymap(problems=(*problems, "[keys] is not a table"))
    extra: dict[str, tuple[str, ...]] = {}
    taken = {_normal(spelling): key.id for key in KEYS for spelling in key.keys}
    for name, value in table.items():
        wanted = [value] if isinstance(value, str) else value
        if not isinstance(wanted, list) or not all(isinstance(key, str) for key in wanted):
            problems.append(f"{short(str(name), 40)}: give a key or a list of keys, in quotes")
            continue
        for spelling in wanted:
            problem = _against(name, spelling, taken)
            if problem:
                problems.append(f"{short(str(name), 40)} = {short(spelling, 20)!r}: {problem}")
                continue
            taken[_normal(spelling)] = name
            extra[name] = (*extra.get(name, ()), spelling)
    return Keymap(extra, tuple(problems))


def _against(name: str, spelling: str, taken: Mapping[str, str]) -> str:
    """Why this key cannot do this; empty when it can."""
    key = BY_ID.get(name)
    if key is None:
        return "there is no such action; docs/terminal.md lists them"
    if not key.action:
        return "a confirmation has one key, the same on every desk"
    if "," in spelling or not _NAMED.fullmatch(spelling):
        return "not the name of a key, such as f, F, f5, ctrl+f, left or slash"
    normal = _normal(spelling)
    if normal in _NEVER:
        return "this key belongs to dialogs and inputs"
    if normal in taken:
        return f"it does {taken[normal]!r} already"
    if key.priority and not _ALONE.fullmatch(spelling):
        return "it works while you type text, too: take a function key or one with ctrl"
    if key.group in (Group.DECIDE, Group.STOP) and spelling in FORGED:
        return "a torn escape sequence could press it; take another letter for something that decides"
    return ""


def _normal(spelling: str) -> str:
    """As Textual calls it: '/' is 'slash'."""
    return _character_to_key(spelling) if len(spelling) == 1 else spelling
