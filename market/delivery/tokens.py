"""Promised energy as tokens: minted with an offer, burned on delivery, or expired.

Per peer and period, at any time, minted = burned + expired + live. A token is
locked for one contract when its offer is matched and can be spent on no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

__all__ = ["TokenBook", "TokenError", "TokenRow"]


class TokenError(Exception):
    """Energy was promised, locked or delivered twice."""


class TokenRow(TypedDict):
    """One peer's tokens of one period. [mWh]"""

    period: int
    peer: str
    minted_milliwh: int
    burned_milliwh: int
    expired_milliwh: int
    live_milliwh: int


@dataclass(slots=True)
class _Lot:
    minted: int = 0
    locked: int = 0
    burned: int = 0
    expired: int = 0

    @property
    def live(self) -> int:
        return self.minted - self.burned - self.expired


class TokenBook:
    """All tokens of a run, counted in mWh by period and peer."""

    def __init__(self) -> None:
        self._lots: dict[tuple[int, str], _Lot] = {}
        self._ended: set[int] = set()

    def _lot(self, period: int, peer: str) -> _Lot:
        return self._lots.setdefault((period, peer), _Lot())

    def mint(self, period: int, peer: str, milliwh: int) -> None:
        """Promise energy.

        Raises
        ------
        TokenError
            For a negative amount, or for a period that has ended.
        """
        if milliwh < 0:
            raise TokenError(f"{peer}, period {period}: cannot mint {milliwh} mWh")
        if period in self._ended:
            raise TokenError(
                f"{peer}: period {period} has ended; {milliwh} mWh can be promised for a later "
                f"period only"
            )
        self._lot(period, peer).minted += milliwh

    def lock(self, period: int, peer: str, milliwh: int) -> None:
        """Set tokens aside for one contract or one replacement.

        Raises
        ------
        TokenError
            When the peer has fewer free tokens: somebody else has them already.
        """
        lot = self._lot(period, peer)
        free = self.free_milliwh(period, peer)
        if not 0 <= milliwh <= free:
            raise TokenError(
                f"{peer}, period {period}: {milliwh} mWh wanted, {free} of {lot.minted} mWh "
                f"minted are still free; a token is spent once"
            )
        lot.locked += milliwh

    def unlock(self, period: int, peer: str, milliwh: int) -> None:
        """Free tokens of a contract that does not come into force.

        Raises
        ------
        TokenError
            When fewer are locked and not yet burned.
        """
        lot = self._lot(period, peer)
        if not 0 <= milliwh <= lot.locked - lot.burned:
            raise TokenError(
                f"{peer}, period {period}: {milliwh} mWh to be freed, "
                f"{lot.locked - lot.burned} mWh locked and not burned"
            )
        lot.locked -= milliwh

    def burn(self, period: int, peer: str, milliwh: int) -> None:
        """Turn locked tokens into delivered energy.

        Raises
        ------
        TokenError
            When more is delivered than was locked and is left.
        """
        lot = self._lot(period, peer)
        left = 0 if period in self._ended else lot.locked - lot.burned
        if not 0 <= milliwh <= left:
            raise TokenError(
                f"{peer}, period {period}: {milliwh} mWh delivered, {left} mWh locked and live"
            )
        lot.burned += milliwh

    def expire(self, period: int) -> None:
        """End a period: what was not delivered is worth nothing any more."""
        self._ended.add(period)
        for (of_period, _), lot in self._lots.items():
            if of_period == period:
                lot.expired += lot.live

    def free_milliwh(self, period: int, peer: str) -> int:
        """Tokens that are not yet set aside for anybody. [mWh]"""
        lot = self._lot(period, peer)
        return 0 if period in self._ended else lot.minted - lot.locked

    def rows(self) -> list[TokenRow]:
        """Every lot, in order of minting."""
        return [
            TokenRow(
                period=period,
                peer=peer,
                minted_milliwh=lot.minted,
                burned_milliwh=lot.burned,
                expired_milliwh=lot.expired,
                live_milliwh=lot.live,
            )
            for (period, peer), lot in self._lots.items()
        ]
