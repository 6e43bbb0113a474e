"""Batteries: charge, losses, reactive power, ageing, and the cheapest schedule."""
