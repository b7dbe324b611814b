"""`policy list`, `show`, `check`, `diff`, `test`: the numbers a person allows, looked at before they count.

A draft is a file of its own with tables [policies.<id>]; nothing here changes what is in force.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ibgw_tui.cli.commands import Globals, Group, command
from ibgw_tui.cli.exits import Exit
from ibgw_tui.cli.output import table
from ibgw_tui.cli.session import load
from ibgw_tui.core.errors import NotFound, SettingsError
from ibgw_tui.core.terms import Mode
from ibgw_tui.core.text import one_line
from ibgw_tui.service.documents import plain

if TYPE_CHECKING:
    from ibgw_tui.config import Config
    from ibgw_tui.core.policy import LimitPolicy

_HERE = __name__

policy = Group(
    "policy",
    lazy={
        **{name: f"{_HERE}:{name}" for name in ("show", "check", "diff")},
        "list": f"{_HERE}:list_policies",
        "test": "ibgw_tui.cli.policy_history:test",
    },
    help="Limit policies: the numbers a person allows.",
    examples="""
        ibgw policy list
        ibgw policy show example --account DU1234567 --symbol AAPL
        ibgw policy test draft.toml --since 30d
    """,
)


@command(
    "list",
    help="The policies of the configuration, and which are in force.",
    examples="""
        ibgw policy list
        ibgw policy list --json
    """,
)
def list_policies(state: Globals) -> None:
    from ibgw_tui.service.policy_views import shown

    config = load(state).config
    rows = [
        [
            name,
            ", ".join(_in_force(config, name)) or "-",
            "yes" if policy.enabled else "NO",
            *(shown(getattr(policy, field)) for field in ("max_notional", "max_quantity")),
            one_line(shown(policy.allowed_symbols), 30),
            str(len(policy.accounts) + len(policy.symbols) or "-"),
            policy.digest[:12],
        ]
        for name, policy in config.policies.items()
    ]
    headings = ["POLICY", "IN FORCE", "ENABLED", "NOTIONAL", "QUANTITY", "SYMBOLS", "OVERRIDES", "DIGEST"]
    state.console.result(
        {
            "policies": [
                {
                    "id": name,
                    "in_force": _in_force(config, name),
                    "digest": policy.digest,
                    "settings": policy.model_dump(mode="json"),
                }
                for name, policy in config.policies.items()
            ]
        },
        *(table(headings, rows, right=frozenset({3, 4})) if rows else ["there is no policy: nothing is allowed"]),
    )


def _in_force(config: Config, name: str) -> list[str]:
    """The modes that are judged by this policy."""
    used = {"paper": config.risk.policy_id, "live": config.live.risk_policy_id}
    return [mode for mode, policy_id in used.items() if policy_id == name]


@command(
    "show",
    help="One policy, number by number, with the table each comes from; without ID the one in force for the "
    "configured mode. With --account and --symbol: as it is for them, the tightest of several.",
    examples="""
        ibgw policy show
        ibgw policy show example
        ibgw policy show example --account DU1234567 --symbol AAPL --json
    """,
)
@click.argument("name", metavar="[ID]", default="")
@click.option("--account", default="", metavar="ACCOUNT", help="As it is for this account.")
@click.option("--symbol", default="", metavar="SYMBOL", help="As it is for this symbol.")
def show(state: Globals, name: str, account: str, symbol: str) -> None:
    from ibgw_tui.service.policy_views import settings, shown

    loaded = load(state)
    is_live = loaded.config.broker.mode == Mode.LIVE.value
    name = name or (loaded.config.live.risk_policy_id if is_live else loaded.config.risk.policy_id) or ""
    if not name:
        raise SettingsError(
            "no policy is in force", user_action="set risk.policy_id, or name one of `ibgw policy list`"
        )
    policy = pick(name, loaded.config.policies, "the configuration")
    found = settings(name, policy, account=account, symbol=symbol)
    for_whom = " and ".join(one_line(word, 40) for word in (account, symbol) if word)
    others = [*(f"accounts.{key}" for key in policy.accounts), *(f"symbols.{key}" for key in policy.symbols)]
    modes = _in_force(loaded.config, name)
    in_force = f"in force for {' and '.join(modes)} orders" if modes else "not in force"
    named = {"accounts." + account, "symbols." + symbol}
    hidden = [other for other in others if other not in named]
    rows = [
        [setting.name, shown(setting.value), " and ".join(setting.origins), setting.means or "-"] for setting in found
    ]
    state.console.result(
        {
            "policy": {
                "id": name,
                "digest": policy.digest,
                "in_force": modes,
                "config_file": str(loaded.file) if loaded.file else None,
                "account": account or None,
                "symbol": symbol or None,
                "settings": [
                    {
                        "name": setting.name,
                        "value": plain(setting.value),
                        "origin": list(setting.origins),
                        "unset_means": setting.means or None,
                    }
                    for setting in found
                ],
                "other_overrides": hidden,
            }
        },
        f"{one_line(name)}{' for ' + for_whom if for_whom else ''}, digest {policy.digest[:12]}, {in_force}",
        *table(["FIELD", "VALUE", "FROM", "WHILE NOT SET"], rows),
        *([f"tighter for others: {one_line(', '.join(hidden))}"] if hidden else []),
    )


@command(
    "check",
    help="Read the policies of FILE, or of the configuration, and warn about what allows nothing, about checks that "
    "are OFF, and about overrides that change nothing. Warnings do not change the exit code; what is wrong does "
    f"({Exit.BAD_CONFIGURATION}).",
    examples="""
        ibgw policy check
        ibgw policy check draft.toml --json
    """,
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(state: Globals, file: Path | None) -> None:
    from ibgw_tui.service.policy_views import RemarkKind, remarks

    policies = _of_file(file) if file else load(state).config.policies
    console = state.console
    found = {name: remarks(policy) for name, policy in policies.items()}
    colours = {RemarkKind.ALLOWS_NOTHING: "red", RemarkKind.OFF: "dim", RemarkKind.NO_EFFECT: "yellow"}
    lines = []
    for name, policy in policies.items():
        warned = len(found[name])
        lines.append(f"{one_line(name)}: right, {warned or 'no'} warning{'' if warned == 1 else 's'}")
        lines.append(f"  digest {policy.digest}")
        lines += [
            "  " + console.paint(one_line(f"{remark.field} {remark.text}"), colours[remark.kind])
            for remark in found[name]
        ]
    console.result(
        {
            "ok": True,
            "file": str(file) if file else None,
            "policies": [
                {
                    "id": name,
                    "digest": policies[name].digest,
                    "warnings": [
                        {"kind": remark.kind.value, "field": remark.field, "text": remark.text} for remark in warnings
                    ],
                }
                for name, warnings in found.items()
            ],
        },
        *(lines or ["there is no policy: nothing is allowed"]),
    )


@command(
    "diff",
    help="What changes from OLD to NEW, field by field: tighter or looser, also where only an account or a symbol is "
    "concerned. Each is the id of a policy of the configuration, or FILE:ID (FILE alone, if it holds one). The exit "
    f"code is {Exit.OK} when nothing is looser and {Exit.REFUSED} when something is.",
    examples="""
        ibgw policy diff example draft.toml:example
        ibgw policy diff old.toml new.toml --json
    """,
)
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
def diff(state: Globals, old: str, new: str) -> int:
    from ibgw_tui.service.policy_views import Direction, compare, shown

    changes = compare(_named(old, state), _named(new, state))
    console, loosened = state.console, any(change.loosens for change in changes)
    colours = {Direction.LOOSER: "red", Direction.BOTH: "red", Direction.TIGHTER: "green"}
    head, *rows = table(
        ["FIELD", "BEFORE", "AFTER", "IS"],
        [
            [_path(change.where, change.name), shown(change.before), shown(change.after), change.direction.value]
            for change in changes
        ],
    )
    painted = [
        console.paint(row, colours[change.direction]) if change.direction in colours else row
        for row, change in zip(rows, changes, strict=True)
    ]
    looser = sum(change.loosens for change in changes)
    verdict = f"{looser} looser" if looser else "nothing is looser"
    console.result(
        {
            "looser": loosened,
            "changes": [
                {
                    "field": _path(change.where, change.name),
                    "before": plain(change.before),
                    "after": plain(change.after),
                    "direction": change.direction.value,
                }
                for change in changes
            ],
        },
        *([console.paint(head, "bold"), *painted, verdict] if changes else ["nothing differs"]),
    )
    return Exit.REFUSED if loosened else Exit.OK


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


# ---- which policy is meant


def _named(reference: str, state: Globals) -> LimitPolicy:
    """By id, by FILE:ID, or by FILE if that holds one policy. Raises NotFound, SettingsError."""
    file, _, name = reference.rpartition(":")
    if file:
        return pick(name, _of_file(Path(file)), file)
    if reference.endswith(".toml") or Path(reference).is_file():
        return only_one(_of_file(Path(reference)), reference)
    return pick(reference, load(state).config.policies, "the configuration")


def _of_file(file: Path) -> Mapping[str, LimitPolicy]:
    from ibgw_tui.config import read_policies

    return read_policies(file.expanduser())


def only_one(policies: Mapping[str, LimitPolicy], file: str, how: str = "name one, such as FILE:ID") -> LimitPolicy:
    """The policy of a file that needs no name. Raises NotFound when it holds several."""
    if len(policies) == 1:
        return next(iter(policies.values()))
    raise NotFound(
        f"{one_line(file, 200)} holds {len(policies)} policies: {one_line(', '.join(policies))}",
        user_action=how,
    )


def pick(name: str, policies: Mapping[str, LimitPolicy], where: str) -> LimitPolicy:
    """The policy of this id. Raises NotFound with the nearest one."""
    found = policies.get(name)
    if found is None:
        near = difflib.get_close_matches(name, list(policies), n=1, cutoff=0.5)
        known = f"did you mean {near[0]}?" if near else f"known: {', '.join(policies) or 'none'}"
        raise NotFound(
            f"there is no policy {one_line(name, 40)!r} in {one_line(where, 200)}; {one_line(known)}",
            user_action="see `ibgw policy list`",
        )
    return found
