"""SPEAKS TO A MARKET. One module per market behind `core.broker`; importing this package loads none of them."""
