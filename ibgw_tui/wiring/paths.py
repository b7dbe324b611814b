"""Where the desk lives on disk: which folder is home, and what the files in it are called.

The first of these that is given is the home: the flag --home, the environment, the configuration
file, a running demo, the default. A demo is only looked for where nobody configured anything: it
lets a newcomer type `ibgw list` in a second terminal and see the demo's orders.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ibgw_tui.config import APP, FILE_VARIABLE, Loaded, default_file, load_config
from ibgw_tui.core.errors import SettingsError
from ibgw_tui.core.terms import iso
from ibgw_tui.wiring.clock import utc_now

HOME_VARIABLE = "IBGW_DESK__HOME"
DATABASE = "desk.sqlite3"
SENTINEL = "KILL"
"""While a file of this name lies beside the database, the kill switch is closed."""
DEMO_NOTE = "demo.json"
_HOME_LINE = re.compile(r"""^\s*home\s*=\s*["']([^"'\n]+)["']""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Home:
    """A folder and why it is that one."""

    folder: Path
    source: str
    """'flag', 'environment', 'file', 'demo', 'default'; 'guess' where the configuration cannot be read."""

    @property
    def database(self) -> Path:
        return self.folder / DATABASE

    @property
    def sentinel(self) -> Path:
        return self.folder / SENTINEL


@dataclass(frozen=True, slots=True)
class RunningDemo:
    pid: int
    home: Path
    started: str

    @property
    def config(self) -> Path:
        """The configuration the demo wrote for itself."""
        return self.home / "config.toml"


def default_data_folder() -> Path:
    """The data folder of this user, where the demo leaves its note."""
    return Path(platformdirs.user_data_dir(APP))


def running_demo(folder: Path | None = None) -> RunningDemo | None:
    """The demo that runs now, if its note is there, its process lives and its home exists."""
    try:
        note = json.loads(((folder or default_data_folder()) / DEMO_NOTE).read_text(encoding="utf-8"))
        demo = RunningDemo(pid=int(note["pid"]), home=Path(note["home"]), started=str(note["started"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return demo if _is_alive(demo.pid) and demo.home.is_dir() else None


def write_demo_note(home: Path, folder: Path | None = None) -> Path:
    """Tell other commands of this user that a demo runs here. Replaces the note of an earlier one."""
    folder = folder or default_data_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    note = {"pid": os.getpid(), "home": str(home.resolve()), "started": iso(utc_now())}
    descriptor, made = tempfile.mkstemp(dir=folder, prefix=DEMO_NOTE + ".")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(note, file)
    path = folder / DEMO_NOTE
    Path(made).replace(path)
    return path


def remove_demo_note(folder: Path | None = None) -> None:
    """Take the note away, if it is this process's own."""
    path = (folder or default_data_folder()) / DEMO_NOTE
    try:
        if json.loads(path.read_text(encoding="utf-8")).get("pid") == os.getpid():
            path.unlink()
    except (OSError, ValueError, AttributeError):
        pass


def _is_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def config_file(flag: Path | None, environ: Mapping[str, str] | None = None) -> Path:
    """The configuration file that is read, whether it exists or not."""
    named = (os.environ if environ is None else environ).get(FILE_VARIABLE)
    return (flag or (Path(named) if named else default_file())).expanduser()


def load_settings(config: Path | None, home: Path | None) -> Loaded:
    """The configuration of this invocation: file, environment, flags. Raises SettingsError.

    Where nothing names a configuration or a home, a running demo's own configuration is read.
    """
    if not (config or home or os.environ.get(HOME_VARIABLE) or config_file(None).exists()):
        demo = running_demo()
        if demo is not None and demo.config.is_file():
            config = demo.config
    return load_config(config, os.environ, {"desk.home": str(home)} if home else {})


def resolve_home(loaded: Loaded) -> Home:
    """The home that a configuration means, or that of a running demo where nothing was configured.

    Raises SettingsError.
    """
    origin = loaded.origins["desk.home"].split(" ", 1)[0]
    if origin in ("default", "file"):
        demo = running_demo()
        if demo is not None and loaded.file in (None, demo.config):
            return Home(demo.home, "demo")
    if not loaded.config.desk.home.strip():
        raise SettingsError("desk.home is empty", user_action="name a folder, or leave the setting out")
    folder = Path(loaded.config.desk.home).expanduser()
    # A relative path in a file must not mean another desk in every working directory.
    beside = loaded.file.parent if origin == "file" and loaded.file is not None else Path()
    return Home((beside / folder).absolute(), origin)


def home_at_all_costs(config: Path | None, home: Path | None) -> Home:
    """The home for the emergency stop and the error log, also when the configuration is wrong. Never raises."""
    try:
        return resolve_home(load_settings(config, home))
    except Exception:  # noqa: BLE001 - stopping does not depend on a readable configuration
        return _likely_home(config, home)


def _likely_home(config: Path | None, home: Path | None) -> Home:
    named = home or os.environ.get(HOME_VARIABLE, "").strip()
    if named:
        return Home(Path(named).expanduser().absolute(), "flag" if home else "environment")
    file = config_file(config)
    try:
        written = _HOME_LINE.search(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        written = None
    folder = file.parent / Path(written[1]).expanduser() if written else default_data_folder()
    return Home(folder.absolute(), "guess")
