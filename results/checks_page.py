"""The known checks as a table for `docs/checks.md`, from their own docstrings and signatures."""

import inspect
from collections.abc import Callable
from typing import Any

from .checks import CHECKS
from .checks_options import annotation_of, options_of, told_type, unit_of

__all__ = ["checks_table"]


def checks_table() -> str:
    """Write a Markdown table: name, what holds, and each option with its default and unit."""
    lines = ["| check | what holds when it passes | options |", "|---|---|---|"]
    for name, check in CHECKS.items():
        lines.append(f"| `{name}` | {_promise(check)} | {_options(check)} |")
    return "\n".join(lines)


def _promise(check: Callable[..., Any]) -> str:
    """First sentence of a check's docstring."""
    return " ".join((inspect.getdoc(check) or "").split("\n\n")[0].split())


def _options(check: Callable[..., Any]) -> str:
    parameters = (options_of(check) or {}).values()
    return "<br>".join(_option(check, parameter) for parameter in parameters) or "none"


def _option(check: Callable[..., Any], parameter: inspect.Parameter) -> str:
    unit = unit_of(parameter.name)
    kind = told_type(annotation_of(check, parameter)) + (f" in {unit}" if unit else "")
    if parameter.default is parameter.empty:
        return f"`{parameter.name}`: {kind}, needed"
    return f"`{parameter.name}`: {kind}, {_said(parameter.default)}"


def _said(default: Any) -> str:
    """Say a default as YAML does."""
    return "none" if default is None else str(default).lower()
