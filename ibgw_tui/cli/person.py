"""A question that only a person at a terminal can answer: what an agent can run in a pipe, an agent can run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ibgw_tui.cli.commands import Globals
from ibgw_tui.core.errors import InvalidRequest, NotPermitted


def require_terminal(state: Globals, what: str, remedy: str) -> None:
    """Raises NotPermitted, with `what` as its sentence, unless a person sits there."""
    if state.no_input or not has_screen():
        raise NotPermitted(what, user_action=remedy)


def require_screen(otherwise: str) -> None:
    """Raises InvalidRequest where a screen would be drawn for nobody: keys come from stdin, the picture goes to stderr."""
    if not has_screen():
        raise InvalidRequest(
            "a screen needs a terminal: standard input or standard error is none", user_action=otherwise
        )


def has_screen() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def require_phrase(phrase: str, lines: Sequence[str], purpose: str, otherwise: str) -> None:
    """Show the lines and ask for the phrase. Raises NotPermitted when another was typed, saying what stays as it is."""
    forget_typed_ahead()
    print("\n".join([*lines, f"Type {phrase} {purpose}: "]), end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != phrase:
        raise NotPermitted(f"{phrase} was not typed; {otherwise}")


def forget_typed_ahead() -> None:
    """What was typed before the question was read is no answer to it."""
    try:
        import termios

        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    except (ImportError, OSError, ValueError):
        pass
