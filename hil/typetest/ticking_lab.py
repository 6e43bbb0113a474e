"""What labs on simulated time share: time is ticks, and each gives a sample."""

from collections.abc import Sequence

from .lab import GridStep, Sample


class TickingLab:
    """A lab whose time passes tick by tick.

    Parameters
    ----------
    dt_s : float
        Length of a tick, and so the resolution of the lab. [s]
    """

    def __init__(self, dt_s: float) -> None:
        self.resolution_s = self.event_s = dt_s
        self._ticks = 0

    @property
    def now_s(self) -> float:
        """Simulated time. [s]"""
        return self._ticks * self.resolution_s

    def set_grid(self, vm_pu: float, f_hz: float) -> None:
        """Set voltage and frequency of the next ticks. [p.u.], [Hz]"""
        raise NotImplementedError

    def observe(self, seconds: float, every_s: float) -> list[Sample]:
        """Let ticks pass."""
        ticks, each = self._whole(seconds), min(self._whole(every_s), self._whole(seconds))
        samples = [self._tick() for _ in range(ticks)]
        return samples[(ticks - 1) % each :: each]

    def play(self, steps: Sequence[GridStep], every_s: float) -> list[Sample]:
        """Play the steps tick by tick."""
        samples = []
        for step in steps:
            self.set_grid(step.vm_pu, step.f_hz)
            samples += self.observe(step.dwell_s, every_s)
        return samples

    def _whole(self, seconds: float) -> int:
        """Ticks in a time; never none."""
        return max(1, round(seconds / self.resolution_s))

    def _tick(self) -> Sample:
        """Let one tick pass."""
        raise NotImplementedError
