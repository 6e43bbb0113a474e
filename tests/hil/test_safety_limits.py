"""No value outside the limits reaches a device, whatever is asked and in whatever order."""

import math
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import LinkError, SetpointError, UnsafeError
from hil.roles import (
    AcReading,
    Faulty,
    Functional,
    Lockstep,
    Programmable,
    Questionable,
    Reverting,
    SourceStep,
    Surrounded,
)
from hil.safety.limited import limited
from hil.safety.limits import RAMP_STEP_S, SETTLING_S, BenchLimits
from hil.station import Limits, Station, StationDevice

SLACK = 1e-6


class Recording:
    """A device that takes everything, and writes down when it took what."""

    p_rated_kw = 5.0

    def __init__(self, now=lambda: 0.0):
        self.taken, self._now, self.fails = [], now, False
        self.volts, self.amps = (230.0,), (0.0,)

    def _take(self, what, *values):
        self.taken.append((self._now(), what, *values))
        if self.fails:
            raise LinkError("nobody knows whether it took that")

    def __getattr__(self, name):
        if name not in {"limit_power", "set_power", "set_demand", "set_available", "set_grid",
                        "energise", "play", "set_function", "make_safe", "close"}:  # fmt: skip
            raise AttributeError(name)
        return lambda *values: self._take(name, *values)

    def measure(self):
        return AcReading(0.0, 0.0, self.volts, self.amps, 50.0)

    def values(self, what):
        return [values[0] for _, kind, *values in self.taken if kind == what]


class Ticking(Recording):
    """One that takes the bench's clock, too."""

    def begin_lockstep(self, dt_s):
        self._take("begin", dt_s)

    def tick(self, available_kw, limit_kw, vm_pu, f_hz):
        self._take("tick", limit_kw)


class Able(Ticking):
    """One that can do everything there is."""

    def surround(self, available_kw, vm_pu, f_hz):
        self._take("surround", available_kw, vm_pu, f_hz)

    def arm_revert(self, revert_s):
        self._take("arm_revert", revert_s)

    def ask(self, query):
        return "1"

    def inject(self, fault, *values):
        self._take("inject", fault, *values)

    def clear_faults(self):
        self._take("clear_faults")

    def play(self, steps):
        self._take("play", steps)

    def set_function(self, name, settings):
        self._take("set_function", name, settings)


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def device(name="roof", role="inverter", **given):
    return StationDevice(
        **{
            "name": name,
            "role": role,
            "driver": "scpi",
            "p_rated_kw": 5.0,
            "s_rated_kva": 5.0,
            "limits": Limits(p_min_kw=-4.0, p_max_kw=4.0, v_min_v=100.0, v_max_v=260.0),
            **given,
        }
    )


def station(*devices, **given):
    return Station(name="lab", file="lab.yaml", devices=devices, **given)


def behind(one, *, record=None, clock=None, fake=None, **bench):
    """A recording device behind its limits, alone on a bench."""
    clock = clock or Clock()
    fake = fake or Recording(clock)
    limits = BenchLimits(
        station(one, **bench), on_excess=([] if record is None else record).append, clock=clock
    )
    return fake, limited(fake, one, limits)


anything = st.floats(allow_nan=True, allow_infinity=True)
near = st.floats(-12.0, 12.0)


def attempt(act, *values):
    try:
        act(*values)
    except (SetpointError, LinkError):
        return


