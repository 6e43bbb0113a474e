"""Devices inside a run: who plays whom, what must be open, and what is lost."""
