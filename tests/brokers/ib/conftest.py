"""A simulated TWS and a broker on it, for each test."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from tests.brokers.ib.bench import IbBench, ib_bench


@pytest.fixture
async def bench() -> AsyncIterator[IbBench]:
    made = ib_bench()
    async with made.opened():
        yield made


@pytest.fixture(autouse=True)
def quiet() -> None:
    """The library logs every error it hears; here they are what is asked for."""
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)
