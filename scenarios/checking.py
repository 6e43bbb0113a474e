"""Every fault of a YAML file at once, whatever model the file is meant to fit."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .document import Entry
from .faults import Fault, dotted
from .faults import Path as KeyPath
from .messages import message
from .spec import Problem, Spec

__all__ = ["Checking"]

_ROUNDS = 20
_A_KEY = "[key]"
"""How pydantic says that the key is at fault, rather than its value."""

SpecT = TypeVar("SpecT", bound=Spec)


class Checking(Generic[SpecT]):
    """Gathers the faults of one file.

    What is at fault is cut out, or something plausible put in its stead where it cannot be
    missing, and the rest is checked on; what follows from a stand-in is not reported.

    Parameters
    ----------
    file : Path
        As the user named it.
    root, faults : Entry, list of Fault
        What `document.read` gave.
    model : type
        What the file is meant to fit.
    stand_ins : mapping
        What is put in the place of a required key that is missing or wrong, to check the rest.
    """

    def __init__(
        self,
        file: Path,
        root: Entry,
        faults: list[Fault],
        *,
        model: type[SpecT],
        stand_ins: Mapping[str, Any],
    ) -> None:
        self.faults = list(faults)
        self._model, self._stand_ins = model, stand_ins
        self._file, self._root, self._cut = file, root, set[KeyPath]()

    def fields(self) -> SpecT | None:
        """Check the fields; None when what is left is none."""
        for _ in range(_ROUNDS):
            try:
                return self._model.model_validate(self._root.plain())
            except ValidationError as error:
                wrong = [path for one in _own_errors(error) for path in self._field_faults(one)]
            for path in wrong:
                self._root = self._root.without(path)
            self._cut |= set(wrong)
        return None

    def problems(self, problems: Iterable[Problem], above: Iterable[str | int] = ()) -> None:
        """Note what several keys say together, unless one of them is at fault already."""
        for problem in problems:
            if not self._is_consequence(problem):
                self.note((*above, *problem.path), problem.message)

    def note(self, location: Iterable[str | int], text: str, *, at_key: bool = False) -> None:
        """Add a fault at the deepest place of the file that the location leads to."""
        parts = _keys(location)
        if self._path(parts) in self._cut:
            return
        entry = self._root.find(parts)
        line, column = (entry.key_line, entry.key_column) if at_key else (entry.line, entry.column)
        path = dotted(self._path(parts))
        self.faults.append(Fault(str(self._file), line, column, path, text))

    def _field_faults(self, error: ErrorDetails) -> Iterator[KeyPath]:
        """Note one of pydantic's errors and yield what has to be cut out of the file."""
        parts = _keys(error["loc"])
        if error["type"] == "problems":
            problems: list[Problem] = error["ctx"]["problems"]
            self.problems(problems, error["loc"])
            yield from (self._root.find((*parts, *problem.path)).path for problem in problems)
        elif error["type"] == "missing":
            yield from self._missing(error, parts)
        else:
            at_key = error["type"] == "extra_forbidden" or error["loc"][-1] == _A_KEY
            self.note(error["loc"], message(error, self._model), at_key=at_key)
            yield self._root.find(parts).path

    def _missing(self, error: ErrorDetails, parts: KeyPath) -> Iterator[KeyPath]:
        """Note a missing key unless it was cut out, and fill it in or cut out what lacks it."""
        path, key = self._path(parts), str(parts[-1])
        if path not in self._cut:
            self.note(error["loc"], message(error, self._model))
        self._cut.add(path)
        if key in self._stand_ins:
            stand_in = f"unnamed-{len(self._cut)}" if key == "name" else self._stand_ins[key]
            self._root = self._root.with_value(path[:-1], key, stand_in)
        else:
            yield self._root.find(parts[:-1]).path

    def _is_cut(self, path: KeyPath) -> bool:
        return any(cut[: len(path)] == path for cut in self._cut)

    def _path(self, parts: Iterable[str | int]) -> KeyPath:
        """Return the path as it is in the file, where nothing has been cut out."""
        entries = list(self._root.follow(parts))
        rest = tuple(parts)[len(entries) - 1 :]
        return (*entries[-1].path, *rest)

    def _is_consequence(self, problem: Problem) -> bool:
        own, section = self._path(problem.path), (problem.refers or ("",))[0]
        return any(own[: len(cut)] == cut or cut[:1] == (section,) for cut in self._cut)


def _keys(location: Iterable[str | int]) -> KeyPath:
    """Leave out what of pydantic's locations does not stand in the file."""
    return tuple(part for part in location if not str(part).startswith("<") and part != _A_KEY)


def _own_errors(error: ValidationError) -> list[ErrorDetails]:
    """Return the errors without lists that are short only because their items are at fault."""
    errors = error.errors()
    return [
        one
        for one in errors
        if one["type"] != "too_short"
        or not any(o is not one and o["loc"][: len(one["loc"])] == one["loc"] for o in errors)
    ]
