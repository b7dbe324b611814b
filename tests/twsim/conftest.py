"""A TWS of its own for each test."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from tests.twsim.bench import Bench, a_tws


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with a_tws() as made:
        yield made


@pytest.fixture(autouse=True)
def quiet() -> None:
    """The client logs every error it hears; here they are what is asked for."""
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)
