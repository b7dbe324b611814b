"""`ibgw --version`: what somebody who reads a bug report has to know about the machine it happened on."""

from __future__ import annotations

import importlib.metadata
import platform
import re

from ibgw_tui import __version__
from ibgw_tui.cli.output import Console
from ibgw_tui.store.inspection import library_version

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;.*extra == ['\"](\w+)['\"])?")
_OF_DEVELOPERS = "dev"


def tell_version(console: Console) -> None:
    """The program, Python, the system, SQLite, and every package that runs with them. An absent extra is null."""
    packages = {name: _installed(name) for name in _names()}
    python, system, sqlite = platform.python_version(), platform.platform(), library_version()
    body = {
        "version": __version__, "python": python, "platform": system, "sqlite": sqlite, "packages": packages,
    }  # fmt: skip
    told = ", ".join(f"{name} {version or 'not installed'}" for name, version in packages.items())
    console.result(body, f"ibgw {__version__}", f"Python {python}, SQLite {sqlite}, {system}", told)


def _names() -> list[str]:
    """What the package asks for, with its extras for users."""
    try:
        wanted = importlib.metadata.requires("ibgw-tui") or []
    except importlib.metadata.PackageNotFoundError:  # run from a checkout that was not installed
        return []
    found = [match for text in wanted if (match := _REQUIREMENT.match(text))]
    return sorted({match[1] for match in found if match[2] != _OF_DEVELOPERS}, key=str.lower)


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
