"""The command `peerwatt bills`: who pays what, from a run's tables."""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO

import typer

if TYPE_CHECKING:
    from results.bill_lines import Line
    from results.bills import Bill, Costs, Reconciled
    from results.reading import Record

__all__ = ["bills"]

WRONG_INPUT = 2
CSV_COLUMNS = (
    "period begin account line reason contract_id party energy_wh price_eur_per_kwh amount_eur"
)


def bills(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    peer: Annotated[str | None, typer.Option(help="This peer's bill, line by line.")] = None,
    period: Annotated[int | None, typer.Option(help="This delivery period only.")] = None,
    csv_: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write all lines as CSV; - for the terminal."),
    ] = None,
    transaction_cost: Annotated[
        float | None,
        typer.Option(metavar="€", min=0, help="A contract's paperwork, not the scenario's cost."),
    ] = None,
    reconciliation_cost: Annotated[
        float | None,
        typer.Option(metavar="€", min=0, help="Reconciling a bill, not the scenario's cost."),
    ] = None,
) -> None:
    """Tell the bills of a run, beside what the supplier alone would have billed.

    Exit codes: 0 told, 2 there is no such run, peer or period.
    """
    if not (folder / "manifest.json").is_file():
        _leave(f"{folder}: no run is there; expected a folder with manifest.json")
    from results.bill_lines import lines
    from results.bills import bills as written
    from results.bills import costs_of, reconciled
    from results.reading import Record

    record = Record(folder)
    if not record.table("postings").num_rows:
        _leave(f"{folder}: nothing was booked; expected a run with postings.parquet")
    told = lines(record)
    made = written(record, told)
    _known(made, peer, period)
    mine = [bill for bill in made if _is(bill.account, bill.period, peer, period)]
    if csv_ is not None:
        wanted = [line for line in told if _is(line.account, line.period, peer, period)]
        _write_csv(csv_, wanted, record)
        return
    if peer is not None:
        _print_peer(mine, record)
        return
    _print_peers(mine, folder, period)
    costs = _costs(costs_of(record), transaction_cost, reconciliation_cost)
    if period is None:
        _print_reconciled(reconciled(record, made, costs), costs)


def _costs(given: "Costs", transaction: float | None, reconciliation: float | None) -> "Costs":
    from results.bills import Costs

    return Costs(
        given.transaction_ueur if transaction is None else round(1e6 * transaction),
        given.reconciliation_ueur if reconciliation is None else round(1e6 * reconciliation),
    )


def _is(account: str, in_period: int | None, peer: str | None, period: int | None) -> bool:
    return peer in (None, account.removeprefix("peer:")) and period in (None, in_period)


def _known(made: "Sequence[Bill]", peer: str | None, period: int | None) -> None:
    from scenarios.rules import nearest

    peers = {bill.peer for bill in made}
    periods = {bill.period for bill in made if bill.period is not None}
    if peer is not None and peer not in peers:
        _leave(f"--peer: no peer {peer!r} in this run; {nearest(peer, peers)}")
    if period is not None and period not in periods:
        least, most = min(periods), max(periods)
        _leave(f"--period: no bills of period {period}; expected {least} to {most}")


def _print_peers(made: "Sequence[Bill]", folder: Path, period: int | None) -> None:
    """One row a peer: what it paid (negative) and got, by column."""
    from results.bills import by_peer, columns_of, summed

    rows = by_peer([bill for bill in made if bill.account != "lpd"])
    named = columns_of(rows)
    when = "all periods" if period is None else f"period {period}"
    heads = ["peer", "kWh", *named, "bill", "public", "gain"]
    whole = summed(rows, "all")
    told = "[€; what is paid is negative]"
    _table(
        f"Bills of {folder.name}, {when} {told}",
        heads,
        [
            [
                row.peer,
                f"{row.net_milliwh / 1e6:+.3f}",
                *(_eur(row.column_ueur(name)) for name in named),
                _eur(row.total_ueur),
                _eur(row.public_ueur),
                _eur(row.gain_ueur),
            ]
            for row in [*rows, whole]
        ],
        last_is_sum=True,
    )


