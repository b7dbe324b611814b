"""What an idempotency key may look like: one question for every role that takes one."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from ibgw_tui.core.errors import ErrorCode, InvalidRequest
from ibgw_tui.core.terms import IdempotencyKey

_KEY: TypeAdapter[str] = TypeAdapter(IdempotencyKey)


def check_key(key: str | None) -> None:
    """A blank key would make every keyless request the same one. Raises InvalidRequest."""
    if key is None:
        return
    try:
        _KEY.validate_python(key)
    except ValidationError as error:
        raise InvalidRequest(
            "the idempotency key is blank, too long or not printable ASCII",
            code=ErrorCode.PAPER_IDEMPOTENCY_CONFLICT,
            user_action="give 1 to 128 printable characters without blanks around, or no key",
        ) from error
