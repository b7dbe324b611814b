"""One TOML file, environment over it, flags over both: a frozen Config that knows where each value came from.

Strict, because a misspelt limit must never be an absent one: an unknown key names the file, the key and
the nearest right one, and so does an unknown IBGW_ variable. The shipped default needs no file and
allows one thing: the example policy on a simulated paper account.
"""

from __future__ import annotations

import difflib
import getpass
import ipaddress
import json
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin
from zoneinfo import ZoneInfo

import platformdirs
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from ibgw_tui.core.errors import ErrorCode, SettingsError
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.core.terms import AccountId, Frozen, PrincipalName

APP = "ibgw-tui"
PREFIX = "IBGW_"
FILE_VARIABLE = "IBGW_CONFIG"
OTHER_VARIABLES = frozenset({FILE_VARIABLE, "IBGW_AGENT"})
"""Variables with our prefix that are not settings."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone; give an IANA name such as America/New_York") from error
    return name


def _roll(text: str) -> str:
    try:
        time.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time of day; give HH:MM") from error
    return text


def _operator() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "operator"
    return re.sub(r"[^A-Za-z0-9._@-]", "-", name).lstrip("._@-")[:64] or "operator"


class DeskSection(Frozen):
    home: str = Field(default_factory=lambda: platformdirs.user_data_dir(APP))
    """Folder of the database. Local disk only."""
    operator: PrincipalName = Field(default_factory=_operator)
    """Who approves. Default: your name on this machine."""
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    """Zone of the session's roll, an IANA name."""
    session_roll: Annotated[str, AfterValidator(_roll)] = "00:00"
    """When a new session starts, HH:MM in time_zone: session counters begin anew."""
    preview_ttl_seconds: Annotated[int, Field(ge=60, le=86400)] = 900
    """How long an order waits for a decision."""
    approval_ttl_seconds: Annotated[int, Field(ge=60, le=3600)] = 300
    """How long an approval can be used."""
    hold_back_seconds: Annotated[int, Field(ge=0, le=60)] = 3
    """Time to take an approval back before it is sent."""
    max_pending_per_agent: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Open orders one agent may have waiting."""


class BrokerSection(Frozen):
    backend: Literal["simulated", "ibkr"] = "simulated"
    """Which market: the built-in one, or Interactive Brokers by way of TWS or IB Gateway."""
    mode: Literal["paper", "live"] = "paper"
    """What the account trades with. Live is real money."""
    seed: Annotated[int, Field(ge=0)] = 1
    """Which simulated market."""
    host: str = "127.0.0.1"
    """Where TWS or IB Gateway runs. This machine only, unless allow_other_hosts is set."""
    allow_other_hosts: bool = False
    """The protocol has neither a password nor encryption: say yes only for a tunnel or a network of your own."""
    port: Annotated[int, Field(ge=1, le=65535)] = 4002
    """Its socket port: usually 4002 (IB Gateway) or 7497 (TWS) for paper, 4001 or 7496 for live."""
    client_id: Annotated[int, Field(ge=1, le=999_999)] = 7
    """The one client id of this desk, for ever: only who placed an order may change or cancel it."""
    accounts: tuple[AccountId, ...] = ()
    """Every account that the login of TWS may have. Empty: the allowed_accounts of the mode."""


class PaperSection(Frozen):
    enabled: bool = True
    allowed_accounts: tuple[AccountId, ...] = ("DU1234567",)


class LiveSection(Frozen):
    enabled: bool = False
    allow_live_trading: bool = False
    """A second, separate yes: live trading needs both."""
    allowed_accounts: tuple[AccountId, ...] = ()
    risk_policy_id: str | None = None
    """Policy of live orders."""


class AuditSection(Frozen):
    folder: str = Field(default_factory=lambda: str(Path(platformdirs.user_state_dir(APP)) / "audit"))
    """Where the signing key and the checkpoints of the audit log are kept. Outside the data folder."""
    checkpoint_minutes: Annotated[int, Field(ge=1, le=1440)] = 5
    """How often a running router writes a checkpoint."""


class TerminalSection(Frozen):
    """Comfort of the operator's screen. Nothing in it changes what may be decided."""

    bell: bool = True
    """Ring the terminal's bell when an order comes to wait, or when something goes wrong."""
    desktop: Literal["auto", "osc9", "osc777", "off"] = "auto"
    """The terminal's desktop notification with fixed text. auto: what the terminal is known to take."""
    ring_every_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    """The shortest time between two rings; what comes in between is counted in the next one."""
    flood_per_minute: Annotated[int, Field(ge=0, le=100_000)] = 30
    """From so many orders of one agent in a minute on, a banner says so; 0 never."""
    apprise_file: str | None = None
    """A configuration file of Apprise, which also sends every ring elsewhere (mail, phone). It holds secrets, so keep it 0600."""
    keymap: str = Field(default_factory=lambda: str(Path(platformdirs.user_config_dir(APP)) / "keymap.toml"))
    """The operator's own keys; there need not be such a file."""
    remember: bool = True
    """Keep screen, filter, order of rows, widths and theme until the next start."""


