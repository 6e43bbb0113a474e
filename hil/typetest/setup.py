"""What procedures share: the standard's settings, the device's ratings, and careful steps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from hil.errors import SetpointError
from models.inverters.standards import Profile

from .bands import Accuracy, Curve
from .lab import Lab, NotTestable, Sample
from .steps import Criterion, Point, Step, worst

OTHERS = ("constant_q", "volt_var", "watt_var", "volt_watt", "frequency_droop")
"""Functions that are off unless a procedure tests them; power factor one is what then holds."""

COURSE = 150
"""Samples that a step keeps. [1]"""

UP = 0.8
"""Share of the rating from which it counts as feeding all it can: reactive power takes the rest."""


class Found(NamedTuple):
    """What a step measured, before it has a verdict."""

    criteria: Sequence[Criterion]
    point: Point | None = None
    course: Sequence[Sample] = ()
    because: str = ""


@dataclass(frozen=True)
class Setup:
    """A lab, a standard with its category, and how much is to be played.

    Attributes
    ----------
    full : bool
        All characteristics and power levels; else the standard's default at full power.
    """

    lab: Lab
    profile: Profile
    full: bool = True

    @cached_property
    def values(self) -> dict[str, Any]:
        """The standard's settings, by dotted key."""
        return {key: setting.value for key, setting in self.profile.settings.items()}

    @cached_property
    def f_nominal_hz(self) -> float:
        """Nominal frequency of the standard. [Hz]"""
        return float(self.values["f_nominal_hz"])

    @cached_property
    def accuracy(self) -> Accuracy:
        """How well things can be measured."""
        return Accuracy(self.f_nominal_hz)

    @property
    def p_kw(self) -> float:
        """Rated power. [kW]"""
        return self.lab.ratings.p_kw

    @property
    def s_kva(self) -> float:
        """Rated apparent power. [kVA]"""
        return self.lab.ratings.s_kva

    @property
    def power_band_kw(self) -> float:
        """Half width of the band of P and Q. [kW], [kvar]"""
        return self.accuracy.power_pu * self.s_kva

    def of(self, function: str) -> dict[str, Any]:
        """Settings of one function, without its switch."""
        prefix = f"{function}."
        return {
            key.removeprefix(prefix): value
            for key, value in self.values.items()
            if key.startswith(prefix) and not key.endswith(".enabled")
        }

    def capability_kvar(self, p_kw: float) -> tuple[float, float]:
        """Reactive power that the device must be able to absorb (negative) and to inject. [kvar]

        Notes
        -----
        Where the curve steps, the capability above the step counts.
        """
        able = self.of("capability")
        most = float(np.sqrt(max(self.s_kva**2 - p_kw**2, 0.0)))
        share = p_kw / self.p_kw + 1e-9
        absorb, inject = (
            self.s_kva * Curve(tuple(able["p_pu"]), tuple(able[key])).at(share)
            for key in ("absorb_pu", "inject_pu")
        )
        if able["priority"] == "active":
            return -min(absorb, most), min(inject, most)
        return -absorb, inject

    def prepare(self, function: str | None, settings: Mapping[str, Any] | None = None) -> None:
        """Switch one function on and the others off, and have the device feed all it can.

        Raises
        ------
        NotTestable
            It takes no such settings from the bench, or does not come up.
        """
        for other in OTHERS:
            if other != function:
                self.lab.set_function(other, {})
        unity = {**self.of("constant_pf"), "cos_phi": 1.0}
        if function in ("volt_watt", "frequency_droop"):
            self.lab.set_function("constant_pf", unity)
        elif function != "constant_pf":
            self.lab.set_function("constant_pf", {})
        if function is not None:
            self.lab.set_function(function, settings or self.of(function))
        self.start()

    def start(self) -> None:
        """Give it a good grid, full sun and no limit, and wait until it feeds.

        Raises
        ------
        NotTestable
            It does not, in the time that entering service may take.
        """
        lab, enter = self.lab, self.of("enter_service")
        lab.set_grid(1.0, self.f_nominal_hz)
        lab.set_available(self.p_kw)
        lab.set_limit(self.p_kw)
        left_s = 1.2 * (enter["delay_s"] + enter["ramp_s"]) + 10.0
        feeding = lab.observe(1.0, 1.0)[-1].p_kw
        while feeding < UP * self.p_kw and left_s > 0.0:
            feeding = lab.observe(5.0, 5.0)[-1].p_kw
            left_s -= 5.0
        if feeding < UP * self.p_kw:
            raise NotTestable(
                f"the device feeds {feeding:.3g} kW of {self.p_kw:g} kW on a good grid with full "
                "sun, after the time that entering service may take"
            )


def attempt(name: str, asked: str, judge: Callable[[], Found], *, series: str = "") -> Step:
    """Play one step; what the lab cannot do, or its limits forbid, is not testable."""
    try:
        found = judge()
    except (NotTestable, SetpointError) as refusal:
        return Step(name, asked, "not testable", because=str(refusal), series=series)
    verdict = worst(criterion.verdict for criterion in found.criteria)
    return Step(
        name,
        asked,
        verdict,
        tuple(found.criteria),
        found.because or _reasons(found.criteria),
        series,
        found.point,
        tuple(thinned(found.course)),
    )


def _reasons(criteria: Sequence[Criterion]) -> str:
    """Say why, where a criterion did not pass."""
    told = [one.because or one.what for one in criteria if one.verdict != "passed"]
    return "; ".join(told)


def thinned(course: Sequence[Sample]) -> Sequence[Sample]:
    """Keep about `COURSE` samples, the first and the last among them."""
    if len(course) <= COURSE:
        return course
    at = np.unique(np.linspace(0, len(course) - 1, COURSE).round().astype(int))
    return [course[int(i)] for i in at]


def settled(samples: Sequence[Sample], over_s: float) -> Sample:
    """Mean of the last samples."""
    last = [sample for sample in samples if sample.t_s > samples[-1].t_s - over_s]
    return Sample(*(float(np.mean(column)) for column in zip(*last, strict=True)))
