"""Devices that keep their own time: nothing here ever makes a tick wait."""
