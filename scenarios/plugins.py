"""A mechanism by its name in a scenario: known, in a file beside it, or in a package.

The three ways of writing it: ``uniform_price``, ``./night_auction.py:NightAuction``,
``my_package.auctions:NightAuction``.
"""

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from pydantic import BaseModel

from .rules import nearest


class PluginError(ValueError):
    """A name leads to nothing that can be used; the message says what is missing."""


def known_mechanisms() -> dict[str, str]:
    """Return where each known mechanism is found, as ``module:Class``."""
    from market.book import MECHANISMS

    return dict(MECHANISMS)


def check_reference(reference: str, base: Path) -> None:
    """Check without importing anything that a reference can lead somewhere.

    Raises
    ------
    PluginError
        Unknown name, no class, or no such file.
    """
    if reference in known_mechanisms():
        return
    place, colon, class_name = reference.rpartition(":")
    if not colon:
        known = known_mechanisms()
        raise PluginError(
            f"no market mechanism {reference!r}; {nearest(reference, known)}; "
            "or give a ./file.py:Class"
        )
    if not place or not class_name.isidentifier():
        raise PluginError(f"{reference!r} names no class; expected ./file.py:Class")
    if place.endswith(".py") and not (base / place).is_file():
        raise PluginError(f"no file {place!r} beside the scenario, in {base}")


def mechanism_class(reference: str, base: Path) -> type[Any]:
    """Return the class that a reference names; importing it runs the user's file.

    Parameters
    ----------
    reference : str
        As in the scenario.
    base : Path
        Folder of the scenario, where ``./file.py`` is looked for.

    Raises
    ------
    PluginError
        It cannot be found, cannot be imported, or is not a mechanism.
    """
    check_reference(reference, base)
    place, _, class_name = known_mechanisms().get(reference, reference).rpartition(":")
    module = _module(place, base)
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        classes = [name for name, value in vars(module).items() if isinstance(value, type)]
        raise PluginError(f"no class {class_name!r} in {place!r}; {nearest(class_name, classes)}")
    options = getattr(found, "Options", None)
    if not (isinstance(options, type) and issubclass(options, BaseModel)):
        raise PluginError(f"{reference!r} lacks a pydantic model 'Options'; expected one nested")
    if not callable(getattr(found, "clear", None)):
        raise PluginError(f"{reference!r} lacks a method 'clear(orders)'; a mechanism has one")
    return found


def build_mechanism(reference: str, options: dict[str, Any], base: Path) -> Any:
    """Return a mechanism, ready to clear.

    Raises
    ------
    PluginError
        It cannot be found.
    pydantic.ValidationError
        Its options are wrong.
    """
    found = cast(Any, mechanism_class(reference, base))
    return found(found.Options.model_validate(options))


def _module(place: str, base: Path) -> ModuleType:
    try:
        if place.endswith(".py"):
            return _module_of_file((base / place).resolve())
        return importlib.import_module(place)
    except Exception as error:  # whatever a user's file raises while it is imported
        reason = f"{type(error).__name__}: {error}"
        raise PluginError(f"{place!r} cannot be imported: {reason}") from error


def _module_of_file(file: Path) -> ModuleType:
    """Import a file under a name that no package has; the second time it is the same module."""
    name = f"peerwatt_plugin_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
