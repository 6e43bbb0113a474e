"""What a scenario's energy managers have to offer, whoever wrote them."""

from typing import Protocol

from ..draws import Floats
from ..loads.flexible import FlexibleLoads
from ..promises import ScheduleLike
from .energy_manager import Bools, Prospects

__all__ = ["Manager"]


class Manager(Protocol):
    """Energy managers of all peers; `EnergyManagers` has them all, and can be inherited from.

    A class of one's own is made with the keywords of `EnergyManagers`.
    """

    ask_kw: Floats
    """Change of consumption that flexible devices are asked for. (n,) [kW]"""

    devices: FlexibleLoads | None
    """The flexible devices of the same peers; set before the run, None where there are none."""

    @property
    def free(self) -> Bools:
        """Peers whose flexible devices do as they like. (n,)"""
        ...

    def adopt(self, peer: int, schedule: ScheduleLike) -> bool:
        """Take a peer's schedule; say whether it was taken."""
        ...

    def plan(
        self,
        tick: int,
        *,
        load_kw: Floats,
        pv_available_kw: Floats,
        soc: Floats,
        metered_wh: Floats,
        tripped: Bools,
    ) -> tuple[Floats, Floats]:
        """Decide battery setpoints and PV limits until the next whole second. (n,), (n,) [kW]"""
        ...

    def cap(self, period: int, export_kw: Floats) -> None:
        """Hold peers to less injection in one period. (n,) [kW]"""
        ...

    def expected_wh(self, period: int) -> Floats:
        """Forecast net injection without storage. (n,) [Wh]"""
        ...

    def prospects(self, period: int, *, periods_ahead: int = 0) -> Prospects:
        """Say what peers can give or need in a period, and after it."""
        ...
