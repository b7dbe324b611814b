"""The signing key and the saved checkpoints: kept outside the data folder, appended and never changed.

Whoever can restore, cut or rewrite the database should not find here what would make it look right. The
folder holds one key for all desks of this user (mode 0600), and one file of checkpoints for each
database, named after its path, so that an older copy put back at that path is compared with what was
there before. Copies of the file elsewhere (another host, a printout) are what an attacker with this
user's rights cannot reach.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ibgw_tui.core.checkpoint import Checkpoint, parse_checkpoint
from ibgw_tui.core.errors import ErrorCode, OrderStoreError, SettingsError

KEY_FILE = "signing-key.pem"
PUBLIC_FILE = "signing-key.pub.pem"
_TAIL = 16 * 1024
"""Where the newest line is looked for: lines are a fraction of this."""


@dataclass(frozen=True, slots=True)
class Saved:
    """All checkpoints of one file, in the order they were written."""

    good: list[Checkpoint]
    invalid: list[str]
    """Why a line cannot be trusted, each with its number."""

    def binding(self) -> list[Checkpoint]:
        """Those since a person last accepted the log as it was."""
        last = max((place for place, saved in enumerate(self.good) if saved.accepts is not None), default=0)
        return self.good[last:]


class Checkpoints:
    """The checkpoints of one database."""

    def __init__(self, folder: Path, database: Path) -> None:
        data = database.absolute().parent
        self.is_inside = folder.absolute() == data or data in folder.absolute().parents
        """Whether the witness lies where the witnessed does: whoever puts the folder back puts back both."""
        self.folder = folder
        name = hashlib.sha256(os.fsencode(database.absolute())).hexdigest()[:12]
        self.path = folder / f"{data.name}-{name}.checkpoints.jsonl"

    # ---- the key

    @property
    def public_key(self) -> bytes | None:
        """32 bytes; None before the first checkpoint was written."""
        try:
            return _public_of(self._read_key())
        except FileNotFoundError:
            return None

    @property
    def fingerprint(self) -> str | None:
        """What a third party is told on another way, to know whose key it is."""
        key = self.public_key
        return fingerprint(key) if key else None

    def sign(self, unsigned: Checkpoint) -> Checkpoint:
        """Signed with this desk's key, which is made now if there is none. Raises SettingsError."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        seed = self._key()
        return unsigned.signed(_public_of(seed), Ed25519PrivateKey.from_private_bytes(seed).sign)

    def sign_bytes(self, content: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self._key()).sign(content)

    def _key(self) -> bytes:
        try:
            return self._read_key()
        except FileNotFoundError:
            self._make_key()
            return self._read_key()

    def _read_key(self) -> bytes:
        """The seed. Raises FileNotFoundError, SettingsError."""
        path = self.folder / KEY_FILE
        try:
            mode = path.stat().st_mode
            content = path.read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise SettingsError(f"{path} cannot be read: {error.strerror}", user_action="check its owner") from error
        if stat.S_IMODE(mode) & 0o077:
            raise SettingsError(f"the signing key {path} can be read by others", user_action=f"chmod 600 {path}")
        try:
            return _seed_of(content)
        except ValueError as error:
            raise SettingsError(
                f"{path} is not an Ed25519 key",
                user_action="put the right key back; without it run `ibgw audit accept` after moving this file away",
            ) from error

    def _make_key(self) -> None:
        """Whole or not at all, and never over another one: two processes may start at once."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._make_folder()
        private = Ed25519PrivateKey.generate()
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        with _told(self.folder):
            if self._put(KEY_FILE, pem):
                (self.folder / PUBLIC_FILE).write_bytes(public)

    def _put(self, name: str, content: bytes) -> bool:
        descriptor, made = tempfile.mkstemp(dir=self.folder, prefix=f".{name}.")  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(made, self.folder / name)
            return True
        except FileExistsError:
            return False
        finally:
            Path(made).unlink()

    def _make_folder(self) -> None:
        with _told(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    # ---- the file

    def newest(self) -> Checkpoint | None:
        """The last line, checked. Raises OrderStoreError when it cannot be trusted, SettingsError."""
        lines = self._lines(_TAIL)
        if not lines:
            return None
        found, problem = self._checked(lines[-1])
        if found is None:
            raise OrderStoreError(
                f"the newest checkpoint {problem}",
                code=ErrorCode.AUDIT_CHAIN_INVALID,
                user_action="close the kill switch and run `ibgw audit verify --full`",
                retryable=False,
            )
        return found

    def read(self) -> Saved:
        """All of them."""
        good, invalid = [], []
        for number, line in enumerate(self._lines(None), start=1):
            found, problem = self._checked(line)
            if found is None:
                invalid.append(f"line {number} of {self.path.name} {problem}")
            else:
                good.append(found)
        return Saved(good, invalid)

    def append(self, unsigned: Checkpoint) -> Checkpoint:
        """Sign and add one, durably. Call it inside `alone`."""
        signed = self.sign(unsigned)
        with _told(self.path):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                self._drop_torn_end(descriptor)
                os.write(descriptor, signed.line().encode() + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return signed

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """One writer at a time: checkpoints of one log never stand out of order."""
        self._make_folder()
        with _told(self.folder):
            descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _drop_torn_end(self, descriptor: int) -> None:
        """A crash while writing left half a line: nobody was told of it."""
        size = os.fstat(descriptor).st_size
        end = os.pread(descriptor, _TAIL, max(0, size - _TAIL))
        if end and not end.endswith(b"\n"):
            os.ftruncate(descriptor, size - len(end) + end.rfind(b"\n") + 1)

    def _lines(self, tail: int | None) -> list[bytes]:
        """Whole lines; with `tail` those in so many bytes at the end."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                start = max(0, size - tail) if tail else 0
                file.seek(start)
                content = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SettingsError(
                f"{self.path} cannot be read: {error.strerror}", user_action="check its owner"
            ) from error
        whole = content[: content.rfind(b"\n") + 1]
        return [line for line in (whole.split(b"\n", 1)[-1] if start else whole).split(b"\n") if line]

    def _checked(self, line: bytes) -> tuple[Checkpoint | None, str]:
        found, problem = read_checkpoint(line)
        if found is None:
            return None, problem
        ours = self.public_key
        if ours is None or found.key != ours.hex():
            return None, f"is signed by another key ({fingerprint(bytes.fromhex(found.key))})"
        return found, ""


def read_checkpoint(line: bytes) -> tuple[Checkpoint | None, str]:
    """A checkpoint whose signature fits the key it names, or why it is none. Whose key that is, is another question."""
    try:
        found = parse_checkpoint(line)
    except ValueError as error:
        return None, f"cannot be read ({error})"
    if not is_signed(bytes.fromhex(found.key), bytes.fromhex(found.signature), found.signed_bytes()):
        return None, "is not what was signed"
    return found, ""


def is_signed(key: bytes, signature: bytes, content: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def fingerprint(key: bytes) -> str:
    """Short enough to read aloud: 20 hex digits in groups of four."""
    digest = hashlib.sha256(key).hexdigest()[:20]
    return "-".join(digest[place : place + 4] for place in range(0, 20, 4))


@functools.lru_cache(maxsize=8)
def _public_of(seed: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


@functools.lru_cache(maxsize=8)
def _seed_of(pem: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("another kind of key")
    return key.private_bytes_raw()


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system refuses, in our words. A log without a witness is still a log: the caller goes on."""
    try:
        yield
    except OSError as error:
        raise OrderStoreError(
            f"no checkpoint can be written to {path}: {error.strerror or error}",
            user_action="check audit.folder, its owner and the disk",
        ) from error
