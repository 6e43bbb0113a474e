"""Numbers as instruments write them."""

import re

NOT_A_NUMBER = "9.91E37"  # SCPI-99 vol. 1, 7.2.1.5
BIGGEST = 9.9e37  # SCPI-99 vol. 1, 7.2.1: 9.91E37 is "not a number", 9.9E37 infinity

_NUMBER = re.compile(r" *[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?: ?[eE] ?[+-]?[0-9]+)? *")


def decimal(text: str) -> float | None:
    """Read a decimal number of IEEE 488.2: NR1, NR2 or NR3; None for anything else."""
    return float(text.replace(" ", "")) if _NUMBER.fullmatch(text) else None
