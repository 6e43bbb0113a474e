"""The command `peerwatt market`: clear an order file without a grid, and say who gains what."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from market.billing.rule import Tariffs
    from market.network.charges import Charges
    from market.orders import Orders
    from market.quick import Cleared, Shared

__all__ = ["clear_market"]

WRONG_INPUT = 2
BROKE = 3


class _Refused(Exception):
    """The input is wrong; every fault is a line."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))


def clear_market(
    file: Annotated[Path, typer.Argument(metavar="ORDERS", help="Orders, a CSV or Parquet file.")],
    mechanism: Annotated[
        str,
        typer.Option(help="A known name, ./file.py:Class from here, or package.module:Class."),
    ] = "uniform_price",
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="Option of the mechanism: k=0.3."),
    ] = None,
    period: Annotated[int | None, typer.Option(help="Clear this period only.")] = None,
    open_from: Annotated[
        int | None,
        typer.Option(metavar="PERIOD", help="First period still open; earlier ones are refused."),
    ] = None,
    retail: Annotated[
        float | None,
        typer.Option(metavar="€/KWH", help="Supplier's price; 0.35 for rules unless given."),
    ] = None,
    feed_in: Annotated[
        float | None,
        typer.Option(metavar="€/KWH", help="What the supplier pays; 0.08 for rules unless given."),
    ] = None,
    fee: Annotated[float, typer.Option(metavar="€/KWH", help="Transport fee of a trade.")] = 0.0,
    zone_fee: Annotated[
        float | None,
        typer.Option(metavar="€/KWH", help="Fee between zones instead; --fee holds within one."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for clearing.json and the tables as CSV.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Clear an order file, and tell trades, prices, surplus and who gains what.

    One order per line: peer, side (buy or sell), price_ticks or price_eur_per_kwh, energy_wh or
    energy_kwh; if wanted order_id, period, arrival, origin, zone, prefers ("pv:20;anna:35"),
    only_preferred, storage, curtailed, flexible, expiry, immediate. Every period is cleared by
    itself. Rules (mid_market_rate, ...) read orders as meters: sell injects, buy withdraws.

    Exit codes: 0 cleared, 2 the input is wrong and nothing was cleared, 3 the mechanism broke.
    """
    from market.order_file import OrderFileError
    from market.promises import ClearingError

    from ..trade.market_tables import as_json, print_tables, write_tables

    try:
        done = _done(file, mechanism, option, period, open_from, retail, feed_in, fee, zone_fee)
        tariffs = None if retail is None and feed_in is None else _tariffs(retail, feed_in)
    except (OrderFileError, _Refused) as error:
        _leave(str(error), WRONG_INPUT)
    except ClearingError as error:
        _leave("\n".join(f"market mechanism {mechanism}: {f}" for f in error.faults), BROKE)
    if json:
        typer.echo(as_json(done, mechanism, tariffs))
    else:
        print_tables(done, f"{file}, cleared by {mechanism}", tariffs)
    if out is not None:
        write_tables(done, mechanism, tariffs, out)
        typer.echo(str(out), err=json)


def _done(
    file: Path,
    mechanism: str,
    option: list[str] | None,
    period: int | None,
    open_from: int | None,
    retail: float | None,
    feed_in: float | None,
    fee: float,
    zone_fee: float | None,
) -> "Cleared | Shared":
    """Read and clear; everything that is wrong with the input is refused."""
    from market.billing.rule import BillingError
    from market.network.pairing import PairingError
    from market.order_file import read_orders
    from market.promises import ClearingError
    from market.quick import clear, share

    made = _mechanism(mechanism, option or [])
    orders = _of_period(read_orders(file, open_from=open_from), file, period)
    try:
        if hasattr(made, "share"):
            return share(orders, made, tariffs=_tariffs(retail, feed_in))
        return clear(orders, made, charges=_charges(orders, file, fee, zone_fee))
    except (_Refused, ClearingError):
        raise
    except PairingError as error:
        raise _Refused([f"{file}: {error}"]) from None
    except BillingError as error:
        raise _Refused([f"{file}: {fault}" for fault in error.faults]) from None
    except Exception as error:  # whatever a user's own file raises
        from market.orders import OrderError

        if isinstance(error, OrderError):
            raise _Refused([f"{file}: {fault}" for fault in error.faults]) from None
        raise ClearingError([f"{type(error).__name__}: {error}"]) from error


def _mechanism(reference: str, options: list[str]) -> Any:
    from pydantic import ValidationError

    from scenarios.overrides import read_value
    from scenarios.plugins import PluginError, build_mechanism

    told = {}
    for text in options:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise _Refused([f"--option {text}: sets nothing; expected name=value, as k=0.3"])
        told[name.strip()] = read_value(value)
    try:
        return build_mechanism(reference, told, Path.cwd())
    except PluginError as error:
        raise _Refused([f"--mechanism: {error}"]) from None
    except ValidationError as error:
        raise _Refused(
            [
                f"--option {'.'.join(map(str, one['loc'])) or reference}: {one['msg']}; "
                f"{reference} got {one['input']!r}"
                for one in error.errors(include_url=False)
            ]
        ) from None


def _of_period(orders: "Orders", file: Path, period: int | None) -> "Orders":
    if period is None:
        return orders
    if period not in orders.periods:
        known = ", ".join(map(str, orders.periods)) or "none"
        raise _Refused([f"{file}: no orders for period {period}; expected one of: {known}"])
    return orders.for_period(period)


def _tariffs(retail: float | None, feed_in: float | None) -> "Tariffs":
    from market.billing.rule import BillingError, Tariffs

    try:
        return Tariffs(
            _ticks("--retail", 0.35 if retail is None else retail),
            _ticks("--feed-in", 0.08 if feed_in is None else feed_in),
        )
    except BillingError as error:
        raise _Refused([f"--feed-in: {fault}" for fault in error.faults]) from None


def _ticks(name: str, eur_per_kwh: float) -> int:
    ticks = 1000 * eur_per_kwh
    if not abs(ticks) < 1e9:
        raise _Refused([f"{name}: {eur_per_kwh} €/kWh is no price; expected one like 0.35"])
    if abs(ticks - round(ticks)) > 1e-9 * max(1.0, abs(ticks)):
        raise _Refused(
            [f"{name}: {eur_per_kwh:g} €/kWh is finer than a price tick; expected steps of 0.001"]
        )
    return round(ticks)


def _charges(orders: "Orders", file: Path, fee: float, zone_fee: float | None) -> "Charges | None":
    """Charge trades alike, or by the zones that the orders name."""
    from market.network.charges import ChargeError, uniform_charges, zonal_charges

    within = _ticks("--fee", fee)
    try:
        if zone_fee is None:
            return uniform_charges(len(orders.peers), within) if within else None
        between = _ticks("--zone-fee", zone_fee)
        return zonal_charges(_zones(orders, file), within, between)
    except ChargeError as error:
        raise _Refused([f"--fee: {fault}" for fault in error.faults]) from None


def _zones(orders: "Orders", file: Path) -> list[str]:
    """Give each peer's zone, which its orders name."""
    named: dict[str, set[str]] = {peer: set() for peer in orders.peers}
    for order in orders:
        zone = order.attributes.get("zone")
        if zone is not None:
            named[order.peer].add(zone)
    faults = [
        f"{file}: zone: {peer!r} is in {' and '.join(sorted(zones)) or 'no zone'}; expected one "
        f"for --zone-fee"
        for peer, zones in named.items()
        if len(zones) != 1
    ]
    if faults:
        raise _Refused(faults)
    return [next(iter(zones)) for zones in named.values()]


def _leave(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise SystemExit(code)
