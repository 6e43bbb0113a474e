"""Instruments that are not there: SCPI and SunSpec over the physics of `models`."""
