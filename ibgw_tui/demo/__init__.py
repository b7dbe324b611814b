"""The demo: a fresh desk on the simulated market, three agents, and a scene that plays without a screen."""
