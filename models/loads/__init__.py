"""Loads: how they follow voltage and frequency, and devices that can wait."""
