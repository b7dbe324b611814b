"""The short form of the crash harness; `python -m tests.crash` is the long one."""

from __future__ import annotations

from tests.crash.harness import short
from tests.crash.workers import OPERATIONS


def test_whatever_is_killed_nothing_is_lost_and_nothing_happens_twice() -> None:
    report = short()
    assert report.failures == []
    assert report.covered.keys() == OPERATIONS.keys(), "each operation died at least once"
    assert report.kills > 2 * report.rounds and report.sent > 20 and report.acknowledged > 500, report.as_json()
