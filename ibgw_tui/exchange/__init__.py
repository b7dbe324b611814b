"""A deterministic market of our own: given a seed, a clock's readings and the same orders, the same future.

It exists so that everything above it can be run, shown and tested without a brokerage account. Pure
state and pure functions: no disk, no network, no clock, no tasks. `brokers.simulated` puts it behind
the broker port.
"""