@given(
    requests=st.lists(
        st.tuples(
            st.sampled_from(["roof", "store", "drain"]), near | anything, st.floats(0.0, 3.0)
        ),
        max_size=30,
    ),
    fails=st.sets(st.integers(0, 29)),
    beyond=st.sampled_from(["refuse", "clamp"]),
)
def test_powers_stay_within_rating_limits_ramp_and_the_benchs_sum(requests, fails, beyond):
    clock = Clock()
    ramps = {"roof": 1.5, "store": None, "drain": 2.0}
    roles = {"roof": "inverter", "store": "storage", "drain": "load"}
    stands = {n: device(n, roles[n], ramp_kw_per_s=ramps[n]) for n in roles}
    bench = BenchLimits(station(*stands.values(), p_max_kw=6.0, beyond=beyond), clock=clock)
    fakes = {n: Recording(clock) for n in roles}
    drivers = {n: limited(fakes[n], stands[n], bench) for n in roles}
    told = {"roof": "limit_power", "store": "set_power", "drain": "set_demand"}
    may_hold = dict.fromkeys(roles, 0.0)
    for k, (name, p_kw, wait_s) in enumerate(requests):
        clock.now_s += wait_s
        fakes[name].fails = k in fails
        before = len(fakes[name].taken)
        attempt(getattr(drivers[name], told[name]), p_kw)
        if len(fakes[name].taken) > before:
            sent_kw = abs(fakes[name].taken[-1][-1])
            # What it may hold is the larger of two values until one of them is confirmed.
            may_hold[name] = max(may_hold[name], sent_kw) if k in fails else sent_kw
        assert sum(may_hold.values()) <= 6.0 + SLACK

    assert all(0 <= p_kw <= 4.0 + SLACK for p_kw in fakes["roof"].values("limit_power"))
    assert all(abs(p_kw) <= 4.0 + SLACK for p_kw in fakes["store"].values("set_power"))
    assert all(0 <= p_kw <= 4.0 + SLACK for p_kw in fakes["drain"].values("set_demand"))
    for name in ("roof", "drain"):
        steps = [(0.0, 0.0), *((at, p) for at, _, p in fakes[name].taken)]
        for k, (at_s, p_kw) in enumerate(steps):
            for later_s, later_kw in steps[k + 1 :]:
                reach_kw = ramps[name] * (later_s - at_s + RAMP_STEP_S)
                assert abs(later_kw - p_kw) <= reach_kw + SLACK


@given(vm_v=anything | st.floats(0, 400), f_hz=anything | st.floats(40, 70))
def test_a_source_is_told_what_device_and_bench_allow_or_nothing(vm_v, f_hz):
    record = []
    for beyond in ("refuse", "clamp"):
        grid = device("grid", "grid-simulator")
        fake, driver = behind(grid, record=record, beyond=beyond, v_window_v=(180.0, 280.0))
        attempt(driver.set_grid, vm_v, f_hz)
        good = 180.0 <= vm_v <= 260.0 and 45.0 <= f_hz <= 65.0
        if good:
            assert [tuple(values) for _, _, *values in fake.taken] == [(vm_v, f_hz)]
        elif beyond == "refuse" or math.isnan(vm_v) or math.isnan(f_hz):
            assert fake.taken == []
        else:
            ((_, _, sent_v, sent_hz),) = fake.taken
            assert sent_v == min(max(vm_v, 180.0), 260.0)
            assert sent_hz == min(max(f_hz, 45.0), 65.0)


@given(limits_kw=st.lists(near | anything, max_size=20))
def test_ticks_pass_the_same_checks_and_ramp_by_the_benchs_clock(limits_kw):
    one = device(ramp_kw_per_s=1.0)
    fake, driver = behind(one, fake=Ticking(), beyond="clamp")
    driver.begin_lockstep(0.1)
    for p_kw in limits_kw:
        attempt(driver.tick, 4.0, p_kw, 1.0, 50.0)
    sent = fake.values("tick")
    assert all(0 <= p_kw <= 4.0 for p_kw in sent)
    # By hand: 1 kW at most at first, then 0.1 kW more with every tick that passed.
    assert all(p_kw <= 1.0 + 0.1 * k + SLACK for k, p_kw in enumerate(sent))


