"""What would make a run depend on who started it, or how.

Hypothesis draws the same examples every time, so that a red run is red for everybody.

`HYPOTHESIS_PROFILE=explore` draws new ones, and many more: for a person who looks for something. No deadline
per example: a busy machine is not a wrong program.

A shell starts what it puts behind `&` with Ctrl-C ignored, and every process of a test would inherit that.
"""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

_BUSY = [HealthCheck.too_slow]
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=_BUSY)
settings.register_profile("explore", max_examples=3000, deadline=None, suppress_health_check=_BUSY)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
