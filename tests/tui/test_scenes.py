"""What each scene looks like, as text: a change of the screen is a diff that a person reads.

`python -m tests.tui.test_scenes` records them anew. Numbers that depend on how fast the machine is
(how far the audit log was verified) and digests, which change with every byte of an entry, are masked.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path

import pytest

from tests.scenes import SCENES, SIZES, Scene, picture_text, stage_for

FOLDER = Path(__file__).resolve().parents[1] / "snapshots"
ALL_SIZES = ("desk", "review", "unusual", "blotter", "flood")
"""Scenes that are compared at every size; the others at 120x40."""
CASES = [
    (scene, size)
    for scene in SCENES
    for size in scene.only or SIZES
    if scene.only or size == (120, 40) or scene.name in ALL_SIZES
]


def masked(text: str) -> str:
    """Without digests and without what depends on the machine's speed: counts of entries, a stalled loop."""
    text = re.sub(r" ?\(the terminal stalled for[^)│]*\)?", lambda found: " " * len(found[0]), text)
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    text = re.sub(r"\b(?=[a-f]*[0-9])[0-9a-f]{8,}\b", lambda found: "#" * len(found[0]), text)
    text = re.sub(r"\b(code|type) [0-9a-f]{4}\b", r"\1 ####", text)
    text = re.sub(r"entry \d+ is the head, verified to \d+", "entry ## is the head, verified to ##", text)
    return re.sub(r"(audit log\s+)\d+(\s)", r"\1##\2", text)


async def look(scene: Scene, size: tuple[int, int], folder: Path) -> str:
    async with stage_for(folder / "desk", scene, size=size) as stage:
        await scene.play(stage)
        await stage.settled()
        return masked(picture_text(stage.app))


def path_of(scene: Scene, size: tuple[int, int]) -> Path:
    return FOLDER / f"{scene.name}-{size[0]}x{size[1]}.txt"


@pytest.mark.parametrize(("scene", "size"), CASES, ids=[f"{scene.name}-{size[0]}x{size[1]}" for scene, size in CASES])
async def test_the_screen_is_as_recorded(scene: Scene, size: tuple[int, int], tmp_path: Path) -> None:
    expected = path_of(scene, size).read_text(encoding="utf-8")
    assert await look(scene, size, tmp_path) == expected, "if it is meant: python -m tests.tui.test_scenes"


async def _record(names: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    for scene, size in CASES:
        if not names or scene.name in names:
            with tempfile.TemporaryDirectory() as folder:
                path_of(scene, size).write_text(await look(scene, size, Path(folder)), encoding="utf-8")
            print(path_of(scene, size).name, flush=True)


if __name__ == "__main__":
    asyncio.run(_record(sys.argv[1:]))