class RiskSection(Frozen):
    policy_id: str | None = "example"
    """Which of the policies below is in force."""


_EXAMPLE: dict[str, Any] = {
    "enabled": True,
    "max_notional": {"amount": "1000", "currency": "USD"},
    "max_quantity": "10",
    "allowed_symbols": ["AAPL"],
    "allowed_asset_classes": ["stock"],
    "frequency_limit": {"max_orders": 5, "window_seconds": 300},
    "session_limit": {
        "max_orders_per_session": 20,
        "max_session_notional": {"amount": "5000", "currency": "USD"},
    },
    "max_price_deviation_bps": 500,
    "max_quote_age_seconds": 30,
}
EXAMPLE_POLICY = LimitPolicy.model_validate_json(json.dumps(_EXAMPLE))


class Config(Frozen):
    desk: DeskSection = Field(default_factory=DeskSection)
    broker: BrokerSection = Field(default_factory=BrokerSection)
    paper: PaperSection = Field(default_factory=PaperSection)
    live: LiveSection = Field(default_factory=LiveSection)
    audit: AuditSection = Field(default_factory=AuditSection)
    terminal: TerminalSection = Field(default_factory=TerminalSection)
    risk: RiskSection = Field(default_factory=RiskSection)
    policies: Mapping[str, LimitPolicy] = Field(default_factory=lambda: {"example": EXAMPLE_POLICY})


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and the origin of every value: 'default', 'file PATH', 'environment NAME' or 'flag --name'."""

    config: Config
    origins: Mapping[str, str]
    file: Path | None
    """The file that was read; None when there is none."""


def default_file() -> Path:
    return Path(platformdirs.user_config_dir(APP)) / "config.toml"


def _is_there(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError as error:  # a folder of another user, a name that is none
        raise SettingsError(
            f"the configuration file {file} cannot be read: {error.strerror or error}",
            user_action="name another file with --config, or in IBGW_CONFIG",
        ) from error


def load_config(path: Path | None, environ: Mapping[str, str], flags: Mapping[str, str]) -> Loaded:
    """Read file, environment and flags (dotted key -> text). Raises SettingsError naming everything that is wrong."""
    named = path or (Path(environ[FILE_VARIABLE]).expanduser() if environ.get(FILE_VARIABLE) else None)
    file = named or default_file()
    problems: list[str] = []
    data: dict[str, Any] = {}
    origins: dict[str, str] = {}
    if _is_there(file):
        data = _read(file)
        origins = {key: f"file {file}" for key, _ in _leaves(data)}
    elif named is not None:
        raise SettingsError(
            f"the configuration file {file} does not exist",
            user_action="name another file, or make it with `ibgw config init`",
        )
    for name, text in sorted(environ.items()):
        if name.startswith(PREFIX) and name not in OTHER_VARIABLES:
            key = name.removeprefix(PREFIX).lower().replace("__", ".")
            if key not in SETTINGS:
                problems.append(_unknown(f"environment variable {name}", name, [_variable(k) for k in SETTINGS]))
                continue
            _put(data, key, _from_text(key, text))
            origins[key] = f"environment {name}"
    for key, text in flags.items():
        _put(data, key, _from_text(key, text))
        origins[key] = f"flag --{key.rsplit('.', 1)[-1].replace('_', '-')}"
    config = _build(data, file, problems)
    assert config is not None
    return Loaded(
        config,
        {key: origins.get(key, _parent_origin(key, origins)) for key, _ in values(config)},
        file if file.is_file() else None,
    )


def read_policies(file: Path) -> Mapping[str, LimitPolicy]:
    """The policies of a draft: a file with tables [policies.<id>], alone or in a whole configuration.

    Raises SettingsError naming everything that is wrong with its shape.
    """
    data, problems = _read(file), []
    try:
        config = _validated(data)
    except ValidationError as error:
        problems = [_describe(problem, file) for problem in error.errors(include_url=False)]
    else:
        problems = list(_never_matched(config.policies))
    if not problems and "policies" not in data:
        problems = [f"{file} has no table [policies.<id>]"]
    if problems:
        raise SettingsError("; ".join(problems), user_action="correct the named settings of the draft")
    return config.policies


def _read(file: Path) -> dict[str, Any]:
    try:
        if stat.S_IMODE(file.stat().st_mode) & stat.S_IWOTH:
            raise SettingsError(f"{file} can be written by everybody", user_action=f"chmod 600 {file}")
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}", user_action="correct the line it names") from error
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be read: {error.strerror}", user_action="check its owner and mode"
        ) from error


def _build(data: dict[str, Any], file: Path, problems: list[str]) -> Config | None:
    """The config, or one SettingsError with every problem of shape and of sense."""
    config: Config | None = None
    try:
        config = _validated(data)
    except ValidationError as error:
        problems += [_describe(problem, file) for problem in error.errors(include_url=False)]
    code = ErrorCode.CONFIG_INVALID
    if config is not None:
        senses = _contradictions(config)
        if config.live.enabled != config.live.allow_live_trading or (senses and config.live.enabled):
            code = ErrorCode.CONFIG_LIVE_TRADING_FORBIDDEN
        problems += senses
    if problems:
        raise SettingsError(
            "; ".join(problems),
            code=code,
            user_action="correct the named settings; `ibgw config check` says when all is right",
        )
    return config


def _validated(data: dict[str, Any]) -> Config:
    """By way of JSON, where strict means: a number in quotes is no number, and a yes is no count."""
    return Config.model_validate_json(json.dumps(data, default=str))


def _never_matched(policies: Mapping[str, LimitPolicy]) -> Iterator[str]:
    """Symbols that no order can have. A case file may hold them; in a configuration they are a slip of the hand."""
    for policy_id, policy in policies.items():
        lists = {"": policy.allowed_symbols}
        for table, overrides in (("accounts", policy.accounts), ("symbols", policy.symbols)):
            lists |= {f"{table}.{name}.": override.allowed_symbols or () for name, override in overrides.items()}
        for where, symbols in lists.items():
            for number, symbol in enumerate(symbols):
                if symbol != symbol.upper():
                    key = f"policies.{policy_id}.{where}allowed_symbols.{number}"
                    yield f"{key}: {symbol!r} is not upper case, and symbols are compared exactly"


def _contradictions(config: Config) -> list[str]:
    """What is well-formed but cannot be meant."""
    live, found = config.live, list(_never_matched(config.policies))
    if config.broker.backend == "ibkr":
        found += _broker_contradictions(config)
    if live.enabled and not live.allow_live_trading:
        found.append("live.enabled is true but live.allow_live_trading is not: set both, or neither")
    if live.allow_live_trading and not live.enabled:
        found.append("live.allow_live_trading is true but live.enabled is not: set both, or neither")
    if live.enabled and not live.allowed_accounts:
        found.append("live.allowed_accounts: live trading needs at least one account")
    if live.enabled and not live.risk_policy_id:
        found.append("live.risk_policy_id: live trading needs the id of a limit policy")
    for key, name in (("risk.policy_id", config.risk.policy_id), ("live.risk_policy_id", live.risk_policy_id)):
        if name is not None and name not in config.policies:
            found.append(_unknown(f"{key}: policy {name!r}", name, list(config.policies)))
    return found


def expected_accounts(config: Config) -> tuple[AccountId, ...]:
    """The accounts that a login of TWS may have."""
    of_mode = config.live.allowed_accounts if config.broker.mode == "live" else config.paper.allowed_accounts
    return config.broker.accounts or of_mode


def _broker_contradictions(config: Config) -> list[str]:
    broker, accounts, found = config.broker, expected_accounts(config), []
    if not broker.allow_other_hosts and not _is_loopback(broker.host):
        found.append(
            f"broker.host: {broker.host!r} is another machine, and the protocol has neither a password nor encryption; "
            "use 127.0.0.1, or set broker.allow_other_hosts"
        )
    if not accounts:
        found.append(f"broker.accounts: name the accounts of the login, or set {broker.mode}.allowed_accounts")
    # Paper accounts begin with D; whatever begins otherwise is taken for real money.
    wrong = [account for account in accounts if account.startswith("D") != (broker.mode == "paper")]
    if wrong:
        found.append(f"broker.mode is {broker.mode}, but {', '.join(wrong)} is not an account of that mode")
    return found


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _describe(problem: Any, file: Path) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        *parents, name = [str(part) for part in problem["loc"]]
        return _unknown(f"{file}: key {key}", name, _known_keys(parents))
    message = problem["msg"].removeprefix("Value error, ")
    if isinstance(problem["input"], float):
        message = 'must be text in quotes, such as "1000.50": a TOML float has lost its exact digits'
    return f"{key}: {message}"


def _known_keys(parents: list[str]) -> list[str]:
    """The names that are known where `parents` lead; below a table of tables, the next part is a name."""
    kind: Any = Config
    for part in parents:
        model = _model_in(kind)
        if get_origin(kind) is Mapping:
            kind = model
        elif model is not None and part in model.model_fields:
            kind = model.model_fields[part].annotation
        else:
            return []
    found = None if get_origin(kind) is Mapping else _model_in(kind)
    return list(found.model_fields) if found is not None else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model class inside an annotation such as `Money | None` or an Annotated one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


def _unknown(what: str, given: str, known: list[str]) -> str:
    near = difflib.get_close_matches(given, known, n=1, cutoff=0.5)
    return (
        f"{what} is not known; did you mean {near[0]}?"
        if near
        else f"{what} is not known; known: {', '.join(sorted(known))}"
    )


def _leaves(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def values(config: Config) -> list[tuple[str, Any]]:
    """(dotted key, value) of every setting, policies included, as plain JSON values.

    Of the overrides of a policy only what they set: each would be twenty lines of 'not set'.
    """
    leaves = _leaves(config.model_dump(mode="json"))
    return [(key, value) for key, value in leaves if value is not None or not _OVERRIDE.match(key)]


_OVERRIDE = re.compile(r"policies\.[^.]+\.(accounts|symbols)\.")


def show(loaded: Loaded) -> list[tuple[str, str, str]]:
    """(dotted key, value as text, origin) of every setting in force."""
    return [(key, _shown(value), loaded.origins[key]) for key, value in values(loaded.config)]


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(str(item) for item in value) + "]"
    return "not set" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _parent_origin(key: str, origins: Mapping[str, str]) -> str:
    """A value inside a table or list that was given as a whole has that origin; a policy field that the file left out is default."""
    return next((origin for given, origin in origins.items() if key.startswith(given + ".")), "default")


def _settings() -> dict[str, Any]:
    """Every setting that environment and flags may set: dotted key -> annotation."""
    found: dict[str, Any] = {}
    for section, field in Config.model_fields.items():
        model = _model_in(field.annotation)
        if section != "policies" and model is not None:
            found |= {f"{section}.{name}": info.annotation for name, info in model.model_fields.items()}
    return found


SETTINGS = _settings()


def _variable(key: str) -> str:
    return PREFIX + key.replace(".", "__").upper()


def _from_text(key: str, text: str) -> Any:
    """Text from the environment or a flag as the type of its setting; what does not fit is left to the validator."""
    annotation = SETTINGS.get(key)
    if annotation is bool:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(text.lower(), text)
    if annotation is int:
        return int(text) if re.fullmatch(r"-?[0-9]+", text) else text
    if getattr(annotation, "__origin__", None) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _put(data: dict[str, Any], key: str, value: Any) -> None:
    section, name = key.split(".", 1)
    table = data.setdefault(section, {})
    if isinstance(table, dict):
        table[name] = value


def default_toml() -> str:
    """A commented file that says what the default says."""
    return DEFAULT_TOML


DEFAULT_TOML = """\
# ibgw-tui. Every line that starts with '#' shows the default; take the '#' away to change it.
# Unknown keys are errors. `ibgw config check` reads this file, `ibgw config show --origin` says what is in force.

