"""YAML with the line of every key, so that a fault in a command table has a place."""

from pathlib import Path
from typing import Any

import yaml

Place = tuple[str | int, ...]
LONGEST = 200_000  # bytes; a table has some thousand


class TableError(ValueError):
    """A command table with faults, each with file and line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def read_yaml(path: Path) -> tuple[Any, dict[Place, int]]:
    """Read plain values, and the line of each.

    Returns
    -------
    values : dict, list, str, int, float, bool or None
    lines : dict of tuple to int
        By the keys that lead to a value, from 1.

    Raises
    ------
    TableError
        No such file, too long, not UTF-8, no YAML, or a key that stands twice.
    """
    try:
        text = path.read_bytes()[: LONGEST + 1].decode()
    except (OSError, UnicodeDecodeError) as fault:
        raise TableError([f"{path}: cannot be read: {fault}"]) from fault
    if len(text) > LONGEST:
        raise TableError([f"{path}: over {LONGEST} bytes; expected a command table"])
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Place, int] = {}
        twice: list[str] = []
        _walk(loader, node, (), lines, twice)
        if twice:
            raise TableError([f"{path}:{fault}" for fault in twice])
        return (None if node is None else loader.construct_document(node)), lines
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 1
        raise TableError([f"{path}:{line}: no YAML: {fault.problem}"]) from fault
    except yaml.YAMLError as fault:
        raise TableError([f"{path}: no YAML: {fault}"]) from fault
    except (ValueError, RecursionError) as fault:  # a date such as 2026-99-99, or endless nesting
        raise TableError([f"{path}: no YAML: {fault}"]) from fault
    finally:
        loader.dispose()


def _walk(
    loader: yaml.SafeLoader,
    node: yaml.Node | None,
    place: Place,
    lines: dict[Place, int],
    twice: list[str],
) -> None:
    """Note the line of everything below a node."""
    if node is None:
        return
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = loader.construct_object(key, deep=True)
            line = key.start_mark.line + 1
            if not isinstance(name, str):
                twice.append(f"{line}: key {name!r} is no text; put it between quotes")
                continue
            if (*place, name) in lines:
                twice.append(f"{line}: key {name!r} stands twice")
                continue
            lines[(*place, name)] = line
            _walk(loader, value, (*place, name), lines, twice)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(loader, value, (*place, index), lines, twice)


def line_of(lines: dict[Place, int], place: Place) -> int:
    """Give the line of a place, or of what it should stand in."""
    while place not in lines and place:
        place = place[:-1]
    return lines.get(place, 1)
