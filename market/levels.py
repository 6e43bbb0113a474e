"""What each group of a hierarchy did about a delivery period."""

from typing import NamedTuple

__all__ = ["LevelBalance"]


class LevelBalance(NamedTuple):
    """What one group did about one delivery period.

    Attributes
    ----------
    group : str
    depth : int
        How many groups are around it; 0 of the outermost. [-]
    offered_wh, wanted_wh : int
        What came to its auction: own members' orders and what the groups in it passed up. [Wh]
    balanced_wh : int
        What was traded in it. [Wh]
    price_ticks : int or None
        At which price; None: nothing was. [µ€/Wh]
    """

    group: str
    depth: int
    offered_wh: int
    wanted_wh: int
    balanced_wh: int
    price_ticks: int | None

    @property
    def surplus_up_wh(self) -> int:
        """Offers passed up; from the outermost group, to the supplier. [Wh]"""
        return self.offered_wh - self.balanced_wh

    @property
    def shortage_up_wh(self) -> int:
        """Needs passed up; from the outermost group, to the supplier. [Wh]"""
        return self.wanted_wh - self.balanced_wh
