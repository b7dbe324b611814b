"""Fixtures of the terminal's tests."""

from __future__ import annotations

import pytest

from tests.tui.helpers import SIZES


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    value: tuple[int, int] = request.param
    return value
