"""Colours, once. A state is always a word or a mark as well, so nothing is lost without them.

Blue buys and orange sells (told apart by every common kind of colour blindness); green, yellow and red
belong to checks alone. Real money has a colour of its own, which nothing else uses as a background.
"""

from __future__ import annotations

from textual.theme import Theme

from ibgw_tui.tui.present import Tone

DEFAULT = "ibgw-dark"

_DARK = {
    "buy": "#6cb6ff",
    "sell": "#ffab6b",
    "pass": "#7ccf8f",
    "warn": "#f0d05a",
    "refuse": "#ff7a80",
    "unknown": "#d9a2ff",
    "quiet": "#8b97a5",
    "faint": "#4b5663",
    "agent": "#b9c2cc",
    "agent-frame": "#6b5c86",
    "row-cursor": "#24405f",
    "row-cursor-blurred": "#1e2c3c",
    "badge-live": "#c4232f",
    "badge-paper": "#2663a6",
    "badge-simulated": "#4a5a6a",
    "badge-simulated-live": "#8c3a86",
    "badge-text": "#ffffff",
    "alarm": "#8e1f28",
    "alarm-text": "#ffffff",
    "caution": "#5d4a12",
    "caution-text": "#ffe9a6",
    "frame": "#303b47",
    "frame-focus": "#5b8fc4",
    "bar-used": "#6f8aa8",
    "bar-this": "#6cb6ff",
    "bar-free": "#2c3641",
    "block-cursor-text-style": "none",
}

DARK = Theme(
    name=DEFAULT,
    primary="#6cb6ff",
    secondary="#7ea6c9",
    accent="#ffab6b",
    warning="#f0d05a",
    error="#e0555d",
    success="#7ccf8f",
    foreground="#dbe2ea",
    background="#0f1419",
    surface="#141b22",
    panel="#1b242d",
    dark=True,
    variables=_DARK,
)

LIGHT = Theme(
    name="ibgw-light",
    primary="#0b5cad",
    secondary="#44617d",
    accent="#a84e00",
    warning="#7a5c00",
    error="#b3202c",
    success="#1c6b33",
    foreground="#1b232b",
    background="#f4f6f8",
    surface="#ffffff",
    panel="#e6ebf0",
    dark=False,
    variables={
        **_DARK,
        "buy": "#0b5cad",
        "sell": "#a84e00",
        "pass": "#1c6b33",
        "warn": "#7a5c00",
        "refuse": "#b3202c",
        "unknown": "#74309b",
        "quiet": "#5b6772",
        "faint": "#a9b4be",
        "agent": "#3a4550",
        "agent-frame": "#8c7aa8",
        "row-cursor": "#c9def4",
        "row-cursor-blurred": "#dde6ee",
        "badge-simulated": "#52616f",
        "alarm": "#b3202c",
        "caution": "#ffe9a6",
        "caution-text": "#4d3b00",
        "frame": "#c3ccd5",
        "frame-focus": "#0b5cad",
        "bar-used": "#7d94ab",
        "bar-this": "#0b5cad",
        "bar-free": "#d9e0e7",
    },
)

HIGH_CONTRAST = Theme(
    name="ibgw-high-contrast",
    primary="#7fd4ff",
    secondary="#ffffff",
    accent="#ffb000",
    warning="#ffff00",
    error="#ff5555",
    success="#00ff5f",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#000000",
    dark=True,
    text_alpha=1.0,
    variables={
        **_DARK,
        "buy": "#7fd4ff",
        "sell": "#ffb000",
        "pass": "#00ff5f",
        "warn": "#ffff00",
        "refuse": "#ff6b6b",
        "unknown": "#ff9dff",
        "quiet": "#d0d0d0",
        "faint": "#a0a0a0",
        "agent": "#ffffff",
        "agent-frame": "#ff9dff",
        "row-cursor": "#00488f",
        "row-cursor-blurred": "#303030",
        "badge-live": "#d40000",
        "badge-paper": "#0057c2",
        "badge-simulated": "#555555",
        "badge-simulated-live": "#9b00a8",
        "alarm": "#d40000",
        "caution": "#ffff00",
        "caution-text": "#000000",
        "frame": "#b0b0b0",
        "frame-focus": "#7fd4ff",
        "bar-used": "#c0c0c0",
        "bar-this": "#7fd4ff",
        "bar-free": "#505050",
    },
)

OURS = (DARK, LIGHT, HIGH_CONTRAST)
NAMES = (*(theme.name for theme in OURS), "ansi-dark", "ansi-light")
"""The themes the palette offers. The two `ansi` ones use the terminal's own sixteen colours."""

FALLBACK: dict[str, str] = {
    # for the ansi themes, which bring none of these
    "buy": "ansi_bright_blue",
    "sell": "ansi_bright_yellow",
    "pass": "ansi_green",
    "warn": "ansi_yellow",
    "refuse": "ansi_bright_red",
    "unknown": "ansi_bright_magenta",
    "quiet": "ansi_default",
    "faint": "ansi_bright_black",
    "agent": "ansi_default",
    "agent-frame": "ansi_magenta",
    "row-cursor": "ansi_blue",
    "row-cursor-blurred": "ansi_bright_black",
    "badge-live": "ansi_red",
    "badge-paper": "ansi_blue",
    "badge-simulated": "ansi_bright_black",
    "badge-simulated-live": "ansi_magenta",
    "badge-text": "ansi_bright_white",
    "alarm": "ansi_red",
    "alarm-text": "ansi_bright_white",
    "caution": "ansi_yellow",
    "caution-text": "ansi_black",
    "frame": "ansi_bright_black",
    "frame-focus": "ansi_bright_blue",
    "bar-used": "ansi_cyan",
    "bar-this": "ansi_bright_blue",
    "bar-free": "ansi_bright_black",
}

STYLES: dict[Tone, str] = {
    Tone.PLAIN: "",
    Tone.STRONG: "bold",
    Tone.QUIET: "$quiet",
    Tone.FAINT: "$faint",
    Tone.GOOD: "$pass",
    Tone.WARN: "bold $warn",
    Tone.REFUSE: "bold $refuse",
    Tone.UNKNOWN: "bold $unknown",
    Tone.BUY: "bold $buy",
    Tone.SELL: "bold $sell",
    Tone.AGENT: "$agent",
    Tone.LIVE: "bold $badge-text on $badge-live",
    Tone.PAPER: "bold $badge-text on $badge-paper",
    Tone.SIMULATED: "bold $badge-text on $badge-simulated",
    Tone.SIMULATED_LIVE: "bold $badge-text on $badge-simulated-live",
    Tone.ALARM: "bold $alarm-text on $alarm",
    Tone.CAUTION: "bold $caution-text on $caution",
}
"""Each tone as a style string for Content; resolved by the theme when it is drawn."""
