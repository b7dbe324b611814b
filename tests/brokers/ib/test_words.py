"""Every word that TWS or its client library has for an order or an error has a meaning here."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import re
import textwrap
from pathlib import Path

import pytest
from ib_async import OrderStatus
from ib_async.wrapper import Wrapper

from ibgw_tui.brokers.ib_words import (
    CODES,
    ORDER_TYPES,
    ORDER_TYPES_HEARD,
    SIDES,
    STATES,
    TIMES_IN_FORCE,
    Means,
    meaning,
    state_of,
)
from ibgw_tui.core.broker import BrokerState
from ibgw_tui.core.terms import OrderType, Side, TimeInForce

ROOT = Path(__file__).resolve().parents[3]
KNOWN_TO_US = """
    100 103 104 105 329 134 106 107 133 109 163 383 110 135 161 10147 10148 200 201 202 203 460 320 321 322 326 354 10089
    10090 10168 10186 10167 10197 399 404 434 436 10268 10269 492 2109 2161 10349 502 504 507 1100 2110 1101 1102 1300
    2103 2105 2157 2104 2106 2158 2107 2108 2119 10311 10314 382 388 451
"""
"""The codes that were found out the hard way."""


def vendor_states() -> set[str]:
    """Every state that the library names, as attributes and in its sets."""
    names = {value for name, value in vars(OrderStatus).items() if isinstance(value, str) and name[0].isupper()}
    for name, value in vars(OrderStatus).items():
        if name.endswith("States"):
            names |= set(value)
    return names


def vendor_codes() -> set[int]:
    """Every code that the library's error handler treats as something special."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(Wrapper.error)))
    numbers = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, int)}
    return {number for number in numbers if number >= 100 and number not in (2100, 2200)}


def test_every_state_of_the_vendor_is_translated() -> None:
    names = vendor_states()
    assert {"Submitted", "PreSubmitted", "Inactive", "ApiCancelled", "ValidationError"} <= names
    assert names == STATES.keys()


def test_every_code_of_the_vendor_is_translated() -> None:
    codes = vendor_codes()
    assert {105, 110, 321, 10167} <= codes, "the walk still finds them"
    assert not codes - CODES.keys()


def test_every_code_that_was_found_out_the_hard_way_is_translated() -> None:
    assert not {int(code) for code in KNOWN_TO_US.split()} - CODES.keys()


@pytest.mark.parametrize(
    ("status", "why_held", "state"),
    [
        ("PreSubmitted", "", BrokerState.HELD),
        ("Inactive", "", BrokerState.INACTIVE),
        ("Inactive", "locate", BrokerState.HELD),
        ("PendingCancel", "", BrokerState.CANCEL_PENDING),
        ("ApiCancelled", "", BrokerState.CANCELLED),
        ("Wonderful", "", None),
    ],
)
def test_states(status: str, why_held: str, state: BrokerState | None) -> None:
    assert state_of(status, why_held) is state


def test_a_code_that_is_not_known_proves_nothing() -> None:
    assert meaning(98765).means is Means.LOOK_UP and meaning(2150).means is Means.NOTE


@pytest.mark.parametrize("code", [321, 10349, 399, 404, 2109, 10147, 10148, 161, 135, 104])
def test_codes_that_the_library_takes_for_an_end_are_none(code: int) -> None:
    assert meaning(code).means is not Means.CANCELLED


def test_our_terms_all_have_words() -> None:
    assert ORDER_TYPES.keys() == set(OrderType) and SIDES.keys() == set(Side)
    assert TIMES_IN_FORCE.keys() == set(TimeInForce) and len(ORDER_TYPES_HEARD) == len(ORDER_TYPES)


def test_the_library_is_the_pinned_one() -> None:
    """The raw tap depends on its insides."""
    pinned = re.search(r"^ib_async==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    wanted = re.search(r'"ib_async==([^"]+)"', (ROOT / "pyproject.toml").read_text())
    assert pinned and wanted and pinned[1] == wanted[1] == importlib.metadata.version("ib_async")
