"""Every role through its command table, on the emulators that the table is for."""

import pytest

from hil.drivers.opening import open_device
from hil.emulators.analyser import AnalyserParams, EmulatedAnalyser
from hil.emulators.grid_simulator import EmulatedGridSimulator, GridSimulatorParams
from hil.emulators.instrument import Manners
from hil.emulators.load import EmulatedLoad, LoadParams
from hil.emulators.pv_simulator import EmulatedPvSimulator, PvSimulatorParams
from hil.emulators.storage import EmulatedStorage, StorageProtection
from hil.emulators.world import World
from hil.errors import DeviceError, SetpointError
from hil.roles import Faulty, Lockstep, Programmable, Reverting, SourceStep, Surrounded
from hil.station import Limits, StationDevice
from models.storage.battery import BatteryParams


class Direct:
    """A link to an instrument in this process."""

    def __init__(self, instrument):
        self._instrument, self.dropped = instrument, 0

    def write(self, message):
        self._instrument.execute(message)

    def query(self, message):
        answer = self._instrument.execute(message)
        if answer is None:
            raise DeviceError(f"no answer to {message!r}")
        return answer

    exchange = query

    def drop(self):
        self.dropped += 1

    def close(self):
        pass


def station(role, **given):
    return StationDevice(
        **{
            "name": role,
            "role": role,
            "driver": "scpi",
            "emulated": {},
            "p_rated_kw": 10.0,
            "s_rated_kva": 10.0,
            "limits": Limits(v_max_v=300.0, f_min_hz=45.0, f_max_hz=55.0),
            **given,
        }
    )


def opened(instrument, role, **given):
    return open_device(station(role, **given), "here", open_link=lambda *_: Direct(instrument))


@pytest.fixture
def bench():
    """A source, a load of 3 kW and an analyser on one node, on the bench's clock."""
    world = World()
    world.take_clock()
    source = EmulatedGridSimulator(GridSimulatorParams(), world=world, manners=Manners())
    load = EmulatedLoad(LoadParams(), world=world, manners=Manners())
    analyser = EmulatedAnalyser(AnalyserParams(), world=world, manners=Manners())
    return world, source, load, analyser


def test_what_a_load_draws_flows_into_the_source_as_a_negative(bench):
    world, source, load, analyser = bench
    grid, drain = opened(source, "grid-simulator"), opened(load, "load")
    grid.set_grid(230.0, 50.0)
    grid.energise(True)
    drain.set_demand(3.0)
    drain.energise(True)
    world.advance(0.5)

    assert drain.measure().p_kw == pytest.approx(-3.0)
    seen = grid.measure()
    assert seen.p_kw == pytest.approx(-3.0)
    assert seen.vm_v == pytest.approx((230.0,) * 3, abs=1.0)
    # By hand: 3 kW over three phases of 230 V.
    assert seen.i_a == pytest.approx((1000.0 / 230.0,) * 3, rel=0.01)
    assert seen.f_hz == pytest.approx(50.0)
    measured = opened(analyser, "analyser").measure()
    assert measured.p_kw == pytest.approx(-3.0)
    assert measured.vm_v == pytest.approx(seen.vm_v, abs=1.0)


def test_signs_and_transformers_of_the_station_are_applied_once(bench):
    world, source, load, _ = bench
    params = AnalyserParams(current_ratio=20.0, voltage_ratio=2.0, sign=-1.0)
    analyser = EmulatedAnalyser(params, world=world, manners=Manners())
    grid, drain = opened(source, "grid-simulator"), opened(load, "load")
    grid.energise(True)
    drain.set_demand(3.0)
    drain.energise(True)
    world.advance(0.5)
    wiring = {
        "current_ratio": 20.0,
        "voltage_ratio": 2.0,
        "signs": {"p": -1, "q": -1, "energy": -1},
    }
    seen = opened(analyser, "analyser", **wiring).measure()
    assert seen.p_kw == pytest.approx(-3.0)
    assert seen.vm_v == pytest.approx((230.0,) * 3, abs=1.0)
    assert seen.energy_kwh == pytest.approx(-3.0 * 0.5 / 3600.0, rel=0.05)


def test_safe_state_opens_the_output_and_can_be_reached_twice(bench):
    world, source, load, _ = bench
    grid, drain = opened(source, "grid-simulator"), opened(load, "load")
    grid.energise(True)
    drain.set_demand(2.0)
    drain.energise(True)
    for _ in range(2):
        drain.make_safe()
        grid.make_safe()
        world.advance(0.1)
        assert grid.measure().vm_v == (0.0, 0.0, 0.0)
        assert drain.measure().p_kw == 0.0


