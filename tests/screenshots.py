"""Pictures of every scene in `screenshots/`: SVG always, PNG where a renderer is installed.

python3 dev.py screenshots [NAME ...]
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path

from tests.scenes import SCENES, SIZES, Scene, stage_for

FOLDER = Path(__file__).resolve().parents[1] / "screenshots"
LIGHT = ("desk", "review")
"""Scenes that are drawn in the light theme too."""


async def draw(scene: Scene, size: tuple[int, int], theme: str | None) -> str:
    """One scene as SVG."""
    with tempfile.TemporaryDirectory() as folder:
        async with stage_for(Path(folder) / "desk", scene, size=size, theme=theme) as stage:
            await scene.play(stage)
            await stage.settled()
            return stage.app.export_screenshot(title="ibgw tui")


def stable(svg: str) -> str:
    """Without what changes from run to run, and without fonts from elsewhere: a viewer's own will do."""
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    return re.sub(r"\s*@font-face \{.*?\}\n", "\n", svg, flags=re.DOTALL)


def write_png(svg: str, path: Path) -> bool:
    """Whether there is a renderer (cairosvg) that could do it."""
    try:
        import cairosvg
    except (ImportError, OSError):
        return False
    cairosvg.svg2png(bytestring=svg.replace("Fira Code", "DejaVu Sans Mono").encode(), write_to=str(path), scale=1.0)
    return True


async def main(names: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    for scene in SCENES:
        if names and scene.name not in names:
            continue
        for size in scene.only or SIZES:
            for theme in (None, "ibgw-light") if scene.name in LIGHT and size == (120, 40) else (None,):
                path = FOLDER / f"{scene.name}-{size[0]}x{size[1]}{'-light' if theme else ''}.svg"
                svg = stable(await draw(scene, size, theme))
                path.write_text(svg, encoding="utf-8")
                drawn = write_png(svg, path.with_suffix(".png"))
                print(f"{path.name}{' and .png' if drawn else ''}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
