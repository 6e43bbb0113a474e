"""From names and values to an emulated instrument's parameters, all faults at once."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from difflib import get_close_matches
from typing import Any

from models.inverters.inverter import InverterParams
from models.storage.battery import BatteryParams

from .analyser import AnalyserParams
from .faults import Scheduled
from .grid_simulator import GridSimulatorParams
from .instrument import Manners
from .load import LoadParams
from .pv_simulator import PvSimulatorParams
from .storage import StorageProtection


@dataclass(frozen=True, slots=True, kw_only=True)
class Functions:
    """Which standard's functions an inverter has beside its limit.

    Parameters
    ----------
    standard : str
        Name of a profile of `models.inverters.standards`, as ``ieee1547-2018-b-ii``; empty for
        none of its functions. With it the process starts a second slower.
    functions : mapping
        Single values replaced, as ``{"volt_var": {"enabled": true}}``.
    """

    standard: str = ""
    functions: Mapping[str, Any] = field(default_factory=dict)


PARAMETERS: Mapping[str, tuple[type, ...]] = {
    "inverter": (InverterParams, Functions),
    "storage": (BatteryParams, StorageProtection),
    "grid-simulator": (GridSimulatorParams,),
    "pv-simulator": (PvSimulatorParams,),
    "load": (LoadParams,),
    "analyser": (AnalyserParams,),
}
"""What makes the physics of each role; its `Manners` come beside."""

RATINGS: Mapping[str, tuple[str, str]] = {
    "inverter": ("p_rated_kw", "s_kva"),
    "storage": ("p_max_kw", "s_kva"),
    "grid-simulator": ("", "s_kva"),
    "pv-simulator": ("p_max_kw", ""),
    "load": ("p_max_kw", ""),
    "analyser": ("", ""),
}
"""Which setting the rated power of a device gives, and which its rated apparent power."""


class SettingsError(ValueError):
    """Settings that no emulated instrument of this role has: change the settings."""


def known_settings(role: str) -> dict[str, Field[Any]]:
    """All settings of a role by name, those of its manners last."""
    kinds = (*PARAMETERS[role], Manners)
    return {one.name: one for kind in kinds for one in fields(kind)}


def read_settings(role: str, given: Mapping[str, Any]) -> tuple[tuple[Any, ...], Manners]:
    """Make the parameters of an instrument.

    Parameters
    ----------
    role : str
        One of `PARAMETERS`.
    given : mapping
        Settings by name; lists stand for tuples.

    Returns
    -------
    parameters : tuple
        One of each class of `PARAMETERS`.
    manners : Manners

    Raises
    ------
    SettingsError
        Naming every unknown or missing setting, and values that cannot be.
    """
    if role not in PARAMETERS:
        raise SettingsError(f"no role {role!r}; known: {', '.join(PARAMETERS)}")
    known = known_settings(role)
    faults = [_unknown(role, name, known) for name in given if name not in known]
    faults += [
        f"{role}: setting {name} is missing"
        for name, one in known.items()
        if one.default is MISSING and one.default_factory is MISSING and name not in given
    ]
    values: dict[str, Any] = {}
    for name in known.keys() & given.keys():
        try:
            values[name] = _value(known[name], given[name])
        except (TypeError, ValueError) as fault:
            faults.append(f"{role}: {name} is {given[name]!r}: {fault}")
    if faults:
        raise SettingsError("; ".join(faults))
    try:
        made = [_made(kind, values) for kind in (*PARAMETERS[role], Manners)]
    except ValueError as fault:
        raise SettingsError(f"{role}: {fault}") from None
    *parameters, manners = made
    return tuple(parameters), manners


def _unknown(role: str, name: str, known: Mapping[str, Any]) -> str:
    """Say that there is no such setting, and which is near."""
    near = get_close_matches(name, known)
    hint = f"; nearest: {', '.join(near)}" if near else f"; known: {', '.join(known)}"
    return f"{role}: no setting {name!r}{hint}"


def _made(kind: type, values: Mapping[str, Any]) -> Any:
    """Make one class from the settings that are its own."""
    names = {one.name for one in fields(kind)}
    return kind(**{name: value for name, value in values.items() if name in names})


def _value(setting: Field[Any], given: Any) -> Any:
    """Turn what JSON or a command line gives into what the class takes."""
    if setting.name == "faults":
        return tuple(Scheduled.read(fault) for fault in given)
    if isinstance(given, Mapping):
        return given
    if setting.type is str:
        return str(given)
    if isinstance(given, list | tuple):
        return tuple(
            tuple(map(float, one)) if isinstance(one, list | tuple) else float(one) for one in given
        )
    if setting.type not in (int, float):
        raise ValueError("expected a list of numbers")
    return setting.type(given)
