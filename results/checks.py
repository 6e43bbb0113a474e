"""What has to hold of a finished run: the known checks, and how a user's own are found.

A check takes the record of a run and its options, and gives a verdict that names the worst
instant, passed or not. It reads tables and never live objects, so it judges a simulation
and a hardware run alike; a gap in the record fails it.

A package of one's own gives its checks names by the entry-point group ``peerwatt.checks``.
"""

import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from .checks_market import all_contracts_settled, delivered_share, ledger_verifies, tokens_balance
from .checks_metric import metric, money_bounds
from .checks_money import accounts_recomputed, compliant_party_whole
from .checks_options import OptionFault, read_options
from .checks_physics import (
    energy_balance,
    frequency_band,
    line_loading,
    meters_match_ticks,
    nadir,
    rocof,
    voltage_band,
)
from .checks_quality import en50160, voltage_unbalance
from .checks_ride_through import ride_through
from .checks_time import real_time_lateness, time_to_fallback
from .reading import Record
from .verdict import Verdict

__all__ = ["CHECKS", "GROUP", "Check", "CheckError", "check_options", "find_check", "run_checks"]


Check = Callable[..., Verdict]
"""Takes the `Record` of a run, and its options, which are keyword-only."""


GROUP = "peerwatt.checks"
"""Entry points of this group are checks by name: ``tidy = "our_checks.voltage:tidy"``."""


class CheckError(ValueError):
    """A check cannot be found or does not take these options; mend the scenario.

    Parameters
    ----------
    message : str
    faults : sequence of OptionFault
        What is wrong with each option, where that is what is wrong.
    """

    def __init__(self, message: str, faults: Sequence[OptionFault] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


CHECKS: Mapping[str, Check] = {
    "accounts_recomputed": accounts_recomputed,
    "all_contracts_settled": all_contracts_settled,
    "compliant_party_whole": compliant_party_whole,
    "delivered_share": delivered_share,
    "en50160": en50160,
    "energy_balance": energy_balance,
    "frequency_band": frequency_band,
    "ledger_verifies": ledger_verifies,
    "line_loading": line_loading,
    "meters_match_ticks": meters_match_ticks,
    "metric": metric,
    "money_bounds": money_bounds,
    "nadir": nadir,
    "real_time_lateness": real_time_lateness,
    "ride_through": ride_through,
    "rocof": rocof,
    "time_to_fallback": time_to_fallback,
    "tokens_balance": tokens_balance,
    "voltage_band": voltage_band,
    "voltage_unbalance": voltage_unbalance,
}
"""Names that a scenario may use."""


def find_check(name: str, *, beside: Path) -> Check:
    """Find a check by name, as `./file.py:function`, or as `package.module:function`.

    Parameters
    ----------
    name : str
        One of `CHECKS`, one that an installed package brings, or a reference to a function.
    beside : Path
        Folder of the scenario, from which a file is looked for.

    Raises
    ------
    CheckError
        There is no such check, it cannot be imported, or two have this name.
    """
    place, _, function = name.rpartition(":")
    if not place:
        return _named(name)
    found = getattr(_module(place, beside), function, None)
    if not callable(found):
        raise CheckError(f"{name}: {place} has no function {function!r}")
    check: Check = found
    return check


def check_options(name: str, options: Mapping[str, Any], *, beside: Path) -> Check:
    """Find a check and make sure that it takes these options.

    Raises
    ------
    CheckError
        There is no such check, or its options are wrong; all that is wrong with them is told.
    """
    return _ready(name, options, beside)[0]


def _ready(name: str, options: Mapping[str, Any], beside: Path) -> tuple[Check, dict[str, Any]]:
    """Give a check, and its options as its annotations want them."""
    check = find_check(name, beside=beside)
    read, faults = read_options(check, options)
    if faults:
        told = "; ".join(fault.told() for fault in faults)
        raise CheckError(f"check {name}: {told}", faults)
    return check, read


def run_checks(
    folder: Path, checks: Sequence[tuple[str, Mapping[str, Any]]], *, beside: Path
) -> list[Verdict]:
    """Judge a run folder.

    A check that raises is told as broken, and the others still judge.

    Parameters
    ----------
    folder : Path
        The run folder.
    checks : sequence of (name, options)
    beside : Path
        Folder of the scenario, from which a user's own files are looked for.

    Raises
    ------
    CheckError
        A check cannot be found or does not take its options.
    """
    ready = [(name, *_ready(name, options, beside)) for name, options in checks]
    record = Record(folder)
    return [_judged(name, check, record, options) for name, check, options in ready]


def _judged(name: str, check: Check, record: Record, options: Mapping[str, Any]) -> Verdict:
    """Let a check judge; one that raises, or gives no verdict, is broken and has not passed."""
    try:
        found = check(record, **options)
    except Exception as error:  # whatever a user's own file raises
        return Verdict(name, False, f"the check broke: {_why(error)}", broken=True)
    if not isinstance(found, Verdict):
        why = f"the check broke: it gave {type(found).__name__}, expected a Verdict"
        return Verdict(name, False, why, broken=True)
    return found


def _named(name: str) -> Check:
    """Give a known check, or one that an installed package brings."""
    brought = [point for point in _brought(tuple(sys.path)) if point.name == name]
    homes = ["Peerwatt"] * (name in CHECKS) + [_home(point) for point in brought]
    if len(homes) > 1:
        raise CheckError(
            f"check {name!r} is brought by {' and by '.join(homes)}; expected one name each; "
            "until then, say it as package.module:function"
        )
    if name in CHECKS:
        return CHECKS[name]
    if not brought:
        known = sorted({*CHECKS, *(point.name for point in _brought(tuple(sys.path)))})
        raise CheckError(
            f"no check {name!r}; known: {', '.join(known)}; or give a file.py:function"
        )
    try:
        check: Check = brought[0].load()
    except Exception as error:  # whatever the package raises while it is imported
        raise CheckError(f"check {name!r} of {homes[0]}: {_why(error)}") from error
    return check


@cache
def _brought(path: tuple[str, ...]) -> tuple[importlib.metadata.EntryPoint, ...]:
    """Checks that installed packages bring; looked for once for each `sys.path`."""
    return tuple(importlib.metadata.entry_points(group=GROUP))


def _home(point: importlib.metadata.EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def _module(place: str, beside: Path) -> Any:
    """Import a package's module, or a file that lies beside the scenario."""
    is_file = place.endswith(".py")
    path = (beside / place).resolve()
    if is_file and not path.is_file():
        raise CheckError(f"no file {path} for check {place!r}")
    try:
        return _of_file(path) if is_file else importlib.import_module(place)
    except ModuleNotFoundError as error:
        raise CheckError(f"no module {error.name!r} for check {place!r}") from error
    except Exception as error:  # whatever a user's own file raises while it is imported
        raise CheckError(f"{place} cannot be imported: {_why(error)}") from error


def _of_file(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"peerwatt_check_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
