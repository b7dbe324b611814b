"""How a session with TWS is made, and how long each of its answers may take."""

from __future__ import annotations

from dataclasses import dataclass

from ibgw_tui.core.terms import AccountId, Mode

PAPER_PREFIX = "D"
"""Paper accounts begin with it (DU, DF). Whatever begins otherwise is taken for real money."""


@dataclass(frozen=True, slots=True)
class IbSettings:
    host: str = "127.0.0.1"
    port: int = 4002
    client_id: int = 7
    mode: Mode = Mode.PAPER
    accounts: tuple[AccountId, ...] = ()
    """Every account of the login must be one of these."""
    start_seconds: float = 6.0
    """For each step of the start: reaching TWS, its welcome, its lists."""
    answer_seconds: float = 3.0
    probe_seconds: float = 1.0
    what_if_seconds: float = 3.0
    second_answer_seconds: float = 0.3
    """A what-if of nothing but zeros may be followed by the right one."""
    quote_seconds: float = 2.0
    beat_seconds: float = 5.0
    """How often TWS is asked whether it is still there."""
    silence_seconds: float = 10.0
    """A link that does not answer for so long is dead, whatever it looks like."""
    messages_per_second: int = 40
    """Below the 45 of the library and the 50 of TWS."""
    longest_wait_seconds: float = 30.0
    """Between two attempts to connect."""
    alarm_seconds: float = 120.0
    """Without a session for so long: said loudly."""


def mode_of(account: str) -> Mode:
    return Mode.PAPER if account.startswith(PAPER_PREFIX) else Mode.LIVE
