"""Parts of the documentation that are made from the code. `python -m tests.generated_docs` rewrites them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ibgw_tui.core.lifecycle import AT_BROKER, AUTHORITY, OPEN, TRANSITIONS, Signal, Status

ROOT = Path(__file__).resolve().parents[1]


def lifecycle_table() -> str:
    """What follows what, and who may say so."""
    rows = ["| status | what may happen (and who may say so) | then |", "|---|---|---|"]
    for status in Status:
        kind = "" if status in OPEN else " (at the broker)" if status in AT_BROKER else " (ended)"
        for number, (signal, follower) in enumerate(TRANSITIONS[status].items()):
            rows.append(
                f"| {f'**{status.value}**{kind}' if number == 0 else ''} | {_said(signal)} | {follower.value} |"
            )
        if not TRANSITIONS[status]:
            rows.append(f"| **{status.value}**{kind} | nothing | |")
    return "\n".join(rows)


def _said(signal: Signal) -> str:
    return f"{signal.value} ({', '.join(sorted(actor.value for actor in AUTHORITY[signal]))})"


def key_table() -> str:
    from ibgw_tui.tui.keys import markdown_table

    return markdown_table()


def key_names() -> str:
    from ibgw_tui.tui.keys import markdown_names

    return markdown_names()


def _decision_part(name: str) -> Callable[[], str]:
    """Parts about decisions import the whole core: only when they are asked for."""

    def make() -> str:
        from tests import decision_docs

        text: str = getattr(decision_docs, name)()
        return text

    return make


def _door_part(name: str) -> Callable[[], str]:
    """Parts about doors import them: only when they are asked for."""

    def make() -> str:
        from tests import door_docs

        text: str = getattr(door_docs, name)()
        return text

    return make


def hour_faults() -> str:
    """Every fault of the hour of trading, and how long it lasts."""
    from tests.trading.faults import FAULTS

    whole = sum(fault.weight for fault in FAULTS)
    rows = ["| fault | of all, % | lasts, s |", "|---|---|---|"]
    for fault in FAULTS:
        lasts = "{:g} to {:g}".format(*fault.seconds) if fault.lift is not None else ""
        rows.append(f"| {fault.name} | {100 * fault.weight / whole:.0f} | {lasts} |")
    return "\n".join(rows)


def hour_checked() -> str:
    from tests.trading.judge import CHECKED

    return "\n".join(f"- {words}" for words in CHECKED)


def _picture_of_imports() -> str:
    from tests import import_docs

    return import_docs.picture()


def _imports() -> str:
    from tests import import_docs

    return import_docs.import_table()


PARTS: list[tuple[str, str, Callable[[], str]]] = [
    ("README.md", "keys", key_table),
    ("docs/terminal.md", "key-names", key_names),
    ("docs/architecture.md", "imports", _imports),
    ("docs/glossary.md", "lifecycle", lifecycle_table),
    ("docs/gates.md", "gates", _decision_part("gate_sections")),
    ("docs/limits.md", "fields", _decision_part("field_table")),
    ("docs/limits.md", "limits", _decision_part("limit_sections")),
    ("docs/cases.md", "sections", _decision_part("case_table")),
    ("docs/cli.md", "exit-codes", _door_part("exit_table")),
    ("docs/cli.md", "commands", _door_part("command_sections")),
    ("docs/errors.md", "errors", _door_part("error_table")),
    ("docs/agents.md", "tools", _door_part("tool_table")),
    ("docs/reliability.md", "hour-faults", hour_faults),
    ("docs/reliability.md", "hour-checked", hour_checked),
]
"""(page, name of the part between its markers, what makes it)"""
WHOLE: list[tuple[str, Callable[[], str]]] = [("docs/architecture.svg", _picture_of_imports)]
"""(file, what makes all of it)"""


def renewed(page: str, name: str, text: str) -> str:
    """The page with the part between `<!-- name: begin -->` and `<!-- name: end -->` replaced."""
    pattern = re.compile(rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
    content = (ROOT / page).read_text(encoding="utf-8")
    if not pattern.search(content):
        raise ValueError(f"{page} has no part {name!r}")
    return pattern.sub(lambda found: f"{found[1]}{text}\n{found[2]}", content)


def main() -> None:
    for page, name, make in PARTS:
        (ROOT / page).write_text(renewed(page, name, make()), encoding="utf-8")
        print(f"{page}: {name}")
    for file, make in WHOLE:
        (ROOT / file).write_text(make() + "\n", encoding="utf-8")
        print(file)


if __name__ == "__main__":
    main()
