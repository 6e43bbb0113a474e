from dataclasses import dataclass, replace

import numpy as np
import pytest

from models.forecast import Forecaster
from models.managers.energy_manager import EnergyManagers
from models.managers.protocol import Manager
from models.managers.rolling import RollingManagers, RollingOptions
from models.storage.battery import BatteryParams

STORE = BatteryParams(
    capacity_kwh=10.0, p_max_kw=4.0, efficiency_charge=1.0, efficiency_discharge=1.0
)


@dataclass(frozen=True)
class Schedule:
    sequence: int
    period: int
    net_wh: int
    cover: tuple[object, ...] = ()


def made(kind, *, load_kw=1.0, pv_kw=0.0, batteries=(STORE,)) -> Manager:
    n = len(batteries)
    forecaster = Forecaster(
        load_kw=np.full((8, n), load_kw),
        pv_kw=np.full((8, n), pv_kw),
        first_quarter_s=0.0,
        load_rngs=[np.random.default_rng([1, peer]) for peer in range(n)],
        pv_rngs=[np.random.default_rng([2, peer]) for peer in range(n)],
        load_error=0.0,
        pv_error=0.0,
    )
    return kind(forecaster=forecaster, batteries=list(batteries), dt_s=1.0, ticks_per_period=900)


def plan(of, tick=0, *, soc=0.25, load_kw=1.0, pv_kw=0.0, metered_wh=0.0):
    setpoint_kw, limit_kw = of.plan(
        tick,
        load_kw=np.array([load_kw]),
        pv_available_kw=np.array([pv_kw]),
        soc=np.array([soc]),
        metered_wh=np.array([metered_wh]),
        tripped=np.array([False]),
    )
    return float(setpoint_kw[0]), float(limit_kw[0])


def lived(kind, promised_wh):
    """Live through two quarters with 1 kW of load; the second is promised. Both as metered [Wh]."""
    of, held_kwh, metered = made(kind), 3.0, [0.0]
    of.adopt(0, Schedule(1, 1, promised_wh))
    for tick in range(1800):
        setpoint_kw, _ = plan(of, tick, soc=held_kwh / 10.0, metered_wh=metered[-1])
        setpoint_kw = min(setpoint_kw, 3600.0 * held_kwh)
        held_kwh -= setpoint_kw / 3600.0
        metered.append(metered[-1] + (setpoint_kw - 1.0) / 3.6)
    return metered[900], metered[1800] - metered[900]


def test_the_plan_keeps_for_a_promise_what_the_rule_uses_for_itself():
    # By hand: 2250 Wh and 250 Wh of load in the next quarter take all of the 2.5 kWh that are held;
    # the rule keeps a fifth of 10 kWh and covers its load with the rest.
    strong = replace(STORE, p_max_kw=20.0)
    given_kw = []
    for kind in (EnergyManagers, RollingManagers):
        of = made(kind, batteries=(strong,))
        of.adopt(0, Schedule(1, 1, 2250))
        given_kw.append(plan(of, soc=0.25)[0])
    assert given_kw == pytest.approx([1.0, 0.0], abs=1e-6)


def test_without_a_promise_the_plan_uses_what_the_rule_leaves_in_reserve():
    assert plan(made(EnergyManagers), soc=0.2)[0] == 0.0
    assert plan(made(RollingManagers), soc=0.2)[0] == 1.0


def test_both_keep_a_promise_and_the_plan_buys_less():
    (rule_wh, rule_kept), (plan_wh, plan_kept) = (
        lived(kind, 700) for kind in (EnergyManagers, RollingManagers)
    )
    assert rule_kept == pytest.approx(700, abs=2)
    assert plan_kept == pytest.approx(700, abs=2)
    assert plan_wh >= rule_wh - 1e-9


def test_for_a_promise_beyond_its_charge_a_battery_buys_beforehand():
    # By hand: 950 Wh are due at the battery, 0.5 kWh are held; 450 Wh in a quarter are 1.8 kW.
    of = made(RollingManagers)
    of.adopt(0, Schedule(1, 1, 700))
    assert plan(of, soc=0.05)[0] == pytest.approx(-1.8, abs=1e-6)


def test_flexible_devices_are_asked_for_what_the_battery_lacks():
    # By hand: 1 kW promised and 1 kW of load want 2 kW; without a battery all of it is asked.
    of = made(EnergyManagers, batteries=(None,))
    of.adopt(0, Schedule(1, 0, 250))
    plan(of)
    assert (of.ask_kw.tolist(), of.free.tolist()) == ([-2.0], [False])


def test_who_has_promised_nothing_asks_its_devices_for_nothing():
    of = made(EnergyManagers, batteries=(None,))
    plan(of)
    assert (of.ask_kw.tolist(), of.free.tolist()) == ([0.0], [True])


def test_a_plan_over_no_period_is_refused():
    with pytest.raises(ValueError, match="a plan over 0 periods"):
        RollingOptions(periods=0)
