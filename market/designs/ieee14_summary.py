"""What is told of the 14-bus case: the paper's tables beside ours, its Figure 7, what holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ieee14 import DESIGNS, Year, solve
from .ieee14_case import STEP_H, Case, Rules
from .ieee14_wishes import WISHES, PriceOfPreference

__all__ = ["PUBLISHED", "orderings", "solve_all", "summary", "trades_of"]

Floats = NDArray[np.float64]

PUBLISHED: Mapping[str, Mapping[str, float]] = {
    "full": {
        "welfare": 45.21,
        "import_cost": 0.072,
        "export_revenue": 56.66,
        "load": 401.4,
        "import": 2.1,
        "export": 1041.1,
    },
    "community": {
        "welfare": 44.27,
        "import_cost": 2.88,
        "export_revenue": 58.95,
        "load": 395.1,
        "import": 45.4,
        "export": 1093.4,
    },
}
"""The paper's Tables 4 and 5, M$ and "GWh"; we have no copy of its hybrid row."""

TABLES: Mapping[str, Mapping[str, str]] = {
    "Table 4, M$": {
        "welfare": "social welfare",
        "import_cost": "import cost",
        "export_revenue": "export revenue",
    },
    "Table 5, GWh": {"load": "load", "import": "import", "export": "export"},
}
"""Tables of the paper: what stands in their columns."""

FIGURE_PEER = 3
FIGURE_MOMENTS = (
    "2013-06-01T06:00",
    "2013-06-01T06:30",
    "2013-06-01T07:00",
    "2013-06-01T07:30",
)
"""Of the paper's Figure 7; it says 6:00 to 7:30, so the half-hour from 7:30 may be one too many."""


def solve_all(case: Case, rules: Rules) -> dict[str, Year]:
    """Solve a case in the three designs."""
    return {key: solve(case, rules, design(case, rules)) for key, design in DESIGNS.items()}


def figures(year: Year) -> dict[str, float]:
    """Sums over half-hours of MW and $/h, as the paper seems to sum: without × 0.5 h."""
    return {
        "welfare": float(year.welfare.sum()) / 1e6,
        "import_cost": float(year.import_cost.sum()) / 1e6,
        "export_revenue": float(year.export_revenue.sum()) / 1e6,
        "load": float(year.load_mw.sum()) / 1e3,
        "import": float(year.import_mw.sum()) / 1e3,
        "export": float(year.export_mw.sum()) / 1e3,
        "exchange": float(year.exchange_mw.sum()) / 1e3,
    }


def trades_of(year: Year, consumer: int) -> dict[str, Floats]:
    """Say whom a consumer buys from in each period, by partner. [MW]

    Inside a group any pairing is as good as another; each buyer takes of each seller, other group
    and grid its share by what it buys.
    """
    layout, case = year.layout, year.case
    group = int(layout.group[consumer])
    members = np.flatnonzero(layout.group == group)
    bought = -np.minimum(year.injection_mw[:, members], 0.0).sum(axis=1)
    share = np.divide(
        -year.injection_mw[:, consumer], bought, out=np.zeros_like(bought), where=bought > 0
    )
    sold = np.maximum(year.injection_mw[:, members], 0.0)
    total = sold.sum(axis=1)
    inside = np.divide(
        year.inside_mw[:, group] * share, total, out=np.zeros_like(total), where=total > 0
    )
    partners = {
        f"peer {n + 1} ({case.kinds[n]}, C{case.community[n] + 1})": inside * sold[:, column]
        for column, n in enumerate(members)
        if case.kinds[n] != "consumer"
    }
    for other in range(layout.cost.shape[0]):
        if other != group:
            partners[f"manager of C{other + 1}"] = year.flow_mw[:, other, group] * share
    partners["grid"] = year.flow_mw[:, -1, group] * share
    return {name: mw for name, mw in partners.items() if mw.any()}


def orderings(years: Mapping[str, Year]) -> list[dict[str, Any]]:
    """What must hold among the three, whatever the data; told with its margin."""
    full, hybrid, community = (years[key] for key in DESIGNS)
    gamma, dearest = full.rules.gamma, max(full.rules.between)
    sums = {key: figures(year) for key, year in years.items()}
    slack = gamma * (hybrid.import_mw + hybrid.export_mw)
    bound = float((hybrid.welfare - full.welfare + dearest * full.exchange_mw).min())
    total = sums["hybrid"]["welfare"] - sums["full"]["welfare"]
    total += dearest * sums["full"]["exchange"] / 1e3
    first = sums["full"]["welfare"] - sums["hybrid"]["welfare"]
    second = sums["hybrid"]["welfare"] - sums["community"]["welfare"]
    step = float((full.welfare - hybrid.welfare + slack).min())
    lower = float((hybrid.welfare - community.welfare).min())
    bounded = f"hybrid ≥ full P2P − {dearest:g} $/MWh × its exchange"
    imports = [sums[key]["import"] for key in DESIGNS]
    return [
        _claim("welfare: full P2P ≥ hybrid, over the year", first, "M$"),
        _claim("welfare: hybrid ≥ community, over the year", second, "M$"),
        _claim("full P2P ≥ hybrid − γ × energy with the grid, each half-hour", step, "$/h"),
        _claim("hybrid ≥ community, each half-hour", lower, "$/h"),
        _claim(f"{bounded}, over the year", total, "M$"),
        _claim(f"{bounded}, each half-hour", bound, "$/h"),
        _claim("imports: full P2P ≤ hybrid", imports[1] - imports[0], "GWh"),
        _claim("imports: hybrid ≤ community", imports[2] - imports[1], "GWh"),
    ]


