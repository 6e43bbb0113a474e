"""A run on the bench had again without its devices, from the folder of the run that had them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from hil.link.replay import ReplayError
from hil.realtime.tape import Played, Taping
from hil.station import Station

from ..boxes.devices import Bench, Faults
from .seating import SeatingError

__all__ = ["TapedFaults", "played_bench", "station_of", "tape_of"]


def tape_of(folder: Path) -> Played:
    """Open what a run folder keeps of its devices.

    Raises
    ------
    SeatingError
        It keeps nothing that could be had again.
    """
    try:
        return Played(folder)
    except ReplayError as why:
        raise SeatingError(str(why)) from None


def station_of(folder: Path, tape: Played) -> Path | None:
    """Find the station that the run had; None where the scenario had the devices."""
    return folder / "bench" / "station.yaml" if tape.head.on_station else None


def played_bench(tape: Played, station: Station, dt_s: float) -> Bench:
    """Have the devices of a tape play.

    Raises
    ------
    ReplayError
        The scenario has other devices, or other ticks.
    """
    tape.check(tuple(station.nodes()), dt_s)
    return Bench(exchange=tape, faults=_PlayedFaults(tape), lived=tape.head.live)


class TapedFaults:
    """Faults of emulated devices whose refusals are kept."""

    def __init__(self, faults: Faults, tape: Taping) -> None:
        self._faults, self._tape = faults, tape

    def inject(self, device: str, fault: str, *values: float) -> None:
        """Pass it on."""
        self._faults.inject(device, fault, *values)

    def clear(self, devices: Iterable[str]) -> None:
        """Pass it on."""
        self._faults.clear(devices)

    def refused(self) -> Sequence[tuple[str, str]]:
        """Pass it on, and keep it."""
        told = self._faults.refused()
        self._tape.refused(told)
        return told


class _PlayedFaults:
    """Faults as they were: what they did is on the tape."""

    def __init__(self, tape: Played) -> None:
        self._tape = tape

    def inject(self, device: str, fault: str, *values: float) -> None:
        """Do nothing."""

    def clear(self, devices: Iterable[str]) -> None:
        """Do nothing."""

    def refused(self) -> Sequence[tuple[str, str]]:
        """Tell which were not taken then."""
        return self._tape.refused()
