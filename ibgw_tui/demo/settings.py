"""The demo's own configuration: roomy enough to play in, tight enough to refuse."""

from __future__ import annotations

from pathlib import Path

_TEMPLATE = """\
# Written by the demo. Safe to read, safe to delete with its folder.
[desk]
home = {home}
operator = "you"
hold_back_seconds = {hold_back}
preview_ttl_seconds = 300

[broker]
backend = "{backend}"
mode = "{mode}"
seed = {seed}
{port}
[paper]
enabled = true
allowed_accounts = ["DU1234567"]

[live]
enabled = {live}
allow_live_trading = {live}
allowed_accounts = {live_accounts}
{live_policy}
[audit]
folder = {audit}

[terminal]
desktop = "off"
remember = false

[risk]
policy_id = "demo"

[policies.demo]
enabled = true
max_notional = {{ amount = "25000", currency = "USD" }}
max_quantity = "20000"
allowed_symbols = ["AAPL", "MSFT", "SPY", "TSLA", "EUR.USD"]
allowed_asset_classes = ["stock", "etf", "fx"]
frequency_limit = {{ max_orders = 30, window_seconds = 300 }}
session_limit = {{ max_orders_per_session = 200, max_session_notional = {{ amount = "250000", currency = "USD" }} }}
max_price_deviation_bps = 500
max_quote_age_seconds = 30
"""


def write_demo_settings(home: Path, *, mode: str, seed: int, hold_back: int, tws_port: int | None = None) -> Path:
    """A configuration file in `home`, readable by its owner only. With `tws_port` the orders go over the wire."""
    live = mode == "live"
    text = _TEMPLATE.format(
        home=_toml_string(str(home)),
        audit=_toml_string(f"{home}-audit"),
        backend="simulated" if tws_port is None else "ibkr",
        mode=mode,
        port="" if tws_port is None else f"port = {tws_port}\n",
        seed=seed,
        hold_back=hold_back,
        live=str(live).lower(),
        live_accounts='["U1234567"]' if live else "[]",
        live_policy='risk_policy_id = "demo"\n' if live else "",
    )
    path = home / "config.toml"
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def _toml_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
