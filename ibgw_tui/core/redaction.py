"""What leaves the desk for other eyes: secrets and account numbers taken out, at any depth.

An agent writes what it likes into a rationale, so a key's name is not enough: every text is searched,
and an account that is named anywhere in an entry is taken out everywhere in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

REDACTED = "[redacted]"
ACCOUNT = "[account]"

_SECRET_KEY = re.compile(
    r"pass(word|wd|phrase|code)|secret|token|api[-_ ]?key|credential|authori[sz]ation|cookie|bearer|private[-_ ]?key|"
    r"session[-_ ]?id|\bpin\b|(^|_)otp($|_)",
    re.IGNORECASE,
)
_ACCOUNT_KEY = re.compile(r"(^|_)(managed_)?accounts?(_ids?|_numbers?|_codes?)?$", re.IGNORECASE)

_ACCOUNT_NUMBER = re.compile(r"(?<![A-Za-z0-9])(?:DU|DF|DI|U|F|I)\d{5,10}(?![0-9A-Za-z])", re.IGNORECASE)
_SECRETS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),  # a JSON web token
    re.compile(r"\b(?:sk|pk|rk)[-_][\w-]{12,}|\bgh[pousr]_\w{16,}|\bgithub_pat_\w{16,}|\bAKIA[0-9A-Z]{12,}"),
    re.compile(r"\bxox[abeoprs]-[\w-]{8,}|\bAIza[\w-]{20,}"),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),  # user:password in an address
    re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{8,}"),
)
_SAID = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase|code)|secret|token|api[-_ ]?key|credential|access[-_ ]?key)s?[\"']?\s*(?:is|=|:)\s*"
    r"[\"']?)([^\s\"',;}]+)"
)


def redact(value: Any, *, accounts: Iterable[str] = ()) -> Any:
    """A copy of JSON-like data without secrets and account numbers. `accounts` are known ones of any shape."""
    names = {name for name in [*accounts, *_accounts_in(value)] if name.strip()}
    longest_first = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    known = re.compile(f"(?<![A-Za-z0-9])(?:{longest_first})(?![A-Za-z0-9])") if names else None
    return _redacted(value, known)


def _accounts_in(value: Any, named: bool = False) -> Iterator[str]:
    """Whatever stands under the name of an account."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _accounts_in(item, bool(_ACCOUNT_KEY.search(str(key))))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _accounts_in(item, named)
    elif named and isinstance(value, str) and len(value) > 1:
        yield value


def _redacted(value: Any, known: re.Pattern[str] | None) -> Any:
    if isinstance(value, str):
        return _clean(value, known)
    if isinstance(value, Mapping):
        cleaned: dict[str, Any] = {}
        for key, item in value.items():
            name = _clean(str(key), known)
            while name in cleaned:  # two accounts as keys must not become one
                name += "'"
            secret = item is not None and not isinstance(item, bool) and _SECRET_KEY.search(str(key))
            cleaned[name] = REDACTED if secret else _redacted(item, known)
        return cleaned
    if isinstance(value, list | tuple):
        return [_redacted(item, known) for item in value]
    return value


def _clean(text: str, known: re.Pattern[str] | None) -> str:
    found = _cleaned(text, known)
    # Full-width digits and letters spell the same number to a reader.
    plain = unicodedata.normalize("NFKC", text)
    if plain != text and _cleaned(plain, known) != plain:
        return _cleaned(plain, known)
    return found


def _cleaned(text: str, known: re.Pattern[str] | None) -> str:
    for pattern in _SECRETS:
        text = pattern.sub(REDACTED, text)
    text = _SAID.sub(rf"\1{REDACTED}", text)
    text = _ACCOUNT_NUMBER.sub(ACCOUNT, text)
    return known.sub(ACCOUNT, text) if known else text
