"""How a ring leaves the screen: the terminal's own notification, and Apprise for mail and telephones.

What is said is fixed words and counts (`core.ringing.Ring.text`): nothing an agent wrote gets here. Apprise
is slow and can hang, so it has a thread of its own, that nobody waits for, and takes only the newest ring.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

log = logging.getLogger(__name__)

TITLE = "ibgw"
Send = Callable[[str], bool]
"""Takes the text; False when it did not get through. May raise, may hang."""


class Herald(Protocol):
    """Somebody who hears of a ring and passes it on, without holding anybody up."""

    @property
    def name(self) -> str: ...

    @property
    def problem(self) -> str:
        """Why the last ring did not get through; empty when it did."""
        ...

    def tell(self, text: str) -> None: ...


# ---- by the terminal

_777 = ("foot", "rxvt")
_SILENT = ("linux", "dumb", "")


def desktop_kind(wanted: str, environ: Mapping[str, str]) -> str:
    """'osc9', 'osc777' or 'off': what the terminal is likely to take. An unknown one ignores OSC 9."""
    if wanted != "auto":
        return wanted
    term = environ.get("TERM", "")
    if "VTE_VERSION" in environ or term.startswith(_777):
        return "osc777"
    if not environ.get("TMUX") and (term in _SILENT or term.startswith(("vt", "screen"))):
        return "off"
    return "osc9"


def desktop_sequence(kind: str, text: str, environ: Mapping[str, str]) -> str:
    """What to write to the terminal; empty for none. tmux hands it on where allow-passthrough is on."""
    told = "".join(letter for letter in text if letter.isalnum() or letter in " ,.")
    sequence = {"osc9": f"\x1b]9;{TITLE}: {told}\x07", "osc777": f"\x1b]777;notify;{TITLE};{told}\x07"}.get(kind, "")
    if sequence and environ.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return sequence


# ---- by a thread


class Messenger:
    """Sends on a thread of its own. A sender that hangs costs the newest ring, never the screen or the way out."""

    def __init__(self, name: str, send: Send) -> None:
        self.name = name
        self.problem = ""
        self.sent = 0
        self._send = send
        self._next: queue.Queue[str] = queue.Queue(maxsize=1)
        self._thread: threading.Thread | None = None

    def tell(self, text: str) -> None:
        """Hand over; replaces what was not sent yet."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"{self.name} messenger", daemon=True)
            self._thread.start()
        while True:
            try:
                self._next.put_nowait(text)
                return
            except queue.Full:
                try:
                    self._next.get_nowait()
                except queue.Empty:
                    continue
                self._failed("the one before is still being sent; only the newest ring is kept")

    def _run(self) -> None:
        while True:
            text = self._next.get()
            try:
                through = self._send(text)
            except Exception as error:  # noqa: BLE001  somebody else's library; its text may hold an address
                self._failed(f"it failed ({type(error).__name__})")
            else:
                if through:
                    self.sent, self.problem = self.sent + 1, ""
                else:
                    self._failed("it did not get through; `apprise --config FILE -b test` says why")

    def _failed(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("%s: %s", self.name, problem)
        self.problem = problem


def apprise_sender(file: Path) -> Send:
    """Sends through everything in an Apprise configuration file. It is read for every ring; imports when first used."""

    def send(text: str) -> bool:
        import apprise

        config = apprise.AppriseConfig()
        if not config.add(str(file)):
            raise ValueError("the file cannot be read")
        sender = apprise.Apprise()
        sender.add(config)
        deliver = sender.notify
        return bool(deliver(body=text, title=TITLE))

    return send


def apprise_messenger(file: Path) -> Messenger:
    """With the file or the library missing it says so at once, not at the first order."""
    messenger = Messenger("apprise", apprise_sender(file))
    from importlib.util import find_spec

    if find_spec("apprise") is None:
        messenger.problem = 'not installed: pip install "ibgw-tui[notify]"'
    elif not file.is_file():
        messenger.problem = f"there is no file {file}"
    return messenger
