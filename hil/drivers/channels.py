"""What stands between the device's terminals and its display: wiring, transformers, phases.

Every reading of every driver passes here, and only here, so no ratio or sign is applied twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from hil.station import StationDevice

PHASES = ("a", "b", "c")
_BY_CURRENT = frozenset({"p", "q", "energy", "i"})
_BY_VOLTAGE = frozenset({"p", "q", "energy", "vm"})
_SIGNED = ("p", "q", "energy")


@dataclass(frozen=True)
class Channels:
    """Signs, ratios and phases of one device.

    Attributes
    ----------
    phases : tuple of str
        Those it is wired to.
    current_ratio, voltage_ratio : float
        Of the instrument transformers: primary over secondary.
    signs : mapping of str to {1, -1}
        −1 for a channel (``p``, ``q``, ``energy``) that shows flow out of the grid as positive.
    """

    phases: tuple[str, ...] = PHASES
    current_ratio: float = 1.0
    voltage_ratio: float = 1.0
    signs: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse channels that nobody reads: a misspelt sign is a reversed loop.

        Raises
        ------
        ValueError
            A channel or sign that there is not, or a ratio that is not above 0.
        """
        for channel, sign in self.signs.items():
            if channel not in _SIGNED or sign not in (1, -1):
                raise ValueError(
                    f"sign {channel}: {sign}; expected 1 or -1 of {', '.join(_SIGNED)}"
                )
        for name in ("current_ratio", "voltage_ratio"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} {getattr(self, name)}; expected more than 0")

    @classmethod
    def of(cls, device: StationDevice) -> Self:
        """Those that the station file states."""
        phases = PHASES if device.phase == "abc" else (device.phase,)
        return cls(phases, device.current_ratio, device.voltage_ratio, device.signs)

    def primary(self, quantity: str, shown: float) -> float:
        """Turn what the device shows into what flows in the conductors, into the grid positive.

        Parameters
        ----------
        quantity : str
            ``p``, ``q``, ``energy``, ``i``, ``vm``, or another that passes unchanged.
        shown : float
            Any unit.
        """
        if quantity in _BY_CURRENT:
            shown *= self.current_ratio
        if quantity in _BY_VOLTAGE:
            shown *= self.voltage_ratio
        return shown * self.signs.get(quantity, 1)
