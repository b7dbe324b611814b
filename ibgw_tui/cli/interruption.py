"""Ctrl-C for a command that goes on until it is stopped, or that has to say truthfully how far it came.

Python's own answer is an exception wherever it happens to be, for instance after a line was staged and before it was
told. Here the first Ctrl-C is a question that the command looks at between two steps. The second is an exception
again, for a step that hangs. Whoever was started with the signal ignored (`&` in a script) goes on ignoring it.
"""

from __future__ import annotations

import signal


class Interruption:
    """`with Interruption() as interruption:` and look at `interruption.asked`. For the main thread only."""

    asked = False

    def __enter__(self) -> Interruption:
        self._before = signal.getsignal(signal.SIGINT)
        if self._before is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _ask(self, *_: object) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, self._before)
