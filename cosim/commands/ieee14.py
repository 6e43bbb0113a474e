"""The command `peerwatt ieee14`: the reference case of Sousa et al. (2019), in one go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from market.designs.ieee14 import Year
    from market.designs.ieee14_case import Case

__all__ = ["ieee14"]

WRONG_INPUT = 2
BROKE = 3


def ieee14(
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Copy of the published set, instead of our own data."),
    ] = None,
    info: Annotated[
        str, typer.Option(metavar="FILE", help="Cost table in that folder.")
    ] = "info.csv",
    wish: Annotated[
        str, typer.Option(help="What consumers wish for: own-community or green.")
    ] = "own-community",
    premium: Annotated[
        float, typer.Option(metavar="$/MWH", help="What other energy seems to cost them more.")
    ] = 5.0,
    poorest: Annotated[
        int, typer.Option(metavar="PEER", help="Consumer of the lowest income, who cannot wish.")
    ] = 8,
    tariff: Annotated[
        float, typer.Option(metavar="$/MWH", help="The grid's, above and below the market price.")
    ] = 10.0,
    gamma: Annotated[
        float, typer.Option(metavar="$/MWH", help="Cost of a trade between peers.")
    ] = 0.001,
    between: Annotated[
        tuple[float, float, float],
        typer.Option(metavar="C1-C2 C1-C3 C2-C3", help="Cost between communities. [$/MWh]"),
    ] = (2.0, 1.0, 1.5),
    network: Annotated[
        bool, typer.Option("--network", help="Solve again with limits on the lines (DC).")
    ] = False,
    limits: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Their limits, MW, instead of our own table."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where a page with Figure 7 is written.")
    ] = None,
) -> None:
    """Solve the IEEE 14-bus case of Sousa et al. (2019): full P2P, hybrid and community.

    19 peers in three communities and the grid at bus 1, over 17 520 half-hours; the paper's
    Tables 4 and 5 beside its own values, and what the peers' wishes cost.

    Exit codes: 0 solved, 2 the input is wrong, 3 a period could not be solved.
    """
    from market.designs.ieee14_case import Rules
    from market.designs.ieee14_summary import solve_all, summary
    from market.designs.ieee14_wishes import price_of_preference
    from market.designs.problem import DesignError

    try:
        rules = Rules(tariff=tariff, gamma=gamma, between=between)
        case, source = _case(data, info)
        preference = price_of_preference(
            case, rules, wish=wish, premium=premium, poorest=poorest - 1
        )
        years = solve_all(case, rules)
        found = summary(years, preference, source=source, published=data is not None)
        if network or limits is not None:
            found["network"] = _within_lines(years, limits)
    except DesignError as error:
        _leave(str(error), WRONG_INPUT)
    if as_json:
        import json

        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        for line in told(found):
            typer.echo(line)
    if out is not None:
        _write_page(found, out, quiet=as_json)


def _within_lines(years: Mapping[str, Year], limits: Path | None) -> dict[str, Any]:
    """Hold the designs to the limits of the IEEE 14-bus system's lines, in its DC network."""
    import numpy as np

    import scenarios
    from market.designs.ieee14_network import constrain, network_summary, read_lines
    from market.designs.network import Network
    from models.grid.power_flow import Grid
    from models.grid.ptdf import ptdf
    from models.grid.sources import made_net

    net = made_net("pandapower:case14")
    ends = [
        (int(one) + 1, int(other) + 1)
        for table, sides in ((net.line, ("from_bus", "to_bus")), (net.trafo, ("hv_bus", "lv_bus")))
        for one, other in zip(*(table[side] for side in sides), strict=True)
    ]
    path = limits or Path(scenarios.__file__).parent / "ieee14" / "lines.csv"
    most = read_lines(path, ends)
    factors = ptdf(Grid.from_net(net))
    buses = np.array(years["full"].case.buses) - 1
    lines = Network(
        names=tuple(f"line {one}-{other}" for one, other in ends),
        factors=np.where(np.abs(factors) < 1e-12, 0.0, factors)[:, buses],
        low=-most,
        high=most,
    )
    return network_summary({key: constrain(year, lines) for key, year in years.items()})


def _case(data: Path | None, info: str) -> tuple[Case, str]:
    from market.designs.ieee14_file import read_published, read_shipped

    if data is not None:
        return read_published(data, info), f"{data}, costs of {info}"
    import scenarios

    return read_shipped(Path(scenarios.__file__).parent / "ieee14"), "our own data"


