"""The name that was probably meant: limitPrice, limit-price and limt_price are limit_price.

Every door that refuses an unknown name says which known one comes nearest, in the same words.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

_OTHER_WORDS = {
    "action": "side",
    "lmtprice": "limit_price",
    "price": "limit_price",
    "qty": "quantity",
    "reason": "rationale",
    "size": "quantity",
    "ticker": "symbol",
    "tif": "time_in_force",
    "type": "order_type",
}
"""What other systems call these fields; no spelling likeness would find them."""


def nearest_name(name: str, known: Sequence[str]) -> str | None:
    """The known name that was probably meant; None when none comes near."""
    plain = {each.replace("_", ""): each for each in known}
    wanted = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    if _OTHER_WORDS.get(wanted) in known:
        return _OTHER_WORDS[wanted]
    close = difflib.get_close_matches(wanted, plain, n=1, cutoff=0.6)
    return plain[close[0]] if close else None


def did_you_mean(name: str, known: Sequence[str], what: str) -> str:
    """'did you mean limit_price?', or all there are."""
    nearest = nearest_name(name, known)
    return f"did you mean {nearest}?" if nearest else f"the {what} are {', '.join(known)}"
