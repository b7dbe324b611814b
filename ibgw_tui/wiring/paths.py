"""Where the desk lives on disk: which folder is home, and what the files in it are called.

The first of these that is given is the home: the flag --home, the environment, the configuration
file, a running demo, the default. A demo is only looked for where nobody configured anything: it
lets a newcomer type `ibgw list` in a second terminal and see the demo's orders.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from ibgw_tui.core.terms import iso
from ibgw_tui.wiring.clock import utc_now

if TYPE_CHECKING:
    from ibgw_tui.config import Loaded

APP = "ibgw-tui"
HOME_VARIABLE = "IBGW_DESK__HOME"
DATABASE = "desk.sqlite3"
SENTINEL = "KILL"
"""While a file of this name lies beside the database, the kill switch is closed."""
DEMO_NOTE = "demo.json"


@dataclass(frozen=True, slots=True)
class Home:
    """A folder and why it is that one."""

    folder: Path
    source: str
    """'flag', 'environment', 'file', 'demo' or 'default'."""

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
    os.replace(made, path)
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


def home_without_configuration(flag: Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """The best guess at the home when no configuration can be read: for the error log and the emergency stop."""
    named = (os.environ if environ is None else environ).get(HOME_VARIABLE)
    return (flag or (Path(named) if named else default_data_folder())).expanduser()


def load_settings(config: Path | None, home: Path | None) -> Loaded:
    """The configuration of this invocation: file, environment, flags. Raises SettingsError."""
    from ibgw_tui.config import load_config

    return load_config(config, os.environ, {"desk.home": str(home)} if home else {})


def resolve_home(loaded: Loaded) -> Home:
    origin = loaded.origins["desk.home"]
    if origin != "default":
        return Home(Path(loaded.config.desk.home).expanduser(), origin)
    demo = running_demo()
    return Home(demo.home, "demo") if demo else Home(default_data_folder(), "default")


def home_at_all_costs(config: Path | None, home: Path | None) -> Home:
    """The home for the emergency stop, also when the configuration cannot be read."""
    try:
        return resolve_home(load_settings(config, home))
    except Exception:  # noqa: BLE001 - stopping does not depend on a readable configuration
        return Home(home_without_configuration(home), "guess")
