"""The configuration in force, with where each value comes from and where to change it. Read only."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ibgw_tui.service.pages import SettingRow, SettingsPage
from ibgw_tui.tui.comfort import Comfort
from ibgw_tui.tui.heralds import desktop_kind
from ibgw_tui.tui.hygiene import LoopLag
from ibgw_tui.tui.present import Tone
from ibgw_tui.tui.screens.page import PageScreen
from ibgw_tui.tui.session import Session
from ibgw_tui.tui.widgets.sections import Cell, Col, Row, Section, fact, sentence, table

COLUMNS = (Col("setting", 46), Col("origin", 44, weight=1), Col("value", 400, wraps=True))


class SettingsScreen(PageScreen[SettingsPage]):
    ONLY_BY_AUDIT = True
    view = "settings"
    title_word = "settings"

    def __init__(self, session: Session, comfort: Comfort) -> None:
        super().__init__(session)
        self._comfort = comfort

    async def read(self) -> SettingsPage:
        return await self.session.port.settings_page()

    def _noises(self, width: int) -> list[Row]:
        """Who hears of a ring and what is wrong with it, and what is wrong with the operator's own keys."""
        comfort = self._comfort
        kind = desktop_kind(comfort.desktop, os.environ)
        bell = f"bell {'on' if comfort.bell else 'off'}, desktop notification {kind}"
        told = [fact("rings", f"{bell}; at most one in {comfort.ring_every_seconds:g} s", width)]
        for herald in comfort.heralds:
            tone = Tone.REFUSE if herald.problem else Tone.GOOD
            told.append(sentence(f"{herald.name}: {herald.problem or 'no problem so far'}", width, tone))
        keymap = comfort.keymap
        count = sum(len(keys) for keys in keymap.extra.values())
        told.append(fact("own keys", f"{count} added" if count else "none added", width))
        return told + [sentence(f"keymap: {problem}", width, Tone.WARN) for problem in keymap.problems]

    def sections(self, page: SettingsPage, width: int) -> Sequence[Section]:
        terminal = [
            fact("theme", f"{self.app.theme}: Ctrl+P, then Theme, for another one", width),
            fact("window", f"{self.app.size.width} x {self.app.size.height}", width),
            fact("loop", _lateness(getattr(self.app, "loop_lag", None)), width),
            *self._noises(width),
        ]
        missing = "" if page.exists else " (there is none: the defaults are in force; `ibgw config init` writes one)"
        told = (
            "Flags win over the environment, the environment over the file. What is changed counts from the next start"
        )
        told += " of the terminal and of the router; `ibgw config check` reads a draft before."
        change = [fact("file", (page.file or "not known") + missing, width), sentence(told, width, Tone.QUIET)]
        found = [Section("this terminal", terminal), Section("where to change it", change)]
        if not page.rows:
            told = "No configuration was handed to this terminal. `ibgw config show --origin` tells it."
            return [*found, Section("settings in force", [sentence(told, width, Tone.QUIET)])]
        tables: dict[str, list[SettingRow]] = {}
        for row in page.rows:
            tables.setdefault(_table(row.key), []).append(row)
        return found + [
            table(name, COLUMNS, [_cells(row, page.file) for row in rows], width) for name, rows in tables.items()
        ]


def _lateness(lag: LoopLag | None) -> str:
    """What the watchdog counted: how often this screen was late, and how late."""
    if lag is None:
        return "not watched"
    return (
        f"{lag.over_16_ms:,} of {lag.looks:,} looks late by over 16 ms, the worst by {lag.worst_ms:,.0f} ms; "
        f"{lag.over_250_ms:,} stalls"
    )


def _table(key: str) -> str:
    first, _, rest = key.partition(".")
    return f"{first}.{rest.partition('.')[0]}" if first == "policies" else first


def _cells(row: SettingRow, file: str) -> list[Cell]:
    is_default = row.origin == "default"
    origin = "file" if row.origin == f"file {file}" else row.origin
    return [
        (row.key, Tone.PLAIN),
        (origin, Tone.QUIET if is_default else Tone.WARN if origin.startswith(("environment", "flag")) else Tone.PLAIN),
        (row.value, Tone.QUIET if is_default else Tone.STRONG),
    ]
