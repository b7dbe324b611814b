"""The configuration: strict, layered, and clear about what is wrong and where a value came from."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from ibgw_tui.config import (
    DEFAULT_TOML,
    SETTINGS,
    Loaded,
    default_toml,
    expected_accounts,
    load_config,
    read_policies,
    show,
)
from ibgw_tui.core.errors import ErrorCode, SettingsError
from ibgw_tui.core.policy import LimitPolicy
from ibgw_tui.demo.settings import write_demo_settings


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def load(
    folder: Path, text: str = "", environ: dict[str, str] | None = None, flags: dict[str, str] | None = None
) -> Loaded:
    return load_config(written(folder, text), environ or {}, flags or {})


def refusal(folder: Path, text: str = "", environ: dict[str, str] | None = None) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(folder, text, environ)
    assert caught.value.user_action
    return caught.value


@pytest.fixture(autouse=True)
def _nobodys_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nowhere"))


def test_the_shipped_default_needs_no_file_and_allows_the_example_only() -> None:
    loaded = load_config(None, {}, {})
    policy = loaded.config.policies["example"]
    assert loaded.file is None and set(loaded.origins.values()) == {"default"}
    assert policy.max_notional is not None and str(policy.max_notional) == "1000 USD"
    assert (policy.allowed_symbols, policy.max_quantity) == (("AAPL",), Decimal(10))
    assert loaded.config.paper.allowed_accounts == ("DU1234567",) and not loaded.config.live.enabled


def test_the_written_default_says_what_the_default_says(tmp_path: Path) -> None:
    assert load(tmp_path, default_toml()).config == load_config(None, {}, {}).config


def test_the_written_default_shows_every_setting() -> None:
    uncommented = "\n".join(
        line.removeprefix("# ") for line in DEFAULT_TOML.splitlines() if "=" in line or line.startswith("[")
    )
    data = tomllib.loads(uncommented)
    shown = {f"{section}.{key}" for section, table in data.items() if section != "policies" for key in table}
    assert shown == set(SETTINGS)


def test_the_written_default_shows_every_field_of_a_policy() -> None:
    shown = {line.removeprefix("# ").partition(" =")[0].partition(".")[0] for line in DEFAULT_TOML.splitlines()}
    assert set(LimitPolicy.model_fields) <= shown


def test_a_policy_with_everything_set(tmp_path: Path) -> None:
    """What the written default shows as comments is right when the '#' is taken away."""
    _, _, policy = DEFAULT_TOML.partition("[policies.example]\n")
    lines = [line.removeprefix("# ") for line in policy.splitlines() if " = " in line]
    policies = load(tmp_path, "[policies.example]\n" + "\n".join(lines)).config.policies
    example = policies["example"]
    assert all(getattr(example, name) not in (None, (), {}) for name in LimitPolicy.model_fields)
    tight = example.effective("DU1234567", "AAPL")
    assert tight.max_quantity is not None and example.max_quantity is not None
    assert tight.max_quantity < example.max_quantity and tight.digest != example.digest


def test_only_what_an_override_sets_is_shown(tmp_path: Path) -> None:
    loaded = load(tmp_path, '[policies.example]\nenabled = true\nsymbols."EUR.USD" = { max_quantity = "5" }\n')
    rows = {key: (value, origin) for key, value, origin in show(loaded)}
    assert rows["policies.example.symbols.EUR.USD.max_quantity"] == ("5", f"file {tmp_path / 'config.toml'}")
    assert [key for key in rows if ".symbols." in key] == ["policies.example.symbols.EUR.USD.max_quantity"]
    assert rows["policies.example.max_quantity"] == ("not set", "default")


def test_policies_of_a_draft_file(tmp_path: Path) -> None:
    """A draft holds policies alone, or is a whole configuration; a file without policies is none."""
    draft = written(tmp_path, "[policies.draft]\nenabled = true\nmax_quantity = 3\n")
    assert set(read_policies(draft)) == {"draft"}
    assert set(read_policies(written(tmp_path, default_toml()))) == {"example"}
    for text, words in [
        ("[desk]\n", "no table [policies.<id>]"),
        ("[policies.draft]\nmax_quantty = 3\n", "did you mean max_quantity?"),
        ("[desc]\n[policies.draft]\n", "did you mean desk?"),
        ("policies = 3", "policies"),
        ('[policies.draft]\nallowed_symbols = ["spy"]\n', "policies.draft.allowed_symbols.0"),
    ]:
        with pytest.raises(SettingsError) as caught:
            read_policies(written(tmp_path, text))
        assert words in caught.value.message and caught.value.user_action
    with pytest.raises(SettingsError, match="cannot be read"):
        read_policies(tmp_path / "no.toml")


def test_flag_over_environment_over_file_over_default(tmp_path: Path) -> None:
    text = '[desk]\nhold_back_seconds = 1\noperator = "file"\n[broker]\nseed = 5\n'
    environ = {"IBGW_DESK__HOLD_BACK_SECONDS": "2", "IBGW_DESK__OPERATOR": "environment", "HOME": "/tmp"}
    loaded = load(tmp_path, text, environ, {"desk.operator": "flag"})
    assert (loaded.config.desk.hold_back_seconds, loaded.config.desk.operator, loaded.config.broker.seed) == (
        2,
        "flag",
        5,
    )
    origins = loaded.origins
    assert origins["desk.hold_back_seconds"] == "environment IBGW_DESK__HOLD_BACK_SECONDS"
    assert origins["desk.operator"] == "flag --operator"
    assert origins["broker.seed"] == f"file {tmp_path / 'config.toml'}"
    assert origins["desk.time_zone"] == "default"
    assert {key for key, _, _ in show(loaded)} == set(origins)


def test_a_policy_in_the_file_replaces_the_shipped_ones(tmp_path: Path) -> None:
    text = '[risk]\npolicy_id = "mine"\n[policies.mine]\nenabled = true\nmax_quantity = 3\n'
    config = load(tmp_path, text).config
    assert set(config.policies) == {"mine"} and config.policies["mine"].max_quantity == 3
    assert config.policies["mine"].max_notional is None, "an absent limit stays absent, it is not filled in"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[desk]\noperater = "x"', ["config.toml", "desk.operater", "did you mean operator?"]),
        ('[desc]\noperator = "x"', ["key desc", "did you mean desk?"]),
        ("[policies.example]\nmax_notionl = 1", ["policies.example.max_notionl", "did you mean max_notional?"]),
        ("[policies.example]\nsession_limit = { max_orders = 3 }", ["session_limit", "max_orders_per_session?"]),
        (
            "[policies.example.accounts.DU1234567]\nmax_quantty = 1",
            ["policies.example.accounts.DU1234567.max_quantty", "did you mean max_quantity?"],
        ),
        (
            "[policies.example.symbols.AAPL.session_limit]\nmax_order_per_session = 1",
            ["symbols.AAPL.session_limit", "did you mean max_orders_per_session?"],
        ),
        (
            '[policies.example.symbols."EUR.USD"]\nmax_notionl = 1',
            ["policies.example.symbols.EUR.USD.max_notionl", "did you mean max_notional?"],
        ),
        ("[policies.example.symbol.AAPL]\nmax_quantity = 1", ["policies.example.symbol", "did you mean symbols?"]),
        ("[policies.example.accounts.DU1234567.symbols]\nAAPL = 1", ["DU1234567.symbols", "allowed_symbols"]),
        ("[policies.example.accounts.nobody]\nmax_quantity = 1", ["policies.example.accounts.nobody"]),
        ('[policies.example]\nmarket_hours = "regular"', ["market_hours", "'liquid', 'trading' or 'any'"]),
        ("[policies.example]\nrefuse_self_cross = 1", ["policies.example.refuse_self_cross"]),
        ('[policies.example]\nmax_drift_bps = "10"', ["policies.example.max_drift_bps", "integer"]),
        (
            (
                '[policies.example]\nmax_notional = { amount = "1", currency = "USD" }\n'
                '[policies.example.symbols.AAPL]\nmax_notional = { amount = "1", currency = "EUR" }'
            ),
            ["policies.example", "symbols.AAPL.max_notional", "give it in USD"],
        ),
        ("[policies.example]\nmax_quantity = 1.5", ["policies.example.max_quantity", "in quotes"]),
        (
            '[policies.example]\nmax_notional = { amount = 10.5, currency = "USD" }',
            ["max_notional.amount", "in quotes"],
        ),
        ("[policies.example]\nmax_quantity = nan", ["policies.example.max_quantity"]),
        ('[policies.example]\nallowed_symbols = ["aapl"]', ["policies.example.allowed_symbols.0", "upper case"]),
        (
            '[policies.example]\n[policies.example.accounts.DU1234567]\nallowed_symbols = ["AAPL", "spy"]',
            ["policies.example.accounts.DU1234567.allowed_symbols.1", "upper case"],
        ),
        ('[broker]\nmode = "real"', ["broker.mode", "'paper' or 'live'"]),
        ('[broker]\nseed = "3"', ["broker.seed", "integer"]),
        ("[desk]\nhold_back_seconds = true", ["desk.hold_back_seconds", "integer"]),
        ("[desk]\napproval_ttl_seconds = 59", ["desk.approval_ttl_seconds", "60"]),
        ('[desk]\ntime_zone = "Mars/Olympus"', ["desk.time_zone", "IANA"]),
        ('[desk]\nsession_roll = "noon"', ["desk.session_roll", "HH:MM"]),
        ('[broker]\nbackend = "tws"', ["broker.backend", "'simulated' or 'ibkr'"]),
        ("[broker]\nport = 70000", ["broker.port", "65535"]),
        ("[broker]\nclient_id = 0", ["broker.client_id", "1"]),
        ('[broker]\nbackend = "ibkr"\nhost = "10.0.0.5"', ["broker.host", "another machine", "allow_other_hosts"]),
        ('[broker]\nbackend = "ibkr"\nhost = "tws.example"', ["broker.host", "another machine"]),
        ('[broker]\nbackend = "ibkr"\naccounts = ["U1234567"]', ["broker.mode is paper", "U1234567"]),
        ('[broker]\nbackend = "ibkr"\nmode = "live"', ["broker.accounts", "live.allowed_accounts"]),
        ('[broker]\nbackend = "ibkr"\nmode = "live"\naccounts = ["DU1234567"]', ["broker.mode is live", "DU1234567"]),
        ("[broker]\nclientid = 3", ["did you mean client_id?"]),
        ('[risk]\npolicy_id = "exampl"', ["risk.policy_id", "did you mean example?"]),
        ("desk = 3", ["desk"]),
        ("[desk\n", ["not valid TOML"]),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(tmp_path: Path, text: str, words: list[str]) -> None:
    error = refusal(tmp_path, text)
    assert all(word in error.message for word in words), error.message
    assert error.code is ErrorCode.CONFIG_INVALID


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    error = refusal(tmp_path, '[desk]\noperater = "x"\n[broker]\nmode = "real"\n', {"IBGW_BROKER__MOD": "live"})
    assert all(word in error.message for word in ("operater", "broker.mode", "IBGW_BROKER__MOD"))


def test_a_misspelt_variable_is_an_error(tmp_path: Path) -> None:
    assert "did you mean IBGW_BROKER__MODE?" in refusal(tmp_path, "", {"IBGW_BROKER__MODEE": "live"}).message
    load(tmp_path, "", {"IBGW_AGENT": "momentum-1"})


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("enabled = true", "allow_live_trading"),
        ("allow_live_trading = true", "live.enabled is not"),
        ('enabled = true\nallow_live_trading = true\nrisk_policy_id = "example"', "allowed_accounts"),
        ('enabled = true\nallow_live_trading = true\nallowed_accounts = ["U1234567"]', "risk_policy_id"),
    ],
)
def test_live_trading_is_enabled_whole_or_not_at_all(tmp_path: Path, text: str, word: str) -> None:
    error = refusal(tmp_path, f"[live]\n{text}\n")
    assert error.code is ErrorCode.CONFIG_LIVE_TRADING_FORBIDDEN and word in error.message


def test_a_file_that_everybody_can_write_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    path.chmod(0o666)
    with pytest.raises(SettingsError, match="everybody") as caught:
        load_config(path, {}, {})
    assert "chmod 600" in caught.value.user_action


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    gone = tmp_path / "no.toml"
    with pytest.raises(SettingsError, match="does not exist"):
        load_config(gone, {}, {})
    with pytest.raises(SettingsError, match="does not exist"):
        load_config(None, {"IBGW_CONFIG": str(gone)}, {})


@pytest.mark.parametrize("mode", ["paper", "live"])
def test_the_demo_writes_a_configuration_that_is_right(tmp_path: Path, mode: str) -> None:
    config = load_config(write_demo_settings(tmp_path, mode=mode, seed=3, hold_back=1), {}, {}).config
    assert (config.broker.mode, config.broker.seed, config.desk.hold_back_seconds) == (mode, 3, 1)
    assert config.desk.home == str(tmp_path)


def test_a_place_that_cannot_be_looked_at_is_told_not_thrown(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_config(tmp_path / ("x" * 300), {}, {})


def test_the_demo_writes_a_configuration_for_a_simulated_tws(tmp_path: Path) -> None:
    config = load_config(write_demo_settings(tmp_path, mode="paper", seed=3, hold_back=1, tws_port=4444), {}, {}).config
    assert (config.broker.backend, config.broker.port, config.broker.mode) == ("ibkr", 4444, "paper")


def test_interactive_brokers_as_the_market(tmp_path: Path) -> None:
    text = '[broker]\nbackend = "ibkr"\nport = 7497\n'
    config = load(tmp_path, text, {"IBGW_BROKER__CLIENT_ID": "12"}).config
    assert (config.broker.host, config.broker.port, config.broker.client_id) == ("127.0.0.1", 7497, 12)
    assert expected_accounts(config) == ("DU1234567",)
    more = load(tmp_path, text + 'accounts = ["DU1234567", "DU7654321"]\nhost = "10.0.0.5"\nallow_other_hosts = true')
    assert expected_accounts(more.config) == ("DU1234567", "DU7654321")
