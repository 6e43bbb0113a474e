"""The command `peerwatt flexibility`: a community answers system operators, from a case file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from market.flexibility import Answer, Incentive, Proof, Sites
    from market.flexibility.case import Case

__all__ = ["flexibility"]

WRONG_INPUT = 2


def flexibility(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Case, a YAML file.")],
) -> None:
    """Answer system operators' incentives from a case file, by each local priority.

    Prints what is moved inside and for whom, why there is no bid, what meters prove, and who is
    paid; then what inflating a baseline earns, where the case asks.

    Exit codes: 0 answered, 2 the input is wrong.
    """
    from market.faulty import Faulty
    from market.flexibility.case import incentives_of, sites_of

    case = _case(file)
    try:
        typer.echo(f"{case.case}: {case.about}" if case.about else case.case)
        if case.sites:
            sites, incentives = sites_of(case), incentives_of(case)
            for priority in case.local_priorities:
                for line in _answered(case, sites, incentives, priority):
                    typer.echo(line)
        for line in _inflated(case):
            typer.echo(line)
    except Faulty as fault:
        _leave("\n".join(f"{file}: {one}" for one in fault.faults))


def _case(file: Path) -> Case:
    """Read a case; every fault is told with its place."""
    from pydantic import ValidationError

    from market.flexibility.case import Case
    from scenarios.document import read
    from scenarios.faults import ScenarioError

    try:
        root, faults = read(file)
    except ScenarioError as error:
        _leave(str(error))
    if faults:
        _leave("\n".join(map(str, faults)))
    try:
        return Case.model_validate(root.plain())
    except ValidationError as error:
        lines = []
        for one in error.errors():
            at = root.find([part for part in one["loc"] if isinstance(part, str | int)])
            where = ".".join(map(str, one["loc"]))
            lines.append(f"{file}:{at.line}:{at.column}: {where}: {one['msg']}")
        _leave("\n".join(lines))


def _answered(
    case: Case, sites: Sites, incentives: tuple[Incentive, ...], priority: float
) -> Iterator[str]:
    from market.flexibility import answer, prove
    from market.flexibility.case import metered_milliwh, tariffs_of

    found = answer(sites, tariffs_of(case), incentives, local_priority=priority)
    how = {1.0: ", in sequence", 0.5: ", every µ€ alike", 0.0: ", operators first"}
    yield ""
    yield f"local priority {priority:g}{how.get(priority, '')}"
    parts = found.inside_ueur, found.operators_ueur, found.total_ueur
    inside, operators, total = (f"{value / 1e6:.2f} €" for value in parts)
    yield f"  inside {inside}, operators {operators}, together {total}"
    moved = ((found.up_wh, "up"), (found.down_wh, "down"))
    for energy, way in moved:
        if energy.any():
            yield f"  {'inside, ' + way:<24}{_by_site(sites, energy.sum(axis=1))}"
    reference = sites.net_wh + found.scheduled_wh
    expected = reference.copy()
    for of, bid in zip(incentives, found.bids, strict=True):
        expected[:, of.window] += bid if of.direction == "up" else -bid
    proofs = prove(incentives, found.bids, 1000 * reference, metered_milliwh(case, expected))
    for proof in proofs:
        yield from _called(case, sites, found, proof)


def _called(case: Case, sites: Sites, found: Answer, proof: Proof) -> Iterator[str]:
    """One incentive: bids, proof, money, and reasons."""
    from market.flexibility import shares_ueur

    of = proof.incentive
    bid = proof.bid_milliwh.sum(axis=1) // 1000
    yield f"  {of.name}: {of.operator}, {of.direction}, {of.price_ticks / 1000:.3f} €/kWh"
    if bid.any():
        yield f"    {'bid':<22}{_by_site(sites, bid)}"
        yield f"    {'delivered':<22}{_by_site(sites, proof.delivered_milliwh.sum(axis=1) // 1000)}"
        owed = shares_ueur(proof, case.share) - proof.penalties_ueur
        told = (
            f"{name} {x / 1e6:.2f}" for name, x in zip(sites.names, owed.tolist(), strict=True) if x
        )
        yield f"    {'€, by ' + case.share:<22}{', '.join(told)}"
    for one in found.refusals:
        if one.incentive == of.name:
            yield f"    block {one.block + 1}{', ' + one.site if one.site else ''}: {one.reason}"


def _inflated(case: Case) -> Iterator[str]:
    from market.flexibility import BASELINES, FlexibilityError
    from market.flexibility.case import inflation_day
    from market.flexibility.inflation import inflate

    of = case.inflation
    if of is None:
        return
    day, per_kw = inflation_day(case, of), 1e6 * case.hours
    yield ""
    yield f"{'way':<32}{'baseline':<22}{'events':>7}{'wasted kWh':>12}{'paid €':>9}{'gain €':>9}"
    for way in of.ways:
        if way.method not in BASELINES:
            known = ", ".join(BASELINES)
            raise FlexibilityError([f"{way.name!r}: no baseline {way.method!r}; known: {known}"])
        found = inflate(
            day,
            BASELINES[way.method],
            extra_milliwh=round(way.extra_kw * per_kw),
            on_days=way.on_days,
            before_milliwh=round(way.before_kw * per_kw),
            events=way.events,
        )
        paid = way.events * found.inflated_ueur / 1e6
        yield (
            f"{way.name:<32}{way.method:<22}{way.events:>7}{found.wasted_milliwh / 1e6:>12.1f}"
            f"{paid:>9.2f}{found.gain_ueur / 1e6:>9.2f}"
        )


def _by_site(sites: Sites, energy_wh: object) -> str:
    """Energies that are not 0, each with its site, in kWh."""
    import numpy as np

    energy = np.asarray(energy_wh).tolist()
    told = [f"{name} {x / 1000:.1f}" for name, x in zip(sites.names, energy, strict=True) if x]
    return f"{', '.join(told) or 'nothing'} kWh"


def _leave(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise SystemExit(WRONG_INPUT)