def _print_peer(mine: "Sequence[Bill]", record: "Record") -> None:
    """One peer's bill, period by period and line by line; then what reconciles it."""
    from results.bills import summed

    rows: list[list[str]] = []
    for bill in mine:
        begin = "" if bill.period is None else record.period_begin(bill.period)
        for kind, amount in bill.amounts_ueur.items():
            energy = bill.energy_milliwh.get(kind)
            rows.append([begin, kind, *_energy_and_price(energy, amount), _exact(amount)])
            begin = ""
        rows.append(["", "bill", "", "", _exact(bill.total_ueur)])
    whole = summed(mine, mine[0].account)
    rows.append(["all", "bill", "", "", _exact(whole.total_ueur)])
    title = f"Bill of {whole.peer} [what is paid is negative]"
    _table(title, ["from", "line", "kWh", "€/kWh", "€"], rows, last_is_sum=True)
    told = [
        ["public bill: the supplier's, of the whole meter", _exact(whole.public_ueur)],
        ["refund of what was traded", _exact(whole.refund_ueur)],
        ["supplier's bill of the rest", _exact(whole.residual_ueur)],
        ["private: contracts, cover, fees, collateral", _exact(whole.private_ueur)],
        ["bill", _exact(whole.total_ueur)],
    ]
    _table("Reconciliation", ["", "€"], told, last_is_sum=True)


def _energy_and_price(milliwh: int | None, ueur: int) -> tuple[str, str]:
    if not milliwh:
        return "", ""
    return f"{milliwh / 1e6:.6f}", f"{abs(ueur) / milliwh:.4f}"


def _print_reconciled(all_of_it: "Reconciled", costs: "Costs") -> None:
    from results.bill_words import reconciliation_sentences

    for sentence in reconciliation_sentences(all_of_it, costs):
        typer.echo(sentence)


def _table(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], *, last_is_sum: bool
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", show_footer=False)
    for i, head in enumerate(heads):
        table.add_column(
            head, justify="left" if i == 0 or head == "line" else "right", no_wrap=True
        )
    for i, row in enumerate(rows):
        if last_is_sum and i == len(rows) - 1:
            table.add_section()
        table.add_row(*row)
    width = None if sys.stdout.isatty() else 200
    Console(highlight=False, markup=False, width=width).print(table)


def _write_csv(path: Path, told: "Sequence[Line]", record: "Record") -> None:
    """Write lines with exact decimals: energy to mWh, money to µ€."""
    if str(path) == "-":
        _csv_lines(sys.stdout, told, record)
        return
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            _csv_lines(file, told, record)
    except OSError as error:
        _leave(f"--csv: {path}: {error.strerror}")
    typer.echo(str(path), err=True)


def _csv_lines(file: TextIO, told: "Sequence[Line]", record: "Record") -> None:
    out = csv.writer(file, lineterminator="\n")
    out.writerow(CSV_COLUMNS.split())
    begins = {p: record.period_begin(p) if p >= 0 else "" for p in {line.period for line in told}}
    for line in told:
        out.writerow(_csv_row(line, begins[line.period]))


def _csv_row(line: "Line", begin: str) -> list[Any]:
    milliwh = line.energy_milliwh
    return [
        line.period,
        begin,
        line.account,
        line.kind,
        line.reason,
        line.contract_id or "",
        line.party,
        "" if milliwh is None else f"{milliwh / 1000:.3f}",
        f"{abs(line.amount_ueur) / milliwh:.6f}" if milliwh else "",
        f"{line.amount_ueur / 1e6:.6f}",
    ]


def _eur(ueur: int) -> str:
    return f"{ueur / 1e6:+.3f}" if ueur else ""


def _exact(ueur: int) -> str:
    return f"{ueur / 1e6:+.6f}"


def _leave(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise SystemExit(WRONG_INPUT)
