"""Command tables: YAML files that tell the generic SCPI driver a device's commands.

A table is data. Its commands hold placeholders from a fixed list, which are replaced by
numbers and phases; nothing in it is executed.
"""

from functools import cache
from pathlib import Path

from pydantic import ValidationError

from hil.roles import Role

from .table_parts import UNITS, Number, Read, Table
from .table_text import Place, TableError, line_of, read_yaml

DIALECTS = Path(__file__).parent / "dialects"
EMULATOR = "peerwatt-emulator"

SETTINGS: dict[Role, tuple[str, ...]] = {
    "inverter": ("limit_kw",),
    "storage": ("power_kw",),
    "grid-simulator": ("vm_v", "f_hz", "output"),
    "pv-simulator": ("available_kw", "output"),
    "load": ("demand_kw", "output"),
    "analyser": (),
}
"""What each role must be able to set; ``revert_s`` may stand beside it."""
_AC = ("p_kw", "q_kvar", "vm_v", "i_a", "f_hz")
READINGS: dict[Role, tuple[str, ...]] = {
    "inverter": ("p_kw", "q_kvar"),
    "storage": ("p_kw", "q_kvar", "soc"),
    "grid-simulator": _AC,
    "pv-simulator": ("p_kw", "v_v", "i_a"),
    "load": _AC,
    "analyser": _AC,
}
"""What each role must be able to read; ``energy_kwh`` and ``state`` may stand beside it."""
_MAY_READ: dict[Role, tuple[str, ...]] = {
    "inverter": ("energy_kwh", "state"),
    "storage": ("energy_kwh", "state"),
    "grid-simulator": ("energy_kwh",),
    "pv-simulator": (),
    "load": ("energy_kwh",),
    "analyser": ("energy_kwh",),
}


def find_table(said: Path | str) -> Path:
    """Find a table: a file, or the name of one that is shipped.

    Raises
    ------
    TableError
        No table has that name.
    """
    if isinstance(said, Path) or "/" in said or said.endswith((".yaml", ".yml")):
        return Path(said)
    path = DIALECTS / f"{said}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in DIALECTS.glob("*.yaml")))
        raise TableError([f"no command table {said!r}; known: {known}; or give a file"])
    return path


@cache
def load_table(path: Path) -> Table:
    """Read and check a command table.

    Raises
    ------
    TableError
        All faults of the file at once, each with file and line.
    """
    values, lines = read_yaml(path)
    if not isinstance(values, dict):
        raise TableError([f"{path}:1: expected a command table"])
    try:
        table = Table.model_validate(values)
    except ValidationError as faults:
        raise TableError(
            [
                _fault(path, lines, tuple(fault["loc"]), fault["msg"])
                for fault in faults.errors(include_url=False, include_input=False)
            ]
        ) from None
    problems = list(_problems(table))
    if problems:
        raise TableError([_fault(path, lines, place, text) for place, text in problems])
    return table


def _fault(path: Path, lines: dict[Place, int], place: Place, text: str) -> str:
    """Say where a fault is, and what."""
    shown = ".".join(str(part) for part in place if part != "[key]")
    return f"{path}:{line_of(lines, place)}: {shown}: {text.removeprefix('Value error, ')}"


def _problems(table: Table) -> list[tuple[Place, str]]:
    """Say what several keys say together and cannot be."""
    found: list[tuple[Place, str]] = []
    if table.speaks.proof not in ("none", "fresh") and not table.speaks.compound:
        found.append((("speaks", "proof"), "a proof stands on the same line: it needs compound"))
    for role, part in table.roles.items():
        at: Place = ("roles", role)
        for kind, given, must, may in (
            ("set", part.set, SETTINGS[role], ("revert_s",)),
            ("read", part.read, READINGS[role], _MAY_READ[role]),
        ):
            missing = [name for name in must if name not in given]
            if missing:
                found.append((at, f"{kind} lacks {', '.join(missing)}"))
            for name, number in given.items():
                place = (*at, kind, name)
                if name not in (*must, *may):
                    known = ", ".join((*must, *may)) or "nothing"
                    found.append((place, f"a {role} does not {kind} it; it does {known}"))
                else:
                    found.extend((place, text) for text in _wrong(name, number))
    return found


def _wrong(name: str, number: Number) -> list[str]:
    """Say what is wrong with the unit, words or source of one quantity."""
    wrong = []
    if name in ("output", "state"):
        if not getattr(number, "words", None):
            wrong.append("expected words: what the device says, and what that means")
        if name == "output" and set(getattr(number, "words", {}).values()) != {0.0, 1.0}:
            wrong.append("expected words for 1, closed, and 0, open")
    elif number.unit not in (allowed := UNITS[name.rpartition("_")[2]]):
        wrong.append(f"unit {number.unit!r}; expected one of {', '.join(allowed)}")
    if (
        isinstance(number, Read)
        and number.is_by_phase
        and name not in ("p_kw", "q_kvar", "vm_v", "i_a", "f_hz")
    ):
        wrong.append("a phase has no number of its own for it")
    return wrong
