"""A strategy over the SDK: stage, wait for the person, read what came of it.

python examples/strategy.py [HOME]
"""

import sys

from ibgw_tui import GatewayError, Staging

home = sys.argv[1] if len(sys.argv) > 1 else None
wish = {"account": "DU1234567", "symbol": "AAPL", "side": "buy", "quantity": "1", "limit_price": "100"}

with Staging("example-strategy", home=home) as staging:
    try:
        order = staging.stage(**wish, rationale="20-day breakout", key="breakout-AAPL-1")
    except GatewayError as error:
        sys.exit(f"{error.code}: {error.message}\nwhat to do: {error.user_action}")
    print(order.order_ref, order.status.value, "(asked before)" if order.replayed else "")
    order = staging.wait(order.order_ref, timeout=2)
    print(order.status.value, order.reason, *(finding.message for finding in order.refusals))
