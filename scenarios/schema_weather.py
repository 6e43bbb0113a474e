"""The sky over a scenario, and modules that lie under it on roofs of their own."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, model_validator

from .spec import Problem, Range, Spec, refuse

Share = Annotated[float, Field(ge=0, le=1)]


class CloudsSpec(Spec):
    """Clouds that drift over all roofs, drawn by the seed."""

    edges: Literal["smooth", "steep"] = Field(
        default="smooth",
        description="Whether every edge takes some ten seconds to pass, or rare ones about one.",
    )
    depth: Share = Field(
        default=0.75,
        description="What a cloud takes of the sun's beam on modules; feed-in by profile has its "
        "clouds' depth from the profile. [1]",
    )


class WeatherSpec(Spec):
    """Where the scenario is, and the weather there."""

    latitude_deg: float = Field(
        default=51.0,
        ge=-90,
        le=90,
        description="North positive; by default the middle of Germany, whose year SimBench's "
        "profiles are, though they name no place. [°]",
    )
    longitude_deg: float = Field(default=10.0, ge=-180, le=180, description="East positive. [°]")
    altitude_m: float = Field(default=0.0, ge=-500, le=6000, description="Above the sea. [m]")
    file: str | None = Field(
        default=None,
        description="CSV or Parquet beside this file: time with its zone, ghi_w_per_m2, and where "
        "known dni_w_per_m2 with dhi_w_per_m2, air_c, wind_m_per_s; left out, the sky is clear.",
    )
    air_c: float = Field(
        default=15.0, ge=-60, le=60, description="Air, where no file tells it. [°C]"
    )
    wind_m_per_s: NonNegativeFloat = Field(
        default=1.0, description="Wind, where no file tells it. [m/s]"
    )
    clouds: CloudsSpec | None = Field(
        default=None,
        description="Clouds before a clear sky's sun; feed-in by profile has clouds in any case.",
    )

    @model_validator(mode="after")
    def _has_one_source_of_clouds(self) -> Self:
        if self.file is not None and self.clouds is not None:
            message = "stand beside a file, whose light has its clouds already; leave one out"
            refuse([Problem(("clouds",), message)])
        return self


class ModulesSpec(Spec):
    """How modules lie and what they lose, instead of a profile of their feed-in."""

    tilt_deg: Range = Field(
        description="From the horizontal: a number, or [low, high] to draw from. [°]"
    )
    azimuth_deg: Range = Field(
        description="Where they face, clockwise from north; 90 is east: a number or [low, high]. "
        "[°]"
    )
    losses: float = Field(
        default=0.14, ge=0, lt=1, description="Soiling, shading, mismatch, wiring and the like. [1]"
    )
    gamma_percent_per_k: float = Field(
        default=-0.47,
        ge=-1,
        le=0,
        description="What a kelvin above 25 °C changes of their power. [%/K]",
    )
    noct_c: float | None = Field(
        default=None,
        gt=20,
        le=100,
        description="Nominal operating temperature of their cells; left out, those of an open "
        "rack in the wind. [°C]",
    )
    inverter_efficiency: float = Field(
        default=0.96, gt=0, le=1, description="Nominal efficiency of their inverter. [1]"
    )
    albedo: Share = Field(default=0.2, description="What the ground throws back. [1]")

    @model_validator(mode="after")
    def _lie_somehow(self) -> Self:
        problems = []
        for name, most in (("tilt_deg", 90), ("azimuth_deg", 360)):
            if getattr(self, name).high > most:
                message = f"{getattr(self, name).high:g}° is above {most}°; expected 0° to {most}°"
                problems.append(Problem((name,), message))
        refuse(problems)
        return self
