"""From what somebody asked for to the one contract meant, or a sentence that says what is missing.

Nothing is guessed: a wrong symbol is answered with the nearest right ones, a half description with
what has to be added, and a contract id that belongs to something else is a contradiction.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any

from ibgw_tui.core.errors import ErrorCode, InvalidRequest
from ibgw_tui.core.orders import Contract, OrderIntent
from ibgw_tui.core.terms import AssetClass
from ibgw_tui.exchange.instruments import INSTRUMENTS, listed

_DERIVATIVES = {AssetClass.OPTION: ("expiry", "strike", "right"), AssetClass.FUTURE: ("expiry",)}
_FIELDS = ("asset_class", "currency", "expiry", "strike", "right")


def resolve(intent: OrderIntent) -> Contract:
    """The one listed contract that fits. Raises InvalidRequest, which says what to add or change."""
    if intent.con_id is not None:
        return _by_con_id(intent, intent.con_id)
    candidates = [i.contract for i in listed() if i.contract.symbol == intent.symbol]
    if not candidates:
        raise _unknown_symbol(intent.symbol)
    fitting = [contract for contract in candidates if not _contradictions(intent, contract)]
    if not fitting:
        raise _no_such(intent, candidates)
    if intent.asset_class is None and not any(_given(intent, name) for name in ("expiry", "strike", "right")):
        # A bare symbol means the plain instrument, where there is one.
        fitting = [c for c in fitting if c.asset_class not in _DERIVATIVES] or fitting
    return _the_one(intent, fitting)


def _by_con_id(intent: OrderIntent, con_id: int) -> Contract:
    instrument = INSTRUMENTS.get(con_id)
    if instrument is None:
        known = [i.contract for i in listed() if i.contract.symbol == intent.symbol]
        remedy = f"{_names(known)}; or leave con_id out" if known else "leave con_id out"
        raise InvalidRequest(
            f"no contract has con_id {con_id}", user_action=remedy, code=ErrorCode.INPUT_INVALID_CONTRACT
        )
    contract = instrument.contract
    if contract.symbol != intent.symbol:
        raise InvalidRequest(
            f"con_id {con_id} is {contract.symbol}, not {intent.symbol}",
            user_action="correct the symbol or leave con_id out",
            code=ErrorCode.INPUT_INVALID_CONTRACT,
            problems=[f"con_id: {con_id} is {contract.symbol}, not {intent.symbol}"],
        )
    if _contradictions(intent, contract):
        raise _no_such(intent, [contract])
    return contract


def _given(intent: OrderIntent, name: str) -> Any:
    return getattr(intent, name)


def _contradictions(intent: OrderIntent, contract: Contract) -> list[str]:
    return [
        name for name in _FIELDS if _given(intent, name) is not None and _given(intent, name) != getattr(contract, name)
    ]


def _the_one(intent: OrderIntent, fitting: list[Contract]) -> Contract:
    contract = fitting[0]
    needed = _DERIVATIVES.get(contract.asset_class, ())
    missing = [name for name in needed if _given(intent, name) is None]
    if len(fitting) == 1 and not missing:
        return contract
    # Even a single future must be named by its expiry: next quarter the same words would mean another one.
    missing = missing or [name for name in _FIELDS if len({getattr(c, name) for c in fitting}) > 1]
    choices = [f"{name} ({_choices(fitting, name)})" for name in missing]
    raise InvalidRequest(
        f"{intent.symbol} alone does not say which contract: {_names(fitting)}",
        user_action=f"add {', '.join(choices)}",
        code=ErrorCode.INPUT_AMBIGUOUS_CONTRACT,
        problems=[f"{name}: needed to tell the contracts apart" for name in missing],
    )


def _unknown_symbol(symbol: str) -> InvalidRequest:
    near = _nearest(symbol)
    every = sorted({i.contract.symbol for i in listed()})
    remedy = f"did you mean {' or '.join(near)}?" if near else f"listed here are {', '.join(every)}"
    return InvalidRequest(
        f"no contract has the symbol {symbol}",
        user_action=remedy,
        code=ErrorCode.INPUT_INVALID_CONTRACT,
        problems=[f"symbol: {symbol} is not listed"],
    )


def _nearest(symbol: str) -> list[str]:
    """Listed symbols that somebody who typed this may have meant, by symbol, local symbol or name."""
    words: dict[str, str] = {}
    for instrument in listed():
        contract = instrument.contract
        words[contract.symbol] = contract.symbol
        words[contract.symbol.replace(".", "")] = contract.symbol
        words[contract.symbol.split(".")[0]] = contract.symbol
        words[contract.local_symbol.upper()] = contract.symbol
        words[contract.description.split()[0].upper()] = contract.symbol
    close = difflib.get_close_matches(symbol.upper(), sorted(words), n=5, cutoff=0.6)
    return list(dict.fromkeys(words[word] for word in close))[:3]


def _no_such(intent: OrderIntent, candidates: list[Contract]) -> InvalidRequest:
    """Say each given field that fits none of the candidates, with what would fit."""
    wrong = [
        name for name in _FIELDS if _given(intent, name) is not None
        and all(_given(intent, name) != getattr(c, name) for c in candidates)
    ] or sorted({name for c in candidates for name in _contradictions(intent, c)}, key=_FIELDS.index)  # fmt: skip
    problems = [
        f"{name}: {intent.symbol} has {_choices(candidates, name)}, not {_word(_given(intent, name))}" for name in wrong
    ]
    return InvalidRequest(
        f"no contract fits: {'; '.join(problems)}",
        user_action=f"correct {' and '.join(wrong)}",
        code=ErrorCode.INPUT_INVALID_CONTRACT,
        problems=problems,
    )


def _word(value: object) -> str:
    return str(getattr(value, "value", value))


def _choices(contracts: Iterable[Contract], name: str) -> str:
    read: Callable[[Contract], object] = lambda contract: getattr(contract, name)  # noqa: E731
    return " or ".join(sorted({"none" if read(c) is None else _word(read(c)) for c in contracts}))


def _names(contracts: Iterable[Contract]) -> str:
    return ", ".join(f"{c.description} (con_id {c.con_id})" for c in contracts)
