"""The dearest tick of households that have everything: a whole second, when appliances step too.

The other ticks of a second are those of `test_bench_der.py`.
"""

import numpy as np
import pytest

from models.der import DerFleet
from models.inverters.inverter import InverterParams
from models.inverters.standards import profiles
from models.loads.ev import ChargePoints
from models.loads.flexible import FlexibleLoads
from models.loads.response import LoadResponse
from models.loads.sessions import ChargeParams, Sessions
from models.loads.thermal import Thermostats
from models.loads.thermal_devices import FREEZER, HEAT_PUMP
from models.loads.zip_parts import RESIDENTIAL
from models.storage.battery import BatteryParams

DT_S = 0.1


def households(n):
    kind = profiles()["ieee1547-2018-b-iii"].functions(
        {"volt_var": {"enabled": True}, "volt_watt": {"enabled": True}}
        | {"constant_pf": {"enabled": False}}
    )
    der = DerFleet(
        [InverterParams(p_rated_kw=5.0, s_kva=5.0, response_s=0.0)] * n,
        [BatteryParams(capacity_kwh=8.0, p_max_kw=5.0)] * n,
        dt_s=DT_S,
        functions=[kind.at_nominal(50.0)] * n,
    )
    warm = Thermostats(
        [HEAT_PUMP, FREEZER] * n, np.repeat(np.arange(n), 2), dt_s=1, inside=0.5, ambient_c=2.0
    )
    there = Sessions(np.arange(n), np.zeros(n), np.full(n, 1e9), np.full(n, 1e6))
    points = ChargePoints([ChargeParams()] * n, np.arange(n), there, dt_s=1.0)
    flexible = FlexibleLoads(n, thermostats=warm, charge_points=points)
    return der, LoadResponse([RESIDENTIAL] * n), flexible


@pytest.mark.parametrize("n", [57, 1000, 10_000])
def test_bench_a_whole_second_of_households(benchmark, n):
    der, loads, flexible = households(n)
    vm_pu = np.random.default_rng(3).uniform(0.97, 1.06, n)
    given = np.full(n, 4.0), np.full(n, np.inf), np.full(n, -1.0), vm_pu, np.zeros(n)
    ask_kw, nobody, seconds = np.ones(n), np.zeros(n, dtype=np.bool_), iter(range(10**9))

    def tick():
        p, _ = loads.scale(vm_pu, 49.98)
        flexible.step(float(next(seconds)), ask_kw, nobody)
        return p, der.step(*given, f_hz=49.98)

    tick()
    _, made = benchmark(tick)

    assert made.pv_kw.sum() > 0.0
