from __future__ import annotations

import errno
import os
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def test_the_path_is_told_also_when_there_is_no_file(cli: Cli, tmp_path: Path) -> None:
    answer = cli("config", "path")
    assert answer.code == 0
    assert Path(answer.out.strip()) == tmp_path / "settings" / "ibgw-tui" / "config.toml"
    assert "defaults are in force" in answer.err
    assert cli("config", "path", "--json").json["exists"] is False


def test_the_path_follows_flag_and_environment(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBGW_CONFIG", "/etc/one.toml")
    assert cli("config", "path", "--quiet").out == "/etc/one.toml\n"
    assert cli("config", "path", "--config", "/etc/two.toml", "--json").json["config_file"] == "/etc/two.toml"


def test_init_check_show(cli: Cli) -> None:
    file = Path(cli("config", "init").out.split(": ")[1].strip())
    assert file.stat().st_mode & 0o777 == 0o600
    tomllib.loads(file.read_text())
    assert str(file) in cli("config", "check").out
    settings = {row["key"]: row for row in cli("config", "show", "--json").json["settings"]}
    assert settings["policies.example.max_quantity"] == {
        "key": "policies.example.max_quantity",
        "value": "10",
        "origin": f"file {file}",
    }
    assert settings["broker.mode"]["origin"] == "default"
    assert settings["desk.home"]["origin"] == "environment IBGW_DESK__HOME"


def test_init_does_not_replace_unless_told(cli: Cli) -> None:
    file = Path(cli("config", "init", "--json").json["config_file"])
    file.write_text("# mine\n")
    assert cli("config", "init").code == 2
    assert file.read_text() == "# mine\n"
    answer = cli("config", "init", "--force", "--json")
    assert Path(answer.json["kept"]).read_text() == "# mine\n"
    assert "[policies.example]" in file.read_text()


def test_show_for_people(cli: Cli) -> None:
    assert "ORIGIN" not in cli("config", "show").out
    assert "environment IBGW_DESK__HOME" in cli("config", "show", "--origin").out
    assert "flag --home" in cli("config", "show", "--origin", "--home", "/tmp/x").out


def test_a_wrong_configuration_stops_everything_but_the_stop(cli: Cli, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[desk]\nhold_back_secs = 1\n[broker]\nmode = "real"\n')
    for arguments in (["config", "check"], ["list"], ["status"], ["tui"]):
        answer = cli(*arguments, "--config", str(wrong), "--json")
        assert answer.code == 78
        assert answer.json["error"]["code"] == "CONFIG_INVALID"
        assert "hold_back_seconds" in answer.json["error"]["message"]
        assert "mode" in answer.json["error"]["message"]


def test_a_named_file_that_is_missing(cli: Cli) -> None:
    assert cli("list", "--config", "/nonexistent/config.toml").code == 78


def test_a_misspelt_variable_is_wrong(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBGW_DESK__HOEM", "/tmp")
    answer = cli("list")
    assert answer.code == 78
    assert "IBGW_DESK__HOME" in answer.err


def test_init_that_cannot_write_leaves_the_old_file_in_force(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path(cli("config", "init", "--json").json["config_file"])
    file.write_text("# mine\n")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("ibgw_tui.cli.settings.os.fsync", full)
    answer = cli("config", "init", "--force")
    assert answer.code == 78 and "No space left" in answer.err
    assert file.read_text() == "# mine\n" and [each.name for each in file.parent.iterdir()] == [file.name]
    file.unlink()
    assert cli("config", "init").code == 78
    assert not list(file.parent.iterdir())