def test_a_refusal_names_device_value_unit_and_bound_and_stands_in_the_record():
    record = []
    fake, roof = behind(device(), record=record)
    with pytest.raises(SetpointError) as refusal:
        roof.limit_power(6.0)
    assert str(refusal.value) == (
        "roof: power of 6 kW is outside its limits, -4 to 4 kW; nothing was sent"
    )
    assert fake.taken == []
    (excess,) = record
    assert (excess.asked, excess.allowed, excess.action) == (6.0, 4.0, "refuse")


def test_what_is_clamped_is_sent_and_said():
    record = []
    fake, roof = behind(device(), record=record, beyond="clamp")
    roof.limit_power(6.0)
    assert fake.values("limit_power") == [4.0]
    assert str(record[0]) == "roof: power of 6 kW is outside its limits, -4 to 4 kW; 4 kW was sent"


@pytest.mark.parametrize("beyond", ["refuse", "clamp"])
def test_what_is_no_number_or_a_negative_size_is_refused_under_either_policy(beyond):
    fake, roof = behind(device(), beyond=beyond)
    for nonsense in (math.nan, -0.1, -math.inf):
        with pytest.raises(SetpointError, match="nothing was sent"):
            roof.limit_power(nonsense)
    assert fake.taken == []


def test_bounds_that_leave_nothing_refuse_even_under_clamp():
    # By hand: from 0 kW at 0.5 kW/s no step reaches the least limit of 2 kW.
    one = device(ramp_kw_per_s=0.5, limits=Limits(p_min_kw=2.0, p_max_kw=4.0))
    fake, roof = behind(one, beyond="clamp")
    with pytest.raises(SetpointError, match="roof"):
        roof.limit_power(3.0)
    assert fake.taken == []


def test_a_source_without_any_voltage_limit_is_told_nothing():
    fake, grid = behind(device("grid", "grid-simulator", limits=Limits()))
    with pytest.raises(SetpointError, match="neither v_max_v nor a voltage window"):
        grid.set_grid(230.0, 50.0)
    assert fake.taken == []


def test_an_output_closes_only_onto_what_this_bench_has_set():
    fake, grid = behind(device("grid", "grid-simulator"))
    with pytest.raises(SetpointError, match="before it was told what to give"):
        grid.energise(True)
    grid.set_grid(230.0, 50.0)
    grid.energise(True)
    grid.make_safe()
    with pytest.raises(SetpointError, match="before it was told what to give"):
        grid.energise(True)
    assert [what for _, what, *_ in fake.taken] == ["set_grid", "energise", "make_safe"]


def test_a_program_is_sent_whole_or_not_at_all_and_never_clamped():
    fake, grid = behind(device("grid", "grid-simulator"), fake=Able(), beyond="clamp")
    good, high, still = (
        SourceStep(230.0, 50.0, 0.2), SourceStep(300.0, 50.0, 0.2), SourceStep(230.0, 50.0, 0.0)
    )  # fmt: skip
    for bad in (high, still):
        with pytest.raises(SetpointError, match="step 1 of the program"):
            grid.play((good, bad))
    assert fake.taken == []
    grid.play((good, good))
    assert fake.values("play") == [(good, good)]


def test_a_measured_voltage_outside_the_benchs_window_makes_the_bench_unsafe():
    clock = Clock()
    grid = device("grid", "grid-simulator")
    fake, source = behind(grid, clock=clock, v_window_v=(180.0, 280.0))
    fake.volts = (0.0,)
    source.measure()  # open: there is nothing to be too low
    source.set_grid(230.0, 50.0)
    source.energise(True)
    source.measure()  # on its way up
    clock.now_s += SETTLING_S
    with pytest.raises(UnsafeError, match="grid: 0 V is outside the bench's window of 180 to 280"):
        source.measure()
    fake.volts = (230.0, 281.0, 230.0)
    with pytest.raises(UnsafeError, match="281 V"):
        source.measure()


def test_a_measured_current_above_its_limit_makes_the_bench_unsafe():
    watt = device("watt", "analyser", limits=Limits(i_max_a=16.0))
    fake, analyser = behind(watt)
    fake.amps = (16.0, -16.0, 0.0)
    analyser.measure()
    fake.amps = (0.0, -16.1, 0.0)
    with pytest.raises(UnsafeError, match=r"watt: -16\.1 A is more than its limit of 16 A"):
        analyser.measure()


