"""The table of shipped dialects in docs/drivers.md, printed from the files themselves."""

from .table import DIALECTS, load_table
from .table_parts import Table


def dialects_table() -> str:
    """Print every shipped command table with what is known of it, as Markdown."""
    rows = [_row(load_table(file)) for file in sorted(DIALECTS.glob("*.yaml"))]
    head = ["| table | roles | commands verified | from |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def _row(table: Table) -> str:
    """Print one of them."""
    numbers = [
        number
        for part in table.roles.values()
        for number in (*part.set.values(), *part.read.values())
    ]
    tried = [table.verified if number.verified is None else number.verified for number in numbers]
    return (
        f"| `{table.dialect}` | {', '.join(table.roles)} | {sum(map(bool, tried))} of "
        f"{len(tried)} | {table.source} |"
    )
