"""Benefit sharing: the supplier bills the community as one, and members share what that saves."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, model_validator

from ..sharing.core import Objection, objection
from ..sharing.game import LARGEST_EXACT, EnergyGame
from ..sharing.nucleolus import nucleolus
from ..sharing.shapley import sampled_shapley, shapley
from ..sharing.splits import by_weight, exchanged_milliwh, mix, nash, whole_shares
from .rule import BillingError, Bills, Tariffs, supplier_bill_ueur

__all__ = ["BenefitSharing"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Key = Literal["equal", "contribution", "investment", "social", "shapley", "nucleolus", "nash"]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]

_NANO_PER_MICRO = 1000
_NAMES_TOLD = 5
_CORE_GAP = 1e-4
_NOTHING_TO_SHARE = "There was no benefit to share."


class BenefitSharing:
    """Give everybody its status quo bill and a share of what the community saves.

    The benefit of a period is the worth of all members in `EnergyGame`: the spread of the
    tariffs times the energy exchanged inside. It is shared

    - *equal*: the same for all;
    - *contribution*: by the energy that each exchanges inside, see `exchanged_milliwh`;
    - *investment*: by what each has invested in renewables, in €;
    - *social*: by given weights;
    - *shapley*: by what each brings on average; exact while up to 16 members have a meter that
      is not 0, else sampled, with a seed and the meters as its only source of chance;
    - *nucleolus*: so that the most discontent coalition is as content as can be, up to 16 members;
    - *nash*: by asymmetric Nash bargaining with the status quo as what each has otherwise;
      weights are the bargaining powers, 1 for all unless given;
    - *mixture*: a weighted mean of these, by weights that add up to 1.

    With the meters +4, −3 and −3 kWh, retail 30 and feed-in 10 ct/kWh, 80 ct are saved. Equal
    sharing gives 26.67 ct each, contribution 40, 20 and 20, Shapley 46.67, 16.67 and 16.67, the
    nucleolus 60, 10 and 10. Bills follow: by itself the first member gets 40 ct, and by the
    nucleolus 100 ct, as if it sold all at 25 ct/kWh.

    Nobody is worse off than with the supplier, except by less than 1 µ€ of rounding; the exact
    bills are rounded to µ€ by largest remainder. Whether the split is in the core, and who would
    rather leave, stands in the remarks; less than 1 µ€ is no reason to leave, and beyond 16
    members who is named misses most to within a ten-thousandth of the benefit.

    It knows nothing of preferences, origins and network charges. For the keys see
    [1]_, for Shapley's in a community [2]_.

    Parameters
    ----------
    options : BenefitSharing.Options, optional

    Raises
    ------
    BillingError
        As `meet`.

    References
    ----------
    .. [1] D. González-Asenjo, L. R. Izquierdo and S. S. Izquierdo, "Cost allocation methods and
       their properties in energy communities," Energies, vol. 18, no. 23, 6236, 2025.
    .. [2] M. Moncecchi, S. Meneghello and M. Merlo, "A game theoretic approach for energy sharing
       in the Italian renewable energy communities," Appl. Sci., vol. 10, 2020.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it."""

        by: Key | Literal["mixture"] = Field(
            default="contribution", description="By what the benefit is shared."
        )
        weights: tuple[Amount, ...] | None = Field(
            default=None,
            description="One per member, in their order: social weights, or bargaining powers. [1]",
        )
        investment_eur: tuple[Amount, ...] | None = Field(
            default=None,
            description="One per member, in their order; unless given, what the scenario says of "
            "each. [€]",
        )
        mixture: dict[Key, Amount] = Field(
            default_factory=dict,
            description="With `by: mixture`, what each way of sharing counts; adds up to 1. [1]",
        )
        samples: int = Field(
            default=1000, ge=30, description="Orders drawn for Shapley beyond 16 members. [1]"
        )
        seed: int = Field(default=0, ge=0, description="For the orders drawn. [1]")

        @model_validator(mode="after")
        def _says_how(self) -> Self:
            faults = []
            if (self.by == "mixture") != bool(self.mixture):
                faults.append(
                    f"by: {self.by} with {len(self.mixture)} parts in mixture; expected parts "
                    f"with by: mixture and only there"
                )
            total = sum(self.mixture.values())
            if self.mixture and abs(total - 1) > 1e-9:
                faults.append(f"mixture adds up to {total:.9g}; expected 1")
            if "social" in self.keys and self.weights is None:
                faults.append("sharing by social weights needs weights, one per member")
            for name in ("weights", "investment_eur"):
                given = getattr(self, name)
                if given is not None and not sum(given) > 0:
                    faults.append(f"{name} add up to 0; expected more")
            if faults:
                raise ValueError("; ".join(faults))
            return self

        @property
        def keys(self) -> tuple[Key, ...]:
            """The ways of sharing that count, without a mixture around them."""
            if self.by == "mixture":
                return tuple(key for key, weight in self.mixture.items() if weight > 0)
            return (self.by,)

    def __init__(self, options: BenefitSharing.Options | None = None) -> None:
        self._options = options or self.Options()
        self._members: tuple[str, ...] | None = None
        self._investment_eur = self._options.investment_eur

    def meet(self, members: tuple[str, ...], investment_eur: Floats) -> None:
        """Learn who the members are, in the order of their meters, and what they invested. [€]

        Raises
        ------
        BillingError
            Weights or investments are not one per member, nobody invested anything, or the
            nucleolus is asked of more than 16 members.
        """
        self._members = members
        if self._options.investment_eur is None:
            self._investment_eur = tuple(np.asarray(investment_eur, dtype=np.float64).tolist())
        self._refuse(len(members))

    def share(self, net_milliwh: Ints, tariffs: Tariffs) -> Bills:
        """Bill one period; see :class:`market.billing.rule.Rule`.

        Raises
        ------
        BillingError
            As `meet`, or the meters are no int64 column, or more than int64 can bill.
        """
        n = net_milliwh.size
        if n == 0:
            return Bills(np.zeros(0, np.int64), np.zeros(0, np.int64), 0)
        game = EnergyGame(net_milliwh, tariffs)
        self._refuse(n)
        shares, remarks = np.zeros(n), [_NOTHING_TO_SHARE]
        if game.total > 0:
            shares, remarks = self._split(game)
            found = objection(game, shares, tolerance=_NANO_PER_MICRO, gap=_CORE_GAP * game.total)
            remarks.append(self._core_remark(found, n))
        supplier_ueur = supplier_bill_ueur(int(net_milliwh.sum()), tariffs)
        alone_neur = np.where(net_milliwh >= 0, tariffs.feed_in_ticks, tariffs.retail_ticks)
        alone_neur = alone_neur * net_milliwh
        benefit_neur = int(game.worth_neur(np.ones((1, n), dtype=np.bool_))[0])
        return Bills(
            receives_ueur=_to_ueur(alone_neur + whole_shares(benefit_neur, shares), supplier_ueur),
            inside_milliwh=exchanged_milliwh(net_milliwh),
            supplier_ueur=supplier_ueur,
            remarks=tuple(remarks),
        )

    def _split(self, game: EnergyGame) -> tuple[Floats, list[str]]:
        """Share the benefit by every key that counts, and say what is not exact. [n€]"""
        remarks: list[str] = []
        counts = self._options.mixture
        parts = [(counts.get(key, 1.0), self._by(key, game, remarks)) for key in self._options.keys]
        return mix(parts), remarks

    def _by(self, key: Key, game: EnergyGame, remarks: list[str]) -> Floats:
        n, total = game.n_members, game.total
        if key == "contribution":
            return by_weight(total, np.abs(exchanged_milliwh(game.net_milliwh)))
        if key == "investment":
            return by_weight(total, self._investment_eur or ())
        if key == "social":
            return by_weight(total, self._options.weights or ())
        if key == "nash":
            return nash(total, self._options.weights or np.ones(n))
        if key == "shapley":
            return self._by_shapley(game, remarks)
        return nucleolus(game) if key == "nucleolus" else by_weight(total, np.ones(n))

    def _by_shapley(self, game: EnergyGame, remarks: list[str]) -> Floats:
        """Share by Shapley's value; whose meter shows 0 brings nothing to anybody."""
        shares = np.zeros(game.n_members)
        active = np.flatnonzero(game.net_milliwh)
        among = game.among(active)
        if active.size <= LARGEST_EXACT:
            shares[active] = shapley(among)
            return shares
        # Drawn anew in every period, so that errors of a day do not add up.
        seed = (self._options.seed, crc32(game.net_milliwh.tobytes()))
        drawn = sampled_shapley(among, seed=seed, samples=self._options.samples)
        shares[active] = drawn.shares
        widest = drawn.half_width.max() / _NANO_PER_MICRO
        remarks.append(
            f"Shapley's value is sampled: 95 % confidence intervals are up to ± {widest:.0f} µ€ "
            f"wide."
        )
        return shares

    def _core_remark(self, found: Objection, n: int) -> str:
        if found.members:
            return (
                f"The split is not in the core: {self._who(found.members, n)} would earn "
                f"{found.shortfall / _NANO_PER_MICRO:.0f} µ€ more by themselves."
            )
        if found.in_core is None:
            return (
                f"No coalition was found that would earn more by itself; the search ended before "
                f"it could exclude up to {found.at_most / _NANO_PER_MICRO:.0f} µ€."
            )
        return "The split is in the core: no coalition would earn more by itself."

    def _who(self, coalition: tuple[int, ...], n: int) -> str:
        """Name a coalition: its members, or whom it leaves behind, as many as can be read."""
        left = sorted(set(range(n)) - set(coalition))
        long = len(coalition) > max(len(left), _NAMES_TOLD)
        few = left if long else coalition
        names = [f"member {i}" if self._members is None else self._members[i] for i in few]
        told = ", ".join(names[:_NAMES_TOLD])
        if len(names) > _NAMES_TOLD:
            told += f" and {len(names) - _NAMES_TOLD} more"
        if not long:
            return told
        return f"all but {told}" if few else "all"

    def _refuse(self, n: int) -> None:
        keys, faults = self._options.keys, []
        counted = {"weights": self._options.weights}
        if "investment" in keys:
            counted["investment_eur"] = self._investment_eur or ()
            if self._investment_eur is not None and not sum(self._investment_eur) > 0:
                faults.append("nobody invested anything; give investment_eur, or share otherwise")
        faults += [
            f"benefit_sharing: {len(given)} {name} for {n} members; give one per member"
            for name, given in counted.items()
            if given is not None and len(given) != n
        ]
        if "nucleolus" in keys and n > LARGEST_EXACT:
            faults.append(
                f"benefit_sharing: the nucleolus of {n} members; it is found for up to "
                f"{LARGEST_EXACT}, so share by shapley or contribution"
            )
        if faults:
            raise BillingError(faults)


def _to_ueur(exact_neur: Ints, total_ueur: int) -> Ints:
    """Round n€ to µ€ that add up to the total: largest remainder, ties to the earlier."""
    receives_ueur = exact_neur // _NANO_PER_MICRO
    by_remainder = np.argsort(-(exact_neur % _NANO_PER_MICRO), kind="stable")
    receives_ueur[by_remainder[: total_ueur - int(receives_ueur.sum())]] += 1
    return receives_ueur
