"""Rules of settlement of a scenario's own: functions in a file beside it, or in a package."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from .plugins import PluginError, module_of
from .rules import nearest

__all__ = ["rule_faults", "rule_function", "rules_of_settlement"]


def rules_of_settlement() -> dict[str, Callable[..., Any]]:
    """Return every rule that can be replaced, as the design has it."""
    from market.delivery.rules import Rules

    return {field.name: getattr(Rules(), field.name) for field in fields(Rules)}


def rule_function(name: str, reference: str, base: Path) -> Callable[..., Any]:
    """Return the function that takes a rule's place; importing it runs the user's file.

    Parameters
    ----------
    name : str
        Of the rule, as in :class:`market.delivery.rules.Rules`.
    reference : str
        ``./file.py:function`` or ``package.module:function``.
    base : Path
        Folder of the scenario.

    Raises
    ------
    PluginError
        No such rule, file or function, or it cannot be called as the rule is.
    """
    known = rules_of_settlement()
    if name not in known:
        raise PluginError(f"no rule {name!r} of settlement; {nearest(name, known)}")
    place, _, function_name = reference.rpartition(":")
    if not place or not function_name.isidentifier():
        raise PluginError(f"{reference!r} names no function; expected ./file.py:function")
    if place.endswith(".py") and not (base / place).is_file():
        raise PluginError(f"no file {place!r} beside the scenario, in {base}")
    module = module_of(place, base)
    found = getattr(module, function_name, None)
    if not callable(found):
        functions = [one for one, value in vars(module).items() if inspect.isfunction(value)]
        near = nearest(function_name, functions)
        raise PluginError(f"no function {function_name!r} in {place!r}; {near}")
    _check_call(name, reference, known[name], found)
    return found  # type: ignore[no-any-return]


def rule_faults(rules: Mapping[str, str], base: Path) -> Iterator[tuple[str, str]]:
    """Find every rule of a scenario's own; give the names of those at fault, and why."""
    for name, reference in rules.items():
        try:
            rule_function(name, reference, base)
        except PluginError as error:
            yield name, str(error)


def _check_call(
    name: str, reference: str, rule: Callable[..., Any], found: Callable[..., Any]
) -> None:
    """Refuse a function that settlement could not call as it calls the rule."""
    wanted = inspect.signature(rule)
    by_name = [p.name for p in wanted.parameters.values() if p.kind is p.KEYWORD_ONLY]
    by_place = len(wanted.parameters) - len(by_name)
    try:
        given = inspect.signature(found)
        given.bind(*[None] * by_place, **dict.fromkeys(by_name))
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"{reference!r} cannot stand for rule {name!r}: {error}; "
            f"expected to be called as {name}({_told(wanted)})"
        ) from error


def _told(signature: inspect.Signature) -> str:
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(inspect.Signature(bare))[1:-1]
