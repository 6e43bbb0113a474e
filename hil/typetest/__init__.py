"""Procedures that qualify an inverter, step by step, with a verdict for each."""
