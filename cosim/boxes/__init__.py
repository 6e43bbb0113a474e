"""Simulators of mosaik, how they are wired, and what they need of one another."""
