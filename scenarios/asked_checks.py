"""The checks that a scenario asks for, alone: a list of names shall import nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["named_checks"]


def named_checks(
    checks: Iterable[str | Mapping[str, Any]],
) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the checks of a scenario with their options, in its order.

    Parameters
    ----------
    checks : iterable of str or mapping
        Names, or one name with its options.
    """
    return [
        (check, {}) if isinstance(check, str) else next(iter(check.items())) for check in checks
    ]
