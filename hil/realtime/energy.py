"""Energy of a node, from its own register or from power held between readings."""

_SLACK_KWH = 0.01  # coarsest step of a register that is still worth reading


class EnergyCount:
    """Counts what a node fed since the exchange began.

    Parameters
    ----------
    p_most_kw : float
        Largest power of the node, either way. [kW]

    Attributes
    ----------
    total_kwh : float
        Counted so far. [kWh]

    Notes
    -----
    With a register the total is what the register says, however many readings were missed in
    between; what was held meanwhile is replaced. A register that moved by more than the node
    could have fed was restarted: the held power stands, and it counts from there on.
    """

    def __init__(self, p_most_kw: float) -> None:
        self.total_kwh = 0.0
        self._p_most_kw = p_most_kw
        self._sure_kwh = self._unread_s = 0.0
        self._register_kwh: float | None = None

    def step(self, p_kw: float, dt_s: float, register_kwh: float | None = None) -> None:
        """Count one tick, with what the register said at its end when it was read."""
        self.total_kwh += p_kw * dt_s / 3600.0
        self._unread_s += dt_s
        if register_kwh is None:
            return
        if self._register_kwh is not None:
            moved_kwh = register_kwh - self._register_kwh
            possible_kwh = self._p_most_kw * self._unread_s / 3600.0 + _SLACK_KWH
            if abs(moved_kwh) <= possible_kwh:
                self.total_kwh = self._sure_kwh + moved_kwh
        self._register_kwh, self._sure_kwh, self._unread_s = register_kwh, self.total_kwh, 0.0
