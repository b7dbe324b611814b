"""What the doctor concludes from what was measured: boundaries on both sides."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ibgw_tui.core.records import LeaseState, SwitchState
from ibgw_tui.core.terms import KillSwitch
from ibgw_tui.service import doctor as judge
from ibgw_tui.service.doctor import GIB, MIB, Check, Health
from tests.makers import NOON

OK, WARN, FAIL = Health.OK, Health.WARN, Health.FAIL
SECOND = timedelta(seconds=1)


def told(check: Check, health: Health, *words: str) -> None:
    """As expected; and who is not well is told what to do."""
    assert check.health is health, check
    assert bool(check.remedy) == (health is not OK)
    for word in words:
        assert word in check.value + check.remedy


@pytest.mark.parametrize(
    ("version", "health"), [((3, 10, 9), FAIL), ((3, 11, 0), OK), ((3, 14, 2), OK), ((4, 0, 0), OK)]
)
def test_python(version: tuple[int, int, int], health: Health) -> None:
    told(judge.python(version), health)


WANTED = ["apsw>=3.51.3", "peewee<4.6,>=4.5.3", "ib-async==2.1.0", "mcp<3,>=2.3; extra == 'mcp'"]
GOOD: dict[str, str | None] = {"apsw": "3.54.1.0", "peewee": "4.5.3", "ib-async": "2.1.0"}


@pytest.mark.parametrize(
    ("name", "version", "word"),
    [
        ("apsw", None, "not installed"),
        ("apsw", "3.51.2.9", "3.51.2.9"),
        ("peewee", "4.6", "4.6"),
        ("peewee", "4.6.0", "4.6.0"),
        ("peewee", "4.5.2", "4.5.2"),
        ("ib-async", "2.1.1", "2.1.1"),
    ],
)
def test_a_package_that_is_not_as_required(name: str, version: str | None, word: str) -> None:
    told(judge.packages(WANTED, {**GOOD, name: version}), FAIL, name, word)


def test_packages_as_required() -> None:
    told(judge.packages(WANTED, GOOD), OK, "3 installed")
    told(judge.packages([], {}), WARN)


@pytest.mark.parametrize(
    ("mode", "owner", "user", "health"),
    [
        (0o600, 7, 7, OK),
        (0o640, 7, 7, FAIL),
        (0o604, 7, 7, FAIL),
        (0o400, 7, 7, FAIL),
        (0o600, 7, 8, FAIL),
        (0o600, 7, 0, WARN),
        (0o644, 7, 0, FAIL),
        (0o700, 7, 7, OK),
    ],
)
def test_a_file_is_its_owners_alone(mode: int, owner: int, user: int, health: Health) -> None:
    told(judge.private("files", mode=mode, wanted=0o600, owner=owner, user=user), health, f"{mode:04o}")


def test_a_folder_needs_all_three() -> None:
    told(judge.private("home", mode=0o600, wanted=0o700, owner=7, user=7), FAIL, "chmod 0700")


@pytest.mark.parametrize(
    ("free", "store", "health"),
    [(99 * MIB, 0, FAIL), (100 * MIB, 0, WARN), (GIB, 0, OK), (GIB, GIB, WARN), (2 * GIB, GIB, OK)],
)
def test_space(free: int, store: int, health: Health) -> None:
    told(judge.space(free, store), health)


@pytest.mark.parametrize(("version", "health"), [("3.51.2", FAIL), ("3.51.3", OK), ("3.54", OK)])
def test_library(version: str, health: Health) -> None:
    told(judge.library(version, (3, 51, 3)), health)


@pytest.mark.parametrize(
    ("version", "problems", "health"), [(3, [], OK), (2, [], WARN), (4, [], FAIL), (3, ["it lacks a trigger"], FAIL)]
)
def test_schema(version: int, problems: list[str], health: Health) -> None:
    told(judge.schema(version, 3, problems), health, f"version {version}")


def test_log() -> None:
    told(judge.log("wal", 64 * MIB), OK)
    told(judge.log("wal", 64 * MIB + 1), WARN)
    told(judge.log("delete", 0), WARN)


@pytest.mark.parametrize(
    ("now", "wall", "newest", "health"),
    [
        (NOON, SECOND, None, OK),
        (NOON, SECOND, NOON, OK),
        (NOON, SECOND, NOON + 2 * SECOND, OK),
        (NOON, SECOND, NOON + 3 * SECOND, FAIL),
        (NOON, SECOND, NOON + timedelta(hours=1), FAIL),
        (NOON, 1.6 * SECOND, None, FAIL),
        (NOON, -3599 * SECOND, None, FAIL),
        (NOON.replace(year=1970), SECOND, None, FAIL),
        (NOON.replace(year=2100), SECOND, None, FAIL),
    ],
)
def test_clock(now: datetime, wall: timedelta, newest: datetime | None, health: Health) -> None:
    told(judge.clock(now, wall, SECOND, newest), health)


@pytest.mark.parametrize(
    ("age", "runs", "health", "word"),
    [
        (timedelta(0), True, OK, "0.0 s ago"),
        (timedelta(seconds=6), True, OK, "6.0 s ago"),
        (timedelta(seconds=7), True, WARN, "silent for 7 s"),
        (timedelta(hours=30), False, WARN, "gone for 1 d 6 h"),
        (timedelta(hours=-1), True, FAIL, "1 h 0 min in the future"),
    ],
)
def test_router(age: timedelta, runs: bool, health: Health, word: str) -> None:
    lease = LeaseState("router-1", 42, 3, NOON - age)
    told(judge.router(lease, NOON, timedelta(seconds=6), runs=runs), health, word, "router-1", "42")


def test_no_router() -> None:
    told(judge.router(None, NOON, SECOND, runs=False), OK)
    told(judge.router(LeaseState("", 0, 3, NOON), NOON, SECOND, runs=False), OK)


def test_what_has_no_boundary() -> None:
    told(judge.integrity([], full=True), OK)
    told(judge.integrity(["page 7 is lost"], full=False), FAIL, "page 7")
    told(judge.audit(12, "", full=False), OK, "12")
    told(judge.audit(12, "entry 7 was altered", full=True), FAIL, "entry 7")
    told(judge.doorbell(True), OK)
    told(judge.doorbell(False), WARN)
    told(judge.switch(SwitchState(KillSwitch.OPEN, 3, "", "", NOON, "store")), OK, "open", "epoch 3")
    told(judge.switch(SwitchState(KillSwitch.CLOSED, 3, "", "", NOON, "sentinel file")), OK, "closed")
    told(judge.switch(SwitchState(KillSwitch.CLOSED, -1, "", "broken", None, "unreadable")), FAIL, "closed: broken")


@pytest.mark.parametrize(("count", "words"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 * GIB, "3.0 GiB")])
def test_sizes(count: int, words: str) -> None:
    assert judge.size(count) == words
