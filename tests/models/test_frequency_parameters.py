"""Bad numbers of an island are refused by owner, name, value and unit."""

import math

import pytest

from models.frequency.island import IslandFrequency
from models.frequency.parameters import (
    Generator,
    GridFormer,
    InverterResponse,
    IslandParams,
    ShedStage,
)

FORMER = {"s_kva": 50.0, "p_max_kw": 40.0, "capacity_kwh": 30.0}
ENGINE = {"name": "engine", "s_kva": 20.0, "inertia_s": 1.0, "p_max_kw": 18.0}


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (GridFormer, FORMER | {"droop_pu": 0.0}, r"grid-former: droop_pu is 0.0 p.u.; expected 0"),
        (GridFormer, FORMER | {"droop_pu": math.nan}, r"droop_pu is nan p.u."),
        (GridFormer, FORMER | {"efficiency_charge": 1.1}, r"efficiency_charge is 1.1; expected ab"),
        (GridFormer, FORMER | {"p_max_kw": 60.0}, r"p_max_kw is 60.0 kW; expected at most s_kva"),
        (GridFormer, FORMER | {"capacity_kwh": -1.0}, r"capacity_kwh is -1.0 kWh"),
        (GridFormer, FORMER | {"soc_initial": 1.2}, r"soc_initial is 1.2; expected 0 to 1"),
        (GridFormer, FORMER | {"virtual_inertia_s": -1.0}, r"virtual_inertia_s is -1.0 s"),
        (GridFormer, FORMER | {"measurement_lag_s": 1e-5}, r"measurement_lag_s is 1e-05 s"),
        (Generator, ENGINE | {"inertia_s": 0.0}, r"generator 'engine': inertia_s is 0.0 s"),
        (Generator, ENGINE | {"droop_pu": 0.0}, r"generator 'engine': droop_pu is 0.0 p.u."),
        (Generator, ENGINE | {"p_set_kw": 19.0}, r"p_set_kw is 19.0 kW; expected 0.0 to 18.0 kW"),
        (Generator, ENGINE | {"turbine_lead_s": 2.0}, r"turbine_lead_s is 2.0 s; expected 0 to"),
        (InverterResponse, {"start_hz": 49.0}, r"start_hz is 49.0 Hz"),
        (InverterResponse, {"lag_s": 0.0}, r"lag_s is 0.0 s; expected 1 ms"),
        (InverterResponse, {"rated_kw": [1.0, -2.0]}, r"rated_kw\[1\] is -2.0 kW"),
        (ShedStage, {"below_hz": 49.0, "share": 1.5}, r"shedding stage: share is 1.5"),
        (ShedStage, {"below_hz": 49.0, "delay_s": -0.1}, r"delay_s is -0.1 s"),
    ],
)
def test_a_bad_part_is_refused(kind, given, message):
    with pytest.raises(ValueError, match=message):
        kind(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"generators": (Generator(**ENGINE),) * 2}, r"two generators are named 'engine'"),
        ({"load_percent_per_hz": -1.0}, r"load_percent_per_hz is -1.0 %/Hz"),
        ({"nominal_hz": 60.0}, r"nominal_hz is 60.0 Hz; expected 45.0 to 55.0 Hz"),
        ({"stages": (ShedStage(below_hz=48.0), ShedStage(below_hz=49.0))}, r"49.0 Hz follows 48.0"),
        ({"stages": (ShedStage(below_hz=49.0, share=0.6),) * 2}, r"sum of share is 1.2"),
        ({"stages": (ShedStage(below_hz=50.0),)}, r"below_hz is 50.0 Hz; expected below nominal"),
        ({"stage_of_peer": [0, 4]}, r"stage_of_peer\[1\] is 4; expected -1 \(never\) to 3"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        IslandParams(**({"former": GridFormer(**FORMER)} | given))


@pytest.mark.parametrize(
    "former",
    [
        {"virtual_inertia_s": 0.0},
        {"droop_pu": math.inf},
        {"measurement_lag_s": 0.0},
    ],
)
def test_an_island_without_any_inertia_is_refused(former):
    with pytest.raises(ValueError, match=r"inertia is 0 s .* expected a virtual inertia above 0 s"):
        IslandParams(former=GridFormer(**(FORMER | former)))


def test_an_island_is_refused_for_the_wrong_number_of_peers_or_an_empty_store():
    rated = IslandParams(
        former=GridFormer(**FORMER), inverters=InverterResponse(rated_kw=[1.0, 2.0])
    )
    with pytest.raises(ValueError, match=r"inverters.rated_kw has shape \(2,\); expected one val"):
        IslandFrequency(rated, 3, 0.1)
    empty = IslandParams(former=GridFormer(**FORMER, soc_initial=0.0))
    with pytest.raises(ValueError, match=r"soc_initial is 0.0; expected above .* two ticks"):
        IslandFrequency(empty, 3, 0.1)
    with pytest.raises(ValueError, match=r"dt_s is 0.0 s; expected 1 ms to 60 s"):
        IslandFrequency(rated, 2, 0.0)
    island = IslandFrequency(rated, 2, 0.1)
    with pytest.raises(ValueError, match="stage to restore is 9; expected 0 to 3"):
        island.restore(9)
