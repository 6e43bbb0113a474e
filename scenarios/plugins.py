"""A mechanism or a bidder by its name in a scenario: known, in a file beside it, or in a package.

The three ways of writing it: ``uniform_price``, ``./night_auction.py:NightAuction``,
``my_package.auctions:NightAuction``.
"""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ValidationError

from .messages import message
from .rules import nearest

if TYPE_CHECKING:
    from .schema import Scenario


class PluginError(ValueError):
    """A name leads to nothing that can be used; the message says what is missing."""


def known_mechanisms() -> dict[str, str]:
    """Return where each known mechanism is found, as ``module:Class``."""
    from market.known import MECHANISMS

    return dict(MECHANISMS)


def known_bidders() -> dict[str, str]:
    """Return where each known bidder is found, as ``module:Class``."""
    from market.bidders.protocol import BIDDERS

    return dict(BIDDERS)


@dataclass(frozen=True)
class _Kind:
    """What a class can be plugged in as: what that is called, known names, any method it has."""

    called: str
    short: str
    known: Callable[[], dict[str, str]]
    methods: Mapping[str, str]


_MECHANISM = _Kind(
    "market mechanism",
    "mechanism",
    known_mechanisms,
    {"clear": "clear(orders)", "share": "share(net_milliwh, tariffs)"},
)
_BIDDER = _Kind("bidder", "bidder", known_bidders, {"bid": "bid(outlook)"})


def check_reference(reference: str, base: Path) -> None:
    """Check without importing anything that a reference to a mechanism can lead somewhere.

    Raises
    ------
    PluginError
        Unknown name, no class, or no such file.
    """
    _check(_MECHANISM, reference, base)


def mechanism_class(reference: str, base: Path) -> type[Any]:
    """Return the class of the mechanism that a reference names; importing it runs the user's file.

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
    return _class(_MECHANISM, reference, base)


def bidder_class(reference: str, base: Path) -> type[Any]:
    """Return the class of the bidder that a reference names, as `mechanism_class` does.

    Raises
    ------
    PluginError
        It cannot be found, cannot be imported, or is not a bidder.
    """
    return _class(_BIDDER, reference, base)


def build_mechanism(reference: str, options: Mapping[str, Any], base: Path) -> Any:
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


def build_bidder(reference: str, options: Mapping[str, Any], base: Path) -> Any:
    """Return a bidder, ready to bid.

    Raises
    ------
    PluginError
        It cannot be found.
    pydantic.ValidationError
        Its options are wrong.
    """
    found = cast(Any, bidder_class(reference, base))
    return found(found.Options.model_validate(options))


def bidder_faults(scenario: "Scenario", base: Path) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Find the bidders of a scenario and let them check their options.

    Yields
    ------
    path, message
        Where in the scenario something is wrong, and what.
    """
    named: list[tuple[tuple[str | int, ...], Any]] = [(("market", "bids"), scenario.market.bids)]
    named += [(("peers", i, "bids"), peer.bids) for i, peer in enumerate(scenario.peers)]
    for path, spec in named:
        if spec is None or (spec.agent == "margin" and not spec.options):
            continue  # the usual one needs no options, and nothing of it has to be imported
        try:
            options = bidder_class(spec.agent, base).Options
        except PluginError as error:
            yield (*path, "agent"), str(error)
            continue
        try:
            options.model_validate(spec.options)
        except ValidationError as error:
            for one in error.errors():
                yield (*path, "options", *one["loc"]), message(one, options)


def _check(kind: _Kind, reference: str, base: Path) -> None:
    known = kind.known()
    if reference in known:
        return
    place, colon, class_name = reference.rpartition(":")
    if not colon:
        raise PluginError(
            f"no {kind.called} {reference!r}; {nearest(reference, known)}; "
            "or give a ./file.py:Class"
        )
    if not place or not class_name.isidentifier():
        raise PluginError(f"{reference!r} names no class; expected ./file.py:Class")
    if place.endswith(".py") and not (base / place).is_file():
        raise PluginError(f"no file {place!r} beside the scenario, in {base}")


def _class(kind: _Kind, reference: str, base: Path) -> type[Any]:
    _check(kind, reference, base)
    place, _, class_name = kind.known().get(reference, reference).rpartition(":")
    module = module_of(place, base)
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        classes = [name for name, value in vars(module).items() if isinstance(value, type)]
        raise PluginError(f"no class {class_name!r} in {place!r}; {nearest(class_name, classes)}")
    options = getattr(found, "Options", None)
    if not (isinstance(options, type) and issubclass(options, BaseModel)):
        raise PluginError(f"{reference!r} lacks a pydantic model 'Options'; expected one nested")
    if not any(callable(getattr(found, method, None)) for method in kind.methods):
        wanted = " or ".join(map(repr, kind.methods.values()))
        raise PluginError(f"{reference!r} lacks a method {wanted}; a {kind.short} has one")
    return found


def module_of(place: str, base: Path) -> ModuleType:
    """Import a file beside a scenario, or a module of a package; this runs it.

    Raises
    ------
    PluginError
        It cannot be imported.
    """
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
