"""A terminal whose desk gets one new order a moment after it was read: `python -m tests.tui.ringing_app REPORT`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from ibgw_tui.tui import hygiene


def main() -> int:
    hygiene.scrub_environment()
    from ibgw_tui.tui.app import DeskApp
    from ibgw_tui.tui.comfort import Comfort
    from tests.tui.fake_desk import FakeDesk

    desk = FakeDesk()
    desk.stage("AAPL")
    app = DeskApp(desk, comfort=Comfort(bell=True, desktop="osc9"))

    async def run() -> int:
        async def stage() -> None:
            while app.feed.readings < 2:
                await asyncio.sleep(0.02)
            desk.stage("MSFT", agent="EVIL-AGENT", rationale="\x1b]9;EVIL\x07")
            desk.ring()

        staging = asyncio.ensure_future(stage())
        code = await hygiene.run_app(app, Path(sys.argv[1]).parent)
        await staging
        return code

    return asyncio.run(run())


if __name__ == "__main__":
    sys.exit(main())