[desk]
# home = "..."                    # folder of the database, on a local disk
# operator = "..."                # who approves; default: your name on this machine
# time_zone = "UTC"               # zone of the session's roll, such as "America/New_York"
# session_roll = "00:00"          # a new session starts at this time of day
# preview_ttl_seconds = 900       # how long an order waits for a decision
# approval_ttl_seconds = 300      # how long an approval can be used, 60 to 3600
# hold_back_seconds = 3           # time to take an approval back before it is sent; 0 is allowed
# max_pending_per_agent = 200     # open orders one agent may have waiting

[broker]
# backend = "simulated"           # the built-in market; or "ibkr": TWS or IB Gateway
# mode = "paper"                  # or "live": real money (with the simulated market: pretended)
# seed = 1                        # which simulated market
# Of "ibkr" (`ibgw doctor --broker` says what is wrong with them):
# host = "127.0.0.1"              # where TWS or IB Gateway runs; other machines need allow_other_hosts = true
# port = 4002                     # paper: 4002 (IB Gateway) or 7497 (TWS); live: 4001 or 7496
# client_id = 7                   # one number for this desk, for ever: who placed an order may change it
# accounts = []                   # all accounts of the login; empty: allowed_accounts of the mode
# allow_other_hosts = false

[paper]
# enabled = true
# allowed_accounts = ["DU1234567"]

