"""`models.storage.curve`, compiled: the same arithmetic for the kernels of a fleet."""

from numba import njit

from . import curve as plain

_compiled = njit(cache=True, nogil=True)

charging_kw = _compiled(plain.charging_kw)
discharging_kw = _compiled(plain.discharging_kw)
gained_kw = _compiled(plain.gained_kw)
reach = _compiled(plain.reach)
after_tick = _compiled(plain.after_tick)
