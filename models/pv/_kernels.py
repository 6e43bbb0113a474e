"""Kernel of PV plants: from irradiance on the plane to power at the grid, all plants at once.

It computes; `models.pv.watts` validates and names things.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]

# Rows of the plants' table.
DC_KW, GAMMA, HEAT_U0, HEAT_U1, KEPT, INVERTER_DC_KW, AC_KW, ETA = range(8)
N_PARAMS = 8

REFERENCE_C = 25.0
ETA_REFERENCE = 0.9637  # of the PVWatts inverter


@njit(cache=True, nogil=True)
def _plant(
    params: Floats, plant: int, light: float, air_c: float, wind_m_per_s: float
) -> tuple[float, float, float]:
    """Power of a plant's modules, its power at the grid, and its cells. [kW], [kW], [°C]"""
    if not light > 0.0:
        return 0.0, 0.0, air_c
    heat = params[HEAT_U0, plant] + params[HEAT_U1, plant] * max(0.0, wind_m_per_s)
    cell_c = air_c + light / heat
    warmth = 1.0 + params[GAMMA, plant] * (cell_c - REFERENCE_C)
    dc_kw = max(0.0, light * 1e-3 * params[DC_KW, plant] * warmth) * params[KEPT, plant]
    # η ζ in one piece, since η alone has a pole where nothing comes in.
    load = dc_kw / params[INVERTER_DC_KW, plant]
    curve = -0.0162 * load * load + 0.9858 * load - 0.0059
    ac_kw = params[ETA, plant] / ETA_REFERENCE * curve * params[INVERTER_DC_KW, plant]
    return dc_kw, min(max(ac_kw, 0.0), params[AC_KW, plant]), cell_c


@njit(cache=True, nogil=True)
def plant_power(
    params: Floats, plane_w_per_m2: Floats, air_c: Floats, wind_m_per_s: Floats, out: Floats
) -> None:
    """Compute what every plant offers.

    Parameters
    ----------
    params : (8, n) float64 array
        Modules [kW], temperature coefficient [1/K], Faiman's u0 [W/(m² K)] and u1 [W s/(m³ K)],
        what losses leave [1], the inverter's largest input and output [kW], its nominal
        efficiency [1].
    plane_w_per_m2 : (n,) float64 array
        Irradiance on the plane of the modules; anything but more than 0 gives nothing. [W/m²]
    air_c, wind_m_per_s : (n,) float64 array
        Air beside the modules. [°C], [m/s]
    out : (3, n) float64 array
        Receives the power of the modules behind their losses [kW], the power at the grid [kW] and
        the temperature of the cells [°C].

    Notes
    -----
    Cells by Faiman [1]_, T = air + G / (u0 + u1 v); modules and inverter by PVWatts 5 [2]_,
    eqs. 8 and 10 to 12 (numbers unverified).

    References
    ----------
    .. [1] D. Faiman, "Assessing the outdoor operating temperature of photovoltaic modules,"
       Prog. Photovolt., vol. 16, no. 4, 2008.
    .. [2] A. P. Dobos, "PVWatts version 5 manual," NREL/TP-6A20-62641, 2014.
    """
    for plant in range(plane_w_per_m2.size):
        out[0, plant], out[1, plant], out[2, plant] = _plant(
            params, plant, plane_w_per_m2[plant], air_c[plant], wind_m_per_s[plant]
        )


@njit(cache=True, nogil=True)
def roof_seconds(
    params: Floats,
    light: Floats,
    weather: Floats,
    first: float,
    step_s: float,
    shadow: Floats,
    delay_s: npt.NDArray[np.int64],
    depth: float,
    out_kw: Floats,
) -> None:
    """Compute what every roof offers in every second of a stretch of time.

    Parameters
    ----------
    params : (8, n) float64 array
        As `plant_power` takes them.
    light : (2, k, n) float64 array
        Beam and diffuse irradiance on the planes at knots of time; straight between. [W/m²]
    weather : (2, k) float64 array
        Air and wind at the knots. [°C], [m/s]
    first, step_s : float
        Where the stretch begins, counted in seconds from the first knot; time between knots. [s]
    shadow : (s + lead,) float64 array
        Clouds before the sun, 0 to 1; its last `s` values belong to the stretch itself. [1]
    delay_s : (n,) int64 array
        How much later the clouds reach each roof, at most `lead`. [s]
    depth : float
        What a cloud takes of the beam. [1]
    out_kw : (s, n) float64 array
        Receives the power at the grid, of the middle of every second. [kW]
    """
    seconds, roofs = out_kw.shape
    lead, last = shadow.size - seconds, light.shape[1] - 2
    for second in range(seconds):
        place = (first + second + 0.5) / step_s
        knot = min(max(int(place), 0), last)
        part = min(max(place - knot, 0.0), 1.0)
        air_c = weather[0, knot] + part * (weather[0, knot + 1] - weather[0, knot])
        wind = weather[1, knot] + part * (weather[1, knot + 1] - weather[1, knot])
        for roof in range(roofs):
            here, there = light[0, knot, roof], light[0, knot + 1, roof]
            beam = here + part * (there - here)
            here, there = light[1, knot, roof], light[1, knot + 1, roof]
            clear = 1.0 - depth * shadow[lead + second - delay_s[roof]]
            plane = beam * clear + here + part * (there - here)
            _, out_kw[second, roof], _ = _plant(params, roof, plane, air_c, wind)