def test_a_program_is_played_by_the_source_itself(bench):
    world, source, _, _ = bench
    grid = opened(source, "grid-simulator")
    assert isinstance(grid, Programmable)
    grid.set_grid(230.0, 50.0)
    grid.energise(True)
    world.free_clock()
    grid.play((SourceStep(115.0, 50.0, 0.02), SourceStep(200.0, 49.0, 0.02)))
    assert source.set_v[0] == pytest.approx(200.0)


@pytest.mark.parametrize(
    ("vm_v", "f_hz"), [(301.0, 50.0), (-1.0, 50.0), (230.0, 56.0), (float("nan"), 50.0)]
)
def test_a_grid_outside_its_limits_is_never_sent(bench, vm_v, f_hz):
    _, source, _, _ = bench
    grid = opened(source, "grid-simulator")
    before = list(source.set_v), source.set_hz
    with pytest.raises(SetpointError, match="nothing was sent"):
        grid.set_grid(vm_v, f_hz)
    assert (source.set_v, source.set_hz) == before


def test_a_pv_simulator_gives_what_it_is_told():
    world = World()
    pv = EmulatedPvSimulator(PvSimulatorParams(p_max_kw=10.0), world=world, manners=Manners())
    sun = opened(pv, "pv-simulator")
    sun.set_available(4.0)
    sun.energise(True)
    assert pv.available_kw == pytest.approx(4.0, rel=1e-3)
    assert sun.measure().p_kw == 0.0  # nobody draws
    sun.make_safe()
    assert pv.available_kw == 0.0


def test_a_store_charges_and_discharges_on_the_benchs_clock():
    world = World()
    params = BatteryParams(capacity_kwh=10.0, p_max_kw=5.0)
    device = EmulatedStorage(params, protection=StorageProtection(), world=world, manners=Manners())
    store = opened(device, "storage", p_rated_kw=5.0, s_rated_kva=5.0)
    assert isinstance(store, Lockstep)
    store.begin_lockstep(1.0)
    for _ in range(3):
        fed = store.tick(0.0, -2.0, 1.0, 50.0)
    assert fed.p_kw == pytest.approx(-2.0)
    assert store.measure().soc > 0.5
    with pytest.raises(SetpointError, match="outside -5 to 5"):
        store.set_power(-5.1)


def test_a_table_gives_only_the_abilities_that_it_has(bench):
    _, source, _, analyser = bench
    grid, meter = opened(source, "grid-simulator"), opened(analyser, "analyser")
    assert isinstance(grid, Reverting)
    assert isinstance(grid, Faulty)
    assert isinstance(grid, Surrounded)
    assert not isinstance(meter, Reverting)
    assert not isinstance(meter, Programmable)
    assert not isinstance(grid, Lockstep)


def test_a_setpoint_that_the_device_refuses_is_an_error(bench):
    _, source, _, _ = bench
    grid = opened(source, "grid-simulator")
    grid.inject("refuse")
    with pytest.raises(SetpointError, match=r"vm_v 200, f_hz 50 was refused; the device says -221"):
        grid.set_grid(200.0, 50.0)


def test_a_source_that_trips_on_order_opens_which_is_no_refusal(bench):
    world, source, _, _ = bench
    grid = opened(source, "grid-simulator")
    grid.set_grid(230.0, 50.0)
    grid.energise(True)
    world.advance(0.1)
    assert grid.measure().vm_v == (230.0, 230.0, 230.0)
    grid._link.write("NO:SUCH:COMMAND")  # what lies in its queue from before is none either
    grid.inject("trip")
    world.advance(0.1)
    assert grid.measure().vm_v == (0.0, 0.0, 0.0)
    assert [entry[:4] for entry in grid.take_errors()] == ["-113", "-300"]
    with pytest.raises(DeviceError, match="fault 'melt' was refused: -224"):
        grid.inject("melt")
    grid.clear_faults()
    grid.energise(True)
    world.advance(0.1)
    assert grid.measure().vm_v == (230.0, 230.0, 230.0)


def test_a_reading_in_a_wrong_unit_is_refused(bench):
    # Kilowatts read as watts are a thousandth; watts read through a ratio of 1000 are too much.
    world, source, load, analyser = bench
    opened(source, "grid-simulator").energise(True)
    drain = opened(load, "load")
    drain.set_demand(3.0)
    drain.energise(True)
    world.advance(0.5)
    with pytest.raises(DeviceError, match=r"p_kw of .* look at the table's unit"):
        opened(analyser, "analyser", current_ratio=1000.0).measure()
