"""SPEAK TO A MARKET. Each module is one market behind the port of `core.broker`."""
