"""The grid: power flow in one and three phases, and what its operator may do to it."""
