"""Tariffs and parameters of a settlement, in ticks of 1 µ€/Wh and whole numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

__all__ = ["ImbalanceKind", "Terms"]

ImbalanceKind = Literal["none", "single", "dual"]


@dataclass(frozen=True, slots=True)
class Terms:
    """Tariffs and parameters of a settlement; prices in ticks of 1 µ€/Wh.

    Attributes
    ----------
    imbalance : "none", "single" or "dual"
        How energy beyond contracts is priced while the upstream grid is there; "none": at
        retail and feed-in. See :func:`market.delivery.rules.imbalance`.
    up_ticks, down_ticks, reference_ticks : int
        Price of upward and of downward balancing energy, and the price before real time.
    levy_ticks : int
        Taxes and levies on every Wh that a peer draws.
    vat_permille : int
        Value added tax on what a peer pays for energy, transport and levies. [‰]
    critical_ticks : int
        What critical peers pay in an island for what they draw beyond their contracts.
    critical_peers : tuple of str
        Who has that rate.
    """

    retail_ticks: int = 350
    feed_in_ticks: int = 80
    lpd_sell_ticks: int = 330
    lpd_buy_ticks: int = 70
    stability_fee_ticks: int = 20
    compensation_ticks: int = 500
    collateral_percent: int = 50
    dead_band_permille: int = 10
    dead_band_milliwh: int = 5000
    guarantee_fund_ueur: int = 10_000_000
    imbalance: ImbalanceKind = "none"
    up_ticks: int = 350
    down_ticks: int = 80
    reference_ticks: int = 80
    levy_ticks: int = 0
    vat_permille: int = 0
    critical_ticks: int = 0
    critical_peers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for sells, buys in (
            ("retail_ticks", "feed_in_ticks"),
            ("lpd_sell_ticks", "lpd_buy_ticks"),
            ("up_ticks", "down_ticks"),
        ):
            if getattr(self, buys) > getattr(self, sells):
                raise ValueError(
                    f"{buys} {getattr(self, buys)} is above {sells} {getattr(self, sells)}: "
                    f"whoever fails would earn by it; expected at most {sells}"
                )

    @property
    def taxed(self) -> bool:
        """Whether the state gets anything."""
        return self.levy_ticks > 0 or self.vat_permille > 0

    def collateral_ueur(self, energy_wh: int) -> int:
        """What each side of a contract leaves with the LPD. [µ€]"""
        return energy_wh * self.retail_ticks * self.collateral_percent // 100

    def with_values(self, **values: Any) -> Self:
        """Give the same terms with some of them changed."""
        return replace(self, **values)

    def row(self) -> dict[str, Any]:
        """Give all terms as one row of a table; names are joined by commas."""
        return asdict(self) | {"critical_peers": ",".join(self.critical_peers)}
