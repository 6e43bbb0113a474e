"""What forward products and the rest of a scenario contradict each other in."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from market.known import MECHANISMS

from .spec import Problem

if TYPE_CHECKING:
    from .schema import Scenario

__all__ = ["products_problems"]


def products_problems(scenario: "Scenario") -> Iterator[Problem]:
    """Find products that nobody could trade: of rules, too long for the run, off the clock.

    Parameters
    ----------
    scenario : Scenario
    """
    market, time = scenario.market, scenario.time
    named: list[tuple[tuple[str | int, ...], str]] = []
    if market.products:
        named.append((("market", "mechanism"), market.mechanism))
    for index, product in enumerate(market.products):
        at = ("market", "products", index)
        named.append(((*at, "mechanism"), product.mechanism))
        if product.length.ns > time.duration.ns:
            message = f"{product.length} is longer than the run of {time.duration}"
            yield Problem((*at, "length"), f"{message}; expected one block of it at least")
        if not product.gate.is_multiple_of(time.tick):
            message = f"{time.tick} does not divide {product.gate}; expected whole ticks"
            yield Problem((*at, "gate"), message)
    for path, name in named:
        if MECHANISMS.get(name, "").startswith("market.billing."):
            message = f"{name!r} bills meters and clears no orders, so nothing can be sold ahead"
            yield Problem(path, f"{message}; expected a mechanism that takes orders")
