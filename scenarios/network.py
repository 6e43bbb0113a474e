"""What a scenario needs to know of its network before physics loads it: buses and loads by name.

A pandapower JSON file is read as JSON, in milliseconds; pandapower itself takes two seconds to
import and is asked only for networks that it makes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

SUBSTATION = "substation"
"""Bus that feeds all copies of a network."""


COPIED_KV = (10.0, 20.0)


class NetworkError(ValueError):
    """The network cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class NetworkOutline:
    """Names in a network.

    Attributes
    ----------
    bus_names : tuple of str
        In the order of the bus table; a bus without a name is ``bus <index>``.
    load_buses : tuple of str
        The bus of every load, in the order of the load table.
    busbar : str
        Low-voltage side of the first transformer; without one, the bus of the upstream grid.
    elements : mapping of str to mapping of int to str
        Names of lines, transformers and switches, by table and index.
    lacking_taps : mapping of int or str to tuple of str
        What is not said of a transformer's tap changer, by its index and by its name.
    tap_step_percent : mapping of int or str to float
        Where it is said, likewise. [%]
    upstream_kv : tuple of float
        Nominal voltage at every external grid. [kV]
    """

    bus_names: tuple[str, ...]
    load_buses: tuple[str, ...]
    busbar: str
    elements: Mapping[str, Mapping[int, Any]] = field(default_factory=dict)
    lacking_taps: Mapping[int | str, tuple[str, ...]] = field(default_factory=dict)
    tap_step_percent: Mapping[int | str, float] = field(default_factory=dict)
    upstream_kv: tuple[float, ...] = ()

    def copied(self, count: int, ties: int = 0) -> "NetworkOutline":
        """Name what copies of it hold, in the order of `models.grid.copies`; a test compares."""
        if len(self.upstream_kv) != 1 or self.upstream_kv[0] not in COPIED_KV:
            found = ", ".join(f"{kv:g} kV" for kv in self.upstream_kv) or "none"
            known = " or ".join(f"{kv:g}" for kv in COPIED_KV)
            message = f"copies hang on cables of {known} kV; the network has external grids: "
            raise NetworkError(f"{message}{found}; expected one of that voltage")
        numbers = range(1, count + 1)
        strides = {table: max(names, default=-1) + 1 for table, names in self.elements.items()}
        elements = {
            table: {
                (number - 1) * strides[table] + index: f"{number}/{_clear(name, table, index)}"
                for number in numbers
                for index, name in names.items()
            }
            for table, names in self.elements.items()
        }
        first = max(elements["line"], default=-1)
        cables = {first + n: f"{n}/cable" for n in numbers}
        cables |= {first + count + n: f"tie/{n}" for n in range(1, ties + 1)}
        return NetworkOutline(
            (*(f"{n}/{bus}" for n in numbers for bus in self.bus_names), SUBSTATION),
            tuple(f"{n}/{bus}" for n in numbers for bus in self.load_buses),
            f"1/{self.busbar}",
            elements | {"line": elements["line"] | cables},
            _of_copies(self.lacking_taps, elements["trafo"], strides["trafo"]),
            _of_copies(self.tap_step_percent, elements["trafo"], strides["trafo"]),
        )


def is_made(network: str) -> bool:
    """Tell whether pandapower makes a network, rather than a file holding it."""
    return network.startswith(("pandapower:", "simbench:"))


def outline(network: str, base: Path) -> NetworkOutline:
    """Read the names of a network.

    Parameters
    ----------
    network : str
        As in the scenario: a JSON file, ``pandapower:<function>`` or ``simbench:<code>``.
    base : Path
        Folder of the scenario.

    Raises
    ------
    NetworkError
        No such file, no pandapower network in it, or no such function or code.
    """
    if is_made(network):
        return _from_tables(_made_tables(network))
    return _from_tables(_tables_of_json(base / network, network))