[live]
# Live trading needs all of these, `ibgw tui --enable-live`, and the acknowledged paper-to-live checklist.
# enabled = false
# allow_live_trading = false
# allowed_accounts = []
# risk_policy_id = "example"

[audit]
# folder = "..."                  # signing key and checkpoints of the audit log; outside the data folder
# checkpoint_minutes = 5          # how often a running router writes a checkpoint

[terminal]
# bell = true                     # ring when an order comes to wait, or when something goes wrong
# desktop = "auto"                # desktop notification by the terminal: "osc9", "osc777" or "off"; its text is fixed
# ring_every_seconds = 10         # the shortest time between two rings
# flood_per_minute = 30           # a banner names an agent that stages so many in a minute; 0: never
# apprise_file = "..."            # sends every ring elsewhere, too: a file of Apprise (pip install "ibgw-tui[notify]")
# keymap = "..."                  # your own keys, besides those of the manual (docs/terminal.md)
# remember = true                 # screen, filter, order of rows, widths and theme until the next start

[risk]
# policy_id = "example"           # which of the policies below is in force

# What a person allows. An absent limit allows nothing; checks that are off when not set say so on every ticket.
# `ibgw policy check` names both, `ibgw policy test` tells what a change would have done to past orders.
[policies.example]
enabled = true
max_notional = { amount = "1000", currency = "USD" }        # of one order
max_quantity = "10"                                         # of one order
allowed_symbols = ["AAPL"]
allowed_asset_classes = ["stock"]                           # stock, etf, option, future, fx
frequency_limit = { max_orders = 5, window_seconds = 300 }
session_limit = { max_orders_per_session = 20, max_session_notional = { amount = "5000", currency = "USD" } }
max_price_deviation_bps = 500                               # distance to the market, 100 = 1 %; off when not set
max_quote_age_seconds = 30                                  # off when not set
# market_order_haircut_bps = 200    # added to the worst-case price of orders without a limit price
# max_fx_age_seconds = 10           # oldest FX rate that converts into a limit's currency; not set: never convert
# Off when not set:
# max_spread_bps = 50               # widest spread of a quote, 100 = 1 % of its middle
# max_position = "100"              # of one contract, long or short, if everything of one side fills
# min_excess_liquidity = { amount = "2000", currency = "USD" }   # what the broker's what-if must leave
# duplicate_window_seconds = 60     # an equal order this lately is a duplicate
# refuse_self_cross = true          # nothing that could trade with an own working order
# market_hours = "liquid"           # liquid: regular hours; trading: all hours of the contract; any
# max_drift_bps = 100               # how far the market may move against the order after its approval
# Tighter for one account or one symbol, in one line or as a table [policies.example.symbols.TSLA]. Of several the
# tightest counts; nothing here can loosen the policy.
# accounts.DU1234567 = { max_quantity = "5", max_position = "50" }
# symbols.AAPL = { max_notional = { amount = "500", currency = "USD" }, max_spread_bps = 20 }
"""
