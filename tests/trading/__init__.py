"""Trading with random faults, for minutes or an hour: `python -m tests.trading --minutes 60 --report trading.json`.

Agents, an operator, two routers and a terminal are processes of their own; the broker is the simulated TWS in the
process of the harness, spoken to over its wire by the unmodified client library. Meanwhile processes are killed and
put to sleep, links break in every way they can, and TWS answers what it should not. In the end the market, the
database and what everybody was told must say the same.
"""
