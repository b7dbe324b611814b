from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ibgw_tui.cli.moments import moment
from ibgw_tui.core.errors import InvalidRequest
from tests.cli.conftest import Cli

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("30d", datetime(2026, 10, 24, 15, 0, tzinfo=UTC)),
        ("90s", datetime(2026, 11, 23, 14, 58, 30, tzinfo=UTC)),
        ("15m", datetime(2026, 11, 23, 14, 45, tzinfo=UTC)),
        ("12h", datetime(2026, 11, 23, 3, 0, tzinfo=UTC)),
        (" 2w ", datetime(2026, 11, 9, 15, 0, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T09:30:00-05:00", datetime(2026, 11, 1, 14, 30, tzinfo=UTC)),
        ("2026-11-01T09:30:00Z", datetime(2026, 11, 1, 9, 30, tzinfo=UTC)),
    ],
)
def test_spans_dates_and_times(text: str, meant: datetime) -> None:
    assert moment("--since", text, NOW) == meant


def test_nothing_is_no_moment() -> None:
    assert moment("--since", None, NOW) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "d",
        "30",
        "30x",
        "-1d",
        "1.5d",
        "²d",
        "0001-01-01T00:00:00+14:00",
        "2026-13-01",
        "2026-11-01T09:30:00",
        "yesterday",
    ],
)
def test_what_is_none_is_named_with_what_would_be(text: str) -> None:
    with pytest.raises(InvalidRequest, match="--since") as caught:
        moment("--since", text, NOW)
    assert "30d" in caught.value.user_action


@pytest.mark.parametrize(
    "command", [("wait", "REF", "--timeout"), ("kill", "close", "--cancel-working", "--reason", "x", "--wait")]
)
@pytest.mark.parametrize("seconds", ["nan", "-1", "soon"])
def test_seconds_are_a_number_of_them(cli: Cli, command: tuple[str, ...], seconds: str) -> None:
    assert cli(*command, seconds).code == 2
    assert cli("kill", "status", "--json").json["kill_switch"]["source"] == "default", "nothing was done"
