"""One client's connection: frames in, messages out, and everything that can go wrong in between."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ibgw_tui.twsim.account_data import AccountFeed
from ibgw_tui.twsim.acts import Answer, LoseAfter, LoseBefore
from ibgw_tui.twsim.desk import Received
from ibgw_tui.twsim.layout import Values
from ibgw_tui.twsim.market_data import Feed
from ibgw_tui.twsim.messages import IGNORED, Message, UnknownRequest, Unreadable, decode, encode
from ibgw_tui.twsim.serving import SERVED
from ibgw_tui.twsim.wire import Frames, Hello, Malformed, frame, split
from ibgw_tui.twsim.words import TWS_ZONE, Refused, whole

if TYPE_CHECKING:
    from ibgw_tui.twsim.desk import Desk

log = logging.getLogger(__name__)

VIOLATIONS_ALLOWED = 2
"""A client that sends too much a third time is disconnected."""
GREETING = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefil"),
)


class Pace:
    """Counts the messages of the last second."""

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._times: deque[float] = deque()
        self._last_violation = float("-inf")
        self.violations = 0

    def exceeded(self, now: float) -> bool:
        """Whether this message is one too many. Not counted then: it is not processed."""
        while self._times and now - self._times[0] >= 1:
            self._times.popleft()
        if not self._allowed or len(self._times) < self._allowed:
            self._times.append(now)
            return False
        if now - self._last_violation >= 1:
            self.violations += 1
            self._last_violation = now
        return True


class Session:
    """From the first byte of a connection to its end."""

    def __init__(self, desk: Desk, writer: asyncio.StreamWriter) -> None:
        self._desk = desk
        self._writer = writer
        self._frames = Frames()
        self._pace = Pace(desk.settings.messages_per_second)
        self._inbox: deque[bytes] = deque()
        self._outbox = bytearray()
        self._deaf = False
        self._ended = False
        self._closed = False
        self._announced = False
        self._joined = False
        self.version = 0
        self.client_id = -1
        self.stalled = False
        self.half_open = False
        self.binds_manual_orders = False
        self.feed = Feed(desk, self)
        self.account_feed = AccountFeed(desk, self)

    # ---- the way in

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Serve until the connection ends."""
        try:
            while data := await reader.read(1 << 16):
                if self._closed:
                    break  # what arrives behind a broken link was never received
                if not self.half_open:
                    self._inbox.extend(self._frames.feed(data))
                    self._work()
        except (Malformed, Refused) as error:
            log.warning("client %s: %s; the connection is closed", self.client_id, error)
        except ConnectionError:
            pass  # gone without a goodbye: an end like any other
        finally:
            self._end()

    def resume(self) -> None:
        """Carry out and tell what a stall held up."""
        self.stalled = False
        if self._outbox:
            self._writer.write(bytes(self._outbox))
            self._outbox.clear()
        self._work()
        if self._ended:
            self._desk.leave(self)

    def hang_up(self) -> None:
        """Close the connection; what is held up is lost."""
        self._closed = True
        self._inbox.clear()
        self.stalled = self.half_open = False
        self._desk.leave(self)
        self._writer.close()

    def _end(self) -> None:
        """The client has gone. A stalled TWS, and one behind a dead link, do not notice."""
        self._ended = True
        if not (self.stalled or self.half_open):
            self._desk.leave(self)
        self._writer.close()

    def _work(self) -> None:
        while self._inbox and not self.stalled:
            payload = self._inbox.popleft()
            if not self.version:
                self._greet(payload)
            else:
                self._receive(payload)

    def _greet(self, payload: bytes) -> None:
        version = Hello.parse(payload).agree(self._desk.settings.highest_version)
        if version is None:
            raise Malformed(f"no version in common: {payload[:40]!r}")
        self.version = version
        at = self._desk.clock().astimezone(ZoneInfo(TWS_ZONE))
        self._write(frame([str(version), f"{at:%Y%m%d %H:%M:%S %Z}"]))

    def _receive(self, payload: bytes) -> None:
        """One request, through whatever is armed for it."""
        if not self._announced and self._is_too_much():
            return
        texts = split(payload)
        try:
            message, values = decode(texts, self.version)
        except (Unreadable, UnknownRequest) as error:
            if texts[0] not in IGNORED and self._joined:
                self.error(error.id, error.code, error.told)
            return
        if not self._joined:
            if message.name == "start_api":
                self._start(values)
            return  # nobody has introduced himself yet
        if not self._announced:
            self._desk.log.append(Received(self.client_id, message.name, values, self._desk.clock()))
            self._desk.on_event(message.name)
        self._announced = self.stalled
        if self.stalled:
            self._inbox.appendleft(payload)  # it set off the stall that now holds it up
        elif not (self.half_open or self._closed):
            self._meet(message, values)

    def _is_too_much(self) -> bool:
        """Whether the client sends faster than TWS allows. Then this message is dropped."""
        if not self._pace.exceeded(asyncio.get_running_loop().time()):
            return False
        self.error(-1, 100, "Max rate of messages per second has been exceeded")
        if self._pace.violations > VIOLATIONS_ALLOWED:
            self.hang_up()
        return True

    def _meet(self, message: Message, values: Values) -> None:
        """Serve a request, or let it run into the fault that waits for it."""
        match self._desk.faults.take(message.name, self.client_id):
            case LoseBefore(link=link):
                if link == "close":
                    self.hang_up()
            case LoseAfter(link=link):
                self._deaf = True
                self._serve(message, values)
                self._deaf = False
                if link == "close":
                    self.hang_up()
            case Answer(code=code, text=text, carried_out=carried_out):
                if carried_out:
                    self._serve(message, values)
                key = values.get(message.key, "")
                self.error(int(key) if key.lstrip("-").isdecimal() else -1, code, text)
            case None:
                self._serve(message, values)

    def _serve(self, message: Message, values: Values) -> None:
        try:
            SERVED[message.name](self._desk, self, values)
        except Refused as refused:
            self.error(-1, refused.code, refused.text)

    def _start(self, values: Values) -> None:
        desk = self._desk
        self.client_id = whole(values["clientId"], "clientId")
        if not desk.join(self):
            self.error(-1, 326, "Unable to connect as the client id is already in use. Retry with a unique client id.")
            self.hang_up()
            return
        self._joined = True
        self.send("managed_accounts", accounts=",".join(desk.accounts))
        self.send("next_valid_id", orderId=desk.trading.book.next_ids.get(self.client_id, 1))
        for code, text in GREETING if desk.has_connectivity else ((2110, _NO_SERVER),):
            self.error(-1, code, text)

    # ---- the way out

    def send(self, name: str, **values: Any) -> None:
        """One message, unless something swallows it."""
        if not self._deaf and not self._desk.faults.swallows(name):
            self._write(frame(encode(name, self.version, values)))

    def error(self, about: int, code: int, text: str) -> None:
        """An error or a notice, about a request or an order; -1 is about neither."""
        self.send("error", id=about, errorCode=code, errorString=text)

    def _write(self, data: bytes) -> None:
        if self.half_open or self._writer.is_closing():
            return
        if self.stalled:
            self._outbox += data
        else:
            self._writer.write(data)


_NO_SERVER = "Connectivity between Trader Workstation and server is broken. It will be restored automatically."
