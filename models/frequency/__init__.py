"""Frequency: an input while the village hangs on the grid, a balance of its own in an island.

The grid's is nominal, a process or a trace (`process`, `trace`); an island's is `island`, or
`joined` where it may part from the grid and join again; `areas` swing against one another.
"""
