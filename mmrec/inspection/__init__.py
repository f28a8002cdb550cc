"""Inspect a finished run: the recommendations of a user and the item graphs behind them."""
