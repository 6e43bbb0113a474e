"""The one door to pyvisa: connections that never hand over one answer for another."""
