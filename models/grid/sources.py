"""Networks that somebody else's code makes: pandapower's own functions and SimBench's codes."""

from __future__ import annotations

import importlib
import inspect
import random
from collections.abc import Callable
from typing import Any


class NoSuchNetwork(ValueError):
    """No function or code of this name makes a network."""


SEED = 1
"""Seed of Python's global generator while a network is made: some of pandapower's functions
draw cable types from it."""


def made_net(reference: str) -> Any:
    """Make the network that a reference names.

    Parameters
    ----------
    reference : str
        ``pandapower:<function>`` of `pandapower.networks`, or ``simbench:<code>``, for which
        the package `simbench` has to be installed.

    Raises
    ------
    NoSuchNetwork
        With what is missing.
    """
    source, _, name = reference.partition(":")
    makers: dict[str, Callable[[str], Any]] = {
        "pandapower": _by_pandapower,
        "simbench": _by_simbench,
    }
    if source not in makers:
        raise NoSuchNetwork(f"no network source {source!r}")
    before = random.getstate()
    random.seed(SEED)
    try:
        return makers[source](name)
    finally:
        random.setstate(before)


def _by_pandapower(name: str) -> Any:
    import pandapower.networks as networks

    function = getattr(networks, name, None)
    if not inspect.isfunction(function) or name.startswith("_"):
        raise NoSuchNetwork(f"pandapower.networks has no function {name!r}")
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise NoSuchNetwork(f"pandapower's {name!r} does not stand alone: {error}") from None
    net = function()
    if not hasattr(net, "bus"):
        raise NoSuchNetwork(f"pandapower's {name!r} makes no network")
    return net


def _by_simbench(code: str) -> Any:
    try:
        simbench = importlib.import_module("simbench")
    except ModuleNotFoundError:
        raise NoSuchNetwork(
            "simbench networks need the package simbench; install peerwatt[simbench]"
        ) from None
    if code not in simbench.collect_all_simbench_codes():
        raise NoSuchNetwork(f"SimBench has no network of the code {code!r}")
    return simbench.get_simbench_net(code)
