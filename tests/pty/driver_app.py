"""A small app in a real terminal: it hosts the review of one sample ticket and writes down what came of it.

    python -m tests.pty.driver_app REPORT [--rationale TEXT] [--market]

Keys: `a` opens the review (as the desk does), `b` blocks the loop for a second, `e` lets the next review expire
three seconds after it was opened, `!` raises an exception with a secret in a local variable, `q` leaves. SIGUSR1 blocks the loop for a second wherever it is,
SIGUSR2 for much longer than anybody waits. Every line of REPORT is one event.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from ibgw_tui.tui import hygiene


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("report", type=Path)
    parser.add_argument("--rationale", default="a test")
    parser.add_argument("--market", action="store_true")
    parser.add_argument(
        "--naive-environment", action="store_true", help="leave TEXTUAL_* as it is, to show what it does"
    )
    asked = parser.parse_args()
    if not asked.naive_environment:
        hygiene.scrub_environment()

    # Only now: Textual reads its environment when it is imported.
    from textual import events
    from textual.app import App, ComposeResult
    from textual.widgets import Static

    from ibgw_tui.service.views import Ticket
    from ibgw_tui.tui import theme
    from ibgw_tui.tui.arming import DeadTime
    from ibgw_tui.tui.screens.approve import ApproveAnswer, ApproveScreen
    from tests.tui import samples

    rationale = asked.rationale.encode().decode("unicode_escape")
    ticket = samples.a_market_order(rationale=rationale) if asked.market else samples.a_ticket(rationale=rationale)

    class Deadline:
        """The clock of a review: it stands, or runs so that the preview expires in three seconds."""

        began: float | None = None

        def __call__(self) -> datetime:
            preview = ticket.record.preview
            if self.began is None or preview is None:
                return ticket.now
            return preview.expires_at + timedelta(seconds=time.monotonic() - self.began - 3)

    def note(line: str) -> None:
        with asked.report.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def block(seconds: float) -> None:
        time.sleep(seconds)
        note("blocked")

    signal.signal(signal.SIGUSR1, lambda *_: block(1.0))
    signal.signal(signal.SIGUSR2, lambda *_: block(60.0))

    class Driver(App[None]):
        animation_level = "none"

        def __init__(self) -> None:
            super().__init__()
            self.dead = DeadTime()
            self.asking = False
            self.opened = 0
            self.expires = False
            for each in theme.OURS:
                self.register_theme(each)
            self.theme = theme.DEFAULT

        def get_theme_variable_defaults(self) -> dict[str, str]:
            return theme.FALLBACK

        def compose(self) -> ComposeResult:
            yield Static("the desk", id="desk")

        def on_mount(self) -> None:
            note(f"ready {os.getpid()} {ticket.shown.preview_digest[:4] if ticket.shown else ''}")
            self.set_interval(0.02, self.look)
            self.seen = ""

        def look(self) -> None:
            screen = self.screen
            now = screen.state.phase.value if isinstance(screen, ApproveScreen) else "desk"
            if now != self.seen:
                self.seen = now
                note(f"phase {now}")

        def on_key(self, event: events.Key) -> None:
            if event.key == "a" and not self.asking and not self.dead.drops(event.time):
                self.asking = True  # one question at a time: the next key may be here before the screen is
                self.opened += 1
                note(f"opened {self.opened}")
                clock = Deadline()
                clock.began = time.monotonic() if self.expires else None
                self.expires = False
                self.push_screen(ApproveScreen(ticket, refresh=self.newest, clock=clock), self.answered)
            elif event.key == "e":
                self.expires = True
            elif event.key == "b":
                block(1.0)
            elif event.key == "exclamation_mark":
                secret = "token-" + "4711"
                raise ValueError(f"{len(secret)} characters")
            elif event.key == "q":
                self.exit()

        async def newest(self) -> Ticket:
            return ticket

        def answered(self, answer: ApproveAnswer | None) -> None:
            self.asking = False
            self.dead.decided(time.monotonic())
            if answer is None:
                note("closed")
            else:
                held = float(answer.how["pressed"]) - float(answer.how["painted"])
                note(f"APPROVED {answer.shown.preview_digest[:4]} after {held:.3f}")

    return asyncio.run(hygiene.run_app(Driver(), asked.report.parent))


if __name__ == "__main__":
    sys.exit(main())
