"""The options of a check, held against its own annotations before anything is run.

A scenario is JSON in all but spelling, so a value fits when it would fit as JSON, strictly: a
number is not text and not yes or no, and a list may be any sequence.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar, get_type_hints

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

__all__ = [
    "OptionFault",
    "agrees",
    "bound_needed",
    "options_of",
    "read_options",
    "rises",
    "unit_of",
]

Rule = Callable[[Mapping[str, Any]], str | None]
"""Says what is wrong with all options together, or None."""

Function = TypeVar("Function", bound=Callable[..., Any])

_UNITS = {
    "_hz_per_s": "Hz/s",
    "_percent": "%",
    "_ticks": "ticks",
    "_eur": "€",
    "_kwh": "kWh",
    "_kw": "kW",
    "_hz": "Hz",
    "_pu": "p.u.",
    "_s": "s",
}
_NAMED = {
    float: "a number",
    int: "a whole number",
    str: "text",
    bool: "true or false",
}


class OptionFault(NamedTuple):
    """One thing that is wrong with the options of a check."""

    option: str
    """Empty when it is none of them alone."""
    message: str

    def told(self) -> str:
        """Say it in one line."""
        return f"{self.option}: {self.message}" if self.option else self.message


def agrees(rule: Rule) -> Callable[[Function], Function]:
    """Give a check a rule on what its options say together."""

    def give(check: Function) -> Function:
        setattr(check, _RULE, rule)
        return check

    return give


_RULE = "_options_agree"


def rises(low: str, high: str) -> Rule:
    """Make the rule that one option does not lie above another."""

    def rule(options: Mapping[str, Any]) -> str | None:
        if options[low] > options[high]:
            return f"{low} {options[low]:g} lies above {high} {options[high]:g}; nothing fits"
        return None

    return rule


def bound_needed(low: str, high: str) -> Rule:
    """Make the rule that at least one bound is given, and that they leave room."""

    def rule(options: Mapping[str, Any]) -> str | None:
        if options[low] is None and options[high] is None:
            return f"it holds nothing to a bound; expected {low}, {high}, or both"
        if options[low] is not None and options[high] is not None:
            return rises(low, high)(options)
        return None

    return rule


def options_of(check: Callable[..., Any]) -> dict[str, inspect.Parameter] | None:
    """Options that a check takes, by name; None when it takes any."""
    parameters = list(inspect.signature(check).parameters.values())[1:]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return {p.name: p for p in parameters}


def read_options(
    check: Callable[..., Any], given: Mapping[str, Any]
) -> tuple[dict[str, Any], list[OptionFault]]:
    """Read the options given to a check.

    Parameters
    ----------
    check : callable
    given : mapping
        As a scenario has them.

    Returns
    -------
    options : dict
        As the check's annotations want them, without those that were not given.
    faults : list of OptionFault
        Everything that is wrong; empty when the check can be called.
    """
    known = options_of(check)
    if known is None:
        return dict(given), []
    faults = [
        OptionFault(name, f"no such option; expected: {', '.join(sorted(known)) or 'none'}")
        for name in sorted(map(str, set(given) - set(known)))
    ]
    options: dict[str, Any] = {}
    for name, parameter in known.items():
        if name in given:
            faults += _read(check, parameter, given[name], options)
        elif parameter.default is parameter.empty:
            faults.append(
                OptionFault("", f"option {name!r} is missing; expected {_told(check, parameter)}")
            )
    rule: Rule | None = getattr(check, _RULE, None)
    if rule is not None and not faults:
        defaults = {name: parameter.default for name, parameter in known.items()}
        wrong = rule(defaults | options)
        faults += [OptionFault("", wrong)] if wrong else []
    return options, faults


def unit_of(option: str) -> str:
    """Unit that the end of an option's name says; empty if it says none."""
    return next((unit for end, unit in _UNITS.items() if option.endswith(end)), "")


def _read(
    check: Callable[..., Any], parameter: inspect.Parameter, value: Any, options: dict[str, Any]
) -> list[OptionFault]:
    """Read one value into `options`, or say what is wrong with it."""
    adapter = _adapter(annotation_of(check, parameter))
    if adapter is None:
        options[parameter.name] = value
        return []
    try:
        options[parameter.name] = adapter.validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        text = f"{value!r} does not fit; expected {_told(check, parameter)}{_limits(error)}"
        return [OptionFault(parameter.name, text)]
    return []


def _told(check: Callable[..., Any], parameter: inspect.Parameter) -> str:
    """What an option expects, with its unit."""
    unit = unit_of(parameter.name)
    return told_type(annotation_of(check, parameter)) + (f" in {unit}" if unit else "")


def told_type(annotation: Any) -> str:
    """Say a type in words."""
    origin, parts = getattr(annotation, "__origin__", None), getattr(annotation, "__args__", ())
    if hasattr(annotation, "__metadata__"):
        return told_type(origin)
    if str(annotation).startswith("typing.Literal"):
        return " or ".join(map(str, parts))
    if type(None) in parts:
        return " or ".join(told_type(part) for part in parts if part is not type(None))
    named = getattr(annotation, "__name__", str(annotation))
    return _NAMED.get(annotation, named)


def _limits(error: ValidationError) -> str:
    """What a number has to keep to, if that is what is wrong."""
    kinds = {one["type"]: one.get("ctx", {}) for one in error.errors()}
    for kind, words, key in (
        ("greater_than", "above", "gt"),
        ("greater_than_equal", "of at least", "ge"),
        ("less_than", "below", "lt"),
        ("less_than_equal", "of at most", "le"),
    ):
        if kind in kinds:
            return f", {words} {kinds[kind][key]:g}"
    return ", finite" if "finite_number" in kinds else ""


def annotation_of(check: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    """Annotation of an option, read where its module delays reading; Any when it has none."""
    if parameter.annotation is parameter.empty:
        return Any
    # One at a time: an annotation that cannot be read takes no other with it.
    only = SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    names = getattr(inspect.unwrap(check), "__globals__", {})
    try:
        return get_type_hints(only, globalns=names, include_extras=True)[parameter.name]
    except Exception:  # a name that only type checkers see
        return Any


def _adapter(annotation: Any) -> TypeAdapter[Any] | None:
    """Reader of a type's values; None for types that pydantic does not know."""
    try:
        return TypeAdapter(annotation, config=ConfigDict(allow_inf_nan=False))
    except PydanticUserError as error:
        # Models and dataclasses bring a configuration of their own.
        own = error.code == "type-adapter-config-unused"
        return TypeAdapter(annotation) if own else None
