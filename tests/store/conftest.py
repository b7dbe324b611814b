"""A home with a short path: sockets have room for about a hundred bytes, and parallel runs nest deeply."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="desk-") as folder:
        yield Path(folder).resolve()
