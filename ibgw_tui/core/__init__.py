"""DECIDES. Pure values and pure functions: no clock, no disk, no network, no screen."""
