"""The scenario's pricing: the mechanism or rule that it names, held to its promises, and the terms
that settlement goes by.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_origin, get_type_hints

import numpy as np

from market.billing.rule import Rule
from market.book import Clearing, Mechanism, Orders
from market.delivery.rules import Rules, Terms
from market.mechanisms.node_fees import NodeFees
from market.promises import ClearingError, check_clearing
from market.properties import PROPERTIES
from scenarios.plugins import build_mechanism, mechanism_class
from scenarios.plugins_rules import rule_function, rules_of_settlement
from scenarios.resolve import ResolvedScenario
from scenarios.schema_market import ImbalanceSpec, to_ticks

__all__ = [
    "HeldMechanism",
    "MechanismFailed",
    "Pricing",
    "RuleFailed",
    "described",
    "fees_come_on_top",
    "held_mechanism",
    "mechanism_adds_fees",
    "pricing",
    "rules",
    "terms",
]


class MechanismFailed(ValueError):
    """A market mechanism raised or broke a promise that every mechanism makes; mend it."""


class RuleFailed(ValueError):
    """A rule of settlement of the scenario's own raised or gave no answer of its kind; mend it."""


class HeldMechanism:
    """Somebody's mechanism: its clearings are checked, and it is named when they are wrong."""

    def __init__(self, of: Mechanism, name: str) -> None:
        self._of, self._name, self.Options = of, name, of.Options

    def clear(self, orders: Orders) -> Clearing:
        """Clear a book by the mechanism.

        Raises
        ------
        MechanismFailed
            It raised, or its clearing breaks a promise.
        """
        try:
            clearing = self._of.clear(orders)
            check_clearing(orders, clearing)
        except ClearingError as broken:
            raise failed(self._name, "; ".join(broken.faults)) from broken
        except Exception as fault:  # whatever a user's own file raises
            raise failed(self._name, f"{type(fault).__name__}: {fault}") from fault
        return clearing


Pricing = HeldMechanism | Rule
"""Orders cleared at the gates, or meters billed after each period."""


def failed(name: str, why: str) -> MechanismFailed:
    """Say which mechanism failed, and why."""
    return MechanismFailed(f"market mechanism {name}: {why}")


def pricing(resolved: ResolvedScenario) -> Pricing:
    """Make the mechanism or rule that the scenario names, with its options.

    Raises
    ------
    MechanismFailed
        A rule refuses its members.
    """
    market = resolved.scenario.market
    made: Any = build_mechanism(market.mechanism, market.options, resolved.file.parent)
    if hasattr(made, "clear"):
        return _checked(resolved, made, market.mechanism)
    rule: Rule = made
    if hasattr(made, "meet"):
        members = resolved.peers[:-1]
        invested_eur = np.array([peer.investment_eur for peer in members])
        try:
            made.meet(tuple(peer.name for peer in members), invested_eur)
        except Exception as fault:  # whatever a user's own file raises
            raise failed(market.mechanism, str(fault)) from fault
    return rule


def held_mechanism(
    resolved: ResolvedScenario, name: str, options: Mapping[str, Any]
) -> HeldMechanism:
    """Make a mechanism beside the market's own, for a product of it."""
    return _checked(resolved, build_mechanism(name, options, resolved.file.parent), name)


def _checked(resolved: ResolvedScenario, made: Mechanism, name: str) -> HeldMechanism:
    at_nodes = resolved.scenario.market.fees.per == "node" and not heeds_charges(made, name)
    return HeldMechanism(NodeFees(made) if at_nodes else made, name)


def heeds_charges(mechanism: object, name: str) -> bool:
    """Whether a mechanism takes the charges of its book into the clearing by itself.

    A user's own says so by an attribute ``heeds_charges = True``.
    """
    known = PROPERTIES.get(name)
    return known.charges if known else bool(getattr(mechanism, "heeds_charges", False))


def fees_come_on_top(resolved: ResolvedScenario) -> bool:
    """Whether buyers pay for transport on top of what they bid, so that they must bid less."""
    return mechanism_adds_fees(resolved, resolved.scenario.market.mechanism)


