"""The picture of the rooms and who imports whom, drawn from the imports of the code.

Rows are the layers of the import contract in pyproject.toml, arrows are what the code really imports. An arrow that
follows from others (the terminal reaches the core through everything between) is left out of the picture; the table
below it has them all. Only the columns are chosen by hand.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

import grimp

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "ibgw_tui"
Imports = Mapping[str, frozenset[str]]

COLUMNS = {
    "demo": 0.0,
    "tui": 0.0, "mcp_server": 1.4, "sdk": 2.8, "cli": 4.2,
    "wiring": 1.5,
    "service": 1.5,
    "config": 0.0, "store": 1.5, "brokers": 3.1, "twsim": 4.2,
    "exchange": 3.1, "state_file": 4.2,
    "core": 1.5,
}  # fmt: skip
"""Where a room stands in its row, so that arrows hit no other room."""
DOES = {
    "demo": "a desk to play with",
    "tui": "the operator's door", "mcp_server": "agents' door", "sdk": "strategies' door", "cli": "scripts' door",
    "wiring": "puts it all together",
    "service": "acts",
    "config": "settings", "store": "remembers: SQLite", "brokers": "speak to a market", "twsim": "a simulated TWS",
    "exchange": "a simulated market", "state_file": "a file, whole or not",
    "core": "decides",
}  # fmt: skip
STEP, ROW, WIDTH, HEIGHT, MARGIN = 172, 92, 160, 46, 16


@cache
def contract() -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, str], ...]]:
    """The layers, the highest first, and the imports that the contract lets pass all the same."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(each for each in found if each["type"] == "layers")
    rows = tuple(tuple(_room(name.strip()) for name in row.split("|")) for row in layers["layers"])
    passed = [line.split(" -> ") for line in layers["ignore_imports"]]
    return rows, tuple((one.strip(), other.strip()) for one, other in passed)


def _room(module: str) -> str:
    """'ibgw_tui.store.rows' -> 'store'; '' for the package itself and its `python -m`."""
    name = module.partition(".")[2].partition(".")[0]
    return "" if name.startswith("__") else name


@cache
def read() -> tuple[Imports, Imports]:
    """Room -> rooms it imports, and room -> packages of others; without the imports that the contract lets pass."""
    graph = grimp.build_graph(PACKAGE, include_external_packages=True, cache_dir=None)
    for one, other in contract()[1]:
        graph.remove_import(importer=one, imported=other)
    rooms: dict[str, set[str]] = {room: set() for row in contract()[0] for room in row}
    packages: dict[str, set[str]] = {room: set() for room in rooms}
    for module in graph.modules:
        room = _room(module) if module.partition(".")[0] == PACKAGE else ""
        if not room:
            continue
        for imported in graph.find_modules_directly_imported_by(module):
            if imported.partition(".")[0] != PACKAGE:
                packages[room].add(imported)
            elif _room(imported) not in ("", room):
                rooms[room].add(_room(imported))
    own = {room: frozenset(found - sys.stdlib_module_names) for room, found in packages.items()}
    return {room: frozenset(found) for room, found in rooms.items()}, own


def arrows() -> list[tuple[str, str]]:
    """The imports that follow from no others."""
    rooms = read()[0]

    def reached(room: str) -> set[str]:
        return {far for near in rooms[room] for far in ({near} | reached(near))}

    return sorted(
        (room, near)
        for room, imported in rooms.items()
        for near in imported
        if not any(near in reached(other) for other in imported - {near})
    )


def import_table() -> str:
    """Every import between two rooms, and which packages of others a room knows."""
    rooms, packages = read()
    order = [room for row in contract()[0] for room in row]
    lines = ["| room | imports | packages of others |", "|---|---|---|"]
    for room in order:
        near = ", ".join(f"`{other}`" for other in order if other in rooms[room]) or "nothing of ours"
        lines.append(f"| `{room}` | {near} | {', '.join(sorted(packages[room])) or 'none'} |")
    passed = "; ".join(f"`{one}` imports `{other}`" for one, other in contract()[1])
    return "\n".join([*lines, "", f"Against the layers, named in the contract with the reason: {passed}."])


def picture() -> str:
    """The SVG."""
    rows = contract()[0]
    places = {
        room: (MARGIN + WIDTH / 2 + COLUMNS[room] * STEP, MARGIN + HEIGHT / 2 + number * ROW)
        for number, row in enumerate(rows)
        for room in row
    }
    wide, high = (max(place[axis] for place in places.values()) for axis in (0, 1))
    wide, high = wide + WIDTH / 2 + MARGIN, high + HEIGHT / 2 + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high:.0f}" width="{wide:.0f}"',
        f'height="{high:.0f}" font-family="sans-serif" text-anchor="middle">',
        "<title>The rooms of ibgw-tui: an arrow is an import</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">',
        '<path d="M0 0L8 4L0 8z" fill="#57606a"/></marker></defs>',
        f'<rect width="{wide:.0f}" height="{high:.0f}" fill="#ffffff"/>',
    ]
    for one, other in arrows():
        (x1, y1), (x2, y2) = places[one], places[other]
        lines.append(
            f'<line x1="{x1:.0f}" y1="{y1 + HEIGHT / 2:.0f}" x2="{x2:.0f}" y2="{y2 - HEIGHT / 2:.0f}" '
            'stroke="#57606a" stroke-width="1.4" marker-end="url(#tip)"/>'
        )
    for room, (x, y) in places.items():
        lines += [
            f'<rect x="{x - WIDTH / 2:.0f}" y="{y - HEIGHT / 2:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="6"',
            'fill="#ddf4ff" stroke="#0969da"/>',
            f'<text x="{x:.0f}" y="{y - 3:.0f}" font-size="15" font-weight="bold" fill="#1f2328">{escape(room)}</text>',
            f'<text x="{x:.0f}" y="{y + 15:.0f}" font-size="12" fill="#424a53">{escape(DOES[room])}</text>',
        ]
    return "\n".join([*lines, "</svg>"])
