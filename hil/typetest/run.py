"""Plays procedures on a lab, one after the other, and gathers their steps."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .by_events import enter_service, ride_through, trip
from .by_frequency import frequency_droop
from .by_power import constant_power_factor, constant_q, limit_power, watt_var
from .by_voltage import volt_var, volt_watt
from .setup import Setup
from .steps import Plot, Step, Trial


@dataclass(frozen=True)
class Procedure:
    """One procedure: what it is called, what it is after, and how it is played.

    Attributes
    ----------
    clause : str
        Of IEEE 1547.1-2020, as svp_1547.1 names it, or remembered where it says "unverified".
    function : str
        Whose settings of the standard it tests.
    """

    title: str
    clause: str
    function: str
    play: Callable[[Setup], Iterator[Step | Plot] | Iterator[Step]]


PROCEDURES = {
    "volt-var": Procedure("Volt-var", "5.14.4", "volt_var", volt_var),
    "volt-watt": Procedure("Volt-watt", "5.14.9", "volt_watt", volt_watt),
    "frequency-droop": Procedure("Frequency droop", "5.15.2", "frequency_droop", frequency_droop),
    "constant-pf": Procedure(
        "Constant power factor", "5.14.3", "constant_pf", constant_power_factor
    ),
    "constant-q": Procedure("Constant reactive power", "5.14.8", "constant_q", constant_q),
    "watt-var": Procedure("Watt-var", "unverified", "watt_var", watt_var),
    "limit-power": Procedure("Limit active power", "unverified", "power_limit", limit_power),
    "ride-through": Procedure("Ride-through", "5.4, 5.5, unverified", "ride_through", ride_through),
    "trip": Procedure("Trip", "5.4, 5.5, unverified", "voltage_trip", trip),
    "enter-service": Procedure("Enter service", "5.6, unverified", "enter_service", enter_service),
}


def run(
    setup: Setup,
    chosen: Sequence[str] = tuple(PROCEDURES),
    *,
    told: Callable[[Trial, Step], None] = lambda trial, step: None,
) -> list[Trial]:
    """Play procedures.

    Parameters
    ----------
    setup : Setup
    chosen : sequence of str
        Keys of `PROCEDURES`, in the order in which they are played.
    told : callable
        Hears of every step when it is over.
    """
    return [_play(setup, key, told) for key in chosen]


def _play(setup: Setup, key: str, told: Callable[[Trial, Step], None]) -> Trial:
    procedure = PROCEDURES[key]
    settings: dict[str, Any] = setup.of(procedure.function)
    trial = Trial(key, procedure.title, procedure.clause, settings)
    for made in procedure.play(setup):
        if isinstance(made, Plot):
            trial.plots.append(made)
        else:
            trial.steps.append(made)
            told(trial, made)
    return trial
