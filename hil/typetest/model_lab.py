"""A lab over the model of an inverter with functions, on simulated time."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from models.inverters.fleet import InverterFleet
from models.inverters.functions import InverterFunctions
from models.inverters.inverter import InverterParams

from .lab import Ratings, Sample
from .ticking_lab import TickingLab

Overrides = Mapping[str, Mapping[str, Any]]


class ModelLab(TickingLab):
    """One modelled inverter; five minutes of waiting take a fraction of a second.

    Parameters
    ----------
    ratings : Ratings
    functions : callable
        From single values replaced, as `Profile.functions` takes them, to all functions.
    f_nominal_hz : float
    dt_s : float
        Step of the model, and so the resolution of the lab. [s]

    Notes
    -----
    New settings restart the model, as if it had been running with them.
    """

    sets_functions = True

    def __init__(
        self,
        ratings: Ratings,
        functions: Callable[[Overrides], InverterFunctions],
        *,
        f_nominal_hz: float,
        dt_s: float = 0.02,
    ) -> None:
        self.ratings, self._functions = ratings, functions
        super().__init__(dt_s)
        self._overrides: dict[str, dict[str, Any]] = {}
        self._vm_pu, self._f_hz = np.ones(1), f_nominal_hz
        self._available_kw, self._unlimited_kw = np.array([ratings.p_kw]), np.array([np.inf])
        self._limit_pu = 1.0
        self._fleet: InverterFleet | None = None

    def set_grid(self, vm_pu: float, f_hz: float) -> None:
        """Set voltage and frequency of the next ticks. [p.u.], [Hz]"""
        self._vm_pu, self._f_hz = np.array([vm_pu]), f_hz

    def set_available(self, p_kw: float) -> None:
        """Set the sun. [kW]"""
        self._available_kw = np.array([p_kw])

    def set_limit(self, p_kw: float) -> None:
        """Command a limit, as a network operator does. [kW]"""
        self._limit_pu = p_kw / self.ratings.p_kw
        if self._fleet is not None:
            self._fleet.command_limit(0, self._limit_pu)

    def set_function(self, name: str, settings: Mapping[str, Any]) -> None:
        """Set a function; the model starts anew with the next tick."""
        switched = {} if name in ("enter_service",) else {"enabled": bool(settings)}
        wanted = {**switched, **settings}
        if self._overrides.get(name) != wanted:
            self._overrides[name] = wanted
            self._fleet = None

    def _tick(self) -> Sample:
        p_kw, q_kvar = self._running().step(
            self._available_kw, self._unlimited_kw, self._vm_pu, self._f_hz
        )
        self._ticks += 1
        return Sample(
            self.now_s, float(p_kw[0]), float(q_kvar[0]), float(self._vm_pu[0]), self._f_hz
        )

    def _running(self) -> InverterFleet:
        """The model, made anew after settings have changed."""
        if self._fleet is None:
            # No lag of the plant beside the functions: a curve may ask for 0.2 s.
            params = InverterParams(
                p_rated_kw=self.ratings.p_kw, s_kva=self.ratings.s_kva, response_s=0.0
            )
            self._fleet = InverterFleet(
                [params], [self._functions(self._overrides)], dt_s=self.resolution_s
            )
            self._fleet.command_limit(0, self._limit_pu)
        return self._fleet