def mechanism_adds_fees(resolved: ResolvedScenario, name: str) -> bool:
    """Whether what a mechanism clears pays for transport on top."""
    found = mechanism_class(name, resolved.file.parent)
    return resolved.scenario.market.fees.per == "pair" and not heeds_charges(found, name)


def described(resolved: ResolvedScenario) -> dict[str, str]:
    """Say for the manifest what prices the energy: mechanism, kind, and its summary."""
    name = resolved.scenario.market.mechanism
    found = mechanism_class(name, resolved.file.parent)
    summary = (inspect.getdoc(found) or "").partition("\n")[0]
    kind = "orders" if hasattr(found, "clear") else "rule"
    return {"mechanism": name, "kind": kind, "summary": summary}


def terms(resolved: ResolvedScenario) -> Terms:
    """Tariffs and parameters of settlement in the units of the ledger."""
    tariffs, spec = resolved.scenario.market.tariffs, resolved.scenario.settlement
    critical_rate = spec.critical_rate_eur_per_kwh
    critical = [peer.name for peer in resolved.peers[:-1] if peer.critical]
    return Terms(
        retail_ticks=to_ticks(tariffs.retail_eur_per_kwh),
        feed_in_ticks=to_ticks(tariffs.feed_in_eur_per_kwh),
        lpd_sell_ticks=to_ticks(spec.lpd_sell_eur_per_kwh),
        lpd_buy_ticks=to_ticks(spec.lpd_buy_eur_per_kwh),
        stability_fee_ticks=to_ticks(spec.stability_fee_eur_per_kwh),
        compensation_ticks=to_ticks(spec.compensation_eur_per_kwh),
        collateral_percent=spec.collateral_percent,
        dead_band_permille=spec.dead_band_permille,
        dead_band_milliwh=1000 * spec.dead_band_wh,
        guarantee_fund_ueur=round(1e6 * spec.guarantee_fund_eur),
        levy_ticks=to_ticks(spec.taxes.levy_eur_per_kwh),
        vat_permille=round(10 * spec.taxes.vat_percent),
        critical_ticks=to_ticks(critical_rate or 0.0),
        critical_peers=() if critical_rate is None else tuple(critical),
        **_imbalance(spec.imbalance),
    )


def _imbalance(spec: ImbalanceSpec | None) -> dict[str, Any]:
    if spec is None:
        return {}
    return {
        "imbalance": spec.kind,
        "up_ticks": to_ticks(spec.up_eur_per_kwh),
        "down_ticks": to_ticks(spec.down_eur_per_kwh),
        "reference_ticks": to_ticks(spec.reference_eur_per_kwh),
    }


def rules(resolved: ResolvedScenario) -> Rules:
    """Rules of settlement, those of the scenario's own in their places.

    Whatever a rule of the scenario's own raises, or gives that is no answer of its kind, is told
    as its fault, by a `RuleFailed`.
    """
    own = resolved.scenario.settlement.rules
    base = resolved.file.parent
    known = rules_of_settlement()
    return Rules(
        **{
            name: _held(name, reference, rule_function(name, reference, base), known[name])
            for name, reference in own.items()
        }
    )


def _held(
    name: str, reference: str, rule: Callable[..., Any], design: Callable[..., Any]
) -> Callable[..., Any]:
    answer = get_type_hints(design)["return"]
    kind = get_origin(answer) or answer

    @functools.wraps(rule)
    def held(*given: Any, **named: Any) -> Any:
        try:
            result = rule(*given, **named)
        except Exception as fault:  # whatever a user's own file raises
            why = f"{type(fault).__name__}: {fault}"
            raise RuleFailed(f"rule {name} of settlement, {reference}: {why}") from fault
        if not isinstance(result, kind):
            raise RuleFailed(
                f"rule {name} of settlement, {reference}: gave {result!r}; expected {kind.__name__}"
            )
        return result

    return held
