"""Networks that pandapower or SimBench make, by the reference that a scenario gives."""

from typing import Any


class NoSuchNetwork(ValueError):
    """The reference names nothing that makes a network."""


def made_net(reference: str) -> Any:
    """Make the network that a reference names.

    Parameters
    ----------
    reference : str
        ``pandapower:<function>`` of `pandapower.networks`, or ``simbench:<code>``.

    Returns
    -------
    pandapowerNet

    Raises
    ------
    NoSuchNetwork
        No such function or code, or SimBench is not installed.

    Notes
    -----
    Some functions of pandapower draw from Python's global `random` (Kerber's cable types); a
    scenario that must repeat itself ships what they made as JSON.
    """
    maker, _, name = reference.partition(":")
    return _from_simbench(name) if maker == "simbench" else _from_pandapower(name)


def _from_pandapower(name: str) -> Any:
    import pandapower.networks as networks

    make = getattr(networks, name, None)
    if not callable(make) or name.startswith("_"):
        raise NoSuchNetwork(f"pandapower.networks has no function {name!r}")
    try:
        return make()
    except TypeError as error:
        raise NoSuchNetwork(f"pandapower.networks.{name} makes no network: {error}") from None


def _from_simbench(code: str) -> Any:
    try:
        import simbench
    except ImportError:
        raise NoSuchNetwork("the package simbench is not installed: pip install simbench") from None
    if code not in simbench.collect_all_simbench_codes():
        raise NoSuchNetwork(f"simbench has no network of the code {code!r}")
    return simbench.get_simbench_net(code)
