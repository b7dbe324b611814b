"""A simulated TWS / IB Gateway: the exchange behind the TWS wire protocol, on a loopback port.

It exists so that a client of Interactive Brokers, ours or anybody's, can be tested without an account,
and with every trouble that a real gateway makes only on bad days.
"""