def test_abilities_show_and_nothing_else_of_a_driver_can_be_reached():
    abilities = (Lockstep, Surrounded, Reverting, Questionable, Faulty, Programmable, Functional)
    able, roof = behind(device(), fake=Able())
    _, plain = behind(device())
    for ability in abilities:
        assert isinstance(roof, ability)
        # Recording has play and set_function by its catch-all, as a stranger's driver may.
        if ability not in (Programmable, Functional):
            assert not isinstance(plain, ability)
    able.open_contactor = able.set_power
    assert not hasattr(roof, "open_contactor")
    with pytest.raises(SetpointError, match="expected finite numbers"):
        roof.set_function("volt_var", {"v_pu": [0.9, math.nan]})
    assert roof.ask("INP?") == "1"
    roof.arm_revert(2.0)
    roof.inject("trip")
    roof.clear_faults()
    roof.surround(1.0, 1.0, 50.0)
    roof.set_function("volt_var", {})
    kinds = [what for _, what, *_ in able.taken]
    assert kinds == ["arm_revert", "inject", "clear_faults", "surround", "set_function"]


def test_nothing_is_told_to_any_device_once_the_bench_is_being_made_safe():
    one = device("grid", "grid-simulator")
    bench = BenchLimits(station(one))
    fake = Able()
    grid = limited(fake, one, bench)
    grid.set_grid(230.0, 50.0)
    bench.forbidden = lambda: "the interlock is open"
    before = list(fake.taken)
    for act, values in (
        (grid.set_grid, (230.0, 50.0)),
        (grid.energise, (True,)),
        (grid.play, ((SourceStep(230.0, 50.0, 1.0),),)),
        (grid.set_function, ("volt_var", {})),
    ):
        with pytest.raises(UnsafeError, match="the interlock is open; nothing was sent"):
            act(*values)
    assert fake.taken == before
    grid.energise(False)
    grid.make_safe()
    assert [what for _, what, *_ in fake.taken[len(before) :]] == ["energise", "make_safe"]


def test_a_set_point_that_waits_for_a_device_being_made_safe_is_not_sent_after_it():
    one = device()
    bench = BenchLimits(station(one))
    entered, released = threading.Event(), threading.Event()

    class Slow(Recording):
        def make_safe(self):
            entered.set()
            assert released.wait(10)
            self._take("make_safe")

    fake = Slow()
    roof = limited(fake, one, bench)
    refused = []

    def ask():
        try:
            roof.limit_power(3.0)
        except UnsafeError as refusal:
            refused.append(refusal)

    securing, asking = threading.Thread(target=roof.make_safe), threading.Thread(target=ask)
    securing.start()
    assert entered.wait(10)
    asking.start()
    bench.forbidden = lambda: "the bench is being left"
    released.set()
    for thread in (securing, asking):
        thread.join(10)
    assert [what for _, what, *_ in fake.taken] == ["make_safe"]
    assert len(refused) == 1


@settings(max_examples=20)
@given(p_kw=st.floats(0, 4), q_kw=st.floats(0, 4))
def test_a_device_that_did_not_confirm_less_counts_with_more(p_kw, q_kw):
    one, two = device("one"), device("two")
    bench = BenchLimits(station(one, two, p_max_kw=4.0))
    fake = Recording()
    first, second = limited(fake, one, bench), limited(Recording(), two, bench)
    first.limit_power(p_kw)
    fake.fails = True
    attempt(first.limit_power, 0.0)
    if p_kw + q_kw > 4.0 + SLACK:
        with pytest.raises(SetpointError, match="that others leave it of the bench's 4 kW"):
            second.limit_power(q_kw)
    fake.fails = False
    first.make_safe()
    second.limit_power(q_kw)
