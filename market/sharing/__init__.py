"""How a community shares what it earns together: the game, the rules of sharing, and the core.

Worth and shares are in whatever unit the game is in; `EnergyGame` counts in n€, in which a
period's worth is a whole number.
"""
