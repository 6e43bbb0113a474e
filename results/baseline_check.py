"""Holds a run against a baseline, and says what changed the way a person would ask.

First the contracts, for what differs there explains the rest: which is the first that changed,
then what became of them, then checks, money, key figures and signals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .baseline_figures import window_edges
from .baseline_lists import TOLD, list_changes
from .baseline_place import BaselineError
from .baseline_text import Baseline, Made, Series, within
from .compare_record import OpenedRun

__all__ = ["Held", "hold_against", "same_kind_of_machine"]


@dataclass(frozen=True)
class Held:
    """A run held against a baseline.

    Attributes
    ----------
    differences : list of str
        A line each, what explains the others first; none if the run is as expected.
    notes : list of str
        What else differs between then and now: inputs, versions, machine, last bits.
    """

    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether the run is as expected."""
        return not self.differences


def hold_against(old: Baseline, new: Baseline, run: OpenedRun, *, exact: bool = False) -> Held:
    """Compare what was accepted with what a run gave.

    Parameters
    ----------
    old, new : Baseline
        The accepted one, and that of the run.
    run : OpenedRun
        For the time of day of what changed.
    exact : bool
        Signals have to be the same to the last bit, too.

    Raises
    ------
    BaselineError
        The baseline is of another scenario, a line of it is none, or `exact` is asked of
        unlike machines.
    """
    if old.scenario != new.scenario:
        raise BaselineError(
            f"{run.folder}: a run of {new.scenario!r}; the baseline is of {old.scenario!r}"
        )
    alike = same_kind_of_machine(old.made, new.made)
    if exact and not alike:
        raise BaselineError(
            f"bits are the same only on one type of processor: the baseline is from "
            f"{_machine(old.made)}, this run from {_machine(new.made)}"
        )
    differences = [
        *_length(old.made, new.made),
        *list_changes(old, new, run, alike=alike),
        *_words("check", old.checks, new.checks),
        *_counts(old.fates, new.fates),
        *_money(old, new, alike=alike),
        *_metrics(old, new),
        *_series(old, new, run),
    ]
    other_bits = sorted(k for k in old.bits.keys() & new.bits.keys() if old.bits[k] != new.bits[k])
    if exact and other_bits:
        differences.append(f"not bit for bit the same: {', '.join(other_bits)}")
    return Held(differences, [*_then_and_now(old, new, alike), *_bits_note(other_bits, alike)])


def same_kind_of_machine(one: Made, other: Made) -> bool:
    """Whether floats come out the same to the last bit on both."""
    if one.architecture != other.architecture or one.portable != other.portable:
        return False
    return one.portable or one.processor == other.processor


def _machine(made: Made) -> str:
    return f"{made.processor or 'an unnamed processor'}{' (portable)' if made.portable else ''}"


def _length(old: Made, new: Made) -> Iterator[str]:
    for what, one, other in (
        ("seed", old.seed, new.seed),
        ("ticks", old.ticks, new.ticks),
        ("length of a tick [s]", old.tick_s, new.tick_s),
    ):
        if one != other:
            yield f"{what}: {one} → {other}"


def _words(what: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        one, other = old.get(name, "not asked for"), new.get(name, "not asked for")
        if one != other:
            yield f"{what} {name}: {one} → {other}"


def _counts(old: Mapping[str, int], new: Mapping[str, int]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name, 0) != new.get(name, 0):
            yield f"contracts {name}: {old.get(name, 0)} → {new.get(name, 0)}"


def _money(old: Baseline, new: Baseline, *, alike: bool) -> list[str]:
    allowed = 0.0 if alike else old.elsewhere.money_ueur
    told = list[str]()
    for name in sorted(old.money_ueur.keys() | new.money_ueur.keys()):
        one, other = old.money_ueur.get(name), new.money_ueur.get(name)
        if one is None or other is None:
            told.append(f"money of {name}: {'is new' if one is None else 'is no more'}")
        elif not within(one, other, allowed):
            told.append(f"money of {name}: {one} → {other} µ€ ({other - one:+d})")
    return told[:TOLD] + ([f"and {len(told) - TOLD} more accounts"] if len(told) > TOLD else [])


def _metrics(old: Baseline, new: Baseline) -> Iterator[str]:
    for key in sorted(old.metrics.keys() | new.metrics.keys()):
        one, other = old.metrics.get(key), new.metrics.get(key)
        if one is None or other is None:
            yield f"{key}: {'is new' if one is None else 'is no more'}; accept it if that is right"
        elif one.unit != other.unit:
            yield f"{key}: unit {one.unit} → {other.unit}"
        elif not within(one.value, other.value, one.tolerance):
            by = "" if one.value is None or other.value is None else other.value - one.value
            off = f"off by {by:+.6g}" if isinstance(by, float) else "off"
            told = f"{_number(one.value)} → {_number(other.value)} {one.unit}".rstrip()
            yield f"{key}: {told}, {off}, tolerance {_tolerance(one.tolerance)}"


def _series(old: Baseline, new: Baseline, run: OpenedRun) -> Iterator[str]:
    for key in sorted(old.series.keys() | new.series.keys()):
        one, other = old.series.get(key), new.series.get(key)
        if one is None or other is None:
            yield f"{key}: {'is new' if one is None else 'is no more'}; accept it if that is right"
        elif len(one.values) != len(other.values):
            yield f"{key}: {len(one.values)} → {len(other.values)} samples"
        else:
            yield from _left(key, one, other, run)


def _left(key: str, one: Series, other: Series, run: OpenedRun) -> Iterator[str]:
    """Say where a signal left its band first, and where it is furthest off."""
    out = [
        i
        for i, (old, new) in enumerate(zip(one.values, other.values, strict=True))
        if not within(old, new, one.tolerance)
    ]
    if not out:
        return
    starts = window_edges(run.ticks.num_rows)

    def told(i: int) -> str:
        values = f"{_number(one.values[i])} → {_number(other.values[i])} {one.unit}"
        return f"{run.clock(int(run.tick[starts[i]]))}: {values}"

    most = max(out, key=lambda i: abs((other.values[i] or 0.0) - (one.values[i] or 0.0)))
    furthest = "" if most == out[0] else f", furthest at {told(most)}"
    yield (
        f"{key} leaves its band first at {told(out[0])}, tolerance {_tolerance(one.tolerance)}"
        f"{furthest}; {len(out)} of {len(one.values)} samples"
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.7g}"


def _tolerance(tolerance: float | str) -> str:
    return tolerance if isinstance(tolerance, str) else f"{tolerance:g}"


def _then_and_now(old: Baseline, new: Baseline, alike: bool) -> Iterator[str]:
    changed = [
        name
        for name in sorted(old.inputs.keys() | new.inputs.keys())
        if old.inputs.get(name) != new.inputs.get(name)
    ]
    if changed:
        yield f"changed since the baseline was accepted: {', '.join(changed)}"
    if old.made.peerwatt != new.made.peerwatt:
        yield f"Peerwatt {old.made.peerwatt} then, {new.made.peerwatt} now"
    if not alike:
        yield (
            f"the baseline is from {_machine(old.made)}, this run from {_machine(new.made)}: "
            f"delivered energy may be off by {_tolerance(old.elsewhere.energy_wh)} Wh and money "
            f"by {_tolerance(old.elsewhere.money_ueur)} µ€"
        )


def _bits_note(other_bits: Sequence[str], alike: bool) -> Iterator[str]:
    if other_bits and alike:
        yield f"not bit for bit the same: {', '.join(other_bits)}"
