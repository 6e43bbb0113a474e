"""What has to hold of a finished run: the known checks, and how a user's own are found.

A check takes the record of a run and its options, and gives a verdict that names the worst
instant, passed or not. It reads tables and never live objects, so it judges a simulation
and a hardware run alike; a gap in the record fails it.
"""

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .checks_market import all_contracts_settled, delivered_share, ledger_verifies, tokens_balance
from .checks_money import accounts_recomputed, compliant_party_whole
from .checks_physics import (
    energy_balance,
    frequency_band,
    line_loading,
    meters_match_ticks,
    rocof,
    voltage_band,
)
from .reading import Record
from .verdict import Verdict

__all__ = ["CHECKS", "Check", "CheckError", "check_options", "find_check", "run_checks"]


Check = Callable[..., Verdict]
"""Takes the `Record` of a run, and its options, which are keyword-only."""


class CheckError(ValueError):
    """A check cannot be found or does not take these options; mend the scenario."""


CHECKS: Mapping[str, Check] = {
    "accounts_recomputed": accounts_recomputed,
    "all_contracts_settled": all_contracts_settled,
    "compliant_party_whole": compliant_party_whole,
    "delivered_share": delivered_share,
    "energy_balance": energy_balance,
    "frequency_band": frequency_band,
    "ledger_verifies": ledger_verifies,
    "line_loading": line_loading,
    "meters_match_ticks": meters_match_ticks,
    "rocof": rocof,
    "tokens_balance": tokens_balance,
    "voltage_band": voltage_band,
}
"""Names that a scenario may use."""


def find_check(name: str, *, beside: Path) -> Check:
    """Find a check by a known name, as `./file.py:function`, or as `package.module:function`.

    Parameters
    ----------
    name : str
    beside : Path
        Folder of the scenario, from which a file is looked for.

    Raises
    ------
    CheckError
        There is no such check.
    """
    if name in CHECKS:
        return CHECKS[name]
    place, _, function = name.rpartition(":")
    if not place:
        raise CheckError(
            f"no check {name!r}; known: {', '.join(sorted(CHECKS))}; or give a file.py:function"
        )
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
        There is no such check, or it has no such option.
    """
    check = find_check(name, beside=beside)
    parameters = list(inspect.signature(check).parameters.values())[1:]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return check
    known = {p.name for p in parameters}
    if unknown := sorted(set(options) - known):
        expected = ", ".join(sorted(known)) or "no option"
        raise CheckError(f"check {name} has no option {unknown[0]!r}; expected: {expected}")
    return check


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
    found = [(check_options(name, options, beside=beside), options) for name, options in checks]
    record = Record(folder)
    return [
        _judged(name, check, record, options)
        for (name, _), (check, options) in zip(checks, found, strict=True)
    ]


def _judged(name: str, check: Check, record: Record, options: Mapping[str, Any]) -> Verdict:
    """Let a check judge; one that raises, or gives no verdict, is broken and has not passed."""
    try:
        found = check(record, **options)
    except Exception as error:  # whatever a user's own file raises
        why = f"the check broke: {type(error).__name__}: {error}"
        return Verdict(name, False, why, broken=True)
    if not isinstance(found, Verdict):
        why = f"the check broke: it gave {type(found).__name__}, expected a Verdict"
        return Verdict(name, False, why, broken=True)
    return found


def _module(place: str, beside: Path) -> Any:
    if not place.endswith(".py"):
        try:
            return importlib.import_module(place)
        except ModuleNotFoundError as error:
            raise CheckError(f"no module {error.name!r} for check {place!r}") from None
    path = (beside / place).resolve()
    spec = importlib.util.spec_from_file_location(f"peerwatt_check_{path.stem}", path)
    if spec is None or spec.loader is None or not path.exists():
        raise CheckError(f"no file {path} for check {place!r}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