def _claim(told: str, margin: float, unit: str) -> dict[str, Any]:
    return {"told": told, "holds": margin >= -1e-6, "margin": margin, "unit": unit}


def summary(
    years: Mapping[str, Year], preference: PriceOfPreference, *, source: str, published: bool
) -> dict[str, Any]:
    """Everything that the command tells, of numbers, texts and lists only.

    Parameters
    ----------
    years : mapping
        As `solve_all` gives it.
    preference : PriceOfPreference
    source : str
        Where the data came from, for people.
    published : bool
        Whether they are the published set.
    """
    case, rules = years["full"].case, years["full"].rules
    return {
        "source": source,
        "start": case.start,
        "periods": len(case),
        "step_h": STEP_H,
        "tariff": rules.tariff,
        "gamma": rules.gamma,
        "between": list(rules.between),
        "peers": _peers(case),
        "tables": {title: dict(columns) for title, columns in TABLES.items()},
        "designs": [
            {
                "key": key,
                "name": year.layout.name,
                "sums": figures(year),
                "halved": {name: STEP_H * value for name, value in figures(year).items()},
                "published": dict(PUBLISHED.get(key, {})),
                "astray_mw": year.astray_mw,
            }
            for key, year in years.items()
        ],
        "orderings": orderings(years),
        "figure": _figure(years),
        "preference": _preference(preference),
        "notes": _notes(published),
    }


def _peers(case: Case) -> list[dict[str, Any]]:
    return [
        {
            "peer": n + 1,
            "kind": case.kinds[n],
            "bus": case.buses[n],
            "community": f"C{case.community[n] + 1}",
            "low_mw": float(case.low_mw[:, n].min(initial=0.0)),
            "high_mw": float(case.high_mw[:, n].max(initial=0.0)),
            "a": float(case.a[n]),
            "b": float(case.b[n]),
        }
        for n in range(case.n_peers)
    ]


def _figure(years: Mapping[str, Year]) -> dict[str, Any] | None:
    """Figure 7's trades, or None where the data do not reach its day."""
    case = years["full"].case
    first, last = case.moment(0), case.moment(len(case) - 1)
    if not (first <= FIGURE_MOMENTS[0] and FIGURE_MOMENTS[-1] <= last):
        return None
    if FIGURE_PEER - 1 not in case.consumers:
        return None
    rows = [case.at(moment) for moment in FIGURE_MOMENTS]
    return {
        "peer": FIGURE_PEER,
        "moments": list(FIGURE_MOMENTS),
        "designs": [
            {
                "name": year.layout.name,
                "partners": {
                    name: mw[rows].tolist()
                    for name, mw in trades_of(year, FIGURE_PEER - 1).items()
                    if mw[rows].any()
                },
                "price": (year.sell_price[rows, FIGURE_PEER - 1] + year.layout.gamma).tolist(),
            }
            for year in years.values()
        ],
    }


def _preference(found: PriceOfPreference) -> dict[str, Any]:
    before, after = found.bills
    used, using = found.energies_mwh
    others = [n for n in found.without.case.consumers if n != found.poorest]
    return {
        "wish": found.wish,
        "told": WISHES[found.wish],
        "premium": found.premium,
        "poorest": found.poorest + 1,
        "welfare": float(found.without.welfare.sum() * STEP_H),
        "welfare_lost": found.welfare_lost,
        "bill": [before, after],
        "energy_mwh": [used, using],
        "price": [before / used if used else 0.0, after / using if using else 0.0],
        "bill_of_others": [sum(y.bill(n) for n in others) for y in (found.without, found.with_)],
        "energy_of_others_mwh": [
            sum(y.energy_mwh(n) for n in others) for y in (found.without, found.with_)
        ],
    }


def _notes(published: bool) -> Sequence[str]:
    """What is reproduced and what is not, and why."""
    ours = (
        "These are the data of a published set, read from the folder that you named. Its cost "
        "table is not the one behind the paper's Tables 4 and 5: with either of its versions "
        "welfare comes out at half or at one and a half of what was published, and its PV profiles "
        "peak at half of their stated capacity. The numbers are therefore not reproduced."
        if published
        else "These are data of our own: SimBench's shapes, a synthetic price, costs of round "
        "numbers. They have the paper's network, peers and rules, not its profiles and costs, so "
        "its numbers cannot come out of them; name a copy of the published set by --data."
    )
    return [
        ours,
        "Reproduced: the rules, and what follows from them: welfare full P2P ≥ hybrid ≥ community, "
        "imports the other way round, and export the larger the less the communities share.",
        "The paper's GWh and M$ look like sums over half-hours without the factor 0.5 h: with it, "
        "the consumers' upper bounds in the published set add up to 272 GWh, less than the "
        "published load of 401. Both sums are given; that with the factor is the real one.",
        "The hybrid row of the paper's tables is left empty: we have no copy of its numbers. As "
        "reported, it lies below full P2P by more than 2 $/MWh times the exchange between "
        "communities, which an optimum of this model cannot; nothing here is tuned to it.",
        "Assumed: communities C1 = buses 2–5, C2 = 8, 9, 10, 14, C3 = 6, 11–13, read off the "
        "paper's text and drawing; 2, 1, 1.5 $/MWh stand for C1–C2, C1–C3, C2–C3.",
        "In full P2P with one γ for all, who trades with whom is open: any pairing of the same "
        "injections is as good. The figure shows each buyer's share by what it buys; its exchange "
        "between communities is the least possible.",
        "The network constrains nothing in these tables, as in the paper; --network sets limits.",
    ]