def _tables_of_json(file: Path, shown: str) -> dict[str, dict[str, dict[int, Any]]]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise NetworkError(
            f"{shown!r} cannot be read: {reason}; expected pandapower JSON"
        ) from None
    except ValueError:
        raise NetworkError(f"{shown!r} is not JSON; expected pandapower JSON") from None
    try:
        stored = content["_object"]
        return {name: _table(stored[name]) for name in _WANTED} | {
            name: _table(stored[name]) for name in _OPTIONAL if name in stored
        }
    except (KeyError, TypeError, ValueError):
        message = f"{shown!r} is JSON, but not a network of pandapower 3; expected one"
        raise NetworkError(message) from None


_WANTED = ("bus", "load", "trafo", "ext_grid")
_OPTIONAL = ("line", "switch")
_TAP_COLUMNS = ("tap_side", "tap_neutral", "tap_min", "tap_max", "tap_step_percent", "tap_pos")


def _made_tables(network: str) -> dict[str, dict[str, dict[int, Any]]]:
    from models.grid.sources import NoSuchNetwork, made_net

    try:
        net = made_net(network)
    except NoSuchNetwork as error:
        raise NetworkError(f"{error}; expected pandapower:<function> or simbench:<code>") from None
    return {name: net[name].to_dict() for name in _WANTED + _OPTIONAL}


def _table(stored: dict[str, Any]) -> dict[str, dict[int, Any]]:
    split = json.loads(stored["_object"])
    columns = zip(*split["data"], strict=True) if split["data"] else [()] * len(split["columns"])
    return {
        name: dict(zip(split["index"], values, strict=True))
        for name, values in zip(split["columns"], columns, strict=True)
    }


def _from_tables(tables: dict[str, dict[str, dict[int, Any]]]) -> NetworkOutline:
    names = _unique(tables["bus"]["name"])
    serving = [names[bus] for bus in tables["load"].get("bus", {}).values()]
    low_voltage = [*tables["trafo"].get("lv_bus", {}).values()]
    upstream = [*tables["ext_grid"].get("bus", {}).values()]
    if not low_voltage + upstream:
        raise NetworkError("the network has neither a transformer nor an upstream grid")
    return NetworkOutline(
        tuple(names.values()),
        tuple(serving),
        names[(low_voltage + upstream)[0]],
        {name: tables.get(name, {}).get("name", {}) for name in ("line", "trafo", "switch")},
        _lacking_taps(tables["trafo"]),
        _tap_steps(tables["trafo"]),
        tuple(float(tables["bus"]["vn_kv"][bus]) for bus in upstream),
    )


def _tap_steps(trafo: dict[str, dict[int, Any]]) -> dict[int | str, float]:
    steps = trafo.get("tap_step_percent", {})
    known = {i: abs(float(step)) for i, step in steps.items() if step is not None and step == step}
    return known | {trafo["name"][i]: step for i, step in known.items()}


def _lacking_taps(trafo: dict[str, dict[int, Any]]) -> dict[int | str, tuple[str, ...]]:
    lacking: dict[int | str, tuple[str, ...]] = {}
    for index, name in trafo.get("name", {}).items():
        values = {column: trafo.get(column, {}).get(index) for column in _TAP_COLUMNS}
        columns = tuple(c for c, value in values.items() if value is None or value != value)
        lacking[index] = lacking[name] = columns
    return lacking


_Told = TypeVar("_Told")


def _of_copies(
    told: Mapping[int | str, _Told], names: Mapping[int, str], stride: int
) -> dict[int | str, _Told]:
    """What is told of the first copy's transformers, of every copy's, by index and name."""
    each = {index: told[index % stride] for index in names if index % stride in told}
    return each | {names[int(index)]: value for index, value in each.items()}


def _clear(name: object, table: str, index: int) -> str:
    return name if isinstance(name, str) and name else f"{table} {index}"


def _unique(stored: dict[int, Any]) -> dict[int, str]:
    """Name every bus once, by the rule of `models.grid.case.bus_names`; a test compares them."""
    names: dict[int, str] = {}
    for index, name in stored.items():
        clear = name if isinstance(name, str) and name else f"bus {index}"
        names[index] = f"{clear} ({index})" if clear in names.values() else clear
    return names
