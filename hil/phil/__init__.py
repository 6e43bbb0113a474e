"""Quasi-static power hardware in the loop: a node's voltage out, a device's power back."""
