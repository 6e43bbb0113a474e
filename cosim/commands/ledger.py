"""The command `peerwatt ledger`: verify a run's ledger, look into it, and give it away."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

if TYPE_CHECKING:
    from market.delivery.ledger import Anchor

__all__ = ["ledger_app"]

DOES_NOT_VERIFY = 1
WRONG_INPUT = 2

Kind = Literal["csv", "parquet", "json"]

ledger_app = typer.Typer(
    help="Verify a run's ledger, look into it, export it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or its ledger.sqlite.")]
AccountOption = Annotated[
    str | None, typer.Option(help="Only entries of an account: mill, peer:mill, lpd, dso.")
]
ContractOption = Annotated[int | None, typer.Option(help="Only entries of a contract.")]
PeriodOption = Annotated[int | None, typer.Option(help="Only entries of a period.")]


@ledger_app.command()
def verify(run: Run) -> None:
    """Recompute hashes, balances and signatures, and name the first bad entry.

    What the run's manifest noted of its ledger shows whether its end was cut off, or all of it
    signed anew.

    Exit codes: 0 it verifies, 1 it does not, 2 there is no such ledger.
    """
    from market.delivery.ledger import verify as verified

    file = _found(run)
    anchor = _anchor(file.parent)
    found = verified(file, anchor=anchor)
    key = f"signed by key {found.public_key[:16]}…" if found.public_key else "signed by nobody"
    typer.echo(f"entries   {found.entries:,}, hashes and balances recomputed")
    typer.echo(f"blocks    {found.blocks:,}, {key}")
    typer.echo(f"accounts  {found.accounts:,}")
    typer.echo(f"head      {found.head}")
    typer.echo(f"anchor    {_told(anchor)}")
    typer.echo("verifies" if found.ok else f"DOES NOT VERIFY: {found.fault}")
    raise SystemExit(0 if found.ok else DOES_NOT_VERIFY)


@ledger_app.command()
def show(
    run: Run,
    account: AccountOption = None,
    contract: ContractOption = None,
    period: PeriodOption = None,
) -> None:
    """Print entries: who paid whom, how much, for which reason.

    Exit codes: 0 printed, 1 the ledger cannot be read, 2 the input is wrong.
    """
    from results.ledger_export import Wanted, entry_lines

    file = _found(run)
    with _reading():
        for line in entry_lines(file, Wanted(account, contract, period)):
            typer.echo(line)


@ledger_app.command()
def accounts(run: Run) -> None:
    """Print what every account holds, by its entries.

    Exit codes: 0 printed, 1 the ledger cannot be read, 2 there is no such ledger.
    """
    from results.ledger_export import account_lines

    file = _found(run)
    with _reading():
        for line in account_lines(file):
            typer.echo(line)


@ledger_app.command()
def export(
    run: Run,
    to: Annotated[Kind, typer.Option(help="What to write.")],
    output: Annotated[
        Path | None, typer.Option(help="The file to write, instead of ledger.<kind> here.")
    ] = None,
    pseudonyms: Annotated[
        bool, typer.Option("--pseudonyms", help="Leave peers under their pseudonyms.")
    ] = False,
) -> None:
    """Write all entries to a file for other programs.

    Exit codes: 0 written, 1 the ledger cannot be read, 2 the input is wrong.
    """
    from results.ledger_export import export as exported

    file, target = _found(run), Path(f"ledger.{to}") if output is None else output
    with _reading():
        try:
            exported(file, target, to, resolved=not pseudonyms)
        except OSError as error:
            _refuse(f"{target}: cannot be written: {error.strerror}; give another file by --output")
    typer.echo(str(target))


def _found(run: Path) -> Path:
    """Find a run's ledger, or refuse."""
    from results.ledger_book import located

    file = located(run)
    if not file.is_file():
        _refuse(f"{run}: no ledger is there; expected a run folder with {file.name}, or that file")
    return file


def _anchor(folder: Path) -> "Anchor":
    """Read what the manifest noted of the ledger; nothing without a manifest."""
    import json

    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        _refuse(f"{folder / 'manifest.json'}: cannot be read: {error}")
    noted: Anchor = manifest.get("ledger", {})
    return noted


def _told(anchor: "Anchor") -> str:
    if "head" in anchor:
        return f"{anchor['entries']:,} entries and this head, by manifest.json"
    if "public_key" in anchor:
        return "the key alone, by manifest.json: the run did not come to its end"
    return "none: entries cut off its end, and another key, cannot be told"


@contextmanager
def _reading() -> Iterator[None]:
    """Leave with a sentence where a ledger cannot be read."""
    import sqlite3

    from results.ledger_export import UnknownAccount

    try:
        yield
    except UnknownAccount as error:
        _refuse(str(error))
    except PermissionError as error:
        _refuse(f"{error.filename}: may not be read; without that file peers stay pseudonyms")
    except sqlite3.DatabaseError as error:
        typer.echo(f"the ledger cannot be read: {error}; verify it", err=True)
        raise SystemExit(DOES_NOT_VERIFY) from None


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise SystemExit(WRONG_INPUT)
