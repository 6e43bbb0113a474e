"""What a baseline keeps of a run: exactly what is exact, and samples of what is not.

Contracts (or bills) are kept a line each, so that a difference can name the first that changed;
signals are kept as what they were at least, at most or on average in each of sixty windows.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .baseline_lines import Line, bill_lines, fate_of, trade_lines
from .baseline_place import BaselineError
from .baseline_text import Baseline, Figure, Listing, Made, Series
from .compare_record import OpenedRun

__all__ = ["LISTED", "WINDOWS", "measure", "window_edges"]

Floats = npt.NDArray[np.float64]

WINDOWS = 60
LISTED = 2000
"""Contracts or bills that are kept a line each; of all there is a hash."""

ACCOUNTS = 300
"""Accounts that are kept one by one; of more, their sums by role."""

TOLERANCES = {"p.u.": 0.0005, "Hz": 0.002, "kWh": 0.01, "kW": 0.05, "€": 0.01, "%": 0.1}
"""By unit, what a figure may be off unless the file says otherwise; of other units, nothing."""

DIGITS = {"p.u.": 5, "Hz": 4, "kW": 3, "ct/kWh": 3}
"""Decimals of samples; finer than what is tolerated."""


def measure(run: OpenedRun, old: Baseline | None = None) -> Baseline:
    """Measure what a baseline keeps of a run.

    Parameters
    ----------
    run : OpenedRun
    old : Baseline, optional
        Whose tolerances are kept.

    Raises
    ------
    BaselineError
        The run did not come to its end, or was not made as its scenario's file says.
    """
    _refuse_unfit(run)
    return Baseline(
        format=1,
        scenario=str(run.manifest.get("scenario", "")),
        made=_made(run),
        inputs=dict(sorted((run.manifest.get("hashes") or {}).items())),
        **({} if old is None else {"elsewhere": old.elsewhere}),
        checks=_checks(run),
        fates=dict(sorted(Counter(fate_of(row) for row in run.rows("contracts")).items())),
        money_ueur=_money(run.rows("accounts")),
        metrics=_metrics(run, {} if old is None else old.metrics),
        series=_series(run, {} if old is None else old.series),
        trades=_listing(trade_lines(run)),
        bills=_listing(bill_lines(run)),
        bits=_bits(run),
    )


def _refuse_unfit(run: OpenedRun) -> None:
    if run.status != "finished":
        raise BaselineError(f"{run.folder}: the run is {run.status}; expected one that finished")
    if run.manifest.get("overrides"):
        told = ", ".join(map(str, run.manifest["overrides"]))
        raise BaselineError(
            f"{run.folder}: made with --set {told}; expected a run of the scenario as it stands"
        )


def _made(run: OpenedRun) -> Made:
    machine, versions = run.manifest.get("machine"), run.manifest.get("versions") or {}
    machine = machine if isinstance(machine, Mapping) else {"processor": str(machine or "")}
    return Made(
        peerwatt=str(versions.get("peerwatt", "")),
        seed=run.manifest.get("seed"),
        processor=str(machine.get("processor", "")),
        architecture=str(machine.get("architecture", "")),
        portable=bool(machine.get("portable", False)),
        ticks=run.ticks.num_rows,
        tick_s=run.dt_s,
    )


def _checks(run: OpenedRun) -> dict[str, str]:
    """Whether each check holds; checks that are asked for twice are told apart by number."""
    found: dict[str, str] = {}
    for check in (run.verdict or {}).get("checks", []):
        name, number = check["name"], 1
        while name in found:
            number += 1
            name = f"{check['name']}-{number}"
        found[name] = "holds" if check["passed"] else "fails"
    return found


def _money(accounts: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    key = "account" if len(accounts) <= ACCOUNTS else "role"
    sums: Counter[str] = Counter()
    for row in accounts:
        sums[row[key]] += row["balance_ueur"]
    return dict(sorted(sums.items()))


def _metrics(run: OpenedRun, old: Mapping[str, Figure]) -> dict[str, Figure]:
    return {
        key: Figure(
            value=None if one.value is None else float(f"{one.value:.9g}"),
            unit=one.unit,
            tolerance=old[key].tolerance if key in old else TOLERANCES.get(one.unit, 0.0),
        )
        for key, one in sorted(run.figures.items())
    }


def window_edges(ticks: int) -> npt.NDArray[np.intp]:
    """Rows at which the windows of a run of so many ticks begin, and its end."""
    return np.linspace(0, ticks, min(WINDOWS, ticks) + 1).astype(np.intp)


def _series(run: OpenedRun, old: Mapping[str, Series]) -> dict[str, Series]:
    """Sample every signal that was recorded."""
    if not run.ticks.num_rows:
        return {}
    starts = window_edges(run.ticks.num_rows)[:-1]
    return {
        key: Series(
            unit=unit,
            tolerance=old[key].tolerance if key in old else TOLERANCES.get(unit, 0.0),
            values=[
                None if np.isnan(value) else round(value, DIGITS[unit])
                for value in _sampled(values, how, starts).tolist()
            ],
        )
        for key, unit, how, values in _signals(run)
    }


def _sampled(values: Floats, how: np.ufunc, starts: npt.NDArray[np.intp]) -> Floats:
    """Reduce each window to one value; adding means the mean."""
    reduced: Floats = how.reduceat(values, starts)
    if how is np.add:
        reduced = reduced / np.diff(starts, append=values.size)
    return reduced


def _signals(run: OpenedRun) -> Iterable[tuple[str, str, np.ufunc, Floats]]:
    if run.has("f_hz"):
        low, high = ("f_min_hz", "f_max_hz") if run.has("f_min_hz") else ("f_hz", "f_hz")
        yield "frequency_lowest", "Hz", np.minimum, run.scalar(low)
        yield "frequency_highest", "Hz", np.maximum, run.scalar(high)
    if run.has("vm_pu"):
        values = run.values("vm_pu")
        yield "voltage_lowest", "p.u.", np.minimum, values.min(axis=1).astype(np.float64)
        yield "voltage_highest", "p.u.", np.maximum, values.max(axis=1).astype(np.float64)
    if run.has("p_boundary_kw"):
        yield "boundary_power", "kW", np.add, run.scalar("p_boundary_kw")
    for name in ("pv_kw", "load_kw", "battery_kw", "shed_kw"):
        if run.has(name):
            total = run.values(name).sum(axis=1, dtype=np.float64)
            yield name.replace("_kw", "_power"), "kW", np.add, total
    traded, length = run.rows("contracts"), run.manifest.get("ticks_per_period")
    if traded and length:
        yield "traded_power", "kW", np.add, _traded_kw(run, traded, length)


def _traded_kw(run: OpenedRun, contracts: Sequence[Mapping[str, Any]], length: int) -> Floats:
    """Mean power of the contracts of the period that each tick is in."""
    by_period: Counter[int] = Counter()
    for row in contracts:
        by_period[row["period"]] += row["energy_wh"]
    period, where = np.unique(run.tick // length, return_inverse=True)
    energy_wh = np.array([by_period[int(p)] for p in period], dtype=np.float64)
    power: Floats = energy_wh[where] / 1000 / (length * run.dt_s / 3600)
    return power


def _listing(lines: Sequence[Line]) -> Listing:
    if not lines:
        return Listing()
    return Listing(
        count=len(lines),
        energy_wh=sum(line.energy_wh for line in lines),
        agreed=_hash(f"{line.period} {line.who} {line.agreed}" for line in lines),
        outcome=_hash(f"{line.outcome} {line.energy}" for line in lines),
        lines=[str(line) for line in lines[:LISTED]],
    )


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def _bits(run: OpenedRun) -> dict[str, str]:
    """Hash every signal, to the last bit."""
    return {
        name: hashlib.blake2b(
            np.ascontiguousarray(run.scalar(name)).tobytes(), digest_size=8
        ).hexdigest()
        for name in run.ticks.column_names
        if name != "tick"
    }
