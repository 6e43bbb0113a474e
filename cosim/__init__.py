"""When it runs, and who is wired to whom: mosaik simulators, wiring, runs and the command line."""
