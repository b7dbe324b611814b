"""What the configuration says about noises, keys and files reaches the terminal; the demo is quiet and forgets."""

from __future__ import annotations

from pathlib import Path

from ibgw_tui.config import Loaded, load_config
from ibgw_tui.demo.settings import write_demo_settings
from ibgw_tui.tui.run import comfort_of

TABLE = """
[terminal]
bell = false
desktop = "osc777"
ring_every_seconds = 7
flood_per_minute = 3
apprise_file = "rings.conf"
keymap = "mine.toml"
"""


def loaded(folder: Path, text: str) -> Loaded:
    file = folder / "config.toml"
    file.write_text(text)
    return load_config(file, {}, {})


def test_the_table_reaches_the_terminal_and_files_are_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[keys]\ndown = "f"\n')
    comfort = comfort_of(loaded(tmp_path, TABLE), tmp_path / "desk")
    assert (comfort.bell, comfort.desktop, comfort.ring_every_seconds, comfort.flood_per_minute) == (
        False,
        "osc777",
        7,
        3,
    )
    assert comfort.keymap.extra == {"down": ("f",)}
    assert comfort.saved == tmp_path / "desk" / "saved"
    (herald,) = comfort.heralds
    assert str(tmp_path / "rings.conf") in herald.problem or "not installed" in herald.problem


def test_nothing_is_told_elsewhere_unless_a_file_says_where(tmp_path: Path) -> None:
    comfort = comfort_of(loaded(tmp_path, ""), tmp_path)
    assert (comfort.bell, comfort.desktop, list(comfort.heralds)) == (True, "auto", [])


def test_the_demo_remembers_nothing_and_notifies_nobody(tmp_path: Path) -> None:
    demo = load_config(write_demo_settings(tmp_path, mode="paper", seed=1, hold_back=3), {}, {})
    assert not demo.config.terminal.remember
    assert comfort_of(demo, tmp_path).desktop == "off"
