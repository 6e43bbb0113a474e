"""Who pays whom: the rules R2 to R9 as plain functions on integers, each replaceable.

Energies are mWh, prices ticks of 1 µ€/Wh, money micro-euro. R1 (each metered
mWh stands in one row) is held by :mod:`market.delivery.settlement`, which applies
these rules in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

from .terms import Terms

__all__ = ["Borne", "Exchange", "Price", "Rules", "Terms", "apportion", "money"]


def money(price_ticks: int, milliwh: int) -> int:
    """Price times energy, rounded half up. [µ€]

    >>> money(351, 500), money(-1, 500)
    (176, 0)
    """
    return (price_ticks * milliwh + 500) // 1000


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Split a whole number by weights: largest remainder, ties to the earlier.

    >>> apportion(100, [1, 1, 1])
    [34, 33, 33]
    """
    weight = sum(weights)
    if weight == 0:
        return [0] * len(weights)
    shares = [total * w // weight for w in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -(total * weights[i] % weight))
    for i in by_remainder[: total - sum(shares)]:
        shares[i] += 1
    return shares


def delivered(net: int, contracted: Sequence[int]) -> list[int]:
    """R2: what a seller delivered under each of its contracts."""
    return apportion(min(max(net, 0), sum(contracted)), contracted)


def accepted(net: int, shed: int, contracted: Sequence[int]) -> tuple[list[int], int]:
    """R2: what a buyer accepted under each contract, and how much of it was shed."""
    wanted = sum(contracted)
    withdrawn = max(-net, 0)
    total = min(withdrawn + shed, wanted)
    return apportion(total, contracted), total - min(withdrawn, wanted)


def place_shed(shed: int, accepted: Sequence[int], gaps: Sequence[int]) -> list[tuple[int, int]]:
    """R2: which contracts of a buyer its shed energy belongs to.

    First those whose seller left a gap, then all; per contract both parts.
    """
    in_gaps = apportion(min(shed, sum(gaps)), gaps)
    rest = [b - g for b, g in zip(accepted, in_gaps, strict=True)]
    return list(zip(in_gaps, apportion(shed - sum(in_gaps), rest), strict=True))


def failed(contracted: int, kept: int, terms: Terms) -> bool:
    """Dead band: a party fails beyond a share of its contracts and beyond a few Wh."""
    band = max(terms.dead_band_permille * contracted, 1000 * terms.dead_band_milliwh)
    return 1000 * (contracted - kept) > band


def replacement_metered(net: int, contracted: int, planned: Sequence[int]) -> list[int]:
    """Count a replacement only if it is metered above its own contracts."""
    return apportion(min(max(0, net - contracted), sum(planned)), planned)


def lpd_metered(
    net: int, out: Sequence[int], into: Sequence[int], *, islanded: bool
) -> tuple[list[int], list[int]]:
    """R9: what of the LPD's planned cover and absorption its one meter confirms.

    Cover and absorption may net physically; money follows both. Where the
    meter shows less than their sum, cover is cut, where more, absorption. In
    an island the meter also balances everybody, so the plan stands.
    """
    if islanded:
        return list(out), list(into)
    missing = sum(out) - sum(into) - net
    cover = sum(out) - min(max(missing, 0), sum(out))
    absorbed = sum(into) - min(max(-missing, 0), sum(into))
    return apportion(cover, out), apportion(absorbed, into)


class Exchange(NamedTuple):
    """R3 in energy, for one contract: who stood in for whom. [mWh]

    `excess` was activated beyond need for the seller, `returned` for the buyer.
    """

    over: int
    replacement_used: int
    lpd: int
    lpd_used: int
    residual: int
    excess: int
    absorbed: int
    absorbed_used: int
    fed_in: int
    returned: int


def exchange(
    delivered: int,
    accepted: int,
    served: int,
    *,
    replacement: int,
    lpd: int,
    absorbed: int,
    islanded: bool,
) -> Exchange:
    """R3: fill the seller's gap or place the buyer's surplus, in the order of cover."""
    gap, over = max(0, served - delivered), max(0, delivered - accepted)
    replacement_used = min(replacement, gap)
    if islanded:
        lpd, absorbed = min(lpd, gap - replacement_used), min(absorbed, over)
    lpd_used = min(lpd, gap - replacement_used)
    absorbed_used = min(absorbed, over)
    return Exchange(
        over=over,
        replacement_used=replacement_used,
        lpd=lpd,
        lpd_used=lpd_used,
        residual=gap - replacement_used - lpd_used,
        excess=replacement + lpd - replacement_used - lpd_used,
        absorbed=absorbed,
        absorbed_used=absorbed_used,
        fed_in=over - absorbed_used,
        returned=absorbed - absorbed_used,
    )


class Price(NamedTuple):
    """R3 in money: the contract price of one contract. [µ€]"""

    receipt: int
    served: int
    unabsorbed: int

    @property
    def for_cover(self) -> int:
        """What the buyer pays beyond its seller's receipt, for energy others served."""
        return self.served - self.receipt


def price(price_ticks: int, delivered: int, served: int, over: int) -> Price:
    """R3: the seller's receipt, the buyer's payment for what served it and for what it left."""
    paid = money(price_ticks, served)
    return Price(
        receipt=money(price_ticks, delivered),
        served=paid,
        unabsorbed=money(price_ticks, served + over) - paid,
    )


def transport(fee_ticks: int, served: int, over: int) -> tuple[int, int]:
    """R4: the buyer's fee on what it was served, and on what it left. [µ€]"""
    paid = money(fee_ticks, served)
    return paid, money(fee_ticks, served + over) - paid


def longer_path(fee_ticks: int, replacement_fee_ticks: int, replacement: int) -> int:
    """R4: what a replacement's path costs more, for the failing seller. [µ€]"""
    return money(max(0, replacement_fee_ticks - fee_ticks), replacement)


def stability_fee(terms: Terms, lpd: int) -> int:
    """R5: from the failing party to the LPD, on the LPD's energy. [µ€]"""
    return money(terms.stability_fee_ticks, lpd)


def compensation(terms: Terms, shed_in_gap: int, seller_failed: bool) -> int:
    """R6: what a failing seller owes a buyer whose load was shed. [µ€]"""
    return money(terms.compensation_ticks, shed_in_gap) if seller_failed else 0


class Borne(NamedTuple):
    """R7: who bears what a failing party owes. [µ€]"""

    party: int
    fund: int
    lpd: int


def bear(liability: int, collateral: int, fund_balance: int) -> Borne:
    """R7: the party up to its collateral, then the guarantee fund, then the LPD."""
    party = min(liability, collateral)
    fund = min(liability - party, max(0, fund_balance))
    return Borne(party, fund, liability - party - fund)


def burned(delivered: int) -> int:
    """R8: tokens that leave the world as delivered energy. [mWh]"""
    return delivered


def imbalance(terms: Terms, system_milliwh: int) -> tuple[int, int]:
    """What energy beyond contracts costs who is short, and brings who is long. [µ€/Wh]

    Single: one price for both signs, that of the balancing energy which the system needs:
    upward where it is short, downward where it is long. Dual: who is short pays no less than
    the reference price, who is long gets no more than it. A balanced system has the reference.

    Parameters
    ----------
    terms : Terms
    system_milliwh : int
        Injection of all meters less losses; negative where the system is short. [mWh]

    Notes
    -----
    Regulation (EU) 2017/2195 (electricity balancing), art. 52(2) for single and dual pricing,
    art. 55 for the bounds of a price by the direction of the balancing energy; clauses from
    memory, unverified. There the system is the control area; here it is the community, the only
    system that its meters show.
    """
    if terms.imbalance == "none":
        return terms.retail_ticks, terms.feed_in_ticks
    needed = terms.up_ticks if system_milliwh < 0 else terms.down_ticks
    needed = needed if system_milliwh else terms.reference_ticks
    if terms.imbalance == "single":
        return needed, needed
    return max(terms.reference_ticks, needed), min(terms.reference_ticks, needed)


def levy(terms: Terms, drawn_milliwh: int) -> int:
    """Taxes and levies on energy drawn from the grid, whoever sold it. [µ€]"""
    return money(terms.levy_ticks, drawn_milliwh)


def vat(terms: Terms, paid_ueur: int) -> int:
    """Value added tax on what a peer pays, rounded half up; nothing on what it is given. [µ€]"""
    return money(terms.vat_permille, max(0, paid_ueur))


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a settlement; replace any of them by a function of your own."""

    delivered: Callable[[int, Sequence[int]], list[int]] = delivered
    accepted: Callable[[int, int, Sequence[int]], tuple[list[int], int]] = accepted
    place_shed: Callable[[int, Sequence[int], Sequence[int]], list[tuple[int, int]]] = place_shed
    failed: Callable[[int, int, Terms], bool] = failed
    replacement_metered: Callable[[int, int, Sequence[int]], list[int]] = replacement_metered
    lpd_metered: Callable[..., tuple[list[int], list[int]]] = lpd_metered
    exchange: Callable[..., Exchange] = exchange
    price: Callable[[int, int, int, int], Price] = price
    transport: Callable[[int, int, int], tuple[int, int]] = transport
    longer_path: Callable[[int, int, int], int] = longer_path
    stability_fee: Callable[[Terms, int], int] = stability_fee
    compensation: Callable[[Terms, int, bool], int] = compensation
    bear: Callable[[int, int, int], Borne] = bear
    burned: Callable[[int], int] = burned
    imbalance: Callable[[Terms, int], tuple[int, int]] = imbalance
    levy: Callable[[Terms, int], int] = levy
    vat: Callable[[Terms, int], int] = vat

    @property
    def replaced(self) -> tuple[str, ...]:
        """Names of the rules that are not the design's."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) is not f.default)
