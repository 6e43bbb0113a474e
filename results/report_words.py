"""How a report says amounts: energy, money, prices, counts, lists."""

from collections.abc import Sequence

__all__ = ["count", "ct", "eur", "join", "kwh", "percent", "span"]

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def kwh(milliwh: float) -> str:
    """Say energy given in mWh."""
    return f"{milliwh / 1e6:.2f} kWh" if milliwh >= 100_000 else f"{milliwh / 1000:.1f} Wh"


def eur(ueur: int) -> str:
    """Say money given in µ€."""
    return f"{ueur / 1e6:.2f} €" if abs(ueur) >= 1_000_000 else f"{ueur / 1e4:.2f} ct"


def ct(ticks: float) -> str:
    """Say a price given in µ€/Wh, without its unit, which is ct/kWh."""
    return f"{ticks / 10:.1f}"


def span(lowest_ticks: float, highest_ticks: float) -> str:
    """Say a range of prices given in µ€/Wh."""
    low, high = ct(lowest_ticks), ct(highest_ticks)
    return f"{low} ct/kWh" if low == high else f"{low} to {high} ct/kWh"


def percent(part: float, whole: float) -> str:
    """Say a share; what is all or nothing to one decimal is said to be so only if it is."""
    share = 100 * part / whole
    if part != whole and round(share, 1) == 100:
        return "almost 100 %"
    return f"{share:.0f} %" if part in (0, whole) else f"{share:.1f} %"


def count(number: int, what: str) -> str:
    """Say how many, small numbers in words."""
    told = WORDS[number] if number < len(WORDS) else f"{number:,}".replace(",", "\u202f")
    return f"{told} {what}{'' if number == 1 else 's'}"


def join(parts: Sequence[str]) -> str:
    """Join to a list in prose; at least one."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
