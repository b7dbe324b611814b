"""What `ibgw doctor` concludes: one sentence a check, with what to do about it. Values in, values out.

A check that could not be made is a failure, not a gap: unknown refuses, here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ibgw_tui.core.records import LeaseState, SwitchState
from ibgw_tui.core.terms import KillSwitch

GIB, MIB = 1 << 30, 1 << 20
LEAST_SPACE, LITTLE_SPACE = 100 * MIB, GIB
LARGE_LOG = 64 * MIB
"""A log beyond this is pinned by a reader that does not end."""
DRIFT = timedelta(milliseconds=500)
FUTURE = timedelta(seconds=2)
YEARS = range(2026, 2100)


class Health(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    health: Health
    value: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        return {"check": self.name, "status": self.health.value, "value": self.value, "remedy": self.remedy}


def ok(name: str, value: str) -> Check:
    return Check(name, Health.OK, value)


def warn(name: str, value: str, remedy: str) -> Check:
    return Check(name, Health.WARN, value, remedy)


def fail(name: str, value: str, remedy: str) -> Check:
    return Check(name, Health.FAIL, value, remedy)


def python(version: Sequence[int], oldest: tuple[int, int] = (3, 11)) -> Check:
    told = ".".join(map(str, version[:3]))
    if tuple(version[:2]) < oldest:
        return fail("python", told, f"install Python {'.'.join(map(str, oldest))} or newer")
    return ok("python", told)


def packages(requirements: Iterable[str], installed: Mapping[str, str | None]) -> Check:
    """`requirements` as a package states them ('peewee<4.6,>=4.5.3'); what is asked for an extra only is left out."""
    wrong, count = [], 0
    for text in requirements:
        found = re.fullmatch(r"([A-Za-z0-9._-]+)\s*([^;]*)(;.*)?", text.strip())
        if found is None or "extra" in (found[3] or ""):
            continue
        count += 1
        name, version = found[1], installed.get(found[1])
        if version is None:
            wrong.append(f"{name} is not installed")
        elif not all(_holds(version, rule) for rule in found[2].split(",") if rule.strip()):
            wrong.append(f"{name} {version} is not {found[2].strip()}")
    if wrong:
        return fail("packages", "; ".join(wrong), "install this program again in an environment of its own")
    if not count:
        return warn("packages", "not installed as a package: versions cannot be compared", "install it with pip or uv")
    return ok("packages", f"{count} installed as required")


def _holds(version: str, rule: str) -> bool:
    parts = re.fullmatch(r"\s*(>=|<=|==|!=|>|<)\s*([0-9.]+)\s*", rule)
    if parts is None:
        return False
    one, other = _numbers(version), _numbers(parts[2])
    width = max(len(one), len(other))
    one, other = one + (0,) * (width - len(one)), other + (0,) * (width - len(other))
    return {
        ">=": one >= other, "<=": one <= other, "==": one == other, "!=": one != other, ">": one > other, "<": one < other,
    }[parts[1]]  # fmt: skip


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def private(name: str, *, mode: int, wanted: int, owner: int, user: int) -> Check:
    """A file or folder nobody else may look into. `mode` and `wanted` are permission bits."""
    told = f"{mode:04o}, owner {owner}"
    if owner != user and user != 0:
        return fail(name, f"{told}: it belongs to another user", "run as its owner, or name another home")
    if mode & 0o077:
        return fail(name, f"{told}: open to other users", f"chmod {wanted:04o} it")
    if mode & wanted & 0o700 != wanted & 0o700:
        return fail(name, f"{told}: its owner may not use it", f"chmod {wanted:04o} it")
    if owner != user:
        return warn(name, f"{told}: you are another user", "run as its owner, so that new files are its owner's")
    return ok(name, told)


def space(free: int, store: int) -> Check:
    told = f"{size(free)} free"
    if free < LEAST_SPACE:
        return fail("disk space", told, "make room: a full disk records nothing, and so nothing can be sent")
    if free < max(LITTLE_SPACE, 2 * store):
        return warn("disk space", f"{told}, store {size(store)}", "make room for a backup and for what is to come")
    return ok("disk space", told)


def size(count: int) -> str:
    for unit, step in (("GiB", GIB), ("MiB", MIB), ("KiB", 1 << 10)):
        if count >= step:
            return f"{count // step}.{count % step * 10 // step} {unit}"
    return f"{count} B"


def library(version: str, oldest: tuple[int, ...]) -> Check:
    if _numbers(version) < oldest:
        return fail(
            "sqlite", version, f"install apsw {'.'.join(map(str, oldest))} or newer: older ones can corrupt the store"
        )
    return ok("sqlite", version)


def integrity(problems: Sequence[str], *, full: bool) -> Check:
    if problems:
        return fail(
            "integrity",
            "; ".join(problems[:3]),
            "stop the desk, keep the file, and restore a verified backup (`ibgw restore FILE`)",
        )
    return ok("integrity", "every page and index" if full else "every page (--full: every index too)")


def schema(version: int, newest: int, problems: Sequence[str]) -> Check:
    told = f"version {version}"
    if version > newest:
        return fail("schema", f"{told}, this program knows {newest}", "update this program; it does not touch the file")
    if problems:
        return fail(
            "schema", f"{told}; {'; '.join(problems)}", "somebody changed the tables: keep the file, restore a backup"
        )
    if version < newest:
        return warn("schema", f"{told} of {newest}", "the next start upgrades it, and keeps a copy beside it first")
    return ok("schema", told)


def log(mode: str, length: int) -> Check:
    told = f"{mode}, {size(length)}"
    if mode != "wal":
        return warn("write-ahead log", told, "the next start switches it on; if it stays, the disk does not support it")
    if length > LARGE_LOG:
        return warn("write-ahead log", told, "a reader pins it: end long-running exports or old terminals")
    return ok("write-ahead log", told)


def clock(now: datetime, wall: timedelta, monotonic: timedelta, newest: datetime | None) -> Check:
    """`wall` and `monotonic` are the same span as two clocks measured it."""
    told, remedy = f"{now:%Y-%m-%d %H:%M:%S} UTC", "set the clock (NTP), and close the kill switch until it is right"
    if now.year not in YEARS:
        return fail("clock", told, remedy)
    if abs(wall - monotonic) > DRIFT:
        return fail(
            "clock", f"{told}; it moved by {(wall - monotonic).total_seconds():+.1f} s during this check", remedy
        )
    if newest is not None and newest - now > FUTURE:
        return fail(
            "clock",
            f"{told}; the newest audit entry is {_span(newest - now)} in the future",
            f"the clock stepped back: {remedy}; approvals from the future are not spent",
        )
    return ok("clock", told)


def router(lease: LeaseState | None, now: datetime, alive: timedelta, *, runs: bool) -> Check:
    """`runs`: whether a process of that number lives on this machine."""
    if lease is None or not lease.holder:
        return ok("router", "none at work")
    age = now - lease.heartbeat_at
    told = f"{lease.holder}, process {lease.pid}"
    if age < -FUTURE:
        return fail(
            "router",
            f"{told}: its sign of life is {_span(-age)} in the future",
            "the clock stepped back: set it; a router that is gone is replaced once it was seen to be silent",
        )
    if age <= alive:
        return ok("router", f"{told}, {max(0.0, age.total_seconds()):.1f} s ago")
    if runs:
        return warn("router", f"{told}, silent for {_span(age)}", "look at that process; another router may take over")
    return warn("router", f"{told}, gone for {_span(age)}", "start `ibgw router` or `ibgw tui`")


def audit(entries: int, problem: str, *, full: bool) -> Check:
    if problem:
        return fail("audit log", problem, "close the kill switch, keep the file, and run `ibgw audit verify`")
    return ok("audit log", f"intact, {'all' if full else 'the newest'} {entries:,} entries")


def switch(state: SwitchState) -> Check:
    if state.source == "unreadable":
        return fail("kill switch", f"closed: {state.reason}", "make the store and its folder readable")
    since = f" (epoch {state.epoch}, {state.source})"
    return ok("kill switch", f"{'open' if state.state is KillSwitch.OPEN else 'closed'}{since}")


def doorbell(rung: bool) -> Check:
    if not rung:
        return warn(
            "doorbell", "it does not ring", "screens follow once a second instead of at once; look at the folder run"
        )
    return ok("doorbell", "it rings")


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
