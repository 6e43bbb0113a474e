"""PV systems and batteries one by one, for mosaik worlds that are not ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mosaik_api_v3

from models.pv.system import PvSystem
from models.storage.battery import Battery, BatteryParams

from .box import Inputs

Values = dict[str, float]


class _Single(mosaik_api_v3.Simulator):  # type: ignore[misc]  # mosaik's API is untyped
    """Many independent models that step together, each an entity."""

    model_name: str
    params: tuple[str, ...]
    attrs: tuple[str, ...]

    def __init__(self) -> None:
        described = {"public": True, "params": list(self.params), "attrs": list(self.attrs)}
        super().__init__({"type": "time-based", "models": {self.model_name: described}})
        self._entities: dict[str, Any] = {}
        self._values: dict[str, Values] = {}

    def init(self, sid: str, time_resolution: float = 1.0, *, step_size: int = 1) -> dict[str, Any]:
        """Take the length of a step in units of mosaik's time."""
        self._dt_s, self._step_size = step_size * time_resolution, step_size
        meta: dict[str, Any] = self.meta
        return meta

    def create(self, num: int, model: str, **params: Any) -> list[dict[str, Any]]:
        entities = []
        for _ in range(num):
            eid = f"{model}-{len(self._entities)}"
            self._entities[eid] = self.make(**params)
            entities.append({"eid": eid, "type": model})
        return entities

    def make(self, **params: Any) -> Any:
        """Make one model of its parameters."""
        raise NotImplementedError

    def advance(self, model: Any, given: Callable[[str, float], float]) -> Values:
        """Step one model with what it was given, or else holds, and say what came of it."""
        raise NotImplementedError

    def step(self, time: int, inputs: Inputs, max_advance: int) -> int:
        for eid, model in self._entities.items():
            attrs = inputs.get(eid, {})

            def given(attr: str, otherwise: float, attrs: Mapping[str, Any] = attrs) -> float:
                values = attrs.get(attr)
                return float(sum(values.values())) if values else otherwise

            self._values[eid] = self.advance(model, given)
        return time + self._step_size

    def get_data(self, outputs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        return {eid: {a: self._values[eid][a] for a in attrs} for eid, attrs in outputs.items()}


class PvSim(_Single):
    """PV systems under an irradiance, or fed with a power that the modules offer.

    Injection is positive. Parameters: `p_kwp` [kWp], `performance_ratio` [1].
    """

    model_name = "PV"
    params = ("p_kwp", "performance_ratio")
    attrs = (
        "Irradiance[W/m2]",
        "P_available[MW]",
        "P_limit[MW]",
        "Vm[pu]",
        "f[Hz]",
        "P[MW]",
        "Q[MVar]",
    )

    def make(self, **params: Any) -> PvSystem:
        return PvSystem(**params)

    def advance(self, model: PvSystem, given: Callable[[str, float], float]) -> Values:
        under_sky_mw = model.available_kw(given("Irradiance[W/m2]", 0.0)) * 1e-3
        model.step(
            self._dt_s,
            1e3 * given("P_available[MW]", under_sky_mw),
            limit_kw=1e3 * given("P_limit[MW]", float("inf")),
            vm_pu=given("Vm[pu]", 1.0),
            f_hz=given("f[Hz]", 50.0),
        )
        return {"P[MW]": model.p_kw * 1e-3, "Q[MVar]": model.q_kvar * 1e-3}


class BatterySim(_Single):
    """Batteries that follow a set-point as far as charge and room go.

    Injection is positive, charging negative. Parameters are those of `BatteryParams`.
    """

    model_name = "Battery"
    params = (
        "capacity_kwh",
        "p_max_kw",
        "efficiency_charge",
        "efficiency_discharge",
        "soc_initial",
    )
    attrs = ("P_set[MW]", "Vm[pu]", "P[MW]", "soc[1]", "E[MWh]")

    def make(self, **params: Any) -> Battery:
        return Battery(BatteryParams(**params))

    def advance(self, model: Battery, given: Callable[[str, float], float]) -> Values:
        model.step(self._dt_s, 1e3 * given("P_set[MW]", 0.0), given("Vm[pu]", 1.0))
        return {
            "P[MW]": model.p_kw * 1e-3,
            "soc[1]": model.soc,
            "E[MWh]": model.stored_kwh * 1e-3,
        }
