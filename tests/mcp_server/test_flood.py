"""Twenty agents at once: nothing is lost, keys are honoured, budgets held, and the operator's queue stays readable."""

from __future__ import annotations

from pathlib import Path

from tests.flood import flood


def test_twenty_agents_at_once_lose_nothing(tmp_path: Path) -> None:
    found = flood(tmp_path, agents=20, each=28, budget=25)
    assert not found.problems
    assert found.staged == 500
    assert sorted(found.looks)[len(found.looks) // 2] < 0.25, "half of all looks at the queue"
