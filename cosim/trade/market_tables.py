"""What `peerwatt market` tells: tables for eyes, JSON and CSV for programs."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from market.billing.rule import Tariffs
from market.quick import Cleared, Shared

__all__ = ["as_json", "print_tables", "write_tables"]

Rows = Sequence[Mapping[str, Any]]
_SHOWN = 40
_NAMES = {
    "bought_ueur": "by buying [€]",
    "sold_ueur": "by selling [€]",
    "fee_ueur": "fees [€]",
    "subscription_ueur": "subscription [€]",
    "gain_ueur": "gains [€]",
    "benefit_ueur": "over the tariffs [€]",
    "receives_ueur": "gets [€]",
    "net_milliwh": "metered [kWh]",
    "inside_milliwh": "inside [kWh]",
    "energy_wh": "energy [kWh]",
    "price_ticks": "pays [€/kWh]",
    "receipt_ticks": "gets [€/kWh]",
    "fee_ticks": "fee [€/kWh]",
}
_SCALES = {"_ueur": (1e-6, 6), "_milliwh": (1e-6, 6), "_wh": (1e-3, 3), "_ticks": (1e-3, 3)}


def print_tables(done: Cleared | Shared, title: str, tariffs: Tariffs | None) -> None:
    """Print what came of an order file."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(title, markup=False)
    for line in _sentences(done):
        console.print(line, markup=False)
    if isinstance(done, Cleared) and done.trades:
        _print(console, "Trades", done.trade_rows(), without=("sell_order_id", "buy_order_id"))
    rows = done.gain_rows() if isinstance(done, Shared) else done.gain_rows(tariffs)
    _print(console, "Who gains what", rows)
    for line in _sums(done):
        console.print(line, markup=False)


def as_json(done: Cleared | Shared, mechanism: str, tariffs: Tariffs | None) -> str:
    """Give all of it as one JSON document, in the market's own integers."""
    return json.dumps({"mechanism": mechanism, **_document(done, tariffs)}, indent=2)


def write_tables(
    done: Cleared | Shared, mechanism: str, tariffs: Tariffs | None, folder: Path
) -> None:
    """Write clearing.json, gains.csv and, for order-driven markets, trades.csv and orders.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "clearing.json").write_text(as_json(done, mechanism, tariffs) + "\n", "utf-8")
    if isinstance(done, Shared):
        _write(folder / "gains.csv", done.gain_rows())
        return
    _write(folder / "gains.csv", done.gain_rows(tariffs))
    _write(folder / "orders.csv", done.order_rows())
    _write(folder / "trades.csv", done.trade_rows())


def _sentences(done: Cleared | Shared) -> list[str]:
    """Say in a line what each period came to."""
    if isinstance(done, Shared):
        return [_of_rule(done, period) for period in done.bills]
    return [
        f"period {period}: {_energy(one.clearing.volume_wh(one.orders))} in {len(one.trades)} "
        f"trades of {len(one.orders)} orders; {_price(done, period)}; surplus of the operator "
        f"{_money(one.clearing.surplus_ueur)}"
        if one.trades
        else f"period {period}: nothing trades, so there is no price; {len(one.orders)} orders"
        for period, one in done.periods.items()
    ]


def _of_rule(done: Shared, period: int) -> str:
    bills = done.bills[period]
    inside_wh = int(bills.inside_milliwh.clip(0).sum()) / 1000
    prices = ", ".join(f"{name} {ticks / 1000:g} €/kWh" for name, ticks in bills.prices.items())
    parts = [
        f"period {period}: {_energy(inside_wh)} shared inside",
        prices or "no prices",
        f"the supplier pays {_money(bills.supplier_ueur)}",
        *(remark.rstrip(".") for remark in bills.remarks),
    ]
    return "; ".join(parts)


def _price(done: Cleared, period: int) -> str:
    clearing = done.periods[period].clearing
    if clearing.price_ticks is None:
        return "prices differ"
    text = f"price {clearing.price_ticks / 1000:g} €/kWh"
    if clearing.price_range_ticks is None:
        return text
    low, high = clearing.price_range_ticks
    return f"{text}, of {low / 1000:g} to {high / 1000:g} that clear the same"


def _sums(done: Cleared | Shared) -> list[str]:
    if isinstance(done, Shared):
        return [f"all gain {_money(int(done.benefit_ueur.sum()))} over the tariffs"]
    gains = done.gains
    best = "an unknown most" if gains.best_ueur is None else _money(gains.best_ueur)
    part = "" if gains.efficiency is None else f", {gains.efficiency:.2%} of it reached"
    return [
        f"operator {_money(gains.operator_ueur)}, DSO {_money(gains.dso_ueur)}",
        f"all gain {_money(gains.total_ueur)}; {best} is possible{part}",
    ]


def _document(done: Cleared | Shared, tariffs: Tariffs | None) -> dict[str, Any]:
    if isinstance(done, Shared):
        periods: list[dict[str, Any]] = [
            {
                "period": period,
                "prices_ticks": dict(bills.prices),
                "supplier_ueur": bills.supplier_ueur,
                "remarks": list(bills.remarks),
            }
            for period, bills in done.bills.items()
        ]
        return {"periods": periods, "gains": done.gain_rows()}
    gains = done.gains
    periods = [
        {
            "period": period,
            "price_ticks": one.clearing.price_ticks,
            "price_range_ticks": one.clearing.price_range_ticks,
            "volume_wh": one.clearing.volume_wh(one.orders),
            "surplus_ueur": one.clearing.surplus_ueur,
        }
        for period, one in done.periods.items()
    ]
    return {
        "periods": periods,
        "trades": done.trade_rows(),
        "gains": done.gain_rows(tariffs),
        "operator_ueur": gains.operator_ueur,
        "dso_ueur": gains.dso_ueur,
        "total_ueur": gains.total_ueur,
        "best_ueur": gains.best_ueur,
        "efficiency": gains.efficiency,
    }


def _print(console: Console, title: str, rows: Rows, *, without: Sequence[str] = ()) -> None:
    """Print rows as a table, leaving out columns of nothing but zeros."""
    names = [name for name in rows[0] if name not in without and _says(rows, name)] if rows else []
    table = Table(title=title, title_justify="left", box=box.SIMPLE, pad_edge=False)
    for name in names:
        table.add_column(Text(_NAMES.get(name, name)), justify=_side(rows[0][name]))
    for row in rows[:_SHOWN]:
        table.add_row(*(Text(_cell(name, row[name])) for name in names))
    console.print(table)
    if len(rows) > _SHOWN:
        console.print(f"{len(rows) - _SHOWN} rows more; --out or --json gives all", markup=False)


def _says(rows: Rows, name: str) -> bool:
    return name in ("gain_ueur", "period") or any(row[name] for row in rows)


def _side(value: object) -> Any:
    return "left" if isinstance(value, str) else "right"


def _cell(name: str, value: Any) -> str:
    for ending, (scale, digits) in _SCALES.items():
        if name.endswith(ending):
            return f"{value * scale:.{digits}f}"
    return str(value)


def _money(ueur: int) -> str:
    return f"{ueur / 1e6:.6f} €"


def _energy(wh: float) -> str:
    return f"{wh / 1000:g} kWh"


def _write(file: Path, rows: Rows) -> None:
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)
