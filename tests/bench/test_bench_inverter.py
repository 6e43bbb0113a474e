"""Inverter functions for a village and for ten thousand, beside OpenDER for the same work."""

import warnings

import numpy as np
import pytest

from models.inverters.fleet import InverterFleet
from models.inverters.inverter import InverterParams
from models.inverters.standards import profiles

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import opender

DT_S = 0.1


def voltages(units):
    return np.random.default_rng(3).uniform(0.97, 1.09, units)


@pytest.mark.parametrize("units", [57, 10_000])
def test_bench_inverter_functions(benchmark, units):
    kind = profiles()["ieee1547-2018-b-iii"].functions(
        {"volt_var": {"enabled": True}, "volt_watt": {"enabled": True}}
        | {"constant_pf": {"enabled": False}}
    )
    own = InverterParams(p_rated_kw=5.0, s_kva=5.0, response_s=0.0)
    fleet = InverterFleet([own] * units, [kind] * units, dt_s=DT_S)
    given = np.full(units, 4.0), np.full(units, np.inf), voltages(units), 60.0

    p_kw, _ = benchmark(fleet.step, *given)

    assert 0 < p_kw.sum() <= 4.0 * units


def test_bench_inverter_functions_of_opender(benchmark):
    # 57 units of theirs; 10 000 take as much longer as they are more.
    units = [opender.DER_PV() for _ in range(57)]
    for unit in units:
        unit.der_file.QV_MODE_ENABLE = unit.der_file.PV_MODE_ENABLE = True
    opender.DER.t_s = DT_S
    vm_pu = voltages(57)

    def step():
        for unit, v in zip(units, vm_pu, strict=True):
            unit.update_der_input(p_dc_kw=80.0, v_pu=float(v), f=60.0)
            unit.run()

    benchmark(step)

    assert all(unit.p_out_kw > 0 for unit in units)
