"""Drivers: a role in our units to us, the language of one device to it."""
