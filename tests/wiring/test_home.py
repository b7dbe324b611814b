"""Which folder is home: flag, environment, file, a running demo, default; in this order."""

from __future__ import annotations

from pathlib import Path

import pytest

from ibgw_tui.core.errors import SettingsError
from ibgw_tui.wiring import paths


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, folder in (("HOME", "user"), ("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "settings")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    for name in ("IBGW_DESK__HOME", "IBGW_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The home of a demo that runs now."""
    home = tmp_path / "demo"
    home.mkdir()
    paths.write_demo_note(home)
    return home


def written(path: Path, home: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'[desk]\nhome = "{home}"\n')
    return path


def resolved(config: Path | None = None, home: Path | None = None) -> tuple[Path, str]:
    found = paths.resolve_home(paths.load_settings(config, home))
    return found.folder, found.source


def test_the_order_of_precedence(tmp_path: Path, demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolved() == (demo, "demo")
    config = written(tmp_path / "settings" / "ibgw-tui" / "config.toml", "/from/file")
    assert resolved() == (Path("/from/file"), "file")
    monkeypatch.setenv("IBGW_DESK__HOME", "/from/environment")
    assert resolved() == (Path("/from/environment"), "environment")
    assert resolved(config, Path("/from/flag")) == (Path("/from/flag"), "flag")


def test_without_a_demo_the_default(tmp_path: Path) -> None:
    assert resolved() == (tmp_path / "data" / "ibgw-tui", "default")


def test_a_demo_is_not_for_those_who_have_a_configuration(tmp_path: Path, demo: Path) -> None:
    """Their commands must never land in a play store because somebody shows a demo."""
    config = tmp_path / "settings" / "ibgw-tui" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("[broker]\nseed = 2\n")
    assert resolved() == (tmp_path / "data" / "ibgw-tui", "default")


def test_a_demo_brings_its_own_configuration(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mode and policy of a live demo are the demo's, not the defaults."""
    (demo / "config.toml").write_text(f'[desk]\nhome = "{demo}"\n[broker]\nseed = 7\n')
    loaded = paths.load_settings(None, None)
    assert loaded.config.broker.seed == 7
    assert paths.resolve_home(loaded) == paths.Home(demo, "demo")
    monkeypatch.setenv("IBGW_DESK__HOME", "/elsewhere")
    assert paths.load_settings(None, None).config.broker.seed == 1


def test_a_relative_home_in_a_file_lies_beside_the_file(tmp_path: Path) -> None:
    assert resolved(written(tmp_path / "desks" / "one.toml", "store")) == (tmp_path / "desks" / "store", "file")


def test_a_relative_flag_is_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolved(None, Path("here")) == (tmp_path / "here", "flag")


def test_a_tilde_is_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBGW_DESK__HOME", "~/desk")
    assert resolved() == (tmp_path / "user" / "desk", "environment")


def test_the_emergency_needs_no_valid_configuration(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text('[desk]\nhome = "/the/desk"\n[broker\n')
    with pytest.raises(SettingsError):
        paths.load_settings(broken, None)
    assert paths.home_at_all_costs(broken, None) == paths.Home(Path("/the/desk"), "guess")
    assert paths.home_at_all_costs(broken, Path("/flag")) == paths.Home(Path("/flag"), "flag")
    assert paths.home_at_all_costs(tmp_path / "none.toml", None).source == "guess"
