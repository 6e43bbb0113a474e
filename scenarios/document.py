"""A YAML file as plain values that remember where they stand.

Only what JSON could say is read: no tags, no objects. Duplicate keys, which YAML libraries let
the last one win, are faults, and times of day stay text (YAML 1.1 reads 12:24 as 744).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

import yaml
from yaml.constructor import ConstructorError, SafeConstructor

from .faults import Fault, Path, ScenarioError, dotted

LARGEST_DOCUMENT = 200_000
_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = {_TAG + "str", _TAG + "timestamp", _TAG + "value"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a document.

    Parameters
    ----------
    path : tuple
        Keys and indices from the top, as in the file.
    line, column : int
        Where the value begins, counted from 1.
    key_line, key_column : int
        Where its key begins; the value itself when it has none.
    value : dict, list or scalar
        Further entries, or a plain value.
    """

    path: Path
    line: int
    column: int
    key_line: int
    key_column: int
    value: Any

    def plain(self) -> Any:
        """Return the value without positions."""
        if isinstance(self.value, dict):
            return {key: entry.plain() for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [entry.plain() for entry in self.value]
        return self.value

    def follow(self, parts: Iterable[str | int]) -> Iterator["Entry"]:
        """Walk down as far as the document goes along `parts`, this entry first.

        Parts that the document does not have, such as the tags of a union, are passed over.
        """
        here = self
        yield here
        for part in parts:
            below = here.below(part)
            if below is not None:
                here = below
                yield here

    def below(self, part: str | int) -> "Entry | None":
        """Return the entry under one key or index, None when there is none."""
        if isinstance(self.value, dict):
            return self.value.get(part)
        if isinstance(self.value, list) and isinstance(part, int) and part < len(self.value):
            entry: Entry = self.value[part]
            return entry
        return None

    def find(self, parts: Iterable[str | int]) -> "Entry":
        """Return the deepest entry along `parts`."""
        *_, last = self.follow(parts)
        return last

    def with_value(self, path: Path, key: str, value: Any) -> "Entry":
        """Return a copy in which the mapping at a path of the file has a further plain value."""
        if isinstance(self.value, dict):
            below = {k: e.with_value(path, key, value) for k, e in self.value.items()}
            if self.path == path:
                below[key] = replace(self, path=(*path, key), value=value)
            return replace(self, value=below)
        if isinstance(self.value, list):
            return replace(self, value=[e.with_value(path, key, value) for e in self.value])
        return self

    def without(self, path: Path) -> "Entry":
        """Return a copy that lacks the entry at a path of the file."""
        if isinstance(self.value, dict):
            kept = {k: e.without(path) for k, e in self.value.items() if e.path != path}
            return replace(self, value=kept)
        if isinstance(self.value, list):
            return replace(self, value=[e.without(path) for e in self.value if e.path != path])
        return self


def read(file: FilePath, kind: str = "scenario") -> tuple[Entry, list[Fault]]:
    """Read a file.

    Parameters
    ----------
    file : path
    kind : str
        What it is meant to be, and the first key of it.

    Returns
    -------
    root : Entry
        The top of the document, a mapping.
    faults : list of Fault
        Duplicate keys and other faults that leave the rest readable.

    Raises
    ------
    ScenarioError
        The file cannot be read, is not UTF-8, is not YAML, or is no mapping.
    """
    name = str(file)
    text = _text(file, kind)
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ScenarioError([_notation_fault(name, text, error)]) from None
    if not isinstance(node, yaml.MappingNode):
        message = f"the file holds no keys; expected a mapping that begins with '{kind}: name'"
        raise ScenarioError([Fault(name, 1, 1, "", message)])
    reader = _Reader(name)
    return reader.entry(node, (), node), reader.faults


def _text(file: FilePath, kind: str) -> str:
    try:
        raw = file.read_bytes()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        message = f"cannot be read: {reason}; expected a {kind} file in YAML"
        raise ScenarioError([Fault(str(file), 0, 0, "", message)]) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8; expected the file saved as UTF-8"
        raise ScenarioError([Fault(str(file), line, column, "", message)]) from None


def _notation_fault(name: str, text: str, error: yaml.YAMLError) -> Fault:
    mark = getattr(error, "problem_mark", None)
    if mark is None:  # yaml.reader.ReaderError: a control character
        before = text[: getattr(error, "position", 0)]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return Fault(name, line, column, "", "a control character; expected printable text")
    lines = text.split("\n")
    line_text = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line_text[: mark.column + 1]:
        message = "a tab cannot indent YAML; expected spaces"
    else:
        context = getattr(error, "context", None)
        problem = getattr(error, "problem", None) or "cannot be parsed"
        message = f"not YAML: {problem}" + (f" {context}" if context else "")
    return Fault(name, mark.line + 1, mark.column + 1, "", message)


class _Reader:
    """Turns composed nodes into entries and gathers what is wrong with the keys."""

    def __init__(self, file: str) -> None:
        self.faults: list[Fault] = []
        self._file = file
        self._scalars = SafeConstructor()
        self._above: set[int] = set()
        self._count = 0

    def entry(self, node: yaml.Node, path: Path, key: yaml.Node) -> Entry:
        self._guard(node)
        self._above.add(id(node))
        value = self._value(node, path)
        self._above.discard(id(node))
        marks = node.start_mark, key.start_mark
        (line, column), (key_line, key_column) = ((m.line + 1, m.column + 1) for m in marks)
        return Entry(path, line, column, key_line, key_column, value)

    def _value(self, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.entry(n, (*path, i), n) for i, n in enumerate(node.value)]
        if node.tag in _TEXT_TAGS or (":" in node.value and node.tag.startswith(_TAG)):
            return node.value
        return self._scalar(node)

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            return self._scalars.construct_object(node)
        except (ConstructorError, ValueError):
            message = f"tag {node.tag!r} is not used here; expected plain values"
            raise ScenarioError([self._fault(node, "", message)]) from None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Entry]:
        self._own_keys(node, path)
        try:
            self._scalars.flatten_mapping(node)  # merge keys, '<<'
        except ConstructorError as error:
            raise ScenarioError([self._fault(node, "", str(error.problem))]) from None
        return {
            str(key.value): self.entry(value, (*path, str(key.value)), key)
            for key, value in node.value
            if isinstance(key, yaml.ScalarNode)
        }

    def _own_keys(self, node: yaml.MappingNode, path: Path) -> None:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.faults.append(self._fault(key, "", "a key is plain text; expected a name"))
                continue
            name = str(key.value)
            if name in seen:
                message = f"second key {name!r}, the first is in line {seen[name]}; expected one"
                self.faults.append(self._fault(key, dotted((*path, name)), message))
            seen.setdefault(name, key.start_mark.line + 1)

    def _guard(self, node: yaml.Node) -> None:
        self._count += 1
        if id(node) in self._above or self._count > LARGEST_DOCUMENT:
            message = "an alias contains itself or the file grows beyond reason; write it out"
            raise ScenarioError([self._fault(node, "", message)])

    def _fault(self, node: yaml.Node, path: str, message: str) -> Fault:
        mark = node.start_mark
        return Fault(self._file, mark.line + 1, mark.column + 1, path, message)