def _write_page(found: Mapping[str, Any], out: Path, *, quiet: bool) -> None:
    from results.report_ieee14 import write_ieee14_report

    try:
        out.mkdir(parents=True, exist_ok=True)
        page = write_ieee14_report(found, out / "ieee14.html")
    except OSError as error:
        _leave(f"{out}: no page can be written: {error.strerror}; give another folder", WRONG_INPUT)
    typer.echo(str(page), err=quiet)


def told(found: Mapping[str, Any]) -> Iterator[str]:
    """Say what was found, line by line."""
    yield (
        f"IEEE 14-bus case, {found['source']}: {found['periods']} half-hours from {found['start']}"
    )
    between = ", ".join(f"{cost:g}" for cost in found["between"])
    yield (
        f"tariff ±{found['tariff']:g}, γ {found['gamma']:g}, between communities {between} $/MWh"
    )
    for title, columns in found["tables"].items():
        yield from _table(found, title, columns)
    yield ""
    for claim in found["orderings"]:
        sign = "holds " if claim["holds"] else "FAILED"
        margin = 0.0 if abs(claim["margin"]) < 1e-6 else claim["margin"]
        yield f"{sign}  {claim['told']}: by {margin:.4g} {claim['unit']}"
    yield from _figure(found["figure"])
    yield from _preference(found["preference"])
    if "network" in found:
        yield from _network(found["network"])
    yield ""
    yield from found["notes"]


def _table(found: Mapping[str, Any], title: str, columns: Mapping[str, str]) -> Iterator[str]:
    """One of the paper's tables: its values, sums as it makes them, and with the half-hour."""
    yield ""
    yield f"{title:<32}{''.join(f'{told:>16}' for told in columns.values())}"
    for design in found["designs"]:
        for kind, told in (
            ("published", "the paper"),
            ("sums", "sum of half-hours"),
            ("halved", "sum × 0.5 h"),
        ):
            values = [design[kind].get(column) for column in columns]
            cells = [f"{'–' if value is None else format(value, '.3f'):>16}" for value in values]
            yield f"{design['name']:<12}{told:<20}{''.join(cells)}"


def _figure(figure: Mapping[str, Any] | None) -> Iterator[str]:
    yield ""
    if figure is None:
        yield "Figure 7 is not drawn: the data do not reach 1 June 2013, or peer 3 is no consumer"
        return
    yield f"Figure 7, whom peer {figure['peer']} buys from, MW, in the half-hours from"
    times = "".join(f"{moment[11:]:>9}" for moment in figure["moments"])
    for design in figure["designs"]:
        yield f"  {design['name']:<26}{times}"
        for name, mw in design["partners"].items():
            yield f"    {name:<24}{''.join(f'{value:>9.3f}' for value in mw)}"
        yield f"    {'price, $/MWh':<24}{''.join(f'{value:>9.2f}' for value in design['price'])}"


def _preference(found: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    before, after = found["bill"]
    used, using = found["energy_mwh"]
    cheap, dear = found["price"]
    share = 100 * found["welfare_lost"] / found["welfare"] if found["welfare"] else 0.0
    yield (
        f"Price of preference: all consumers but peer {found['poorest']} wish for "
        f"{found['told']}, {found['premium']:g} $/MWh"
    )
    yield f"  welfare lost: {found['welfare_lost']:,.0f} $ a year, {share:.3f} %"
    yield (
        f"  bill of peer {found['poorest']}: {before:,.0f} $ for {used:,.0f} MWh ({cheap:.2f} "
        f"$/MWh) without wishes, {after:,.0f} $ for {using:,.0f} MWh ({dear:.2f} $/MWh) with them"
    )
    before, after = found["bill_of_others"]
    yield f"  bills of the other consumers together: {before:,.0f} $, then {after:,.0f} $"


def _network(found: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "With limits on the lines (DC; the paper leaves the network out):"
    for design in found["designs"]:
        yield (
            f"  {design['name']}: limits bind in {design['half_hours']} half-hours; welfare lost "
            f"{design['welfare_lost']:,.0f} $ a year, congestion rent {design['rent']:,.0f} $, "
            f"{design['relieved_mwh']:,.0f} MWh rerouted"
        )
        for name, line in design["binding"].items():
            yield (
                f"    {name:<12}{found['limits_mw'][name]:>5g} MW  {line['half_hours']:>6} "
                f"half-hours, at {line['mean_price']:.2f} $/MWh on average"
            )


def _leave(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise SystemExit(code)
