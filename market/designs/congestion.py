"""What limits of the network do to prices."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Congestion"]

Floats = NDArray[np.float64]


class Congestion(NamedTuple):
    """What limits of the network do to prices.

    Attributes
    ----------
    shadow : (r,) float array
        μ: what one unit more of each row's limit would be worth; positive where the upper limit
        binds, negative at the lower. [µ€ per unit of the row]
    component : (n,) float array
        What it adds to a Wh at each peer, ``−Σ_r factor_rn μ_r``. A seller gets its trade price
        with it, a buyer pays it likewise. [µ€/Wh]
    """

    shadow: Floats
    component: Floats

    def rent_ueur(self, injection_wh: Floats) -> float:
        """What the network's owner is left with: 0 or more where all limits allow no trade. [µ€]"""
        return -float(self.component @ injection_wh)
