"""How a bench does while its run is under way, for whoever sits at the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from hil.realtime.lateness import Lateness


class Vitals:
    """What is shown of devices and of the clock, in one line.

    Parameters
    ----------
    lateness : Lateness or None
        Of the ticks so far, in real time.
    """

    def __init__(self, lateness: Lateness | None) -> None:
        self._lateness = lateness
        self._losses = 0
        self._lost: list[str] = []

    def note(self, kind: str, device: str) -> None:
        """Take an event of the run."""
        if kind == "device_lost":
            self._losses += 1
            self._lost.append(device)
        elif kind == "device_back" and device in self._lost:
            self._lost.remove(device)

    def line(self) -> str:
        """Say how late ticks are, how often devices were lost, and for whom a fallback stands in.

        Empty where there is nothing to say.
        """
        return "  ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        if self._lateness is not None and self._lateness.ticks:
            yield f"late p99 {1e-3 * self._lateness.quantile(0.99):.2f} ms"
        if self._losses:
            yield f"{self._losses} {'loss' if self._losses == 1 else 'losses'}"
        if self._lost:
            yield f"not heard, its fallback stands in: {', '.join(self._lost)}"
